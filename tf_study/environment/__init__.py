"""설치(install), Python 찾기(python), 환경 점검(report). 표준 라이브러리만으로 시작하고 Python 3.8에서도 읽힌다."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Problem(Exception):
    """What stops a command, said in one line that the learner can act on."""
