"""그림을 만드는 데이터 모듈들이 함께 쓰는 도구."""

from __future__ import annotations

import numpy as np


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round brightness 0..1 to uint8 0..255.

    The tiny shift keeps exact halves, which coverage by supersampling produces, off the rounding
    boundary: there the last bit of a float would decide, and that differs between machines.
    """
    return np.floor(np.clip(image, 0.0, 1.0) * 255.0 + (0.5 - 1e-6)).astype(np.uint8)
