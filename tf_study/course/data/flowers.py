"""꽃 사진 (tf_flowers 형식): 종류마다 폴더 하나, 크기가 제각각인 JPEG.

내장 데이터는 시드로 그린 그림이다: 다섯 꽃을 풀밭·하늘·흙·흐린 잎 앞에 한 송이에서 네 송이까지, 종류마다 200장.
흰 장미, 노란 튤립, 분홍 데이지가 있어 색만 보아서는 알 수 없다.

시험 정확도(benchmarks/embedded_data.py): 96×96으로 읽어 픽셀에 건 선형 모델 49.0 %, 작은 합성곱 신경망 97.8 %(시드 셋의 평균).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import numpy as np
from PIL import Image

from tf_study.course.data import _source
from tf_study.course.data._render import (
    Frame,
    bar,
    box,
    ellipse,
    paint,
    smooth_noise,
    smooth_step,
    to_uint8,
)

CLASSES = ("데이지", "민들레", "장미", "해바라기", "튤립")
CLASSES_EN = ("daisy", "dandelion", "roses", "sunflowers", "tulips")  # 폴더 이름

PER_CLASS = 200
SHORTEST, LONGEST = 100, 240  # 변의 픽셀 수
TEST_SHARE = 0.2
CHECKSUM = ".sha256"  # 폴더 안에 두어 폴더와 함께 옮겨진다

Split = tuple[np.ndarray, np.ndarray]
Layer = tuple[np.ndarray, np.ndarray]  # 도형까지의 거리, 색 (3, 1, 1, 1) 또는 픽셀마다의 색 (3, 1, H, W)

WHITE, YELLOW, ORANGE, RED, PINK, PURPLE, BROWN, GREEN = np.array([
    [0.95, 0.94, 0.90], [0.96, 0.80, 0.15], [0.95, 0.55, 0.15], [0.80, 0.12, 0.15],
    [0.92, 0.55, 0.68], [0.55, 0.25, 0.60], [0.28, 0.17, 0.08], [0.25, 0.45, 0.15],
])[:, :, None, None, None]  # fmt: skip

# 배경: 위의 색, 아래의 색, 얼룩의 색
SCENES = np.array([
    [[0.22, 0.40, 0.14], [0.16, 0.30, 0.10], [0.40, 0.55, 0.22]],  # 풀밭
    [[0.45, 0.65, 0.90], [0.75, 0.85, 0.95], [0.90, 0.93, 0.97]],  # 하늘
    [[0.40, 0.30, 0.20], [0.30, 0.21, 0.13], [0.52, 0.42, 0.30]],  # 흙
    [[0.12, 0.22, 0.12], [0.20, 0.32, 0.15], [0.45, 0.55, 0.35]],  # 흐린 잎
    [[0.10, 0.10, 0.10], [0.06, 0.08, 0.06], [0.22, 0.22, 0.20]],  # 그늘
    [[0.60, 0.75, 0.90], [0.25, 0.42, 0.16], [0.50, 0.60, 0.35]],  # 들판과 하늘
])


def load_data(size: int = 96) -> tuple[Split, Split]:
    """Read `directory()`: centre crop to a square, resize, and split each class 80 : 20 by file.

    Args:
        size: edge in pixels.

    Returns:
        (x_train, y_train), (x_test, y_test): x uint8 (N, size, size, 3), RGB; y int64 (N,), index of `CLASSES`.
        N is 800 and 200, or 2,934 and 736 when `TF_STUDY_DATA=real`.

    Raises:
        ValueError: `size` is not positive, or `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
        OSError: the pictures cannot be written or read.
    """
    if size < 1:
        raise ValueError(f"size는 1 이상의 픽셀 수여야 한다. 받은 값: {size!r}")
    folder = directory()
    random = np.random.RandomState(0)
    train, test = [], []
    for label, name in enumerate(CLASSES_EN):
        files = sorted((folder / name).glob("*.jpg"))
        chosen = [(files[i], label) for i in random.permutation(len(files))]
        cut = round(len(files) * TEST_SHARE)
        test += chosen[:cut]
        train += chosen[cut:]
    return _read(train, size, random), _read(test, size, random)


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "tf_flowers 원본: 꽃 사진 3,670장, 5종. TensorFlow Team 2019, CC BY 2.0(지은이는 LICENSE.txt)."
    return "내장 꽃 그림: 시드로 그린 tf_flowers 형식의 JPEG 1,000장(5종 × 200장, 변 100–240픽셀)."


def directory() -> Path:
    """Return the folder that holds one sub-folder of JPEGs for each of `CLASSES_EN`.

    The embedded pictures are drawn on first use, and again if a file is missing or altered.

    Raises:
        OSError: the folder cannot be written.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.flowers_directory()
    folder = _source.home() / "embedded" / f"flowers-{_source.fingerprint()}"
    if not _is_intact(folder):
        try:
            _write(folder)
        except OSError as error:
            raise OSError(
                f"꽃 그림은 쓸 수 있는 폴더에 있어야 한다. 쓰지 못한 폴더: {folder} ({error}). "
                "TF_STUDY_HOME을 쓸 수 있는 폴더로 정한다."
            ) from error
    return folder


def _read(files: list[tuple[Path, int]], size: int, random: np.random.RandomState) -> Split:
    """Return the pictures as squares, and their labels, in random order."""
    x = np.empty((len(files), size, size, 3), np.uint8)
    y = np.empty(len(files), np.int64)
    for i, j in enumerate(random.permutation(len(files))):
        path, y[i] = files[j]
        with Image.open(path) as picture:
            edge = min(picture.size)
            left, top = ((length - edge) // 2 for length in picture.size)
            square = (left, top, left + edge, top + edge)
            x[i] = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, square)
    return x, y


def _write(folder: Path) -> None:
    """Fill a temporary folder and move it into place, so that a reader never sees half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fresh = Path(temporary, "fresh")
        for label, name in enumerate(CLASSES_EN):
            (fresh / name).mkdir(parents=True)
            for i, picture in enumerate(pictures(label)):
                Image.fromarray(picture).save(fresh / name / f"{name}_{i:03d}.jpg", quality=90)
        (fresh / CHECKSUM).write_text(_checksum(fresh))
        with filelock.FileLock(_source.home() / "flowers.lock"):
            if _is_intact(folder):
                return  # 그리는 동안 다른 프로세스가 먼저 끝냈다
            if folder.exists():
                folder.rename(Path(temporary, "damaged"))
            os.replace(fresh, folder)


def _is_intact(folder: Path) -> bool:
    try:
        return (folder / CHECKSUM).read_text() == _checksum(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _checksum(folder: Path) -> str:
    """Hash the names and bytes of all pictures."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*/*")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pictures(label: int) -> Iterator[np.ndarray]:
    """Draw the embedded pictures of one class, uint8 (H, W, 3) of unequal sizes."""
    random = np.random.RandomState(2019 + label)
    for _ in range(PER_CLASS):
        yield _picture(FLOWERS[label], random)


def _picture(flower: Callable[[Frame], list[Layer]], random: np.random.RandomState) -> np.ndarray:
    height, width = random.randint(SHORTEST, LONGEST + 1, 2)
    canvas = _background(random, height, width)
    count = random.choice([1, 2, 3, 4], p=[0.4, 0.25, 0.2, 0.15])
    short = min(height, width)
    largest, spread = (0.95 * short, 0.12 * short) if count == 1 else (0.75 * short, 0.28 * short)
    for diameter in np.sort(random.uniform(0.5, 1.0, count)) * largest:  # 큰 것이 앞에 온다
        row, column = np.array([0.47 * height, 0.5 * width]) + random.uniform(-spread, spread, 2)
        _stem(canvas, random, int(row), int(column), diameter)
        _stamp(canvas, *_head(flower, random, int(diameter)), int(row - diameter / 2), int(column - diameter / 2))
    canvas = 0.5 + random.uniform(0.75, 1.1) * (canvas - 0.5) + random.uniform(-0.1, 0.1)  # 노출
    canvas += random.uniform(0.005, 0.04) * random.uniform(-1, 1, (1, height, width))
    return to_uint8(canvas.transpose(1, 2, 0))


def _background(random: np.random.RandomState, height: int, width: int) -> np.ndarray:
    """Return (3, H, W): two colours from top to bottom, with soft spots or blades of a third."""
    above, below, spots = (SCENES[random.randint(len(SCENES))] + random.uniform(-0.08, 0.08, (3, 3)))[..., None, None]
    down = np.linspace(0, 1, height)[:, None]
    canvas = above + smooth_step((down - random.uniform(0.2, 0.7)) * random.uniform(1, 6) + 0.5) * (below - above)
    coarse = smooth_noise(random, (), (height, width), (random.randint(3, 8), random.randint(3, 8)))
    fine = smooth_noise(random, (), (height, width), (random.randint(4, 30), random.randint(20, 50)))
    return canvas + (0.35 + 0.4 * coarse + random.uniform(0.1, 0.35) * fine) * (spots - canvas)


def _stem(canvas: np.ndarray, random: np.random.RandomState, row: int, column: int, diameter: float) -> None:
    """Draw a stem with a leaf from a head at (row, column) down to the edge, in place."""
    _, height, width = canvas.shape
    left, right = max(0, column - int(diameter * 0.5)), min(width, column + int(diameter * 0.5))
    part = canvas[:, max(row, 0) :, left:right]
    u = np.arange(left, right)[None, :] - float(column)
    v = np.arange(max(row, 0), height)[:, None] - float(row)
    lean = random.uniform(-0.3, 0.3) * diameter
    stem = bar(u, v, (0.0, 0.0), (lean, height + 1.0 - row), (0.03 * diameter, 0.035 * diameter))
    side, low = random.choice([-1.0, 1.0]), random.uniform(0.6, 1.1) * diameter
    along, across = (u * side + v - low) / np.sqrt(2), (u * side - v + low) / np.sqrt(2)
    leaf = ellipse(across, along, (0.15 * diameter, 0.0), (0.35 * diameter, random.uniform(0.06, 0.13) * diameter))
    green = GREEN[:, 0] + random.uniform(-0.1, 0.1, (3, 1, 1))
    for shape, colour in ((leaf, 1.15 * green), (stem, green)):
        paint(part, np.clip(0.5 - shape, 0, 1), colour)


def _head(
    flower: Callable[[Frame], list[Layer]], random: np.random.RandomState, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one flower head as its coverage (side, side) and colour (3, side, side)."""
    f = Frame(random, 1, side, size=(0.85, 0.95), turn=0.3, bend=0.08, flip=0.5)
    alpha, colour = np.zeros((1, side, side)), np.zeros((3, 1, side, side))
    for distance, tint in flower(f):
        coverage = f.inside(distance)
        paint(colour, np.where(alpha > 0, coverage, 1.0), tint)  # 빈 곳에는 섞을 바탕이 없다
        alpha = np.maximum(alpha, coverage)
    light = 1 + f.vary(-0.2, 0.2) * f.u + f.vary(-0.2, 0.1) * f.v
    return alpha[0], (colour * light)[:, 0]


def _stamp(canvas: np.ndarray, alpha: np.ndarray, colour: np.ndarray, top: int, left: int) -> None:
    """Lay a head over the canvas in place; what falls outside is cut."""
    _, height, width = canvas.shape
    side = len(alpha)
    rows = slice(max(0, -top), min(side, height - top))
    columns = slice(max(0, -left), min(side, width - left))
    part = canvas[:, top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    paint(part, alpha[rows, columns], colour[:, rows, columns])


# 꽃: 머리는 지름 2인 원에 들어간다. 튤립만 옆에서 보고 나머지는 위나 비스듬히서 본다.


def _polar(f: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return radius and angle on a head that is tilted away from the eye."""
    v = f.v / f.vary(0.6, 1.0)
    return np.sqrt(f.u * f.u + v * v), np.arctan2(v, f.u)


def _hue(f: Frame, colours: list[np.ndarray], chances: list[float]) -> np.ndarray:
    """Return one of the colours, a little changed: (3, 1, 1, 1)."""
    return colours[f.random.choice(len(colours), p=chances)] + f.random.uniform(-0.06, 0.06, (3, 1, 1, 1))


def _rays(f: Frame, radius: np.ndarray, angle: np.ndarray, count: int, length: float, sharp: float) -> np.ndarray:
    """Return `count` petals around the middle; a larger `sharp` makes them pointed."""
    wave = np.abs(np.cos(0.5 * count * (angle + f.vary(0, 6.3))))
    uneven = 1 + 0.08 * np.sin(3 * angle + f.vary(0, 6.3))
    return radius - length * uneven * (0.45 + 0.55 * wave**sharp)


def daisy(f: Frame) -> list[Layer]:
    radius, angle = _polar(f)
    petal = _hue(f, [WHITE, PINK, YELLOW, PURPLE], [0.5, 0.25, 0.15, 0.1])
    count = f.random.randint(11, 20)
    disc = radius - f.vary(0.2, 0.32)
    grain = 1 + 0.2 * np.sin(40 * f.u) * np.sin(40 * f.v)
    rays = _rays(f, radius, angle, count, 0.95, 0.5)
    groove = 0.8 + 0.2 * np.abs(np.cos(count * angle)) - 0.15 * (radius < 0.45)
    back = _rays(f, radius, angle, count, 0.9, 0.5)
    return [
        (back, 0.75 * petal), (rays, petal * groove),
        (disc, _hue(f, [YELLOW, ORANGE, BROWN], [0.7, 0.2, 0.1]) * grain),
    ]  # fmt: skip


def sunflower(f: Frame) -> list[Layer]:
    radius, angle = _polar(f)
    petal = _hue(f, [YELLOW, ORANGE, RED, WHITE], [0.6, 0.2, 0.1, 0.1])
    count = f.random.randint(16, 26)
    size = f.vary(0.38, 0.55)
    seeds = 1 + 0.35 * np.sin(30 * radius + 8 * angle) * np.sin(30 * radius - 8 * angle)
    front, back = (_rays(f, radius, angle, count, length, 1.0) for length in (0.98, 0.92))
    shade = 0.75 + 0.35 * radius
    heart = _hue(f, [BROWN, ORANGE], [0.85, 0.15])
    return [
        (back, 0.8 * petal), (front, petal * shade), (radius - size, 0.9 * heart * seeds),
        (radius - 0.5 * size, 0.6 * heart * seeds),
    ]  # fmt: skip


def dandelion(f: Frame) -> list[Layer]:
    return _seed_head(f) if f.random.uniform() < 0.35 else _yellow_head(f)


def _yellow_head(f: Frame) -> list[Layer]:
    """A dandelion in bloom: many narrow florets and no disc."""
    radius, angle = _polar(f)
    petal = _hue(f, [YELLOW, ORANGE, WHITE], [0.75, 0.15, 0.1])
    layers = []
    for length in (0.95, 0.8, 0.62, 0.44, 0.26):
        count = int(18 + 30 * length)
        rays = _rays(f, radius, angle, count, length, 0.5)
        layers.append((rays, petal * (0.65 + 0.4 * (radius / length) ** 2)))
    return layers


def _seed_head(f: Frame) -> list[Layer]:
    """A dandelion gone to seed: a ball of fine white threads around a brown heart."""
    radius, angle = _polar(f)
    ring = 0.5 + 0.5 * np.sin(38 * radius + 2 * np.sin(9 * angle))
    threads = np.abs(np.cos(17 * angle + f.vary(0, 3))) ** 4
    fluff = 0.55 + 0.25 * np.maximum(threads, ring * smooth_step(2 * radius - 0.6))
    return [
        (radius - 0.9 + 0.06 * np.sin(40 * angle), _hue(f, [WHITE], [1.0]) * fluff),
        (radius - f.vary(0.1, 0.18), BROWN * 1.3),
    ]


def rose(f: Frame) -> list[Layer]:
    radius, angle = _polar(f)
    petal = _hue(f, [RED, PINK, WHITE, YELLOW, ORANGE, PURPLE], [0.3, 0.25, 0.15, 0.15, 0.1, 0.05])
    lobes, phase = f.random.randint(4, 7), f.vary(0, 6.3)
    outer = radius - 0.9 * (0.93 + 0.07 * np.cos(lobes * angle + phase))
    # 로그 나선: 한 바퀴마다 꽃잎이 한 겹 안으로 들어간다
    wavy = 0.07 * np.sin(lobes * angle + phase + f.vary(5.0, 9.0) * radius)
    turns = f.vary(3.5, 5.0) * np.log(radius + wavy + 0.12) + 2 * angle / (2 * np.pi)
    depth = turns - np.floor(turns)
    shade = 0.5 + 0.55 * smooth_step(1.4 * depth) - 0.25 * smooth_step(12 * depth - 11) + 0.1 * (radius - 0.5)
    return [(outer, petal * shade), (radius - 0.1, 0.55 * petal)]


def tulip(f: Frame) -> list[Layer]:
    petal = _hue(f, [RED, YELLOW, PINK, WHITE, PURPLE, ORANGE], [0.25, 0.25, 0.15, 0.15, 0.1, 0.1])
    open_, tall = f.vary(0.1, 0.35), f.vary(0.75, 0.95)
    v = f.v + 0.1 * f.u * f.u
    side = np.abs(f.u)
    sides = _petal(side - open_ * 0.8 * (0.6 - v) * 0.5, v, 0.28, tall)
    behind = _petal(side - 0.16, v + 0.05, 0.25, tall)
    middle = _petal(f.u, v - 0.05, f.vary(0.28, 0.38), 0.9 * tall)
    vein = 0.85 + 0.15 * np.cos(14 * f.u) + 0.12 * (0.5 - v)
    rim = _hue(f, [WHITE, YELLOW, RED], [0.4, 0.4, 0.2])
    flamed = middle + f.vary(0.0, 0.3) + 0.1
    layers = [(behind, 0.65 * petal), (sides, 0.82 * petal * vein), (middle, petal * vein)]
    if f.random.uniform() < 0.25:
        layers.append((np.maximum(flamed, -0.1 - v), 0.5 * rim + 0.5 * petal))
    return layers


def _petal(u: np.ndarray, v: np.ndarray, wide: np.ndarray | float, tall: np.ndarray | float) -> np.ndarray:
    """Return an upright petal: round at the foot (v = 0.75), pointed at the tip."""
    height = np.clip((0.75 - v) / (0.75 + tall), 0, 1)
    half_width = 2.5 * wide * np.sqrt(height) * (1 - height * height)
    middle, half_height = (0.75 - tall) / 2, (0.75 + tall) / 2
    return box(u, v, (0, middle), (half_width, half_height))


FLOWERS = (daisy, dandelion, rose, sunflower, tulip)
