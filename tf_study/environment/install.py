"""`.venv`를 만들고, 끊긴 설치를 고치고, 요구가 바뀌면 더한다.

설치가 끝났다는 증거는 맨 마지막에 한 번에 쓰는 `.venv/tf_study.json` 하나다. 이것이 없거나 지금과 맞지 않는 `.venv`는
버리고 다시 만든다. 받은 파일은 pip의 캐시에 남으므로 다시 받지 않는다.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tf_study.environment import Problem
from tf_study.environment.python import find_python

PIP = "pip==26.3"  # 25.1부터 설치하는 동안에도 진행 막대를 보인다

# 요구 파일 → (그것이 품는 요구 파일들, 설치에 필요한 여유 공간 GiB)
SETS = {
    "requirements.txt": (("requirements.txt",), 4),
    "requirements-cuda.txt": (("requirements.txt", "requirements-cuda.txt"), 10),
    "requirements-test.txt": (("requirements.txt", "requirements-test.txt"), 8),
}

SETTINGS = {
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",  # 사용자의 pip.conf가 켜 두었으면 가상환경 안에서는 실패한다
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "DS_BUILD_OPS": "0",  # deepspeed의 C++ 연산은 처음 쓸 때 짓는다
}

# pip을 돌리되 표준 입력이 닫히면, 곧 부모가 kill -9로라도 죽으면 따라 죽는다.
PIP_THAT_FOLLOWS_ITS_PARENT = """
import os, runpy, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""

NETWORK = "네트워크에 닿지 않는다. 연결과 프록시를 확인한 뒤 같은 명령을 다시 실행한다"
DISK = "디스크가 가득 찼다. 공간을 비운 뒤 같은 명령을 다시 실행한다"
READ_ONLY = "쓸 수 없는 폴더다. 쓸 수 있는 곳에 저장소를 두고 다시 실행한다"
CAUSES = (
    (r"No space left on device|Disk quota exceeded|Errno (28|122)\b", DISK),
    (r"Read-only file system|Permission denied|Errno (13|30)\b", READ_ONLY),
    (
        r"Max retries exceeded|NewConnectionError|NameResolutionError|Failed to resolve|Network is unreachable"
        r"|Temporary failure in name resolution|ConnectionError|Connection(Reset|Refused)|Connection refused"
        r"|Connection broken|timed? ?out|ProxyError|SSLError|CERTIFICATE_VERIFY_FAILED",
        NETWORK,
    ),
)


class _Failed(Exception):
    """A step's process failed; carries what it wrote to stderr."""


class VirtualEnvironment:
    """The project's `.venv` and the proof that its installation came to an end."""

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.log = self.folder / "install.log"
        self._stamp = self.folder / "tf_study.json"

    def provide(self, requirements: str) -> None:
        """Install what `requirements` names unless it is there already; then no pip runs and no network is used.

        Args:
            requirements: name of a requirements file, one of SETS.

        Raises:
            Problem: no Python 3.11, no room, no network, a folder that cannot be written, or pip's own failure.
        """
        if self._has(requirements):
            return
        try:
            with self._only_one():
                if not self._has(requirements):  # 기다리는 동안 다른 실행이 끝냈을 수 있다
                    self._install(requirements)
        except OSError as error:
            raise Problem(f"설치하지 못했다: {_cause(str(error)) or error} ({self.root})") from error

    def is_checked(self, requirements: str) -> bool:
        """Return whether the environment check has passed with these requirements as they are now."""
        return self._read_stamp().get("checked") == self._hashes([requirements])

    def mark_checked(self, requirements: str) -> None:
        """Remember that the environment check has passed with these requirements."""
        self._write_stamp({**self._read_stamp(), "checked": self._hashes([requirements])})

    def register_kernel(self) -> None:
        """Register the Jupyter kernel `tf_study` for this environment (0.3 s, so at every start).

        Raises:
            Problem: the user's Jupyter folder cannot be written.
        """
        command = ["-m", "ipykernel", "install", "--user", "--name", "tf_study", "--display-name", "Python (tf_study)"]
        try:
            self._run([str(self.python), *command])
        except _Failed as failed:
            raise self._problem("Jupyter 커널을 등록하지 못했다", failed) from failed

    def _install(self, requirements: str) -> None:
        stamp = self._read_stamp()
        self._require_room(requirements)
        try:
            if stamp:
                _heading(1, f"가상환경: 있는 것에 더한다 ({self.folder})")
                self._stamp.unlink()
            else:
                self._create()
            self._upgrade_pip()
            _heading(3, f"패키지 설치: {requirements}")
            self._pip("install", "--requirement", str(self.root / requirements))
            _heading(4, "강의 패키지 tf_study 설치")
            self._pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(self.root))
        except _Failed as failed:
            if stamp and _cause(str(failed)) == NETWORK:  # pip은 다 받은 뒤에야 바꾼다: 있던 환경은 그대로다
                self._write_stamp(stamp)
            raise self._problem("설치하지 못했다", failed) from failed
        covered, _ = SETS[requirements]
        installed = {**stamp.get("requirements", {}), **self._hashes(covered)}
        self._write_stamp({**stamp, **self._identity(), "requirements": installed})

    def _create(self) -> None:
        python = find_python()
        _heading(1, f"가상환경 만들기: Python {python.version} ({python.path})")
        if self.folder.exists():
            self._discard()
        self._run([python.path, "-I", "-m", "venv", str(self.folder)])

    def _discard(self) -> None:
        """Remove what an interrupted installation left, but nothing that is not a virtual environment."""
        left_by_venv = {"bin", "include", "lib", "lib64", "pyvenv.cfg"}
        names = {path.name for path in self.folder.iterdir()}
        if self.folder.is_symlink() or not ("pyvenv.cfg" in names or names <= left_by_venv):
            raise Problem(f"{self.folder}이 가상환경이 아니다. 옮기거나 지운 뒤 다시 실행한다.")
        print("끝나지 않았거나 지금과 맞지 않는 가상환경을 버리고 다시 만든다.", flush=True)
        shutil.rmtree(self.folder)

    def _upgrade_pip(self) -> None:
        """Bring pip to the version known to work; Python's own pip will do where that one cannot be had."""
        _heading(2, f"pip 준비: {PIP}")
        try:
            self._pip("install", "--quiet", PIP)
        except _Failed as failed:
            if _cause(str(failed)):
                raise
            print(f"{PIP}을 구하지 못해 Python에 들어 있는 pip을 그대로 쓴다.", flush=True)

    def _pip(self, *arguments: str) -> None:
        code = ["-I", "-c", PIP_THAT_FOLLOWS_ITS_PARENT, *arguments, "--log", str(self.log)]
        self._run([str(self.python), *code])

    def _run(self, command: list[str]) -> None:
        """Run a step with its stdout shown and its stderr kept for the case of failure.

        The lock is inherited: a child that outlives a killed parent still keeps a second run waiting.
        """
        pipe, environment = subprocess.PIPE, {**os.environ, **SETTINGS}
        with subprocess.Popen(
            command, stdin=pipe, stderr=pipe, env=environment, close_fds=False, encoding="utf-8", errors="replace"
        ) as process:
            try:
                stderr = process.stderr.read()
            except KeyboardInterrupt:
                process.terminate()
                raise
        if process.returncode != 0:
            raise _Failed(stderr)

    def _problem(self, what: str, failed: _Failed) -> Problem:
        cause = _cause(str(failed)) or (DISK if _is_full(self.folder) else _last_error(str(failed)))
        return Problem(f"{what}: {cause}." + (f" 기록: {self.log}" if self.log.exists() else ""))

    def _require_room(self, requirements: str) -> None:
        if not os.access(self.root, os.W_OK):
            raise Problem(f"설치하지 못했다: {READ_ONLY} ({self.root})")
        _, needed = SETS[requirements]
        free = shutil.disk_usage(self.root).free / 2**30
        if free < needed:
            raise Problem(f"디스크 여유가 {free:.1f} GiB뿐이다. {needed} GiB가 필요하다 ({self.root}).")

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold a lock on the project's folder itself, so that two runs do not install at once."""
        folder = os.open(self.root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("다른 실행이 설치하고 있다. 끝나기를 기다린다.", flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
            os.set_inheritable(folder, True)
            yield
        finally:
            os.close(folder)

    def _has(self, requirements: str) -> bool:
        installed = self._read_stamp().get("requirements", {})
        return installed.get(requirements) == self._hashes([requirements])[requirements]

    def _hashes(self, names) -> dict:
        return {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in names}

    def _identity(self) -> dict:
        """What a finished environment must still be: in its own place, on a Python that still exists."""
        return {"venv": str(self.folder), "python": os.path.realpath(self.python)}

    def _read_stamp(self) -> dict:
        """Return the stamp, or {} where there is none that fits this environment."""
        try:
            stamp = json.loads(self._stamp.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        identity = self._identity()
        fits = {key: stamp.get(key) for key in identity} == identity and os.path.exists(identity["python"])
        return stamp if fits else {}

    def _write_stamp(self, stamp: dict) -> None:
        part = self._stamp.with_suffix(".part")
        part.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        os.replace(part, self._stamp)


def _heading(number: int, text: str) -> None:
    print(f"[{number}/5] {text}", flush=True)


def _cause(text: str) -> str | None:
    return next((cause for pattern, cause in CAUSES if re.search(pattern, text)), None)


def _last_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "×"))]
    return (errors or lines or ["까닭을 남기지 않고 끝났다"])[-1].rstrip(".")


def _is_full(folder: Path) -> bool:
    """Return whether the file system has run out of bytes or inodes: ensurepip hides that error."""
    usage = os.statvfs(folder)
    return usage.f_bavail * usage.f_frsize < 2**20 or (usage.f_files > 0 and usage.f_favail < 16)
