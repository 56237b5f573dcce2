"""모든 테스트와 노트북 커널이 물려받는 환경: 강의의 기본값, 학습자의 기록과 떨어진 자리."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parent


def pytest_configure(config) -> None:
    scratch = tempfile.TemporaryDirectory(prefix="tf_study-", ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "TF_STUDY_PROGRESS": os.path.join(scratch.name, "progress"),
        # nbval은 커널을 죽여서 끝내므로 노트북이 만든 임시 폴더는 여기서 치운다
        "TMPDIR": scratch.name,
        "TF_STUDY_DATA": "embedded",
        "TF_STUDY_SCALE": "quick",
    }


class LoadExerciseScheduling(LoadFileScheduling):
    """A file is one worker's, as with `--dist loadfile`, but of tests/test_practice.py an exercise is."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, rest = nodeid.partition("::")
        exercise = re.search(r"chapter\d\d_ex\d\d", rest)
        return f"{file}::{exercise[0]}" if exercise and file.endswith("test_practice.py") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") == "loadfile":
        return LoadExerciseScheduling(config, log)
