"""여러 시험이 함께 쓰는 것: 명령을 실행하는 법과, 한 번 학습한 모델."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from projects.project03_korean_nlp.benchmark import command

ROOT = Path(__file__).parents[3]


def run(name: str, *arguments, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Run a command of the project and return what it wrote, as text."""
    done = subprocess.run(
        command(name, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=300, **options
    )
    if check and done.returncode:
        raise AssertionError(f"{name}: {done.returncode}\n{done.stderr}")
    return done


def one_line(done: subprocess.CompletedProcess, code: int) -> str:
    """Assert that a command failed with one clear line, and return the line."""
    assert done.returncode == code and done.stdout == "", done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("오류: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def write_lines(path: Path, rows: list) -> Path:
    """Write strings as they are and anything else as JSON, a line each."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Trained(NamedTuple):
    """A finished training: its folder and what the command printed."""

    out: Path
    stdout: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    """A training on the embedded corpus, with kiwi, in four epochs."""
    out = tmp_path_factory.mktemp("trained")
    done = run("train", "--out", out, "--analyzer", "kiwi", "--workers", 1, "--epochs", 4)
    return Trained(out, done.stdout)
