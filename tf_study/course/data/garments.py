"""옷과 신발 (Fashion-MNIST 형식).

내장 데이터는 시드로 그린 그림이다: 재단·무늬·음영·자세를 바꿔 가며 열 종류를 훈련 6,000장, 시험 1,000장 그린다.
원본에서 서로 헷갈리는 옷(티셔츠·셔츠·풀오버·코트, 스니커즈·샌들·앵클부츠)은 여기서도 헷갈린다.

시험 정확도(benchmarks/embedded_data.py): 픽셀에 건 선형 모델 73.4 %, 작은 합성곱 신경망 96.2 %(시드 셋의 평균).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from tf_study.course.data import _source
from tf_study.course.data._render import (
    Frame,
    Size,
    bar,
    box,
    draw_splits,
    ellipse,
    outline,
    polygon,
    smooth_noise,
    smooth_step,
    to_uint8,
    union,
)

CLASSES = ("티셔츠", "바지", "풀오버", "드레스", "코트", "샌들", "셔츠", "스니커즈", "가방", "앵클부츠")
CLASSES_EN = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

SIDE = 28

Split = tuple[np.ndarray, np.ndarray]
Garment = tuple[np.ndarray, np.ndarray]  # 윤곽까지의 거리, 밝기에 곱할 값


def load_data() -> tuple[Split, Split]:
    """Return garments as `keras.datasets.fashion_mnist.load_data` does.

    Returns:
        (x_train, y_train), (x_test, y_test): x uint8 (N, 28, 28), light on black; y uint8 (N,), index of `CLASSES`.
        N is 6,000 and 1,000, or 60,000 and 10,000 when `TF_STUDY_DATA=real`.

    Raises:
        ValueError: `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.fashion_mnist()
    arrays = embedded()
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "Fashion-MNIST 원본: 옷과 신발 훈련 60,000장, 시험 10,000장 (28×28). Xiao 외 2017, MIT 라이선스."
    return "내장 옷과 신발: 시드로 그린 Fashion-MNIST 형식의 그림 훈련 6,000장, 시험 1,000장 (28×28)."


@_source.cached
def embedded() -> _source.Arrays:
    """Draw the embedded set."""
    classes = [functools.partial(_draw, garment) for garment in GARMENTS]
    return draw_splits(np.random.RandomState(2017), classes, batch=100)


def _draw(garment: Callable[[Frame], Garment], random: np.random.RandomState, count: int) -> np.ndarray:
    f = Frame(random, count, SIDE, shift=0.13, turn=0.2, size=(0.72, 1.02), bend=0.12)
    distance, shade = garment(f)
    details = 1 + f.vary(0.2, 1.0) * (shade - 1)  # 솔기와 단추가 잘 보이는 옷도, 묻히는 옷도 있다
    cloth = f.vary(0.2, 0.95) * details * _pattern(f) * _folds(f)
    noise = f.vary(0.02, 0.08) * random.uniform(-1, 1, cloth.shape)
    return to_uint8(f.inside(distance) * (cloth + noise))


def _pattern(f: Frame) -> np.ndarray:
    """Return the brightness of the weave: plain, stripes, checks or a print on the chest."""
    kind, strength, frequency = f.vary(0, 1), f.vary(0.15, 0.45), f.vary(8, 22)
    across, down = np.sin(frequency * f.v), np.sin(frequency * f.u)
    chest = f.inside(ellipse(f.u, f.v, (0, -0.15), (f.vary(0.15, 0.3), f.vary(0.12, 0.25))))
    striped = np.where(kind < 0.15, across, 0) + np.where((kind > 0.1) & (kind < 0.22), down, 0)
    printed = np.where(kind > 0.85, chest * f.vary(-1, 1) * 1.5, 0)
    return 1 + strength * (striped + printed)


def _folds(f: Frame) -> np.ndarray:
    """Return the light and shade of soft folds."""
    soft = smooth_noise(f.random, (f.count,), (SIDE, SIDE), (4, 4))
    fine = smooth_noise(f.random, (f.count,), (SIDE, SIDE), (9, 9))
    return 1 + 0.15 * soft + f.vary(0.05, 0.15) * fine


# 윗옷: 몸통과 소매는 한 벌의 재단을 함께 쓰고, 치수와 앞여밈이 종류를 가른다.


def _trunk(f: Frame, top: Size, hem: Size, shoulder: Size, bottom: Size, waist: Size = 0.0) -> np.ndarray:
    """Return a body symmetric about u = 0, `waist` narrower half-way than straight sides would be."""
    down = (f.v - top) / (hem - top)
    half_width = shoulder + (bottom - shoulder) * down - 4 * waist * down * (1 - down)
    slope = 0.25 * np.maximum(0.0, np.abs(f.u) - 0.12)  # 어깨선은 목에서 바깥으로 내려간다
    return np.maximum(np.abs(f.u) - half_width, np.maximum(top + slope - f.v, f.v - hem))


def _sleeves(f: Frame, shoulder: Size, top: Size, length: Size, spread: Size, thick: Size) -> np.ndarray:
    """Return both sleeves; `spread` is their angle from the vertical."""
    start = (shoulder - 0.7 * thick, top + thick + 0.02)
    end = (start[0] + length * np.sin(spread), start[1] + length * np.cos(spread))
    return bar(np.abs(f.u), f.v, start, end, (thick, 0.75 * thick))


def _neck(f: Frame, top: Size, wide: Size, deep: Size) -> np.ndarray:
    """Return the distance to a neckline, round or pointed."""
    round_neck = ellipse(f.u, f.v, (0, top), (wide, deep))
    pointed = np.abs(f.u) * deep / wide + (f.v - top) - deep
    return np.where(f.chance(0.3), pointed, round_neck)


def _line(f: Frame, distance: np.ndarray, depth: Size = 0.45) -> np.ndarray:
    """Return the shade of a seam or an opening."""
    return 1 - depth * f.inside(distance)


def _front_line(f: Frame, top: Size, hem: Size) -> np.ndarray:
    """Return the distance to the closing down the front."""
    return box(f.u, f.v, (f.vary(-0.04, 0.04), (top + hem) / 2), (0.025, (hem - top) / 2))


def _buttons(f: Frame, top: Size, hem: Size, gap: float) -> np.ndarray:
    """Return the distance to a row of buttons down the front."""
    row = (f.v - top) / gap
    nearest = (row - np.floor(row) - 0.5) * gap
    button = ellipse(f.u, nearest, (0.07, 0), (0.04, 0.04))
    return np.maximum(button, box(f.u, f.v, (0, (top + hem) / 2), (1, (hem - top) / 2)))


def t_shirt(f: Frame) -> Garment:
    top, hem, shoulder = f.vary(-0.9, -0.78), f.vary(0.7, 0.92), f.vary(0.4, 0.52)
    body = _trunk(f, top, hem, shoulder, shoulder + f.vary(-0.05, 0.08), f.vary(0, 0.06))
    length = f.vary(0.3, 0.6) + np.where(f.chance(0.1), 0.8, 0)  # 긴소매도 더러 있다
    sleeves = _sleeves(f, shoulder, top, length, f.vary(0.3, 1.0), f.vary(0.15, 0.24))
    neck = _neck(f, top, f.vary(0.17, 0.26), f.vary(0.1, 0.24))
    placket = outline(f.u, 0.02)  # 폴로셔츠의 짧은 앞트임
    shade = _line(f, np.maximum(f.maybe(placket, 0.12), f.v + 0.35)) * _line(f, outline(sleeves, 0.02), 0.2)
    return np.maximum(union(body, f.maybe(sleeves, 0.85)), -neck), shade


def pullover(f: Frame) -> Garment:
    top, hem, shoulder = f.vary(-0.9, -0.78), f.vary(0.68, 0.92), f.vary(0.42, 0.54)
    body = _trunk(f, top, hem, shoulder, shoulder + f.vary(-0.06, 0.06))
    sleeves = _sleeves(f, shoulder, top, f.vary(1.2, 1.6), f.vary(0.08, 0.3), f.vary(0.15, 0.21))
    neck = _neck(f, top, f.vary(0.14, 0.22), f.vary(0.06, 0.14))
    hood = f.maybe(ellipse(f.u, f.v, (0, top), (0.26, 0.16)), 0.15)
    zip_line = f.maybe(_front_line(f, top, hem), 0.2)
    shade = _line(f, outline(f.v - hem + 0.12, 0.025), 0.3) * _line(f, outline(body, 0.03), 0.3) * _line(f, zip_line)
    return union(np.maximum(union(body, sleeves), -neck), hood), shade


def dress(f: Frame) -> Garment:
    top, hem, shoulder = f.vary(-0.98, -0.86), f.vary(0.84, 1.0), f.vary(0.2, 0.34)
    body = _trunk(f, top, hem, shoulder, shoulder + f.vary(-0.02, 0.28), f.vary(0, 0.09))
    thick = f.vary(0.09, 0.15)
    sleeves = _sleeves(f, shoulder, top, f.vary(0.25, 1.3), f.vary(0.12, 0.5), thick)
    neck = _neck(f, top, f.vary(0.1, 0.2), f.vary(0.1, 0.25))
    belt = f.maybe(outline(f.v - f.vary(-0.2, 0.05), 0.03), 0.4)
    return np.maximum(union(body, f.maybe(sleeves, 0.45)), -neck), _line(f, belt)


def coat(f: Frame) -> Garment:
    top, hem, shoulder = f.vary(-0.92, -0.82), f.vary(0.78, 0.96), f.vary(0.4, 0.52)
    body = _trunk(f, top, hem, shoulder, shoulder + f.vary(0, 0.1), f.vary(0, 0.06))
    sleeves = _sleeves(f, shoulder, top, f.vary(1.2, 1.6), f.vary(0.08, 0.28), f.vary(0.15, 0.2))
    deep = f.vary(0.2, 0.7)
    wide = f.vary(0.12, 0.22)
    lapel = np.abs(f.u) * deep / wide + (f.v - top) - deep
    shade = (
        _line(f, _front_line(f, top, hem), f.vary(0.3, 0.7))
        * _line(f, lapel, f.vary(0.2, 0.8))
        * _line(f, outline(lapel - 0.12, 0.03), 0.4)
        * _line(f, outline(body, 0.03), 0.3)
        * _line(f, f.maybe(_buttons(f, top + deep, hem, 0.3), 0.5), 0.5)
        * _line(f, f.maybe(box(np.abs(f.u), f.v, (0.3, 0.35), (0.11, 0.025)), 0.5))
    )
    return union(body, sleeves), shade


def shirt(f: Frame) -> Garment:
    top, hem, shoulder = f.vary(-0.9, -0.8), f.vary(0.7, 0.94), f.vary(0.4, 0.5)
    body = _trunk(f, top, hem, shoulder, shoulder + f.vary(-0.04, 0.08), f.vary(0, 0.07))
    hem_curve = f.v - hem + 0.5 * f.u * f.u
    length = np.where(f.chance(0.3), f.vary(0.3, 0.6), f.vary(1.1, 1.5))
    sleeves = _sleeves(f, shoulder, top, length, f.vary(0.1, 0.45), f.vary(0.13, 0.19))
    collar = polygon(np.abs(f.u), f.v, [(0.0, top - 0.06), (0.14, top - 0.08), (0.24, top + 0.12), (0.13, top + 0.2)])
    shade = (
        _line(f, _front_line(f, top, hem), f.vary(0.1, 0.5))
        * _line(f, _buttons(f, top + 0.15, hem, 0.24), f.vary(0.1, 0.6))
        * _line(f, outline(collar, 0.025), 0.5)
        * _line(f, f.maybe(outline(box(f.u, f.v, (0.24, -0.25), (0.1, 0.12)), 0.02), 0.4), 0.4)
    )
    return union(np.maximum(body, hem_curve), sleeves, collar), shade


def trouser(f: Frame) -> Garment:
    waist, hem = f.vary(-0.98, -0.88), f.vary(0.8, 1.0)
    hip, ankle, crotch = f.vary(0.24, 0.36), f.vary(0.1, 0.2), f.vary(-0.4, -0.15)
    spread = f.vary(0.16, 0.32)
    side = np.abs(f.u)
    seat = polygon(side, f.v, [(-0.1, waist), (0.82 * hip, waist), (hip, crotch + 0.1), (-0.1, crotch + 0.1)])
    leg = bar(side, f.v, (0.5 * hip, crotch - 0.1), (spread, hem), (0.52 * hip, ankle))
    belt = outline(f.v - waist - 0.1, 0.025)
    fly = np.maximum(outline(f.u, 0.02), f.v - crotch)
    crease = f.maybe(outline(side - spread, 0.02), 0.3)
    return union(seat, leg), _line(f, belt, 0.35) * _line(f, fly, 0.3) * _line(f, crease, 0.2)


def bag(f: Frame) -> Garment:
    top, bottom, half = f.vary(-0.4, 0.0), f.vary(0.6, 0.85), f.vary(0.55, 0.88)
    slant = f.vary(-0.15, 0.12)
    body = polygon(f.u, f.v, [(-half - slant, top), (half + slant, top), (half, bottom), (-half, bottom)])
    rise, wide = f.vary(0.2, 0.75), f.vary(0.25, 0.6)
    handle = np.maximum(outline(ellipse(f.u, f.v, (0, top), (wide, rise)), f.vary(0.03, 0.07)), f.v - top - 0.1)
    hanging = outline(ellipse(f.u, f.v, (0, top), (wide, 0.6 * rise)), 0.04)
    flap = outline(f.v - top - f.vary(0.12, 0.5) + 0.3 * f.u * f.u, 0.03)
    clasp = box(f.u, f.v, (0, top + 0.3), (0.08, 0.06))
    shade = (
        _line(f, f.maybe(flap, 0.6))
        * _line(f, f.maybe(clasp, 0.5), -0.5)
        * _line(f, f.maybe(hanging, 0.3))
    )
    return union(body, handle), shade


# 신발: 옆모습이고, 원본처럼 코가 왼쪽을 본다.


def _upper(f: Frame, sole: Size, toe: Size, ankle: Size, instep: Size, steep: Size) -> np.ndarray:
    """Return a shoe's upper: `toe` high in front, from the instep on rising to `ankle`."""
    rise = smooth_step((f.u - instep) / steep)
    ground = sole - toe * np.sqrt(np.clip(1 - (np.minimum(f.u + 0.5, 0.0) / 0.42) ** 2, 0, 1))
    return np.maximum(np.maximum(ground - (ankle - toe) * rise - f.v, f.v - sole), np.abs(f.u + 0.035) - 0.885)


def sneaker(f: Frame) -> Garment:
    sole, toe, ankle = f.vary(0.3, 0.45), f.vary(0.25, 0.38), f.vary(0.5, 1.05)
    instep, steep = f.vary(-0.45, -0.2), f.vary(0.5, 0.9)
    upper = _upper(f, sole, toe, ankle, instep, steep)
    opening = ellipse(f.u, f.v, (f.vary(0.4, 0.55), sole - ankle), (0.28, f.vary(0.05, 0.2)))
    base = bar(f.u, f.v, (-0.92, sole + 0.06), (0.9, sole + 0.04), (0.09, f.vary(0.09, 0.16)))
    laces = np.maximum(outline(upper + 0.14, 0.1), np.abs(f.u - instep - 0.3) - 0.25)
    strip = bar(f.u, f.v, (f.vary(-0.2, 0.1), sole), (f.vary(0.1, 0.5), sole - 0.4), (0.05, 0.04))
    stripes = np.where(np.sin(f.vary(20, 30) * f.u) > 0, 1.0, 0.0)
    shade = (
        (1 - 0.4 * f.inside(laces) * stripes)
        * _line(f, strip, f.vary(-0.7, 0.7))
        * _line(f, base, f.vary(-0.5, 0.5))
        * _line(f, outline(f.v - sole, 0.02), 0.4)
    )
    return union(np.maximum(upper, -opening), base), shade


def ankle_boot(f: Frame) -> Garment:
    sole, toe, ankle = f.vary(0.55, 0.72), f.vary(0.28, 0.42), f.vary(0.85, 1.45)
    instep, steep = f.vary(-0.3, 0.0), f.vary(0.25, 0.6)
    upper = np.maximum(_upper(f, sole, toe, ankle, instep, steep), f.u - f.vary(0.6, 0.85))
    lifted = f.chance(0.4)
    heel = box(f.u, f.v, (0.55, sole + 0.1), (f.vary(0.1, 0.24), 0.16))
    drop, thick = np.where(lifted, 0.0, 0.06), np.where(lifted, 0.03, 0.1)
    base = bar(f.u, f.v, (-0.9, sole + 0.04), (0.75, sole + drop), (0.05, thick))
    shaft_line = bar(f.u, f.v, (f.vary(0.1, 0.3), sole - ankle), (f.vary(0.1, 0.5), sole - 0.2), (0.05, 0.04))
    shade = (
        _line(f, shaft_line, f.vary(0.1, 0.6))
        * _line(f, outline(f.v - sole, 0.025), 0.5)
        * _line(f, f.maybe(outline(f.v - sole + ankle - 0.12, 0.03), 0.4), 0.4)
    )
    return union(upper, base, np.where(lifted, heel, upper)), shade


def sandal(f: Frame) -> Garment:
    low, rise = f.vary(0.4, 0.6), f.vary(0.0, 0.75)
    slope = low - rise * smooth_step((f.u + 0.3) / 1.0)
    thick = f.vary(0.05, 0.11)
    footbed = np.maximum(np.abs(f.v - slope) - thick, np.abs(f.u) - 0.9)
    wedge = np.maximum(np.maximum(slope - f.v, f.v - low - 0.06), np.abs(f.u - 0.2) - 0.65)
    stiletto = bar(f.u, f.v, (0.8, low - rise), (f.vary(0.65, 0.85), low + 0.08), (0.09, 0.04))
    heel = np.where(f.chance(0.4), wedge, stiletto)
    width = f.vary(0.03, 0.07)
    front = outline(ellipse(f.u, f.v, (f.vary(-0.6, -0.4), low), (f.vary(0.2, 0.3), f.vary(0.25, 0.4))), width)
    middle = bar(f.u, f.v, (f.vary(-0.4, -0.1), low - 0.35), (f.vary(0.2, 0.6), slope), (width, width))
    back = outline(ellipse(f.u, f.v, (0.55, low - rise), (0.28, f.vary(0.2, 0.4))), width)
    straps = union(front, f.maybe(middle, 0.5), f.maybe(back, 0.7))
    straps = np.maximum(straps, f.v - slope)
    return union(footbed, heel, straps), _line(f, footbed, f.vary(-0.3, 0.5))


GARMENTS = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot)
