"""연습 4.1 데이터 파이프라인의 검사와 힌트. 검사마다 임시 폴더에 이미지를 새로 그린다."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tf_study.course.check import Exercise, WrongAnswer, expect_close, expect_dtype, expect_equal, expect_tuple, given

exercise = Exercise("chapter04_data_pipeline/ex01_build_data_pipeline", title="데이터 파이프라인")

CLASSES = ("접시", "가위", "나비")
EPOCHS = 3


@exercise.task(
    "1. 파일과 레이블",
    hints=(
        "운영체제가 파일을 늘어놓는 순서는 정해져 있지 않다. 폴더의 이름과 파일의 이름을 모두 정렬한다.",
        "`Path(folder).iterdir()`가 속의 폴더와 파일을 낸다. `is_dir()`와 `name.startswith('.')`로 고른다.",
        "먼저 종류의 목록을 정렬해 만들고, `enumerate`로 번호를 붙이며 그 폴더의 파일을 정렬해 담는다.",
    ),
)
def check_list_images(list_images, rng):
    for count in (3, 5):
        with _folder() as folder:
            names = [*CLASSES[:count], *(f"c{i}" for i in range(count - 3)), "빈 폴더"]
            expected, hidden = _scatter(folder, names, rng)
            with given(folder=str(folder)):
                answer = list_images(str(folder))
                expect_tuple(answer, ("paths", "labels", "classes"))
                _expect_listing(answer, expected, hidden, folder)
    return "새로 만든 폴더 2개에서 종류와 파일이 이름순이고, 숨은 것과 밖의 파일을 건너뛴다"


@exercise.task(
    "2. 이미지 읽기",
    hints=(
        "네 단계이다: 파일의 바이트 읽기, 픽셀로 풀기, 크기 바꾸기, 255로 나누기.",
        "`tf.io.decode_image`의 `channels`가 회색과 투명도를 한 번에 맞추고, `expand_animations=False`가 축의 수를 정한다.",
        "`tf.io.read_file`의 결과를 풀고, `tf.image.resize`에 `(height, width)`를 준다. 그 결과는 float32이다.",
    ),
)
def check_load_image(load_image, rng):
    import tensorflow as tf

    with _folder() as folder:
        for height, width in ((6, 9), (7, 5)):
            pictures = _draw_every_format(folder, rng)
            data = tf.data.Dataset.from_tensor_slices([str(path) for path in pictures])
            data = data.map(lambda path: load_image(path, height, width))
            _expect_static_shape(data.element_spec, (height, width, 3))
            for image, (path, pixels) in zip(data, pictures.items()):
                with given(path=path.name, height=height, width=width, mode=_mode(path)):
                    _expect_image(image, pixels, height, width)
        path = folder / "글.png"
        path.write_text("이미지가 아니다", encoding="utf-8")
        _expect_refused(load_image, path)
    return "크기와 형식이 다른 파일 12개(RGB, 회색, RGBA, 팔레트, JPEG, GIF)를 tf.data 안에서 읽었다"


@exercise.task(
    "3. 이미지가 아닌 파일 건너뛰기",
    hints=(
        "확장자는 믿을 수 없다. 실제로 풀어 보아야 안다.",
        "즉시 실행에서 풀 수 없는 파일은 `tf.errors.InvalidArgumentError`를 일으킨다. 없는 파일은 다른 오류이다.",
        "경로와 레이블을 `zip`으로 함께 돌며 `try` 안에서 풀어 본다. "
        "`except`에 오류의 종류를 적고, 걸린 경로를 `skipped`에 담는다.",
    ),
)
def check_keep_images(keep_images, rng):
    with _folder() as folder:
        for good, bad in ((7, 4), (3, 1)):
            files = _mix(folder, rng, good, bad)
            paths, labels = [str(path) for path, _ in files], rng.integers(0, 4, len(files)).tolist()
            kept = [i for i, (_, reason) in enumerate(files) if not reason]
            reasons = {str(path): reason for path, reason in files if reason}
            with given(paths=[path.name for path, _ in files], labels=labels):
                answer = keep_images(list(paths), list(labels))
                expect_tuple(answer, ("paths", "labels", "skipped"))
                _expect_kept(answer, paths, labels, kept, reasons)
        _expect_missing_is_an_error(keep_images, folder / "없는 파일.png")
    return "빈 파일, 글, 잘린 PNG를 세어 건너뛰고, 확장자가 틀린 이미지는 남기며, 없는 파일은 오류를 낸다"


@exercise.task(
    "4. 겹치지 않게 나누기",
    hints=(
        "경로와 레이블을 따로 섞으면 짝이 어긋난다. 번호를 한 번 섞어 둘 다 그 번호로 고른다.",
        "`np.random.default_rng(seed).permutation(len(paths))`가 섞인 번호이다. 전역 난수를 쓰지 않는다.",
        "시험 데이터의 수를 `round`로 구하고, 섞인 번호를 그 수에서 둘로 자른다. 앞이 시험, 뒤가 훈련이다.",
    ),
)
def check_split(split, rng):
    for count, share in ((23, 0.2), (40, 0.25), (31, 0.4)):
        labels = np.sort(rng.integers(0, 3, count)).tolist()
        paths = [f"{label}/{number}.png" for label, number in zip(labels, rng.permutation(10 * count))]
        seed = int(rng.integers(1000))
        with given(paths=np.array(paths), labels=np.array(labels), test_share=share, seed=seed):
            parts = _parts(split, paths, labels, share, seed)
            _expect_parts(parts, paths, labels, round(count * share))
            if _parts(split, paths, labels, share, seed) != parts:
                cause = "시드로 만든 난수 발생기를 쓴다."
                raise WrongAnswer("같은 시드로 두 번 나눈 것이 다르다", cause=cause)
            if all(_parts(split, paths, labels, share, seed + i) == parts for i in (1, 2)):
                raise WrongAnswer("시드를 바꾸어도 똑같이 나뉜다", cause="`seed`를 쓰지 않았거나 섞지 않았다.")
    return "무작위 목록 3개에서 겹치거나 빠진 파일이 없고, 짝이 맞으며, 시드가 같으면 같게 나뉜다"


@exercise.task(
    "5. 배치 파이프라인",
    hints=(
        "`from_tensor_slices((paths, labels))`로 시작한다. 섞기, 읽기, 배치, 미리 가져오기를 어떤 차례로 이을까?",
        "섞기는 이미지가 아니라 경로일 때, 곧 `map`의 앞에서 한다. 버퍼는 파일의 수만큼 크다.",
        "`shuffle`은 `seed`가 None이 아닐 때만 부른다. `map`과 `prefetch`에는 `tf.data.AUTOTUNE`을 준다.",
    ),
)
def check_make_dataset(make_dataset, rng):
    for count, batch_size, size in ((33, 4, (3, 5)), (28, 6, (4, 2))):
        with _folder() as folder:
            colours = _distinct_colours(rng, count)
            paths, labels = [str(folder / f"{i}.png") for i in range(count)], rng.integers(0, 5, count).tolist()
            seed = int(rng.integers(1, 1000))
            with given(paths=[f"{i}.png" for i in range(count)], batch_size=batch_size, seed=seed):
                make = _lazily(make_dataset, paths, labels, *size, batch_size)
                ordered, shuffled, again = make(), make(seed=seed), make(seed=seed)
                for i, (path, colour) in enumerate(zip(paths, colours)):
                    _paint(Path(path), colour, (3 + i % 4, 4 + i % 3))
                _expect_elements(ordered, batch_size, size)
                files = _Files(colours, labels)
                _expect_ordered(files.epochs(ordered, batch_size), count)
                _expect_shuffled(files.epochs(shuffled, batch_size), files.epochs(again, batch_size), count)
                _expect_prefetch(shuffled)
    return "모든 파일이 에포크마다 한 번씩 짝이 맞게 나오고, 시드가 있으면 에포크마다 다르게 섞인다"


@exercise.task(
    "6. 폴더에서 배치까지",
    hints=(
        "새로 쓸 것은 없다. 앞의 네 함수를 차례로 부른다.",
        "나누기 전에 이미지가 아닌 파일을 뺀다. `seed`는 나눌 때와 훈련 데이터를 섞을 때 쓴다.",
        "시험 데이터의 `make_dataset`에는 `seed`를 넘기지 않는다. 반환값은 (train, test, classes, skipped)이다.",
    ),
)
def check_image_pipeline(image_pipeline, rng):
    for count, share, batch_size in ((27, 0.3, 4), (20, 0.25, 6)):
        with _folder() as folder:
            colours, labels, bad = _fill(folder, rng, count)
            with given(folder=str(folder), batch_size=batch_size, test_share=share):
                answer = image_pipeline(str(folder), 4, 6, batch_size, share, seed=3)
                expect_tuple(answer, ("train", "test", "classes", "skipped"))
                train, test, classes, skipped = answer
                expect_equal(classes, sorted(CLASSES), "classes")
                expect_equal(skipped, [str(bad)], "skipped", {"경로가 아니라 개수이다.": 1, "이름만 있다.": [bad.name]})
                for data in (train, test):
                    _expect_elements(data, batch_size, (4, 6))
                files = _Files(colours, labels)
                _expect_pipeline(files.epochs(train, batch_size), files.epochs(test, batch_size), count, share)
    return "새로 만든 폴더 2개에서 훈련과 시험이 겹치지 않고 모든 이미지를 덮으며, 시험 데이터의 순서는 늘 같다"


# 그림과 폴더


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "images").resolve()


def _save(path: Path, pixels: np.ndarray, mode: str = "RGB", form: str = "PNG") -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, form, quality=95, subsampling=0)  # 둘은 JPEG만 본다


def _pixels(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return (height, width, 3) uint8 pixels whose colours change slowly, as in a photograph."""
    down, across = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[:, None]
    a, b, c = rng.uniform(-1, 1, (3, 3))
    picture = a * down + b * across + c * down * across
    return np.uint8(np.interp(picture, (picture.min(), picture.max()), rng.uniform((0, 200), (60, 256))))


def _paint(path: Path, colour: np.ndarray, size: tuple[int, int], alpha: int | None = None) -> None:
    """Save a picture of one colour; a grey one as a grey file, one with `alpha` as an RGBA file."""
    pixels = np.full((*size, 3), colour, "uint8")
    if alpha is not None:
        _save(path, np.dstack([pixels, np.full(size, alpha, "uint8")]), "RGBA")
    else:
        _save(path, pixels, "L" if np.ptp(colour) == 0 else "RGB")


def _distinct_colours(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return (count, 3) colours that differ; every fourth is grey."""
    levels = rng.permutation(np.linspace(10, 245, count).astype("uint8"))
    colours = np.stack([levels, rng.permutation(levels), rng.permutation(levels)], axis=1)
    colours[::4] = levels[::4, None]
    return colours


def _scatter(folder: Path, names: list[str], rng: np.random.Generator) -> tuple[list, dict[str, list]]:
    """Make class folders in a random order; return [(path, label)] and what hides in each of the traps."""
    files = {name: [] for name in names}
    for name in rng.permutation(names):
        (folder / name).mkdir(parents=True)
        for number in rng.permutation(30)[: 0 if name == "빈 폴더" else 4]:
            file = folder / name / f"{number}.{rng.choice(['png', 'JPG', 'txt'])}"
            file.touch()
            files[name].append(file)
    outside, dot, checkpoint = folder / "읽어 주세요.txt", folder / names[0] / ".DS_Store", folder / ".cache" / "0.png"
    checkpoint.parent.mkdir()
    for file in (outside, dot, checkpoint):
        file.touch()
    listed = [(str(file), label) for label, name in enumerate(sorted(files)) for file in sorted(files[name])]
    return listed, {"outside": [outside], "dot": [dot], "checkpoint": [checkpoint]}


def _draw_every_format(folder: Path, rng: np.random.Generator) -> dict[Path, np.ndarray]:
    """Save one picture in each format; return {path: RGB pixels that it shows}."""
    from PIL import Image

    pictures = {}
    for mode, form in (("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("RGB", "GIF")):
        height, width = rng.integers(11, 30, 2)
        pixels = _pixels(rng, height, width)
        if mode == "RGBA":
            pixels = np.dstack([pixels, rng.integers(0, 256, (height, width), dtype=np.uint8)])
        path = folder / f"{mode}.{form.lower()}"
        _save(path, pixels, mode, form)
        with Image.open(path) as picture:
            pictures[path] = np.asarray(picture.convert("RGB"))
    return pictures


def _mode(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as picture:
        return f"{picture.format} {picture.mode} {picture.height}×{picture.width}"


def _mix(folder: Path, rng: np.random.Generator, good: int, bad: int) -> list[tuple[Path, str]]:
    """Save good and bad files in a random order: [(path, '' or why it is no image)]."""
    files = []
    for i in rng.permutation(good + bad):
        path = folder / f"{good}_{i}.{['png', 'jpg', 'txt'][i % 3]}"
        _save(path, _pixels(rng, 9, 8 + int(i)), ("RGB", "L", "RGBA")[i % 3])
        reason = ("글", "빈 파일", "잘린 PNG", "글")[(i - good) % 4] if i >= good else ""
        if reason == "잘린 PNG":
            path = path.rename(path.with_suffix(".png"))
            path.write_bytes(path.read_bytes()[:-40])
        elif reason:
            path = path.rename(path.with_suffix(".png"))
            path.write_text("이미지가 아니다" if reason == "글" else "", encoding="utf-8")
        files.append((path, reason))
    return files


def _fill(folder: Path, rng: np.random.Generator, count: int) -> tuple[np.ndarray, list[int], Path]:
    """Save `count` pictures of one colour each and one file that is none: (colours, labels, bad file)."""
    colours, labels = _distinct_colours(rng, count), rng.permutation(np.arange(count) % len(CLASSES)).tolist()
    for i, (colour, label) in enumerate(zip(colours, labels)):
        size = tuple(rng.integers(3, 12, 2).tolist())
        path = folder / sorted(CLASSES)[label] / f"{rng.integers(10**6)}_{i}.png"
        _paint(path, colour, size, alpha=int(rng.integers(0, 256)) if i % 4 == 1 else None)
    bad = folder / rng.choice(CLASSES) / "고장.png"
    bad.write_bytes(rng.bytes(50))
    return colours, labels, bad


# 과제 1–3의 기대


def _expect_listing(answer: tuple, expected: list[tuple[str, int]], hidden: dict[str, list], folder: Path) -> None:
    paths, labels, classes = answer
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    there = [path.name for path in folder.iterdir()]
    expect_equal(classes, names, "classes", causes={
        "순서가 정해지지 않았다. 이름으로 정렬한다.": [name for name in there if name in names],
        "빈 폴더도 종류이다. 빼면 번호가 밀린다.": [name for name in names if name != "빈 폴더"],
        "점으로 시작하는 폴더는 종류가 아니다.": sorted([*names, ".cache"]),
        "폴더가 아닌 것까지 넣었다.": sorted(name for name in there if not name.startswith(".")),
    })  # fmt: skip
    wanted = [path for path, _ in expected]
    if isinstance(paths, list) and any(isinstance(path, Path) for path in paths):
        raise WrongAnswer("paths: 문자열이 아니다", "str", type(paths[0]).__name__, "텐서로 만들 수 있게 `str`로 바꾼다.")
    for name, cause in {
        "outside": "종류의 폴더 밖에 있는 파일을 넣었다.",
        "dot": "점으로 시작하는 파일을 넣었다.",
        "checkpoint": "점으로 시작하는 폴더의 파일을 넣었다.",
    }.items():
        if isinstance(paths, list) and {str(path) for path in hidden[name]} & set(paths):
            raise WrongAnswer("paths: 건너뛸 파일이 있다", f"{len(wanted)}개", f"{len(paths)}개", cause)
    expect_equal(paths, wanted, "paths", causes={
        "폴더의 경로가 빠졌다. 어디서 실행해도 열 수 있어야 한다.": [str(Path(path).relative_to(folder)) for path in wanted],
        "파일의 이름만 있다.": [Path(path).name for path in wanted],
        "확장자로 골랐다. 이미지인지는 과제 3에서 가린다.": [path for path in wanted if not path.endswith(".txt")],
    })  # fmt: skip
    numbers = [label for _, label in expected]
    expect_equal(labels, numbers, "labels", causes={
        "번호를 1부터 매겼다.": [label + 1 for label in numbers],
        "번호가 아니라 이름이다.": [names[label] for label in numbers],
    })  # fmt: skip


def _expect_static_shape(spec: Any, shape: tuple[int, ...]) -> None:
    found = getattr(spec, "shape", None)
    if found is None or tuple(found.as_list() if found.rank is not None else ()) != shape:
        cause = "`tf.data`가 배치를 만들려면 그래프가 모양을 알아야 한다. `decode_image`에 `channels`를 준다."
        raise WrongAnswer("tf.data 안에서 모양을 알 수 없거나 다르다", str(shape), str(found), cause)


def _expect_image(image: Any, pixels: np.ndarray, height: int, width: int) -> None:
    import tensorflow as tf

    def resized(pixels, size=(height, width), **how):
        return tf.image.resize(np.asarray(pixels, "float32"), size, **how).numpy() / 255

    grey = tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(pixels))
    expect_dtype(image, "float32", "이미지")
    expect_close(image, resized(pixels), "이미지", atol=0.02, causes={
        "255로 나누지 않았다.": resized(pixels) * 255,
        "-1과 1 사이로 옮겼다.": resized(pixels) * 2 - 1,
        "빨강과 파랑의 순서가 바뀌었다(BGR).": resized(pixels[..., ::-1]),
        "색이 사라졌다. 회색 파일만 회색이다.": resized(grey),
        "위아래나 좌우가 뒤집혔다.": resized(pixels)[::-1],
        "크기를 바꾸지 않고 잘랐다.": tf.image.resize_with_crop_or_pad(pixels / 255, height, width),
        "비율을 지키며 둘레를 채웠다. 여기서는 늘이거나 줄인다.": tf.image.resize_with_pad(pixels / 255, height, width),
        "가장 가까운 픽셀을 골랐다. 기본값인 쌍선형(bilinear)을 쓴다.": resized(pixels, method="nearest"),
    })  # fmt: skip


def _expect_refused(load_image: Any, path: Path) -> None:
    """Expect the error of the decoder for a file that is no image."""
    import tensorflow as tf

    try:
        load_image(tf.constant(str(path)), 4, 4)
    except (tf.errors.OpError, ValueError, OSError):
        return
    cause = "여기서 오류를 삼키면 과제 3이 어느 파일이 이미지가 아닌지 알 수 없다."
    raise WrongAnswer("이미지가 아닌 파일에서 오류가 나지 않았다", "InvalidArgumentError", "이미지", cause)


def _expect_kept(answer: tuple, paths: list, labels: list, kept: list[int], reasons: dict[str, str]) -> None:
    kept_paths, kept_labels, skipped = answer
    if isinstance(kept_paths, (list, tuple)):
        for path in [path for path in kept_paths if path in reasons]:
            cause = f"{reasons[path]}이다. 확장자나 첫머리가 아니라 끝까지 풀어 보아야 안다."
            raise WrongAnswer("paths: 이미지가 아닌 파일이 남았다", "이미지만", Path(path).name, cause)
        for path in [paths[i] for i in kept if paths[i] not in kept_paths]:
            cause = "확장자가 이미지의 것이 아니어도, 회색이거나 투명도가 있어도 풀 수 있으면 이미지이다."
            raise WrongAnswer("paths: 이미지를 버렸다", f"{Path(path).name}이(가) 있다", "없다", cause)
    expect_equal(kept_paths, [paths[i] for i in kept], "paths")
    expect_equal(kept_labels, [labels[i] for i in kept], "labels", causes={
        "레이블을 함께 골라내지 않았다. 그 뒤의 짝이 모두 어긋난다.": labels,
        "레이블을 뒤에서 잘랐다. 짝이 어긋난다.": labels[: len(kept)],
    })  # fmt: skip
    expect_equal(skipped, list(reasons), "skipped", causes={
        "경로가 아니라 개수이다.": len(reasons),
        "파일의 이름만 있다.": [Path(path).name for path in reasons],
        "건너뛴 것이 아니라 남긴 것이다.": [paths[i] for i in kept],
    })  # fmt: skip


def _expect_missing_is_an_error(keep_images: Any, path: Path) -> None:
    import tensorflow as tf

    try:
        keep_images([str(path)], [0])
    except (tf.errors.NotFoundError, OSError):
        return
    cause = "`except`가 모든 오류를 삼킨다. 경로를 잘못 적어도 조용히 빈 데이터가 된다. 잡을 오류의 종류를 적는다."
    raise WrongAnswer("없는 파일에서 오류가 나지 않았다", "NotFoundError", "건너뛰었다", cause)


# 과제 4의 기대


def _parts(split: Any, paths: list, labels: list, share: float, seed: int) -> list[list[tuple]]:
    """Return [[(path, label), …] of training, … of test]."""
    given_paths, given_labels = list(paths), list(labels)
    answer = split(given_paths, given_labels, share, seed)
    if given_paths != paths or given_labels != labels:
        cause = "`shuffle`은 받은 리스트를 섞는다. 새 리스트를 만든다."
        raise WrongAnswer("입력의 순서가 바뀌었다", "그대로", "섞였다", cause)
    expect_tuple(answer, ("훈련", "시험"))
    parts = []
    for part in answer:
        expect_tuple(part, ("paths", "labels"))
        part_paths, part_labels = (np.asarray(values).tolist() for values in part)
        if len(part_paths) != len(part_labels):
            raise WrongAnswer("경로와 레이블의 수가 다르다", f"{len(part_paths)}개", f"{len(part_labels)}개")
        parts.append(list(zip(part_paths, part_labels)))
    return parts


def _expect_parts(parts: list[list[tuple]], paths: list, labels: list, test_size: int) -> None:
    train, test = ([path for path, _ in part] for part in parts)
    if overlap := set(train) & set(test):
        cause = "훈련과 시험을 따로 뽑지 말고, 한 번 섞은 것을 자른다."
        raise WrongAnswer("훈련과 시험이 겹친다", "겹치는 파일 0개", f"{len(overlap)}개", cause)
    for name, part in (("훈련", train), ("시험", test)):
        if len(set(part)) < len(part):
            cause = "되돌려 놓고 뽑으면 같은 것이 또 나온다. `permutation`으로 섞는다."
            raise WrongAnswer(f"{name}에 같은 파일이 여러 번 있다", "한 번씩", f"{len(part) - len(set(part))}번 더", cause)
    if missing := set(paths) - set(train) - set(test):
        raise WrongAnswer("빠진 파일이 있다", f"모두 {len(paths)}개", f"{len(missing)}개가 없다")
    if len(test) != test_size:
        causes = {
            len(paths) - test_size: "훈련과 시험이 바뀌었다. 반환값은 훈련이 먼저이고, `test_share`는 시험의 몫이다.",
            test_size - 1: "버리지 않고 `round`로 반올림한다.",
            test_size + 1: "올리지 않고 `round`로 반올림한다.",
        }
        raise WrongAnswer("시험 데이터의 수가 다르다", f"{test_size}개", f"{len(test)}개", causes.get(len(test), ""))
    label_of = dict(zip(paths, labels))
    if wrong := [path for part in parts for path, label in part if label_of[path] != label]:
        cause = "경로와 레이블을 따로 섞었다. 같은 번호로 함께 고른다."
        raise WrongAnswer("경로와 레이블의 짝이 어긋났다", "모두 맞다", f"{len(wrong)}개가 틀리다", cause)
    if set(test) in (set(paths[:test_size]), set(paths[-test_size:])):
        cause = "목록은 종류의 차례로 늘어서 있다. 섞지 않고 자르면 시험에 한두 종류만 들어간다."
        raise WrongAnswer("시험 데이터가 목록의 한쪽 끝이다", "고르게 섞인 것", "이어진 것", cause)


# 과제 5와 6의 기대


def _lazily(make_dataset: Any, paths: list, labels: list, *settings: Any) -> Any:
    """Return a maker of pipelines over files that do not exist yet."""
    import tensorflow as tf

    def make(**seed):
        try:
            data = make_dataset(list(paths), list(labels), *settings, **seed)
        except (tf.errors.NotFoundError, FileNotFoundError):
            cause = "이미지를 모두 미리 읽으면 메모리보다 큰 데이터를 다룰 수 없다. 읽기를 `map`에 맡긴다."
            raise WrongAnswer("파이프라인을 만들 때 이미지를 읽었다", "꺼낼 때 읽는다", cause=cause) from None
        if not isinstance(data, tf.data.Dataset):
            raise WrongAnswer("반환값: Dataset이 아니다", "tf.data.Dataset", type(data).__name__)
        return data

    return make


def _expect_elements(data: Any, batch_size: int, size: tuple[int, int]) -> None:
    import tensorflow as tf

    if not isinstance(data, tf.data.Dataset):
        raise WrongAnswer("반환값: Dataset이 아니다", "tf.data.Dataset", type(data).__name__)
    spec = data.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise WrongAnswer("원소가 (이미지, 레이블)의 짝이 아니다", "(images, labels)", str(spec))
    expected = (None, *size, 3)
    found = tuple(spec[0].shape) if spec[0].shape.rank is not None else None
    if found in (expected[1:], (batch_size, *expected[1:])):
        cause = "`batch`가 없다." if found == expected[1:] else "`drop_remainder`는 남은 이미지를 버린다."
        raise WrongAnswer("이미지 배치의 모양이 다르다", str(expected), str(found), cause)
    if found != expected:
        raise WrongAnswer("이미지 배치의 모양이 다르다", str(expected), str(found))
    if spec[0].dtype != tf.float32:
        raise WrongAnswer("이미지의 자료형이 다르다", "float32", spec[0].dtype.name)
    if tuple(spec[1].shape) != (None,):
        raise WrongAnswer("레이블 배치의 모양이 다르다", "(None,)", str(spec[1].shape))


class _Files:
    """Files of one colour each, recognised by it in whatever order they come."""

    def __init__(self, colours: np.ndarray, labels: list[int]) -> None:
        self.colours, self.labels = colours.astype(int), np.asarray(labels)

    def epochs(self, data: Any, batch_size: int) -> list[list[int]]:
        """Return the file numbers of each of `EPOCHS` passes; expect full batches and the right labels."""
        return [self._epoch(data, batch_size) for _ in range(EPOCHS)]

    def _epoch(self, data: Any, batch_size: int) -> list[int]:
        numbers, sizes = [], []
        for images, labels in data.take(len(self.labels) + 1):
            pixels, labels = np.asarray(images)[:, 0, 0] * 255, np.asarray(labels)
            found = np.abs(pixels[:, None] - self.colours).sum(axis=-1).argmin(axis=1)
            self._expect_right(pixels, found, labels)
            numbers += found.tolist()
            sizes.append(len(found))
        if len(numbers) > len(self.labels) or len(set(numbers)) < len(numbers):
            cause = "`repeat`이 있으면 에포크가 끝나지 않는다. 되풀이는 `fit`의 `epochs`가 한다."
            raise WrongAnswer("한 에포크에 같은 파일이 여러 번 나온다", "한 번씩", f"{len(numbers)}장", cause)
        whole, rest = divmod(len(numbers), batch_size)
        expected, cause = [batch_size] * whole + [rest] * (rest > 0), ""
        if sizes != expected:
            if sorted(sizes) == sorted(expected):
                cause = "배치를 만든 뒤에 섞으면 배치의 속은 그대로이다. `shuffle`이 `batch`의 앞에 있어야 한다."
            raise WrongAnswer("배치의 크기가 다르다", str(expected), str(sizes), cause)
        return numbers

    def _expect_right(self, pixels: np.ndarray, found: np.ndarray, labels: np.ndarray) -> None:
        if np.abs(pixels - self.colours[found]).max() > 1.5:
            cause = "과제 2의 `load_image`가 준 것을 그대로 담는다. 값은 0과 1 사이이다."
            raise WrongAnswer("이미지의 색이 어느 파일과도 다르다", "파일의 색", f"{pixels[0].round(1)} / 255", cause)
        if not np.array_equal(labels, self.labels[found]):
            cause = "이미지와 레이블을 함께 섞는다. 하나의 Dataset에 짝으로 담는다."
            raise WrongAnswer("이미지와 레이블의 짝이 어긋났다", str(self.labels[found]), str(labels), cause)


def _expect_all(numbers: list[int], count: int) -> None:
    if len(numbers) != count:
        cause = "`drop_remainder`나 `take`가 없는지, 나눈 것을 모두 넘겼는지 본다."
        raise WrongAnswer("빠진 파일이 있다", f"에포크마다 {count}장", f"{len(numbers)}장", cause)


def _expect_ordered(epochs: list[list[int]], count: int) -> None:
    _expect_all(epochs[0], count)
    for numbers in epochs:
        if numbers != sorted(numbers):
            cause = "`seed`가 None이면 섞지 않는다. 시험 데이터는 순서가 같아야 예측과 견줄 수 있다."
            raise WrongAnswer("seed를 주지 않았는데 파일의 순서와 다르다", "0, 1, 2, …", str(numbers), cause)


def _expect_shuffled(epochs: list[list[int]], again: list[list[int]], count: int) -> None:
    first, second, _ = epochs
    _expect_all(first, count)
    if first == sorted(first):
        raise WrongAnswer("seed를 주었는데 섞이지 않았다", "섞인 순서", "파일의 순서", "`shuffle`에 버퍼의 크기와 시드를 준다.")
    if first == second:
        cause = "`reshuffle_each_iteration=False`이거나 섞은 것을 `cache`했다. 미리 섞은 목록도 늘 같은 순서이다."
        raise WrongAnswer("에포크마다 순서가 같다", "에포크마다 다른 순서", "같은 순서", cause)
    if first != again[0] or second != again[1]:
        raise WrongAnswer("같은 시드로 다시 만든 파이프라인의 순서가 다르다", cause="`shuffle`에 `seed`를 넘긴다.")
    farthest = max((np.array(numbers) - np.arange(count)).max() for numbers in epochs)
    if farthest <= count / 3:  # 버퍼가 b이면 아무것도 b보다 앞당겨지지 않는다
        cause = "버퍼가 파일의 수보다 작으면 멀리 있는 파일은 섞이지 않는다."
        raise WrongAnswer("가까운 파일끼리만 섞였다", "목록 전체에서 섞인 순서", str(first), cause)


def _expect_prefetch(data: Any) -> None:
    last = data.__debug_string__().splitlines()[0]
    if "Prefetch" not in last:
        cause = "모델이 배치 하나를 계산하는 동안 다음 배치를 준비하려면 `prefetch`로 끝낸다."
        raise WrongAnswer("파이프라인의 끝이 prefetch가 아니다", "prefetch", last.strip("<_ ").split()[0], cause)


def _expect_pipeline(train: list[list[int]], test: list[list[int]], count: int, share: float) -> None:
    if overlap := set(train[0]) & set(test[0]):
        raise WrongAnswer("훈련과 시험이 겹친다", "겹치는 파일 0개", f"{len(overlap)}개", "나눈 둘을 서로 다른 Dataset에 담는다.")
    if len(test[0]) != round(count * share):
        cause = "이미지가 아닌 파일을 먼저 빼고, 남은 것을 `test_share`로 나눈다. 훈련과 시험의 차례도 본다."
        raise WrongAnswer("시험 데이터의 수가 다르다", f"{round(count * share)}장", f"{len(test[0])}장", cause)
    _expect_all(train[0] + test[0], count)
    if any(numbers != test[0] for numbers in test):
        cause = "시험 데이터의 `make_dataset`에는 `seed`를 넘기지 않는다."
        raise WrongAnswer("시험 데이터가 에포크마다 섞인다", "늘 같은 순서", "다른 순서", cause)
    if train[0] == train[1]:
        cause = "훈련 데이터의 `make_dataset`에 `seed`를 넘긴다."
        raise WrongAnswer("훈련 데이터가 에포크마다 같은 순서이다", "에포크마다 다른 순서", "같은 순서", cause)
