"""main.py가 시작하는 자리: 어느 Python, 어느 운영체제에서든 한 줄로 말한다."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from sandbox import PYTHON, ROOT, environment, one_line, other_python, run, sitecustomize

NEITHER = ["3.8", "3.10", "3.13", "3.14"]
FIND = "from tf_study.environment.python import find_python; print(find_python().path)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """main.py and what it starts from, without a `.venv`."""
    shutil.copy(ROOT / "main.py", tmp_path)
    shutil.copytree(ROOT / "tf_study" / "environment", tmp_path / "tf_study" / "environment")
    for name in ("requirements.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def nothing(tmp_path: Path) -> dict[str, str]:
    """An environment from which no Python 3.11 can be found."""
    home = tmp_path / "home"
    home.mkdir()
    return environment(home, PATH=str(home), PYENV_ROOT=str(home))


@pytest.mark.parametrize("minor", NEITHER)
@pytest.mark.parametrize("command", ["start", "test"])
def test_asks_for_python_3_11_where_there_is_none(minor, command, project, nothing):
    line = one_line(run([other_python(minor), "main.py", command], nothing, project))
    assert "Python 3.11을 찾지 못했다" in line and "install" in line
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("minor", NEITHER)
def test_another_python_finds_3_11_through_pyenv(minor, project, nothing, tmp_path):
    versions = tmp_path / "pyenv" / "versions"
    versions.mkdir(parents=True)
    (versions / "3.11.0").symlink_to(Path(PYTHON).parents[1])
    result = run([other_python(minor), "-c", FIND], {**nothing, "PYENV_ROOT": str(tmp_path / "pyenv")}, project)
    assert os.path.samefile(result.stdout.strip(), PYTHON), result.stderr


def test_a_python3_11_that_does_not_run_is_passed_over(project, nothing, tmp_path):
    shim = Path(nothing["PATH"], "python3.11")
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.11: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    line = one_line(run([other_python("3.13"), "main.py", "start"], nothing, project))
    assert "Python 3.11을 찾지 못했다" in line


def test_a_python3_11_without_venv_is_passed_over(project, nothing, tmp_path):
    hidden = sitecustomize(tmp_path / "debian", "")
    Path(hidden, "ensurepip.py").write_text("raise ImportError('python3.11-venv')")
    wrapper = Path(nothing["PATH"], "python3.11")
    wrapper.write_text(f"#!/bin/sh\nshift\nPYTHONPATH={hidden} exec {PYTHON} \"$@\"\n")  # -I를 벗긴다
    wrapper.chmod(0o755)
    line = one_line(run([other_python("3.13"), "main.py", "start"], nothing, project))
    assert "venv, ensurepip 포함" in line


@pytest.mark.parametrize("minor", ["3.6", "3.7"])
def test_a_python_too_old_to_read_the_course(minor, project, nothing):
    assert f"지금은 {minor}이다" in one_line(run([other_python(minor), "main.py", "start"], nothing, project))


@pytest.mark.parametrize("arguments", [[], ["start"], ["test"], ["progress"], ["--json"]])
def test_native_windows_is_sent_to_wsl(arguments, project, nothing, tmp_path):
    windows = sitecustomize(tmp_path / "windows", "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None")
    line = one_line(run([PYTHON, "main.py", *arguments], {**nothing, "PYTHONPATH": windows}, project))
    assert "WSL2" in line


def test_an_intel_mac_is_refused(project, nothing, tmp_path):
    mac = sitecustomize(tmp_path / "mac", "import sys; sys.platform = 'darwin'")
    line = one_line(run([PYTHON, "main.py", "start"], {**nothing, "PYTHONPATH": mac}, project))
    assert line.startswith("Intel Mac")


def test_another_linux_architecture_is_refused(project, nothing):
    setarch = shutil.which("setarch") or pytest.skip("setarch가 없다")
    line = one_line(run([setarch, "i686", PYTHON, "main.py", "start"], nothing, project))
    assert line.startswith("Linux i686")


@pytest.mark.parametrize("arguments", [[], ["--json"], ["progress"]])
def test_without_an_environment_it_says_how_to_make_one(arguments, project, nothing):
    assert "python3 main.py start" in one_line(run([other_python("3.13"), "main.py", *arguments], nothing, project))


def test_a_terminal_without_korean_still_gets_its_line(project, nothing):
    result = run([other_python("3.13"), "main.py"], {**nothing, "PYTHONIOENCODING": "ascii"}, project)
    assert "`python3 main.py start`" in one_line(result)


@pytest.mark.parametrize("path, said", [("none.ipynb", "노트북이 없다"), (__file__, "이 저장소")])
def test_start_opens_only_notebooks_of_the_project(path, said, project, nothing):
    assert said in one_line(run([PYTHON, "main.py", "start", path], nothing, project))
