"""그림을 그리는 데이터 모듈들이 함께 쓰는 도구: 자세, 도형, 칠하기.

도형은 부호 있는 거리다. 안이 음수, 밖이 양수라서 합집합은 `np.minimum`, 교집합은 `np.maximum`,
빼기는 `np.maximum(a, -b)`이고, 경계 한 픽셀을 비율로 칠하면 계단이 사라진다.
그림 여러 장을 한꺼번에 그리므로 도형의 치수는 수이거나 장마다 다른 (n, 1, 1) 배열이다.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

TRAIN_PER_CLASS, TEST_PER_CLASS = 600, 100

Size = float | np.ndarray
Point = tuple[Size, Size]

FAR = 9.0  # 그림 바깥의 거리


class Frame:
    """A batch of n pictures, seen in the coordinates of the thing to draw.

    `u` points right and `v` down, both (n, side, side) and about -1..1 over the picture; every picture
    has its own position, turn, size and bend. `pixel` (n, 1, 1) is the width of a pixel in these units.
    """

    def __init__(
        self,
        random: np.random.RandomState,
        count: int,
        side: int,
        shift: float = 0.0,
        turn: float = 0.0,
        size: tuple[float, float] = (1.0, 1.0),
        bend: float = 0.0,
        flip: float = 0.0,
    ) -> None:
        """Pose the pictures at random.

        Args:
            random: where the variation comes from.
            count: n.
            side: pixels of an edge.
            shift: largest displacement, in half pictures.
            turn: largest rotation, in radians.
            size: smallest and largest magnification, also drawn for width and height apart (±8 %).
            bend: largest displacement of the smooth distortion.
            flip: chance of a mirror image.
        """
        self.random, self.count, self.side = random, count, side
        axis = (np.arange(side) + 0.5) / side * 2 - 1
        x, y = axis[None, None, :] - self.vary(-shift, shift), axis[None, :, None] - self.vary(-shift, shift)
        angle, scale = self.vary(-turn, turn), self.vary(*size)
        wide, tall = scale * self.vary(0.92, 1.08), scale * self.vary(0.92, 1.08)
        cos, sin = np.cos(angle), np.sin(angle)
        mirror = np.where(self.chance(flip), -1.0, 1.0)
        self.u = mirror * (cos * x + sin * y) / wide
        self.v = (cos * y - sin * x) / tall
        if bend:
            field = bend * smooth_noise(random, (2, count), (side, side), (4, 4))
            self.u, self.v = self.u + field[0], self.v + field[1]
        self.pixel = 2 / side / scale

    def vary(self, low: float, high: float) -> np.ndarray:
        """Return one number in low..high for each picture: (n, 1, 1)."""
        return self.random.uniform(low, high, (self.count, 1, 1))

    def chance(self, probability: float) -> np.ndarray:
        """Return for each picture whether a thing with this probability is there: bool (n, 1, 1)."""
        return self.random.uniform(0, 1, (self.count, 1, 1)) < probability

    def maybe(self, distance: np.ndarray, probability: float) -> np.ndarray:
        """Return the distance to a part that only some pictures have."""
        return np.where(self.chance(probability), distance, FAR)

    def inside(self, distance: np.ndarray) -> np.ndarray:
        """Return how much of each pixel a shape covers, 0..1."""
        return np.clip(0.5 - distance / self.pixel, 0.0, 1.0)


def ellipse(u: np.ndarray, v: np.ndarray, centre: Point, radii: Point) -> np.ndarray:
    """Return the distance to an ellipse (exact on its edge and for a circle)."""
    x, y = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
    return (np.sqrt(x * x + y * y) - 1) * np.minimum(*radii)


def box(u: np.ndarray, v: np.ndarray, centre: Point, half: Point) -> np.ndarray:
    """Return the distance to a rectangle with half-edges `half`."""
    return np.maximum(np.abs(u - centre[0]) - half[0], np.abs(v - centre[1]) - half[1])


def bar(u: np.ndarray, v: np.ndarray, start: Point, end: Point, thick: Point) -> np.ndarray:
    """Return the distance to a bar with flat ends, whose half-width goes from thick[0] to thick[1]."""
    along, across, length = _along(u, v, start, end)
    width = thick[0] + (thick[1] - thick[0]) / length * along
    return np.maximum(np.abs(across) - width, np.abs(along - length / 2) - length / 2)


def capsule(u: np.ndarray, v: np.ndarray, start: Point, end: Point, thick: Point) -> np.ndarray:
    """Return the distance to a bar with round ends, whose radius goes from thick[0] to thick[1]."""
    along, across, length = _along(u, v, start, end)
    nearest = np.clip(along, 0, length)
    beyond = along - nearest
    return np.sqrt(across * across + beyond * beyond) - (thick[0] + (thick[1] - thick[0]) / length * nearest)


def polygon(u: np.ndarray, v: np.ndarray, corners: list[Point]) -> np.ndarray:
    """Return the distance to a convex polygon, corners clockwise as seen (v points down)."""
    distance = None
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = x1 - x0, y1 - y0
        length = np.sqrt(dx * dx + dy * dy)
        edge = u * (dy / length) - v * (dx / length) - (x0 * dy - y0 * dx) / length
        distance = edge if distance is None else np.maximum(distance, edge)
    return distance


def outline(distance: np.ndarray, thick: Size) -> np.ndarray:
    """Return the distance to a line of half-width `thick` along a shape's edge."""
    return np.abs(distance) - thick


def union(*distances: np.ndarray) -> np.ndarray:
    """Return the distance to the union of shapes."""
    joined = distances[0]
    for distance in distances[1:]:
        joined = np.minimum(joined, distance)
    return joined


def smooth_step(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at x ≤ 0 to 1 at x ≥ 1 along an S."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def smooth_noise(
    random: np.random.RandomState, shape: tuple[int, ...], size: tuple[int, int], knots: tuple[int, int]
) -> np.ndarray:
    """Return fields (*shape, *size) in -1..1 that vary smoothly between a grid of random values.

    Args:
        random: where the values come from.
        shape: leading axes, one field for each.
        size: rows and columns of a field.
        knots: rows and columns of the grid of values.
    """
    values = random.uniform(-1, 1, (*shape, *knots))
    return _stretch(_stretch(values, size[0], axis=-2), size[1], axis=-1)


def paint(canvas: np.ndarray, coverage: np.ndarray, colour: np.ndarray) -> None:
    """Lay a colour (3, n, 1, 1), or one for each pixel, over a canvas (3, n, H, W) in place."""
    canvas += coverage * (colour - canvas)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round brightness 0..1 to uint8 0..255.

    The tiny shift keeps exact halves off the rounding boundary: there the last bit of a float would
    decide, and that differs between machines.
    """
    return np.floor(np.clip(image, 0.0, 1.0) * 255.0 + (0.5 - 1e-6)).astype(np.uint8)


def draw_splits(
    random: np.random.RandomState,
    classes: Sequence[Callable[[np.random.RandomState, int], np.ndarray]],
    batch: int,
) -> dict[str, np.ndarray]:
    """Draw a balanced training and test set in random order.

    Args:
        random: where the variation comes from.
        classes: for each class the function that draws a number of its pictures.
        batch: how many to draw at once, few enough to stay in the processor's cache.

    Returns:
        x_train, y_train, x_test, y_test; y uint8 (N,), index into `classes`.
    """
    arrays = {}
    for split, per_class in (("train", TRAIN_PER_CLASS), ("test", TEST_PER_CLASS)):
        order = random.permutation(len(classes) * per_class)
        pictures = np.concatenate([draw(random, batch) for draw in classes for _ in range(per_class // batch)])
        arrays[f"x_{split}"] = pictures[order]
        arrays[f"y_{split}"] = (order // per_class).astype(np.uint8)
    return arrays


def _stretch(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Enlarge one axis to `length`, going from each value to the next along an S."""
    place = np.linspace(0, values.shape[axis] - 1, length)
    before = np.minimum(place.astype(int), values.shape[axis] - 2)
    weight = smooth_step(place - before).reshape((-1, *[1] * (-1 - axis)))
    start, end = np.take(values, before, axis), np.take(values, before + 1, axis)
    return start + weight * (end - start)


def _along(u: np.ndarray, v: np.ndarray, start: Point, end: Point) -> tuple[np.ndarray, np.ndarray, Size]:
    """Return each pixel's place along and across the line from `start`, and the length of the line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = np.sqrt(dx * dx + dy * dy)
    dx, dy = dx / length, dy / length
    x, y = u - start[0], v - start[1]
    return x * dx + y * dy, y * dx - x * dy, length
