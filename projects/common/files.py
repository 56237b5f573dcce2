"""읽는 쪽이 반쪽을 보지 않게 쓰는 파일."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path` (same suffix), then give it the name `path`.

    A kill at any moment leaves the old file or the new one under the name, never a half.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"part-{path.name}")
    write(part)
    with open(part, "rb+") as file:
        os.fsync(file.fileno())  # 이름보다 내용이 먼저 디스크에 닿게 한다
    os.replace(part, path)
