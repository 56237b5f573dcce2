"""내장 데이터와 원본 가운데 무엇을 쓰는지, 캐시가 어디인지."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]

SOURCES = ("embedded", "real")


def use_real() -> bool:
    """Return whether `TF_STUDY_DATA` asks for the original data.

    Raises:
        ValueError: `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
    """
    chosen = os.environ.get("TF_STUDY_DATA", "embedded")
    if chosen not in SOURCES:
        raise ValueError(f"TF_STUDY_DATA는 {' 또는 '.join(SOURCES)}이어야 한다. 받은 값: {chosen!r}")
    return chosen == "real"


def home() -> Path:
    """Return the folder for caches and the learner's record: `TF_STUDY_HOME` or ~/.tf_study."""
    return Path(os.environ.get("TF_STUDY_HOME", "~/.tf_study")).expanduser()


def cached(build: Callable[[], Arrays]) -> Callable[[], Arrays]:
    """Keep the arrays that `build` makes in memory and in an .npz file.

    The file's name carries a hash of this package's sources, so it is never stale. A damaged file
    is made again; a folder that cannot be written only costs the speed-up. Every call returns
    fresh arrays, which the caller may change.
    """

    @functools.cache
    def load() -> Arrays:
        path = _cache_file(build)
        try:
            with np.load(path) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            arrays = build()
            _store(path, arrays)
            return arrays

    @functools.wraps(build)
    def copies() -> Arrays:
        return {name: array.copy() for name, array in load().items()}

    copies.cache_clear = load.cache_clear
    return copies


def _cache_file(build: Callable[[], Arrays]) -> Path:
    name = f"{build.__module__.rpartition('.')[2]}-{build.__name__}-{fingerprint()}"
    return home() / "embedded" / f"{name}.npz"


@functools.cache
def fingerprint() -> str:
    """Hash every module beside this one: builders share tables and drawing helpers."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:12]


def _store(path: Path, arrays: Arrays) -> None:
    """Write through a temporary file, so that a reader never sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.savez(file, **arrays)
        os.replace(file.name, path)
    except OSError:
        return  # 캐시는 있으면 좋은 것일 뿐이다
