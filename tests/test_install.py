"""`.venv`의 설치: 처음, 다음, 끊김, 둘이 함께, 그리고 나쁜 환경.

2.5 GB를 받지 않도록 요구 파일에 손으로 만든 작은 wheel만 적는다. 그 밖은 모두 실제이다: venv, pip, 이름 공간, kill -9.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from sandbox import PYTHON, ROOT, environment, one_line, run, unshared

PYTEST_STUB = "import sys; print('pytest', *sys.argv[1:]); sys.exit(3)"
KERNEL_STUB = "import pathlib, sys; pathlib.Path.home().joinpath('kernel').write_text(sys.executable)"
LAB_STUB = "import sys; print('jupyterlab', *sys.argv[1:])"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """A folder of wheels: stand-ins for three programs, the real setuptools, and one of 3,000 files."""
    folder = tmp_path_factory.mktemp("wheels")
    _wheel(folder, "ipykernel", {"ipykernel/__main__.py": KERNEL_STUB})
    _wheel(folder, "jupyterlab", {"jupyterlab/__main__.py": LAB_STUB})
    _wheel(folder, "pytest", {"pytest/__main__.py": PYTEST_STUB})
    _wheel(folder, "many", {f"many/{i}.txt": "" for i in range(3000)})
    real = metadata.distribution("setuptools")
    files = {str(f): f.read_binary() for f in real.files if ".." not in f.parts and f.suffix != ".pyc"}
    with zipfile.ZipFile(folder / f"setuptools-{real.version}-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return folder


def _wheel(folder: Path, name: str, files: dict[str, str]) -> None:
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


class Project:
    """A copy of the project whose requirements are the small wheels."""

    def __init__(self, folder: Path, wheels: Path):
        self.root = folder / "project"
        self.home = folder / "home"
        self.home.mkdir()
        self.env = environment(self.home, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), CI="true")
        shutil.copytree(ROOT / "tf_study" / "environment", self.root / "tf_study" / "environment")
        for name in ("main.py", "pyproject.toml", "tf_study/__init__.py"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "README.md").touch()
        self.require("requirements.txt", "ipykernel", "jupyterlab", "setuptools>=77")
        self.require("requirements-test.txt", "ipykernel", "jupyterlab", "setuptools>=77", "pytest")

    def require(self, file: str, *names: str) -> None:
        (self.root / file).write_text("\n".join(names) + "\n")

    def main(self, *arguments: str) -> subprocess.CompletedProcess:
        return run([PYTHON, "main.py", *arguments], self.env, self.root)

    def main_without_network(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run with the usual index, which then cannot be reached."""
        usual = {key: value for key, value in self.env.items() if not key.startswith("PIP_")}
        command = [*unshared("--net"), PYTHON, "main.py", *arguments]
        return run(command, {**usual, "PIP_RETRIES": "1"}, self.root)

    def begin(self, *arguments: str) -> subprocess.Popen:
        """Start main.py as the leader of a process group and return while it runs."""
        return subprocess.Popen(
            [PYTHON, "-u", "main.py", *arguments], env=self.env, cwd=self.root, process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "tf_study.json"

    def is_usable(self) -> bool:
        """The course and the requirements can be imported from anywhere."""
        code = "import tf_study, ipykernel, pathlib; print(pathlib.Path(tf_study.__file__).parents[1])"
        result = run([self.root / ".venv/bin/python", "-c", code], self.env, self.home)
        return result.stdout.strip() == str(self.root)


@pytest.fixture
def project(tmp_path, wheels) -> Project:
    return Project(tmp_path, wheels)


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheels) -> Project:
    """A project after its first `start`, whose check finds no TensorFlow, and its first `test`."""
    project = Project(tmp_path_factory.mktemp("installed"), wheels)
    project.first = project.main("start")
    project.second = project.main("test", "tests/a.py::b")
    return project


@pytest.fixture
def finished(installed) -> Iterator[Project]:
    """The same, given back as it was."""
    files = {path: path.read_text() for path in (installed.stamp, *installed.root.glob("requirements*.txt"))}
    yield installed
    for path, text in files.items():
        path.write_text(text)


def _until(process: subprocess.Popen, text: str) -> None:
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r}가 나오지 않았다: {process.stderr.read()}")


def test_the_first_start_installs_and_checks(finished):
    out = finished.first.stdout
    headings = [line[:5] for line in out.splitlines() if line.startswith("[")]
    assert headings == ["[1/5]", "[2/5]", "[3/5]", "[4/5]", "[5/5]"]
    assert "❌ TensorFlow" in out and "❌를 고친 뒤" in one_line(finished.first)
    assert finished.is_usable()
    assert (finished.home / "kernel").read_text() == str(finished.root / ".venv/bin/python")


def test_test_after_start_only_adds_and_becomes_pytest(finished):
    out = finished.second.stdout
    assert "있는 것에 더한다" in out and "Successfully installed pytest-1.0" in out and "Uninstalling" not in out
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert f"pytest -n {cores} {finished.root}/tests/a.py::b" in out
    assert finished.second.returncode == 3, "pytest의 종료 코드가 그대로 나와야 한다"


def test_the_next_run_needs_neither_pip_nor_network(finished):
    before = finished.stamp.stat().st_mtime_ns
    began = time.monotonic()
    result = finished.main_without_network("test")
    assert result.returncode == 3 and "[1/5]" not in result.stdout
    assert time.monotonic() - began < 5
    assert finished.stamp.stat().st_mtime_ns == before


def test_start_after_test_installs_nothing_and_opens_what_was_checked(finished):
    stamp = json.loads(finished.stamp.read_text())
    checked = {"requirements.txt": stamp["requirements"]["requirements.txt"]}
    finished.stamp.write_text(json.dumps({**stamp, "checked": checked}))
    opened = finished.main("start", "--no-browser")
    assert opened.returncode == 0 and "/5]" not in opened.stdout
    assert "--no-browser" in opened.stdout and "--LabApp.default_url=/lab/tree/" in opened.stdout


def test_a_moved_project_is_built_again(finished, tmp_path, wheels):
    moved = Project(tmp_path, wheels)
    shutil.copytree(finished.root / ".venv", moved.root / ".venv", symlinks=True)
    assert "다시 만든다" in moved.main("test").stdout
    assert moved.is_usable()


def test_changed_requirements_are_added_to_what_is_there(finished):
    finished.require("requirements.txt", "ipykernel", "jupyterlab", "setuptools>=77", "many")
    own = finished.root / ".venv" / "own-file"
    own.touch()
    assert "Successfully installed many" in finished.main("start").stdout
    assert own.exists(), "있던 가상환경을 버리지 않아야 한다"


def test_adding_without_network_leaves_the_environment_whole(finished):
    finished.require("requirements-test.txt", "tf-study-no-such-package==1.0")
    before = json.loads(finished.stamp.read_text())["requirements"]
    assert "네트워크" in one_line(finished.main_without_network("test"))
    assert json.loads(finished.stamp.read_text())["requirements"] == before


@pytest.mark.parametrize("step", ["[1/5]", "[3/5]"])
def test_a_killed_installation_is_repaired(project, step):
    process = project.begin("test")
    _until(process, step)
    process.kill()
    process.wait()
    assert not project.stamp.exists()
    again = project.main("test")
    assert again.returncode == 3 and "[1/5]" in again.stdout
    assert project.is_usable()


def test_ctrl_c_ends_with_one_line(project):
    process = project.begin("test")
    _until(process, "[1/5]")  # 가장 이른 걸음: 바쁜 기계에서 늦게 끼어들어도 설치가 끝나지 않았다
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode != 0 and len(stderr.splitlines()) == 1
    assert "멈췄다" in stderr
    assert not project.stamp.exists()


def test_two_runs_at_once_install_once(project):
    first, second = project.begin("test"), project.begin("test")
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [3, 3]
    assert sum("[1/5]" in out for out in outputs) == 1
    assert sum("기다린다" in out for out in outputs) == 1
    assert project.is_usable()


def test_no_network_at_the_first_installation(project):
    line = one_line(project.main_without_network("start"))
    assert "네트워크" in line and str(project.root / ".venv/install.log") in line
    assert (project.root / ".venv/install.log").stat().st_size > 0
    assert not project.stamp.exists()


def test_pips_own_failure_is_quoted(project):
    project.require("requirements.txt", "tf-study-no-such-package==1.0")
    line = one_line(project.main("start"))
    assert "No matching distribution found for tf-study-no-such-package==1.0" in line and "install.log" in line


def test_too_little_room_is_seen_before_anything_is_written(project):
    line = one_line(_on_tmpfs(project, "size=16m"))
    assert "디스크 여유가 0.0 GiB뿐이다" in line


def test_a_disk_that_fills_up_during_the_installation(project):
    project.require("requirements.txt", "ipykernel", "jupyterlab", "setuptools>=77", "many")
    line = one_line(_on_tmpfs(project, "size=64g,nr_inodes=3500"))
    assert "디스크가 가득 찼다" in line


def test_a_disk_that_fills_up_while_the_environment_is_created(project):
    assert "디스크가 가득 찼다" in one_line(_on_tmpfs(project, "size=64g,nr_inodes=400"))


def _on_tmpfs(project: Project, options: str) -> subprocess.CompletedProcess:
    place = project.home / "disk"
    place.mkdir()
    mount = f"mount -t tmpfs -o {options} tmpfs {place} && cp -r {project.root}/. {place}"
    return _start_after(mount, place, project)


def test_a_read_only_folder(project):
    root = project.root
    mount = f"mount --bind {root} {root} && mount -o remount,ro,bind {root}"
    assert "쓸 수 없는 폴더다" in one_line(_start_after(mount, root, project))


def _start_after(mount: str, place: Path, project: Project) -> subprocess.CompletedProcess:
    script = f"{mount} && cd {place} && exec {PYTHON} main.py start"
    return run([*unshared("--mount"), "sh", "-c", script], project.env)


def test_a_folder_named_venv_that_is_none_is_left_alone(project):
    precious = project.root / ".venv" / "precious.txt"
    precious.parent.mkdir()
    precious.touch()
    assert "가상환경이 아니다" in one_line(project.main("start"))
    assert precious.exists()
