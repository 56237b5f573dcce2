"""내장 데이터와 원본 가운데 무엇을 쓰는지, 캐시가 어디인지."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

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
