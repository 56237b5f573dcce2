"""내장 이미지 데이터: 형식, 균형, 재현성, 누출 없음, 난이도, 캐시."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tf_study.course.data import _render, digits, flowers, garments, moving_digits, objects

ROOT = Path(__file__).parents[1]

FORMS = {  # keras.datasets의 mnist, fashion_mnist, cifar10과 같은 모양
    digits: ((28, 28), ()),
    garments: ((28, 28), ()),
    objects: ((32, 32, 3), (1,)),
}
CACHED = (*FORMS, moving_digits)


def name_of(module) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory) -> Iterator[Path]:
    """A state folder of this file's own; what other tests left in memory is forgotten, before and after."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("TF_STUDY_HOME", str(folder))
        patch.delenv("TF_STUDY_DATA", raising=False)
        forget()
        yield folder
        forget()


def forget() -> None:
    for module in CACHED:
        module.embedded.cache_clear()


def sha256(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) / 255.0


@pytest.mark.parametrize("module", FORMS, ids=name_of)
def test_form_is_that_of_keras_datasets(module):
    picture, label = FORMS[module]
    for (x, y), count in zip(module.load_data(), (6000, 1000), strict=True):
        assert (x.shape, x.dtype) == ((count, *picture), np.uint8)
        assert (y.shape, y.dtype) == ((count, *label), np.uint8)
        assert np.bincount(y.ravel()).tolist() == [count // 10] * 10
    assert len(module.CLASSES) == 10


def test_class_order_is_that_of_the_originals():
    assert digits.CLASSES == tuple("0123456789")
    assert garments.CLASSES_EN[0] == "T-shirt/top" and garments.CLASSES_EN[9] == "Ankle boot"
    assert garments.CLASSES_EN.index("Sandal") == 5 and garments.CLASSES_EN.index("Shirt") == 6
    assert objects.CLASSES_EN == (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    assert flowers.CLASSES_EN == tuple(sorted(flowers.CLASSES_EN))  # image_dataset_from_directory의 순서
    for module in (garments, objects, flowers):
        assert len(set(module.CLASSES)) == len(module.CLASSES) == len(module.CLASSES_EN)


@pytest.mark.parametrize("module", FORMS, ids=name_of)
def test_split_shares_no_picture_and_repeats_none(module):
    (x_train, y_train), (x_test, y_test) = module.load_data()
    everything = {x.tobytes() for x in itertools.chain(x_train, x_test)}
    assert len(everything) == len(x_train) + len(x_test)
    for y in (y_train, y_test):  # 순서만으로 종류를 알 수 없다
        assert len(set(y[:100].ravel().tolist())) == 10


def test_digits_share_no_original_and_use_them_all():
    arrays = digits.embedded()
    train, test = set(arrays["origin_train"].tolist()), set(arrays["origin_test"].tolist())
    assert max(train) < min(test)  # 양식 단위로 앞은 훈련, 뒤는 시험
    assert train == set(range(digits.TRAIN_ORIGINALS))
    assert test == set(range(digits.TRAIN_ORIGINALS, 1797))


def test_digits_split_where_a_new_form_starts():
    from sklearn.datasets import load_digits

    labels = load_digits().target
    start = list(range(10)) * 2  # 모든 양식은 0–9를 두 번 쓰며 시작한다
    assert labels[digits.TRAIN_ORIGINALS :][:20].tolist() == start
    assert labels[:20].tolist() == start


def test_digits_are_framed_like_mnist():
    (x, _), _ = digits.load_data()
    ink = x / 255.0
    assert 0.10 < ink.mean() < 0.18 and 0.28 < ink.std() < 0.36  # MNIST: 0.131, 0.308
    rows, columns = (np.average(np.arange(28), weights=ink.sum(axis=axis).sum(axis=0)) for axis in (2, 1))
    assert abs(rows - 13.5) < 0.5 and abs(columns - 13.5) < 0.5
    assert x[:, [0, -1]].mean() < 1 and x[:, :, [0, -1]].mean() < 1
    assert x.max() == 255 and x.min() == 0


CHECKSUMS = {
    "digits": "64ac532e93b64f2fe59e5569ad011826c47a02e4cb01c04d177a30762bef7aa7",
    "garments": "f82564ab41084228459b6021e90cbb3e5f812f808494bf42277a015e2030ede3",
    "objects": "b5079e9f549d7f1e201356b2521423fbf855690b06d6f9f29722e9873dbd6e7f",
    "moving_digits": "d12ceb99ae1b50c49dfff92003f37b555e8ed401493863954d2c54cf6e94a446",
    "flowers": "e43e0752cd6b8f5711a9158c9fff70ed97f88a2d65e7f6a25667d77e2cb10d56",
}


@pytest.mark.parametrize("module", CACHED, ids=name_of)
def test_arrays_are_the_same_on_every_machine(module):
    arrays = module.embedded()
    assert sha256(*(arrays[key] for key in sorted(arrays))) == CHECKSUMS[name_of(module)]


def test_flower_pictures_are_the_same_on_every_machine():
    drawn = (picture for label in range(5) for picture in itertools.islice(flowers.pictures(label), 10))
    assert sha256(*drawn) == CHECKSUMS["flowers"]


@pytest.mark.parametrize("module", CACHED, ids=name_of)
def test_describe_says_which_data(module, monkeypatch):
    assert "내장" in module.describe() and "\n" not in module.describe()
    monkeypatch.setenv("TF_STUDY_DATA", "real")
    assert "원본" in module.describe() and "\n" not in module.describe()


@pytest.mark.parametrize(
    ("module", "original"),
    [(digits, "mnist"), (garments, "fashion_mnist"), (objects, "cifar10"), (moving_digits, "moving_mnist")],
)
def test_real_data_come_from_the_originals(module, original, monkeypatch):
    marker = object()
    monkeypatch.setattr(f"tf_study.course.data.originals.{original}", lambda: marker)
    monkeypatch.setenv("TF_STUDY_DATA", "real")
    assert module.load_data() is marker


@pytest.mark.parametrize("module", CACHED, ids=name_of)
def test_second_call_is_fast_and_a_damaged_cache_is_made_again(module, home):
    expected = module.embedded()
    (path,) = (home / "embedded").glob(f"{name_of(module)}-*.npz")
    started = time.perf_counter()
    module.load_data()
    assert time.perf_counter() - started < 0.2

    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    module.embedded.cache_clear()
    again = module.embedded()
    for key, array in expected.items():
        np.testing.assert_array_equal(again[key], array)
    assert path.stat().st_size == len(content)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_linear_model_stays_below_a_kernel_on_digits():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    linear = LogisticRegression(C=0.01, max_iter=50).fit(flat(x_train), y_train).score(flat(x_test), y_test)
    kernel = SVC(C=10).fit(flat(x_train[:3000]), y_train[:3000]).score(flat(x_test), y_test)
    assert linear < 0.91
    assert kernel > 0.93


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_linear_model_stays_below_a_kernel_on_garments():
    (x_train, y_train), (x_test, y_test) = garments.load_data()
    linear = LogisticRegression(C=0.01, max_iter=50).fit(flat(x_train), y_train).score(flat(x_test), y_test)
    kernel = SVC(C=10).fit(flat(x_train[:3000]), y_train[:3000]).score(flat(x_test), y_test)
    assert linear < 0.80
    assert kernel > linear + 0.02


def colours(x: np.ndarray) -> np.ndarray:
    """Return each picture's histogram over 4 levels of red, green and blue together."""
    bins = (x // 64).astype(int) @ [16, 4, 1]
    return np.stack([np.bincount(b.ravel(), minlength=64) / b.size for b in bins])


def test_colour_alone_does_not_give_the_object():
    (x_train, y_train), (x_test, y_test) = objects.load_data()
    model = LogisticRegression(C=10, max_iter=200).fit(colours(x_train), y_train.ravel())
    assert model.score(colours(x_test), y_test.ravel()) < 0.40


def test_colour_alone_does_not_give_the_flower():
    (x_train, y_train), (x_test, y_test) = flowers.load_data(32)
    model = LogisticRegression(C=10, max_iter=200).fit(colours(x_train), y_train)
    assert model.score(colours(x_test), y_test) < 0.65


def test_flowers_lie_in_a_folder_per_class():
    folder = flowers.directory()
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == list(flowers.CLASSES_EN)
    sizes = set()
    for name in flowers.CLASSES_EN:
        files = list((folder / name).iterdir())
        assert len(files) == flowers.PER_CLASS
        for path in files:
            with Image.open(path) as picture:
                assert (picture.format, picture.mode) == ("JPEG", "RGB")
                sizes.add(picture.size)
    widths, heights = zip(*sizes, strict=True)
    assert len(sizes) > 500
    assert min(widths + heights) >= flowers.SHORTEST and max(widths + heights) <= flowers.LONGEST


def test_flowers_load_as_squares_split_by_file():
    (x_train, y_train), (x_test, y_test) = flowers.load_data(size=40)
    assert (x_train.shape, x_train.dtype) == ((800, 40, 40, 3), np.uint8)
    assert (x_test.shape, x_test.dtype) == ((200, 40, 40, 3), np.uint8)
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.bincount(y_train).tolist() == [160] * 5 and np.bincount(y_test).tolist() == [40] * 5
    assert len({x.tobytes() for x in itertools.chain(x_train, x_test)}) == 1000
    again = flowers.load_data(size=40)
    np.testing.assert_array_equal(again[0][0], x_train)
    np.testing.assert_array_equal(again[1][1], y_test)


def test_flowers_labels_follow_the_folders():
    (x_train, y_train), _ = flowers.load_data(size=8)
    for label, name in enumerate(flowers.CLASSES_EN):
        in_class = {
            np.asarray(square(path, 8)).tobytes() for path in (flowers.directory() / name).glob("*.jpg")
        }
        assert all(x.tobytes() in in_class for x in x_train[y_train == label])


def square(path: Path, size: int) -> Image.Image:
    """Crop and resize in two steps, independently of the loader."""
    picture = Image.open(path)
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    return picture.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + edge, top + edge))


def test_flowers_are_read_from_the_original_folder_too(tmp_path, monkeypatch):
    for name in flowers.CLASSES_EN:
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.new("RGB", (30 + i, 20), (50 * i, 0, 0)).save(tmp_path / name / f"{i}.jpg")
    monkeypatch.setenv("TF_STUDY_DATA", "real")
    monkeypatch.setattr("tf_study.course.data.originals.flowers_directory", lambda: tmp_path)
    (x_train, y_train), (x_test, y_test) = flowers.load_data(16)
    assert x_train.shape == (20, 16, 16, 3) and np.bincount(y_train).tolist() == [4] * 5
    assert x_test.shape == (5, 16, 16, 3) and sorted(y_test) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("damage", ["missing", "altered", "cut", "added"])
def test_damaged_flower_folder_is_drawn_again(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path))
    monkeypatch.setattr(flowers, "PER_CLASS", 3)
    folder = flowers.directory()
    before = {path: path.read_bytes() for path in folder.glob("*/*")}
    victim = folder / "roses" / "roses_001.jpg"
    content = victim.read_bytes()
    if damage == "missing":
        victim.unlink()
    elif damage == "altered":
        victim.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    elif damage == "cut":
        victim.write_bytes(content[:100])
    else:
        (folder / "roses" / "stray.jpg").write_bytes(content)
    assert flowers.directory() == folder
    assert {path: path.read_bytes() for path in folder.glob("*/*")} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # 임시 폴더가 남지 않는다


def test_intact_flower_folder_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path))
    monkeypatch.setattr(flowers, "PER_CLASS", 2)
    folder = flowers.directory()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*")}
    assert flowers.directory() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/*")} == times


def test_two_processes_may_draw_the_flowers_at_once(tmp_path):
    script = (
        "from tf_study.course.data import flowers; flowers.PER_CLASS = 4; "
        "print(len(list(flowers.directory().glob('*/*'))))"
    )
    environment = {**os.environ, "TF_STUDY_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["20", "20"]
    assert [process.returncode for process in running] == [0, 0]


def test_wrong_flower_requests_are_told_clearly(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="1 이상의 픽셀 수여야 한다. 받은 값: 0"):
        flowers.load_data(size=0)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match="TF_STUDY_HOME을 쓸 수 있는 폴더로"):
        flowers.directory()


def test_moving_digits_form():
    videos = moving_digits.load_data()
    assert (videos.shape, videos.dtype) == ((20, 500, 64, 64), np.uint8)
    assert videos.flags.c_contiguous
    assert len({video.tobytes() for video in videos.transpose(1, 0, 2, 3)}) == 500


def test_moving_digits_go_straight_and_bounce():
    paths = moving_digits.embedded()["paths"]
    room = 2 * (64 - 28)
    assert paths.min() >= 0 and paths.max() <= room
    steps = np.diff(paths, axis=0)
    pace = np.abs(steps).max(axis=0)
    away = np.minimum(paths[:-1], room - paths[:-1]) >= pace  # 다음 걸음에 벽에 닿지 않는 곳
    np.testing.assert_array_equal(np.abs(steps)[away], np.broadcast_to(pace, steps.shape)[away])
    assert (np.sign(steps[:-1]) * np.sign(steps[1:]) < 0).any(axis=(0, 2, 3)).mean() > 0.9  # 대개 한 번은 튄다
    speed = np.sqrt(np.square(pace / 2).sum(axis=-1))
    assert speed.min() >= 2 and speed.max() <= 4


def test_moving_digits_show_the_digits_where_the_paths_say():
    arrays = moving_digits.embedded()
    pictures = {x.tobytes() for x in digits.embedded()["x_train"]}
    paths, videos = arrays["paths"], arrays["videos"]
    on_grid = (paths % 2 == 0).all(axis=-1)  # 반 픽셀 밀리지 않은 순간
    apart = (np.abs(paths[:, :, 0] - paths[:, :, 1]) >= 2 * 28).any(axis=-1)
    found = 0
    for t, n, k in np.argwhere(on_grid & apart[:, :, None]):
        top, left = paths[t, n, k] // 2
        assert videos[t, n, top : top + 28, left : left + 28].tobytes() in pictures
        found += 1
    assert found > 100


def test_drawing_tools_agree_with_geometry():
    y, x = np.mgrid[-1:1:81j, -1:1:81j][:, None]
    assert np.allclose(_render.ellipse(x, y, (0.1, 0.2), (0.5, 0.5)), np.hypot(x - 0.1, y - 0.2) - 0.5)
    square_ = _render.polygon(x, y, [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    assert np.allclose(square_, _render.box(x, y, (0, 0), (0.5, 0.5)))
    assert np.allclose(square_, _render.bar(x, y, (-0.5, 0), (0.5, 0), (0.5, 0.5)))
    dot = _render.capsule(x, y, (0.0, 0.0), (1e-9, 0.0), (0.3, 0.3))
    assert np.allclose(dot, np.hypot(x, y) - 0.3, atol=1e-6)
    assert _render.to_uint8(np.array([-1, 0, 0.5, 1, 2])).tolist() == [0, 0, 127, 255, 255]


def test_smooth_noise_passes_through_its_knots():
    values = np.random.RandomState(3).uniform(-1, 1, (2, 3, 4))
    noise = _render.smooth_noise(np.random.RandomState(3), (2,), (5, 7), (3, 4))
    np.testing.assert_allclose(noise[:, ::2, ::2], values)
    assert np.abs(noise).max() <= 1


def test_unknown_source_is_refused(monkeypatch):
    monkeypatch.setenv("TF_STUDY_DATA", "fake")
    for module in (*CACHED, flowers):
        with pytest.raises(ValueError, match="TF_STUDY_DATA"):
            module.load_data()
