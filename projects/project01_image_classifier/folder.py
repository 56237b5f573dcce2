"""그림 폴더를 검사하고, 닮은 그림이 갈라지지 않게 나눈다."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.cluster.hierarchy import DisjointSet
from tqdm import tqdm

from projects.common.cli import UserError
from projects.project01_image_classifier.images import open_upright, reason_to_leave_out

SPLITS = {"train": 0.7, "validation": 0.15, "test": 0.15}
SMALLEST = 32  # 짧은 변이 이보다 작으면 배울 것이 없다 (픽셀)
HASH_SIDE = 16  # 차분 해시는 16 × 16비트
NEAR = 50  # 256비트 가운데 이만큼까지 다르면 닮은 그림이다. 내장 꽃에서 남남은 75비트부터 다르다


class Picture(NamedTuple):
    """A usable file: its path below the folder, class index, content hash, group of look-alikes and split."""

    path: str
    label: int
    sha256: str
    group: int = -1
    split: str = ""


class Problem(NamedTuple):
    """A file that is left out, or a pair that somebody should look at, and why."""

    path: str
    reason: str


class Dataset(NamedTuple):
    """A validated folder: `problems` are left out, `warnings` are kept."""

    root: Path
    classes: list[str]
    pictures: list[Picture]
    problems: list[Problem]
    warnings: list[Problem]

    def of(self, split: str) -> tuple[list[str], np.ndarray]:
        """Absolute paths and labels (N,) int64 of a split."""
        chosen = [p for p in self.pictures if p.split == split]
        return [str(self.root / p.path) for p in chosen], np.array([p.label for p in chosen], np.int64)

    def fingerprint(self) -> str:
        """A hash of the contents, labels and the split: whether a run was on the same data."""
        text = json.dumps([self.classes, [(p.sha256, p.label, p.split) for p in self.pictures]])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def validate(root: Path, seed: int = 0, progress: bool = True) -> Dataset:
    """Check every file below `root`/CLASS/ and split the good ones 70 : 15 : 15.

    Left out, each with its reason: what is no picture, is unreadable, smaller than 32 pixels, has
    another type than its suffix says, lies outside a class folder, or is a copy (byte for byte) of an
    earlier file; of copies in different classes all are left out. Look-alikes (a difference hash
    within 50 of 256 bits: resized, recompressed, brightened copies) stay together in one split;
    those with different labels are also named in the warnings. Files whose name begins with a dot
    are ignored.

    Raises:
        UserError: `root` is no folder, it has fewer than two classes, a class's name is no UTF-8, or a
            class has no usable picture or too few different ones for three splits.
    """
    root = Path(root).resolve()
    if not root.is_dir():
        raise UserError(f"클래스마다 하위 폴더가 있는 폴더여야 한다. 받은 것: {root}")
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise UserError(f"클래스의 폴더가 둘 이상 있어야 한다. {root}에서 찾은 것: {len(classes)}개")
    for name in classes:
        if any("\ud800" <= letter <= "\udfff" for letter in name):  # 유니코드가 아닌 바이트는 짝 없는 대리 문자로 온다
            raise UserError(f"클래스의 폴더 이름은 UTF-8이어야 한다. {root}에서 찾은 것: {ascii(name)}")
    pictures, problems = _readable(root, classes, progress)
    pictures, copies = _without_copies(pictures)
    _require_each_class(classes, pictures, problems + copies)
    pictures, warnings = _grouped(root, classes, pictures)
    pictures = _split(classes, pictures, np.random.default_rng(seed))
    return Dataset(root, classes, pictures, problems + copies, warnings)


def _readable(root: Path, classes: list[str], progress: bool) -> tuple[list[Picture], list[Problem]]:
    pictures, problems = [], []
    label = {name: i for i, name in enumerate(classes)}
    files = list(_files(root))
    for path in tqdm(files, desc="폴더 검사", unit="장", disable=not progress):
        name = path.relative_to(root)
        if len(name.parts) == 1:
            reason = "클래스의 폴더 안에 있어야 한다"
        else:
            reason = reason_to_leave_out(path, SMALLEST)
        if reason:
            problems.append(Problem(name.as_posix(), reason))
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            pictures.append(Picture(name.as_posix(), label[name.parts[0]], digest))
    return pictures, problems


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if not hidden and not path.is_dir():
            yield path


def _without_copies(pictures: list[Picture]) -> tuple[list[Picture], list[Problem]]:
    by_content = defaultdict(list)
    for picture in pictures:
        by_content[picture.sha256].append(picture)
    kept, problems = [], []
    for picture in pictures:
        same = by_content[picture.sha256]
        others = [p for p in same if p.label != picture.label]
        if others:
            problems.append(Problem(picture.path, f"다른 클래스에 같은 파일이 있다: {others[0].path}"))
        elif picture is not same[0]:
            problems.append(Problem(picture.path, f"같은 파일이 있다: {same[0].path}"))
        else:
            kept.append(picture)
    return kept, problems


def _require_each_class(classes: list[str], pictures: list[Picture], problems: list[Problem]) -> None:
    usable = Counter(p.label for p in pictures)
    for label, name in enumerate(classes):
        if not usable[label]:
            out = [p for p in problems if p.path.startswith(f"{name}/")]
            why = f"{out[0].path}: {out[0].reason}" if out else "파일이 없다"
            raise UserError(f"클래스 {name!r}에 쓸 수 있는 그림이 있어야 한다. 뺀 파일 {len(out)}개 ({why})")


def difference_hash(picture: Image.Image) -> np.ndarray:
    """Return 256 bits as (4,) uint64: whether each of 16 × 16 cells is brighter than its right neighbour.

    Brightness, contrast and size hardly move the bits. Source: N. Krawetz, "Kind of Like That", 2013.
    """
    cells = np.asarray(picture.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.LANCZOS), np.int16)
    return np.packbits(cells[:, :-1] > cells[:, 1:]).view(np.uint64)


def near_pairs(hashes: np.ndarray, near: int = NEAR) -> Iterator[tuple[int, int]]:
    """Yield the pairs i < j of hashes (N, 4) that differ in at most `near` bits."""
    for i, one in enumerate(hashes):
        distance = np.bitwise_count(hashes[i + 1 :] ^ one).sum(axis=1, dtype=np.int64)
        yield from ((i, int(i + 1 + j)) for j in np.flatnonzero(distance <= near))


def _grouped(root: Path, classes: list[str], pictures: list[Picture]) -> tuple[list[Picture], list[Problem]]:
    """Number the groups of look-alikes, and of their look-alikes (union-find)."""
    hashes = np.array([difference_hash(open_upright(root / p.path)) for p in pictures])
    sets, warnings = DisjointSet(range(len(pictures))), []
    for i, j in near_pairs(hashes):
        sets.merge(i, j)
        if pictures[i].label != pictures[j].label:
            warnings.append(Problem(pictures[i].path, f"레이블이 다른 닮은 그림이 있다: {pictures[j].path}"))
    return [p._replace(group=int(sets[i])) for i, p in enumerate(pictures)], warnings


def _split(classes: list[str], pictures: list[Picture], rng: np.random.Generator) -> list[Picture]:
    """Give whole groups to the splits, each class as near to 70 : 15 : 15 as its groups allow."""
    members = defaultdict(list)
    for picture in pictures:
        members[picture.group].append(picture)
    split_of = {}
    for label, name in enumerate(classes):
        groups = [g for g, inside in members.items() if inside[0].label == label]
        if len(groups) < len(SPLITS):
            raise UserError(
                f"클래스 {name!r}에 서로 닮지 않은 그림이 {len(SPLITS)}장 이상 있어야 한다. 찾은 것: {len(groups)}장"
            )
        order = [groups[i] for i in rng.permutation(len(groups))]
        split_of |= _assigned({g: len(members[g]) for g in sorted(order, key=lambda g: -len(members[g]))})
    return [p._replace(split=split_of[p.group]) for p in pictures]


def _assigned(sizes: dict[int, int]) -> dict[int, str]:
    """Assign groups, the largest first, each to the split that lacks most; no split stays empty."""
    total, given, chosen = sum(sizes.values()), Counter(), {}
    for left, (group, size) in zip(itertools.count(len(sizes), -1), sizes.items()):
        empty = [split for split in SPLITS if not given[split]]
        among: Iterable[str] = empty if len(empty) == left else SPLITS
        chosen[group] = max(among, key=lambda split: SPLITS[split] * total - given[split])
        given[chosen[group]] += size
    return chosen


def save(dataset: Dataset, path: Path) -> None:
    text = json.dumps(dataset._asdict() | {"root": str(dataset.root)}, ensure_ascii=False, indent=1)
    path.write_text(text, errors="backslashreplace")  # 유니코드가 아닌 파일 이름은 JSON의 \udcXX로 적힌다


def load(path: Path) -> Dataset:
    """Read what `save` wrote.

    Raises:
        UserError: a picture of the data set is gone.
    """
    saved = json.loads(path.read_text())
    dataset = Dataset(
        Path(saved["root"]), saved["classes"], [Picture(*row) for row in saved["pictures"]],
        [Problem(*row) for row in saved["problems"]], [Problem(*row) for row in saved["warnings"]],
    )  # fmt: skip
    for picture in dataset.pictures:
        if not (dataset.root / picture.path).is_file():
            raise UserError(f"학습할 때의 그림이 그대로 있어야 한다. 없는 파일: {dataset.root / picture.path}")
    return dataset
