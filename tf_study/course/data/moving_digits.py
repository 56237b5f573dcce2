"""튀어 다니는 숫자 동영상 (Moving MNIST 형식).

Srivastava, Mansimov, Salakhutdinov, "Unsupervised Learning of Video Representations using LSTMs" (2015,
arXiv:1502.04681)의 방법대로, 손글씨 숫자 둘이 64×64 화면을 등속으로 움직이며 벽에서 반사된다.
내장 데이터는 내장 손글씨 숫자(`digits`)로 500편을 만든다. 원본에 정답과 훈련/시험 구분이 없으므로 여기에도 없다.
"""

from __future__ import annotations

import numpy as np

from tf_study.course.data import _source, digits

LENGTH, COUNT, SIDE = 20, 500, 64
DIGITS_PER_VIDEO = 2
SLOWEST, FASTEST = 2, 4  # 프레임마다 움직이는 픽셀 수


def load_data() -> np.ndarray:
    """Return videos of two bouncing digits as the Moving MNIST file holds them.

    Returns:
        uint8 (T, N, 64, 64), white on black, time first: T is 20; N is 500, or 10,000 when `TF_STUDY_DATA=real`.

    Raises:
        ValueError: `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.moving_mnist()
    return embedded()["videos"]


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "Moving MNIST 원본: 숫자 둘이 움직이는 동영상 10,000편 (20프레임, 64×64). Srivastava 외 2015."
    return "내장 동영상: 내장 손글씨 숫자(UCI optdigits, CC BY 4.0) 둘이 움직이는 500편 (20프레임, 64×64)."


@_source.cached
def embedded() -> _source.Arrays:
    """Make the embedded videos; `paths` (T, N, 2, 2) holds each digit's top and left in half pixels."""
    random = np.random.RandomState(2015)
    pictures = digits.embedded()["x_train"]
    chosen = random.randint(len(pictures), size=(COUNT, DIGITS_PER_VIDEO))
    paths = _bounce(random, room=2 * (SIDE - digits.SIDE))
    canvas = np.zeros((LENGTH, COUNT, SIDE + 1, SIDE + 1), np.uint8)  # 반 픽셀 밀린 숫자는 한 칸 더 크다
    for n in range(COUNT):
        for k in range(DIGITS_PER_VIDEO):
            _draw(canvas[:, n], pictures[chosen[n, k]], paths[:, n, k])
    return {"videos": np.ascontiguousarray(canvas[:, :, :SIDE, :SIDE]), "paths": paths}


def _bounce(random: np.random.RandomState, room: int) -> np.ndarray:
    """Return positions (T, N, 2, 2) in 0..room: straight lines at constant speed, folded back at the walls.

    Everything is a whole number of half pixels, so the reflection is exact.
    """
    fastest = 2 * FASTEST
    steps = np.indices((2 * fastest + 1, 2 * fastest + 1)).reshape(2, -1).T - fastest
    speed = np.square(steps).sum(axis=1)
    steps = steps[((2 * SLOWEST) ** 2 <= speed) & (speed <= fastest**2)]
    start = random.randint(room + 1, size=(COUNT, DIGITS_PER_VIDEO, 2))
    velocity = steps[random.randint(len(steps), size=(COUNT, DIGITS_PER_VIDEO))]
    straight = start + velocity * np.arange(LENGTH)[:, None, None, None]
    return room - np.abs(straight % (2 * room) - room)


def _draw(video: np.ndarray, picture: np.ndarray, path: np.ndarray) -> None:
    """Draw a digit along a path (T, 2) into a video (T, 65, 65) in place; where digits cross, the brighter wins."""
    shifted = _half_steps(picture)
    for frame, (top, left) in zip(video, path, strict=True):
        part = frame[top // 2 : top // 2 + digits.SIDE + 1, left // 2 : left // 2 + digits.SIDE + 1]
        np.maximum(part, shifted[top % 2, left % 2], out=part)


def _half_steps(picture: np.ndarray) -> np.ndarray:
    """Return a digit moved by 0 or half a pixel down and right: (2, 2, 29, 29)."""
    whole = np.pad(picture, 1).astype(np.uint16)
    down = np.stack([whole[1:], (whole[1:] + whole[:-1]) // 2])
    return np.stack([down[:, :, 1:], (down[:, :, 1:] + down[:, :, :-1]) // 2], axis=1).astype(np.uint8)
