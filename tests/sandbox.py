"""main.py를 실제로 나쁜 환경에서 돌리기 위한 것: 사용자의 집과 떨어진 자리, 이름 공간, 다른 Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = sys._base_executable
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Return a small environment in which nothing of the user's can be read or written."""
    return {"HOME": str(home), "PATH": SYSTEM_PATH, "LANG": "C.UTF-8", **changes}


def run(command: list, env: dict[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Run a command without stdin and return what it wrote, as text."""
    return subprocess.run(
        list(map(str, command)), env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def one_line(result: subprocess.CompletedProcess) -> str:
    """Assert that a command failed with exactly one line and no traceback, and return the line."""
    assert result.returncode != 0
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stdout
    return lines[0]


def unshared(*flags: str) -> list[str]:
    """Return the prefix that runs a command in namespaces of its own, or skip where the kernel forbids it."""
    prefix = ["unshare", "--map-root-user", *flags]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip("이 컴퓨터에서는 이름 공간을 만들 수 없다(unshare)")
    return prefix


def other_python(minor: str) -> str:
    """Return an interpreter of another version, or skip."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = shutil.which(f"python{minor}", path=SYSTEM_PATH) or next(
        map(str, folder.glob(f"{minor}.*/bin/python{minor}")), None
    )
    return found or pytest.skip(f"Python {minor}이 없다")


def sitecustomize(folder: Path, code: str) -> str:
    """Write code that every Python with the returned PYTHONPATH runs before anything else."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(code)
    return str(folder)
