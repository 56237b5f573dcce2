"""main.py의 명령: 준비하고, 알맞은 인터프리터로 바꿔 탄다."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from tf_study.environment import ROOT, Problem
from tf_study.environment.install import VirtualEnvironment
from tf_study.environment.python import refuse_unsupported_machine

FIRST_CHAPTER = ROOT / "chapter01_basics"


def start(notebook: str | None, browser: bool, cuda: bool) -> NoReturn:
    """Prepare the environment, check it once and become JupyterLab.

    Raises:
        Problem: the environment cannot be prepared, its check fails, or `notebook` is not one of the project's.
    """
    if cuda and sys.platform != "linux":
        raise Problem("--cuda는 NVIDIA GPU가 있는 Linux에서만 쓴다.")
    url = _lab_url(notebook)
    requirements = "requirements-cuda.txt" if cuda else "requirements.txt"
    environment = _prepare(requirements)
    if not environment.is_checked(requirements):
        print("[5/5] 환경 점검 (10~20초)", flush=True)
        if subprocess.call([str(environment.python), str(ROOT / "main.py")]) != 0:
            raise Problem("필수 항목이 빠졌다. 위의 ❌를 고친 뒤 같은 명령을 다시 실행한다.")
        environment.mark_checked(requirements)
    print("JupyterLab을 연다. 끝낼 때는 이 창에서 Ctrl-C를 두 번 누른다.", flush=True)
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={url}"]
    options += [] if browser else ["--no-browser"]
    options += ["--allow-root"] if os.geteuid() == 0 else []  # 컨테이너에서는 root가 보통이다
    _become(environment.python, "-m", "jupyterlab", *options)


def test(paths: list[str]) -> NoReturn:
    """Prepare the environment with the test and PyTorch extras and become pytest on all cores.

    Args:
        paths: files, folders or node ids relative to the current folder; none means everything.

    Raises:
        Problem: the environment cannot be prepared.
    """
    chosen = [os.path.join(os.getcwd(), path) for path in paths]
    environment = _prepare("requirements-test.txt")
    os.chdir(ROOT)
    _become(environment.python, "-m", "pytest", "-n", str(_cores()), *chosen)


def progress() -> None:
    """Print the learner's record of passed exercise checks.

    Raises:
        Problem: neither this interpreter nor `.venv` can read the record.
    """
    _enter_environment("numpy")
    from tf_study.course.check import progress_report

    print(progress_report())


def check(as_json: bool) -> int:
    """Check the environment and return the exit status.

    Raises:
        Problem: there is no environment to check.
    """
    _enter_environment("tensorflow")
    from tf_study.environment.report import report

    return report(as_json)


def _prepare(requirements: str) -> VirtualEnvironment:
    refuse_unsupported_machine()
    environment = VirtualEnvironment(ROOT)
    environment.provide(requirements)
    environment.register_kernel()
    return environment


def _enter_environment(needed: str) -> None:
    """Stay in `.venv`, in a conda environment or wherever else `needed` can be imported; else restart in `.venv`."""
    environment = VirtualEnvironment(ROOT)
    if Path(sys.prefix) == environment.folder:
        return
    own = importlib.util.find_spec(needed) is not None
    if own and (Path(sys.prefix, "conda-meta").is_dir() or not environment.python.exists()):
        return
    if not environment.python.exists():
        raise Problem("아직 환경이 없다. `python3 main.py start`를 실행한다.")
    _become(environment.python, *sys.argv)


def _become(python: Path, *arguments: str) -> NoReturn:
    os.execv(python, [str(python), *arguments])


def _lab_url(notebook: str | None) -> str:
    """Return JupyterLab's address of a notebook; by default the first one of chapter 01."""
    path = Path(notebook).resolve() if notebook else min(FIRST_CHAPTER.glob("*.ipynb"), default=ROOT)
    if notebook and not path.is_file():
        raise Problem(f"노트북이 없다: {notebook}")
    if path != ROOT and ROOT not in path.parents:
        raise Problem(f"이 저장소({ROOT}) 안의 노트북만 열 수 있다. 받은 것: {path}")
    return "/lab/tree/" + quote(path.relative_to(ROOT).as_posix())


def _cores() -> int:
    """Return how many cores this process may use; containers and schedulers often allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
