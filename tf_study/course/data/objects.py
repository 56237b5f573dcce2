"""작은 컬러 그림 (CIFAR-10 형식).

내장 데이터는 시드로 그린 그림이다: 열 종류의 탈것과 동물을 여러 배경·색·자세·크기로, 일부는 가린 채 훈련 6,000장,
시험 1,000장 그린다. 배경과 색은 종류끼리 겹치므로 색만 보아서는 알 수 없다.

시험 정확도(benchmarks/embedded_data.py): 픽셀에 건 선형 모델 35.7 %, 작은 합성곱 신경망 93.1 %(시드 셋의 평균).
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
    capsule,
    draw_splits,
    ellipse,
    outline,
    paint,
    polygon,
    smooth_noise,
    to_uint8,
    union,
)

CLASSES = ("비행기", "자동차", "새", "고양이", "사슴", "개", "개구리", "말", "배", "트럭")
CLASSES_EN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

SIDE = 32

Split = tuple[np.ndarray, np.ndarray]
Layer = tuple[np.ndarray, np.ndarray]  # 도형까지의 거리, 색 (3, n, 1, 1)

# 배경: 지평선 위의 색과 아래의 색 (RGB)
SCENES = np.array([
    [[0.55, 0.72, 0.90], [0.70, 0.80, 0.90]],  # 하늘
    [[0.65, 0.78, 0.88], [0.20, 0.38, 0.55]],  # 바다
    [[0.50, 0.65, 0.60], [0.35, 0.52, 0.22]],  # 풀밭
    [[0.30, 0.42, 0.25], [0.45, 0.38, 0.25]],  # 숲
    [[0.70, 0.72, 0.75], [0.42, 0.42, 0.44]],  # 도로
    [[0.80, 0.72, 0.60], [0.55, 0.42, 0.32]],  # 방 안
])
SKY, SEA, GRASS, FOREST, ROAD, ROOM = range(len(SCENES))

# 털과 깃의 색
COATS = np.array([
    [0.12, 0.10, 0.10], [0.40, 0.26, 0.15], [0.65, 0.47, 0.28],
    [0.85, 0.78, 0.65], [0.90, 0.90, 0.88], [0.45, 0.45, 0.47],
])  # fmt: skip


def load_data() -> tuple[Split, Split]:
    """Return small colour pictures as `keras.datasets.cifar10.load_data` does.

    Returns:
        (x_train, y_train), (x_test, y_test): x uint8 (N, 32, 32, 3), RGB; y uint8 (N, 1), index of `CLASSES`.
        N is 6,000 and 1,000, or 50,000 and 10,000 when `TF_STUDY_DATA=real`.

    Raises:
        ValueError: `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.cifar10()
    arrays = embedded()
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "CIFAR-10 원본: 컬러 사진 훈련 50,000장, 시험 10,000장 (32×32). Krizhevsky 2009, 라이선스 표시 없음."
    return "내장 컬러 그림: 시드로 그린 CIFAR-10 형식의 그림 훈련 6,000장, 시험 1,000장 (32×32)."


@_source.cached
def embedded() -> _source.Arrays:
    """Draw the embedded set."""
    classes = [functools.partial(_draw, thing, home) for thing, home in THINGS]
    arrays = draw_splits(np.random.RandomState(2009), classes, batch=50)
    return arrays | {name: arrays[name][:, None] for name in ("y_train", "y_test")}


def _draw(
    thing: Callable[[Frame], list[Layer]], home: tuple[int, ...], random: np.random.RandomState, count: int
) -> np.ndarray:
    f = Frame(random, count, SIDE, shift=0.22, turn=0.25, size=(0.55, 1.0), bend=0.08, flip=0.5)
    canvas = _background(f, home)
    for distance, colour in [*thing(f), *_obstacle(f)]:
        paint(canvas, f.inside(distance), colour)
    canvas *= 1 + f.vary(-0.25, 0.25) * f.v + 0.12 * smooth_noise(random, (count,), (SIDE, SIDE), (5, 5))
    canvas = 0.5 + f.vary(0.75, 1.1) * (canvas - 0.5) + f.vary(-0.1, 0.1)  # 노출
    canvas += f.vary(0.02, 0.08) * random.uniform(-1, 1, canvas.shape)
    return to_uint8(canvas.transpose(1, 2, 3, 0))


def _background(f: Frame, home: tuple[int, ...]) -> np.ndarray:
    """Return (3, n, H, W): a scene where the thing belongs, or any scene at all."""
    usual = f.random.choice(home, f.count)
    scene = np.where(f.chance(0.6).ravel(), usual, f.random.randint(len(SCENES), size=f.count))
    colours = SCENES[scene] + f.random.uniform(-0.14, 0.14, (f.count, 2, 3))
    above, below = colours.transpose(1, 2, 0)[..., None, None]
    height = np.linspace(-1, 1, SIDE)[None, :, None]
    ground = np.clip((height - f.vary(-0.3, 0.6)) * SIDE / 4, 0, 1)
    coarse, fine = (smooth_noise(f.random, (f.count,), (SIDE, SIDE), (knots, knots)) for knots in (5, 12))
    return above + ground * (below - above) + f.vary(0.03, 0.12) * (coarse + fine)


def _obstacle(f: Frame) -> list[Layer]:
    """Return a post or a bush in front of some of the things."""
    place = f.vary(-0.9, 0.9)
    post = bar(f.u, f.v, (place, -1.5), (place + f.vary(-0.2, 0.2), 1.5), (0.05, 0.06))
    bush = ellipse(f.u, f.v, (place, f.vary(0.6, 1.0)), (f.vary(0.2, 0.5), f.vary(0.2, 0.4)))
    return [(f.maybe(post, 0.25), _any_colour(f)), (f.maybe(bush, 0.35), _any_colour(f) * 0.7)]


def _any_colour(f: Frame) -> np.ndarray:
    return f.random.uniform(0.05, 0.95, (3, f.count, 1, 1))


def _coat(f: Frame) -> np.ndarray:
    """Return a colour of fur or feathers; every animal may have any of them."""
    colours = COATS[f.random.randint(len(COATS), size=f.count)] + f.random.uniform(-0.08, 0.08, (f.count, 3))
    return colours.T[..., None, None]


def _grey(level: float) -> np.ndarray:
    return np.full((3, 1, 1, 1), level)


BLACK, WHITE, GLASS = _grey(0.08), _grey(0.92), np.array([0.25, 0.32, 0.4])[:, None, None, None]


# 탈것. 모두 왼쪽을 보며, 절반은 뒤집혀 그려진다.


def airplane(f: Frame) -> list[Layer]:
    body, trim = 0.5 + 0.5 * _any_colour(f), _any_colour(f)
    u, v = f.u, f.v + f.vary(-0.3, 0.3) * f.u  # 오르거나 내리는 중
    thick, span = f.vary(0.09, 0.15), f.vary(0.35, 0.7)
    fuselage = capsule(u, v, (-0.75, 0), (0.75, -0.04), (thick, 0.06))
    near_wing = polygon(u, v, [(-0.2, 0.02), (0.15, 0.02), (0.5, span), (0.3, span)])
    far_wing = polygon(u, v, [(-0.15, -0.05), (0.25, -0.7 * span), (0.4, -0.7 * span), (0.12, -0.05)])
    fin = polygon(u, v, [(0.48, -0.03), (0.7, -0.45), (0.88, -0.45), (0.8, -0.03)])
    tail = polygon(u, v, [(0.55, 0), (0.78, 0), (0.95, 0.2), (0.82, 0.2)])
    engine = capsule(u, v, (0.0, 0.22), (0.2, 0.22), (0.07, 0.06))
    windows = np.maximum(box(u, v, (-0.05, -0.03), (0.5, 0.03)), 0.03 * np.sin(28 * u))
    return [
        (far_wing, 0.75 * body), (fin, trim), (fuselage, body), (union(near_wing, tail), 0.85 * body),
        (f.maybe(engine, 0.6), 0.5 * body), (union(windows, ellipse(u, v, (-0.72, -0.04), (0.06, 0.04))), BLACK),
    ]  # fmt: skip


def _wheels(f: Frame, places: tuple[Size, ...], height: Size, radius: Size) -> list[Layer]:
    tyres = union(*(ellipse(f.u, f.v, (place, height), (radius, radius)) for place in places))
    return [(tyres, BLACK), (tyres + 0.55 * radius, _grey(0.6))]


def automobile(f: Frame) -> list[Layer]:
    body, roof, front, back = _any_colour(f), f.vary(-0.42, -0.26), f.vary(-0.5, -0.3), f.vary(0.35, 0.7)
    lower = polygon(f.u, f.v, [(-0.8, 0.02), (-0.4, -0.06), (0.7, -0.06), (0.86, 0.05), (0.86, 0.3), (-0.86, 0.3)])
    cabin = polygon(f.u, f.v, [(front, 0), (front + 0.22, roof), (back - 0.15, roof), (back, 0)])
    pillar = outline(f.u - f.vary(0.0, 0.15), 0.03)
    windows = np.maximum(np.maximum(cabin + 0.06, -pillar), f.v + 0.05)
    lamps = union(box(f.u, f.v, (-0.8, 0.1), (0.05, 0.05)), box(f.u, f.v, (0.83, 0.1), (0.04, 0.05)))
    return [
        (union(lower, cabin), body), (windows, GLASS), (lamps, WHITE),
        *_wheels(f, (-0.5, 0.5), 0.3, f.vary(0.15, 0.2)),
    ]  # fmt: skip


def truck(f: Frame) -> list[Layer]:
    cab_colour, load_colour = _any_colour(f), _any_colour(f)
    top, split = f.vary(-0.65, -0.35), f.vary(-0.42, -0.25)
    cab_top = f.vary(-0.38, -0.2)
    cab = polygon(f.u, f.v, [(-0.88, 0.0), (-0.75, cab_top), (split, cab_top), (split, 0.35), (-0.88, 0.35)])
    window = polygon(f.u, f.v, [(-0.8, 0.0), (-0.7, cab_top + 0.06), (split - 0.1, cab_top + 0.06), (split - 0.1, 0.0)])
    load = box(f.u, f.v, ((split + 0.95) / 2, (top + 0.28) / 2), ((0.89 - split) / 2, (0.28 - top) / 2))
    ribs = np.maximum(load + 0.05, 0.03 * np.sin(f.vary(14, 30) * f.u))
    chassis = box(f.u, f.v, (0.1, 0.32), (0.85, 0.06))
    return [
        (chassis, _grey(0.2)), (cab, cab_colour), (window, GLASS), (load, load_colour),
        (f.maybe(ribs, 0.4), 0.8 * load_colour), *_wheels(f, (-0.6, 0.35, 0.68), 0.38, f.vary(0.13, 0.18)),
    ]  # fmt: skip


def ship(f: Frame) -> list[Layer]:
    hull_colour, upper_colour = _any_colour(f), 0.4 + 0.6 * _any_colour(f)
    deck, bow = f.vary(0.08, 0.22), f.vary(0.7, 0.92)
    hull = polygon(f.u, f.v, [(-bow, deck), (0.85, deck), (0.7, 0.5), (-0.6, 0.5)])
    house = box(f.u, f.v, (f.vary(0.0, 0.4), deck - 0.1), (f.vary(0.2, 0.4), 0.14))
    bridge = box(f.u, f.v, (f.vary(0.1, 0.3), deck - 0.3), (0.15, 0.1))
    funnel = bar(f.u, f.v, (0.4, deck - 0.2), (0.43, deck - 0.5), (0.07, 0.06))
    mast = bar(f.u, f.v, (-0.05, deck), (-0.05, deck - 0.95), (0.025, 0.02))
    sails = f.chance(0.4)
    main_sail = polygon(f.u, f.v, [(0.0, deck - 0.9), (0.55, deck - 0.08), (0.0, deck - 0.08)])
    fore_sail = polygon(f.u, f.v, [(-0.1, deck - 0.8), (-0.1, deck - 0.1), (-0.6, deck - 0.1)])
    return [
        (mast, _grey(0.3)),
        (np.where(sails, union(main_sail, fore_sail), union(house, bridge)), upper_colour),
        (np.where(sails, main_sail + 0.3, funnel), _any_colour(f)),
        (hull, hull_colour),
        (np.maximum(hull, f.v - deck - 0.08), 0.6 * hull_colour + 0.3),
    ]


# 동물


def _legs(f: Frame, places: tuple[float, ...], hip: Size, ground: Size, thick: Size) -> np.ndarray:
    """Return slightly spread legs, as the distance to all of them."""
    stride = f.vary(-0.1, 0.1)
    ends = (place + stride * (-1) ** i for i, place in enumerate(places))
    return union(*(
        capsule(f.u, f.v, (place, hip), (end, ground), (thick, 0.7 * thick))
        for place, end in zip(places, ends, strict=True)
    ))  # fmt: skip


def bird(f: Frame) -> list[Layer]:
    body, wing_colour = _coat(f), _coat(f)
    tilt = f.vary(-0.1, 0.3)
    trunk = capsule(f.u, f.v, (-0.3, -0.1), (0.3, tilt), (f.vary(0.2, 0.28), 0.1))
    tail = bar(f.u, f.v, (0.25, tilt), (0.85, tilt + f.vary(-0.1, 0.2)), (0.06, 0.12))
    head = ellipse(f.u, f.v, (-0.48, -0.3), (0.17, 0.16))
    beak = polygon(f.u, f.v, [(-0.6, -0.36), (-0.6, -0.22), (-0.88, -0.26)])
    folded = ellipse(f.u, f.v + 0.3 * f.u, (0.05, 0.0), (0.32, 0.14))
    raised = polygon(f.u, f.v, [(-0.2, 0.0), (f.vary(0.0, 0.4), f.vary(-0.95, -0.6)), (0.4, -0.45), (0.2, 0.05)])
    flying = f.chance(0.4)
    legs = np.where(flying, 9.0, _legs(f, (-0.1, 0.05), 0.1, 0.6, 0.03))
    return [
        (legs, _grey(0.25)), (beak, np.array([0.9, 0.6, 0.15])[:, None, None, None]), (union(trunk, tail, head), body),
        (np.where(flying, raised, folded), 0.8 * wing_colour), (ellipse(f.u, f.v, (-0.52, -0.34), (0.04, 0.04)), BLACK),
    ]  # fmt: skip


def cat(f: Frame) -> list[Layer]:
    fur = _coat(f)
    trunk = capsule(f.u, f.v, (-0.3, 0.15), (0.4, 0.15), (0.2, f.vary(0.22, 0.28)))
    legs = _legs(f, (-0.35, -0.18, 0.3, 0.48), 0.2, 0.65, 0.07)
    tail = union(
        capsule(f.u, f.v, (0.55, 0.1), (0.75, -0.2), (0.06, 0.05)),
        capsule(f.u, f.v, (0.75, -0.2), (f.vary(0.6, 0.9), -0.6), (0.05, 0.04)),
    )
    x, y = f.u + 0.42, f.v + f.vary(0.15, 0.35)  # 얼굴은 앞을 본다
    face = ellipse(x, y, (0, 0), (0.28, 0.24))
    ears = polygon(np.abs(x), y, [(0.05, -0.18), (0.24, -0.42), (0.28, -0.08)])
    eyes = ellipse(np.abs(x), y, (0.11, -0.04), (0.05, 0.06))
    stripes = np.maximum(trunk + 0.04, 0.04 * np.sin(22 * f.u))
    return [
        (union(legs, tail), 0.85 * fur), (trunk, fur), (f.maybe(stripes, 0.4), 0.6 * fur),
        (union(face, ears), 0.95 * fur + 0.04), (eyes, np.array([0.7, 0.8, 0.3])[:, None, None, None]),
        (eyes + 0.03, BLACK), (ellipse(x, y, (0, 0.08), (0.04, 0.03)), np.array([0.8, 0.5, 0.5])[:, None, None, None]),
    ]  # fmt: skip


def dog(f: Frame) -> list[Layer]:
    fur, ear_colour = _coat(f), _coat(f)
    trunk = capsule(f.u, f.v, (-0.25, 0.08), (0.45, 0.08), (0.22, 0.18))
    legs = _legs(f, (-0.32, -0.15, 0.35, 0.52), 0.15, 0.72, 0.07)
    tail = capsule(f.u, f.v, (0.58, 0.0), (f.vary(0.7, 0.9), f.vary(-0.4, -0.1)), (0.06, 0.03))
    x, y = f.u + 0.42, f.v + f.vary(0.2, 0.4)
    head = ellipse(x, y, (0, 0), (0.23, 0.22))
    muzzle = capsule(x, y, (-0.05, 0.06), (f.vary(-0.42, -0.32), 0.1), (0.13, 0.09))
    neck = capsule(f.u, f.v, (-0.4, -0.2), (-0.25, 0.05), (0.15, 0.18))
    ear = ellipse(x - 0.2 * y, y, (0.12, 0.06), (0.09, f.vary(0.18, 0.28)))
    return [
        (union(legs, tail), 0.85 * fur), (union(trunk, neck, head, muzzle), fur), (ear, 0.7 * ear_colour),
        (ellipse(x, y, (-0.4, 0.05), (0.06, 0.05)), BLACK), (ellipse(x, y, (-0.08, -0.06), (0.04, 0.04)), BLACK),
    ]  # fmt: skip


def deer(f: Frame) -> list[Layer]:
    fur = _coat(f)
    trunk = capsule(f.u, f.v, (-0.2, 0.08), (0.4, 0.06), (0.17, 0.16))
    legs = _legs(f, (-0.28, -0.15, 0.35, 0.46), 0.1, 0.85, 0.045)
    poll = f.vary(-0.55, -0.4)
    neck = capsule(f.u, f.v, (-0.25, 0.02), (-0.42, poll), (0.12, 0.08))
    head = capsule(f.u, f.v, (-0.42, poll), (-0.68, poll + 0.12), (0.1, 0.06))
    ear = ellipse(f.u, f.v, (-0.3, poll - 0.06), (0.12, 0.05))
    beam = [(-0.4, poll - 0.05), (-0.25, poll - 0.3), (f.vary(-0.4, -0.15), poll - 0.52)]
    tines = [(beam[1], (-0.45, poll - 0.35)), (beam[0], (-0.58, poll - 0.25)), (beam[1], (-0.08, poll - 0.35))]
    antlers = union(*(bar(f.u, f.v, a, b, (0.03, 0.025)) for a, b in [(beam[0], beam[1]), (beam[1], beam[2]), *tines]))
    rump = ellipse(f.u, f.v, (0.55, 0.0), (0.07, 0.1))
    return [
        (f.maybe(antlers, 0.75), np.array([0.75, 0.65, 0.5])[:, None, None, None]), (legs, 0.8 * fur),
        (union(trunk, neck, head, ear), fur), (rump, WHITE),
        (ellipse(f.u, f.v, (-0.48, poll + 0.01), (0.03, 0.03)), BLACK),
    ]  # fmt: skip


def horse(f: Frame) -> list[Layer]:
    fur, hair = _coat(f), 0.7 * _coat(f)
    trunk = capsule(f.u, f.v, (-0.2, 0.02), (0.4, 0.02), (0.23, 0.23))
    legs = _legs(f, (-0.32, -0.18, 0.38, 0.52), 0.1, 0.85, 0.065)
    poll = f.vary(-0.6, -0.4)
    neck = capsule(f.u, f.v, (-0.28, -0.05), (-0.52, poll), (0.2, 0.11))
    head = capsule(f.u, f.v, (-0.52, poll), (-0.8, poll + f.vary(0.2, 0.35)), (0.12, 0.08))
    ear = polygon(f.u, f.v, [(-0.56, poll - 0.05), (-0.48, poll - 0.25), (-0.42, poll - 0.05)])
    mane = capsule(f.u, f.v, (-0.4, poll - 0.08), (-0.08, -0.15), (0.07, 0.06))
    tail = capsule(f.u, f.v, (0.6, -0.08), (f.vary(0.7, 0.9), f.vary(0.3, 0.6)), (0.06, 0.09))
    return [
        (tail, hair), (legs, 0.85 * fur), (union(trunk, neck, head, ear), fur), (mane, hair),
        (ellipse(f.u, f.v, (-0.58, poll + 0.02), (0.03, 0.03)), BLACK),
    ]  # fmt: skip


def frog(f: Frame) -> list[Layer]:
    green = np.array([0.35, 0.55, 0.2])[:, None, None, None]
    skin = np.where(f.chance(0.5), green + 0.3 * (_any_colour(f) - 0.5), _coat(f))
    back = f.vary(-0.15, 0.05)
    trunk = capsule(f.u, f.v, (-0.3, back), (0.35, 0.3), (0.28, 0.22))
    thigh = ellipse(f.u + 0.3 * f.v, f.v, (0.5, 0.35), (f.vary(0.25, 0.34), 0.2))
    foot = capsule(f.u, f.v, (0.3, 0.58), (0.75, 0.58), (0.06, 0.05))
    arm = union(
        capsule(f.u, f.v, (-0.3, 0.2), (-0.4, 0.55), (0.09, 0.06)),
        capsule(f.u, f.v, (-0.4, 0.56), (-0.6, 0.6), (0.05, 0.05)),
    )
    eyes = union(
        ellipse(f.u, f.v, (-0.42, back - 0.26), (0.12, 0.12)),
        ellipse(f.u, f.v, (-0.14, back - 0.27), (0.11, 0.11)),
    )
    mouth = np.maximum(outline(f.v - back - 0.08 - 0.15 * f.u, 0.02), f.u + 0.1)
    belly = np.maximum(trunk, 0.18 + back - f.v + 0.3 * f.u)
    return [
        (union(trunk, eyes, arm), skin), (belly, 0.5 * skin + 0.4), (np.maximum(mouth, trunk), 0.4 * skin),
        (union(thigh, foot), 0.85 * skin), (arm, 0.9 * skin), (eyes + 0.06, BLACK),
    ]  # fmt: skip


THINGS = (
    (airplane, (SKY,)),
    (automobile, (ROAD, GRASS)),
    (bird, (SKY, FOREST)),
    (cat, (ROOM, GRASS)),
    (deer, (FOREST, GRASS)),
    (dog, (ROOM, GRASS)),
    (frog, (FOREST, GRASS)),
    (horse, (GRASS, ROAD)),
    (ship, (SEA,)),
    (truck, (ROAD, GRASS)),
)
