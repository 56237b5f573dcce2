"""강의가 도는 컴퓨터인지 가리고, 쓸 수 있는 Python 3.11을 찾는다."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tf_study.environment import Problem

# venv와 ensurepip은 Debian이 따로 나눈 꾸러미라 없을 수 있다. 가상환경의 Python이면 그 바탕을 답한다.
PROBE = """
import ensurepip, platform, sys, venv
print(sys._base_executable, "%d.%d" % sys.version_info[:2], platform.machine(), platform.python_version())
"""


class Python(NamedTuple):
    """A Python 3.11 that was seen to work."""

    path: str
    version: str


def refuse_unsupported_machine() -> None:
    """Refuse machines for which there are no wheels of TensorFlow and tensorflow-text.

    Raises:
        Problem: neither Linux on x86_64 nor macOS on Apple silicon.
    """
    if (sys.platform, machine()) in {("linux", "x86_64"), ("darwin", "arm64")}:
        return
    system = "Intel Mac" if sys.platform == "darwin" else f"{platform.system()} {machine()}"
    raise Problem(
        f"{system}에는 맞는 TensorFlow와 tensorflow-text의 배포 파일이 없다. "
        "Linux(x86_64), Apple silicon Mac, Windows의 WSL2(x86_64) 가운데 하나가 필요하다."
    )


def machine() -> str:
    """Return the machine's architecture, looking through Rosetta: 'arm64', 'x86_64', …"""
    if sys.platform == "darwin" and "ARM64" in os.uname().version:
        return "arm64"
    return platform.machine()


def find_python() -> Python:
    """Return the first usable Python 3.11: one that runs, has venv and ensurepip and fits the machine.

    Raises:
        Problem: there is none; the line names the command that installs it.
    """
    for candidate in _candidates():
        found = _probe(candidate)
        if found is not None:
            return found
    raise Problem(f"쓸 수 있는 Python 3.11을 찾지 못했다(venv, ensurepip 포함). 설치한 뒤 다시 실행한다: {_how_to_install()}")


def _candidates() -> Iterator[str]:
    yield sys.executable
    on_path = shutil.which("python3.11")
    if on_path:
        yield on_path
    home = Path.home()
    for folder, pattern in (
        (Path(os.environ.get("PYENV_ROOT", home / ".pyenv")), "versions/3.11*/bin/python3.11"),
        (home / ".local/share/uv/python", "cpython-3.11*/bin/python3.11"),
        (Path("/opt/homebrew/opt/python@3.11"), "bin/python3.11"),
        (Path("/Library/Frameworks/Python.framework/Versions/3.11"), "bin/python3.11"),
        *((folder, "bin/python3.11") for folder in _conda_folders(home)),
        *((folder, "envs/*/bin/python3.11") for folder in _conda_folders(home)),
    ):
        yield from sorted(map(str, folder.glob(pattern)), reverse=True)


def _conda_folders(home: Path) -> list[Path]:
    named = [home / name for name in ("miniconda3", "miniforge3", "anaconda3")]
    conda = os.environ.get("CONDA_EXE")  # …/bin/conda
    return [Path(conda).parents[1], *named] if conda else named


def _probe(candidate: str) -> Python | None:
    """Run the candidate: pyenv's shims exist for versions that are not chosen, and venv may be missing."""
    try:
        answer = subprocess.run([candidate, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30, check=True)
        path, minor, built_for, version = answer.stdout.rsplit(maxsplit=3)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # 쓸 수 없다는 것이 곧 답이다
    return Python(path.strip(), version) if (minor, built_for) == ("3.11", machine()) else None


def _how_to_install() -> str:
    if sys.platform == "darwin":
        return "`brew install python@3.11`"
    if shutil.which("apt-get"):
        return "`sudo apt install python3.11 python3.11-venv` (배포판에 없으면 `pyenv install 3.11`)"
    if shutil.which("dnf"):
        return "`sudo dnf install python3.11`"
    return "`pyenv install 3.11`"
