"""그림 파일 하나를 픽셀로: 학습, 평가, 예측이 모두 이 함수로 읽는다."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = {  # 확장자가 말하는 형식
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF",
}  # fmt: skip


@contextlib.contextmanager
def _one_error() -> Iterator[None]:
    """Pillow's decoders raise what they like for a broken file (RuntimeError, TypeError, …): make it an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(str(error) or type(error).__name__) from error



def open_upright(path: Path | str) -> Image.Image:
    """Decode a picture completely, first frame, turned as its EXIF tag says, in RGB.

    Transparent pixels become white.

    Raises:
        OSError: it cannot be read.
    """
    with _one_error(), Image.open(path) as picture:
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        return upright.convert("RGB")


def read_image(path: Path | str, side: int) -> np.ndarray:
    """Return the centre square of a picture, resized: uint8 (side, side, 3), RGB.

    Raises:
        OSError: it cannot be read.
    """
    square = ImageOps.fit(open_upright(path), (side, side), Image.Resampling.BILINEAR)
    return np.asarray(square)


def explain(error: OSError) -> str:
    """Say in Korean why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "파일이 없다"
    if isinstance(error, IsADirectoryError):
        return "그림 파일이어야 한다. 받은 것: 폴더"
    if isinstance(error, Image.UnidentifiedImageError):
        return "내용이 그림이 아니다"
    return f"읽을 수 없다: {error}"


def reason_to_leave_out(path: Path, least: int) -> str | None:
    """Say why a file is no good for training; None if it is a whole picture of the type that its suffix says.

    Args:
        least: pixels that its shorter edge must have.
    """
    expected = SUFFIXES.get(path.suffix.lower())
    if expected is None:
        return f"확장자는 {' '.join(SUFFIXES)} 가운데 하나여야 한다. 받은 것: {path.suffix or '없음'}"
    try:
        with _one_error(), Image.open(path) as picture:
            if picture.format != expected:
                return f"확장자와 내용이 다르다: {path.suffix}인데 내용은 {picture.format}이다"
        picture = open_upright(path)
    except Image.UnidentifiedImageError as error:
        return "빈 파일이다" if path.stat().st_size == 0 else f"확장자와 내용이 다르다: {path.suffix}인데 {explain(error)}"
    except OSError as error:
        return explain(error)
    if min(picture.size) < least:
        return f"너무 작다: {picture.width}×{picture.height}픽셀. 짧은 변이 {least}픽셀 이상이어야 한다"
    return None
