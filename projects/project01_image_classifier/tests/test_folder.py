"""폴더의 검사: 쓸 수 없는 것은 까닭과 함께 빠지고, 닮은 그림은 갈라지지 않는다."""

from __future__ import annotations

import os
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from projects.common.cli import UserError
from projects.project01_image_classifier import folder
from projects.project01_image_classifier.folder import _assigned, difference_hash, near_pairs, validate
from projects.project01_image_classifier.images import explain, open_upright, read_image, reason_to_leave_out
from projects.project01_image_classifier.tests.pictures import flower_folder, look_alikes, spoil


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return flower_folder(tmp_path_factory.mktemp("flowers") / "data", per_class=20, classes=3)


@pytest.fixture
def copy(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "data")


def check(root, seed=0):
    return validate(root, seed, progress=False)


def test_a_clean_folder_is_split_whole(clean):
    dataset = check(clean)
    assert dataset.classes == ["daisy", "dandelion", "roses"]
    assert (dataset.problems, dataset.warnings, len(dataset.pictures)) == ([], [], 60)
    assert Counter((p.label, p.split) for p in dataset.pictures) == {
        (label, split): count for label in range(3) for split, count in
        (("train", 14), ("validation", 3), ("test", 3))
    }  # fmt: skip
    paths, labels = dataset.of("test")
    assert len(paths) == 9 and [dataset.classes[k] in path for path, k in zip(paths, labels)] == [True] * 9


def test_every_flaw_is_listed_with_its_reason_and_left_out(copy):
    expected = spoil(copy)
    dataset = check(copy)
    found = {p.path: p.reason for p in dataset.problems}
    assert set(found) == set(expected)
    for path, word in expected.items():
        assert word in found[path]
    used = {p.path for p in dataset.pictures}
    assert not used & set(expected) and len(used) == 59  # 60장에서 두 클래스에 있던 한 장


def test_look_alikes_never_straddle_the_split(copy):
    families = {}
    for path in sorted(copy.rglob("*.jpg"))[::3]:
        for one in [path, *look_alikes(path)]:
            families[one.relative_to(copy).as_posix()] = path
    for seed in range(5):
        dataset = check(copy, seed)
        splits = {}
        for picture in dataset.pictures:
            splits.setdefault(families.get(picture.path, picture.path), set()).add(picture.split)
        assert len(dataset.pictures) == 120 and all(len(found) == 1 for found in splits.values())
        assert len({p.group for p in dataset.pictures}) == 60


def test_without_groups_look_alikes_would_straddle(copy, monkeypatch):
    """The test above can fail: with no tolerance the copies part."""
    for path in sorted(copy.rglob("*.jpg"))[::3]:
        look_alikes(path)
    monkeypatch.setattr(folder, "near_pairs", lambda hashes: ())
    of = {p.path: p.split for p in check(copy).pictures}
    parted = [path for path in of if path.endswith("_half.jpg") and of[path] != of[path.replace("_half", "")]]
    assert parted


def test_groups_are_transitive(tmp_path):
    """A is like B, B like C, A not like C: one group (union-find)."""
    hashes = np.zeros((4, 4), np.uint64)
    hashes[1, 0] = 2**30 - 1  # 30비트
    hashes[2, 0] = 2**60 - 1  # 1과는 30비트, 0과는 60비트
    hashes[3] = 2**64 - 1
    assert list(near_pairs(hashes, 40)) == [(0, 1), (1, 2)]


def test_look_alikes_with_different_labels_are_kept_together_and_named(copy):
    twin = Image.open(copy / "daisy" / "000.jpg")
    twin.resize((twin.width // 2, twin.height // 2)).save(copy / "roses" / "twin.jpg")
    dataset = check(copy)
    assert [(w.path, w.reason) for w in dataset.warnings] == [
        ("daisy/000.jpg", "레이블이 다른 닮은 그림이 있다: roses/twin.jpg")
    ]
    of = {p.path: p for p in dataset.pictures}
    assert of["daisy/000.jpg"].split == of["roses/twin.jpg"].split


def test_the_hash_tells_strangers_from_copies(clean):
    files = sorted(clean.rglob("*.jpg"))
    hashes = np.array([difference_hash(open_upright(path)) for path in files])
    assert list(near_pairs(hashes, 60)) == []


def test_a_split_depends_on_the_seed_alone(clean):
    assert check(clean, 1) == check(clean, 1)
    assert check(clean, 1).fingerprint() != check(clean, 2).fingerprint()


def test_the_fingerprint_sees_a_changed_picture_and_a_changed_label(copy):
    before = check(copy).fingerprint()
    (copy / "daisy" / "000.jpg").rename(copy / "roses" / "999.jpg")
    moved = check(copy).fingerprint()
    Image.new("RGB", (64, 64), "red").save(copy / "roses" / "999.jpg")
    assert len({before, moved, check(copy).fingerprint()}) == 3


@pytest.mark.parametrize("sizes", [[1] * 3, [1] * 20, [50, 1, 1], [5, 5, 5, 1, 1], list(range(30, 0, -1))])
def test_no_split_stays_empty_and_train_is_the_largest(sizes):
    sizes = dict(enumerate(sizes))
    given = Counter()
    for group, split in _assigned(sizes).items():
        given[split] += sizes[group]
    assert sorted(given) == ["test", "train", "validation"] and given.total() == sum(sizes.values())
    if len(sizes) > 10:
        assert given["train"] / given.total() == pytest.approx(0.7, abs=0.05)


def test_unusable_folders_are_one_clear_error(tmp_path, copy):
    (tmp_path / "file").touch()
    (tmp_path / "one" / "class").mkdir(parents=True)
    cases = {
        tmp_path / "none": "하위 폴더가 있는 폴더여야", tmp_path / "file": "하위 폴더가 있는 폴더여야",
        tmp_path / "one": "둘 이상",
    }  # fmt: skip
    for root, message in cases.items():
        with pytest.raises(UserError, match=message) as error:
            check(root)
        assert "\n" not in str(error.value) and str(root) in str(error.value)


def test_a_file_name_that_is_no_unicode_is_used_and_saved(copy, tmp_path):
    """Korean names of an archive made on Windows (CP949), unpacked on Linux."""
    daisy = copy / "daisy"
    (daisy / "000.jpg").rename(daisy / os.fsdecode("꽃.jpg".encode("cp949")))
    dataset = check(copy)
    folder.save(dataset, tmp_path / "data.json")
    assert len(dataset.pictures) == 60 and folder.load(tmp_path / "data.json") == dataset
    (copy / os.fsdecode("꽃".encode("cp949"))).mkdir()
    with pytest.raises(UserError, match="UTF-8이어야") as error:
        check(copy)
    assert str(error.value).encode()


def test_an_empty_class_is_an_error_that_says_why(copy):
    (copy / "weeds").mkdir()
    with pytest.raises(UserError, match="'weeds'에 쓸 수 있는 그림.*파일이 없다"):
        check(copy)
    (copy / "weeds" / "a.png").write_text("글")
    with pytest.raises(UserError, match="'weeds'.*weeds/a.png: 확장자와 내용이 다르다"):
        check(copy)


def test_a_class_of_copies_only_cannot_be_split(copy):
    (copy / "weeds").mkdir()
    shutil.copy(copy / "roses" / "000.jpg", copy / "weeds" / "a.jpg")
    (copy / "roses" / "000.jpg").unlink()
    look_alikes(copy / "weeds" / "a.jpg")
    with pytest.raises(UserError, match="'weeds'에 서로 닮지 않은 그림이 3장 이상.*찾은 것: 1장"):
        check(copy)


def test_saved_and_loaded_it_is_the_same_until_a_picture_is_gone(copy, tmp_path):
    dataset = check(copy)
    folder.save(dataset, tmp_path / "data.json")
    assert folder.load(tmp_path / "data.json") == dataset
    (copy / "roses" / "010.jpg").unlink()
    with pytest.raises(UserError, match="010.jpg"):
        folder.load(tmp_path / "data.json")


def test_pictures_are_read_upright_opaque_and_square(tmp_path):
    left_red = Image.new("RGB", (60, 40), "blue")
    left_red.paste("red", (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # 시계 방향으로 90도 돌려야 바로 선다
    left_red.save(tmp_path / "phone.jpg", exif=exif)
    top, bottom = read_image(tmp_path / "phone.jpg", 32)[[4, -4], 16]
    assert top[0] > 200 > 60 > top[2] and bottom[2] > 200 > 60 > bottom[0]

    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("L", (50, 50), 7).save(tmp_path / "gray.png")
    Image.new("P", (50, 50)).save(tmp_path / "palette.gif")
    assert read_image(tmp_path / "clear.png", 20).min() == 255
    for name in ("gray.png", "palette.gif"):
        image = read_image(tmp_path / name, 20)
        assert image.shape == (20, 20, 3) and image.dtype == np.uint8


@pytest.mark.parametrize("error", [RuntimeError("Failed to decode"), TypeError("x"), NotImplementedError(), IndexError()])
def test_whatever_a_decoder_raises_is_unreadable(tmp_path, monkeypatch, error):
    Image.new("RGB", (50, 50)).save(tmp_path / "a.png")

    def fail(self):
        raise error

    monkeypatch.setattr(PngImageFile, "load", fail)
    with pytest.raises(OSError, match=str(error) or type(error).__name__):
        read_image(tmp_path / "a.png", 32)
    assert "읽을 수 없다" in reason_to_leave_out(tmp_path / "a.png", 32)


def test_reasons_are_korean(tmp_path):
    (tmp_path / "text.jpg").write_text("글")
    for path, word in ((tmp_path / "none.jpg", "파일이 없다"), (tmp_path, "폴더"), (tmp_path / "text.jpg", "그림이 아니다")):
        with pytest.raises(OSError) as error:
            open_upright(path)
        assert word in explain(error.value)
