"""디스크의 모델 버전: models/<버전>/과, 원자적으로 바뀌는 포인터 models/current."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock

MANIFEST = "manifest.json"
POINTER = "current"
NAME = re.compile(r"v[1-9]\d*")


class RegistryError(Exception):
    """A version that is missing or broken; the message is one Korean line for the user."""


class Registry:
    """Versions v1, v2, … below a folder. A version never changes once it has its name.

    `current` is a JSON file with the versions promoted so far; the last one is served. It is replaced in
    one step, so that a reader sees the old one or the new one.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def versions(self) -> list[str]:
        """Names of the versions, the oldest first."""
        names = [path.name for path in self.folder.glob("v*") if NAME.fullmatch(path.name)]
        return sorted(names, key=lambda name: int(name[1:]))

    def history(self) -> list[str]:
        """The promoted versions; the last one is current. Empty if none was promoted."""
        try:
            return json.loads((self.folder / POINTER).read_text(encoding="utf-8"))["history"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(f"포인터는 버전의 목록이 든 JSON이어야 한다. 읽지 못한 파일: {self.folder / POINTER}") from error

    def current(self) -> str:
        """The version to serve.

        Raises:
            RegistryError: none was promoted.
        """
        history = self.history()
        if not history:
            raise RegistryError(f"서비스할 버전이 있어야 한다. 비어 있는 폴더: {self.folder}. 먼저 train을 실행한다.")
        return history[-1]

    def manifest(self, name: str) -> dict:
        """What is known of a version: settings, data, figures, checksums.

        Raises:
            RegistryError: there is no such version.
        """
        try:
            return json.loads((self.folder / name / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            there = ", ".join(self.versions()) or "없음"
            raise RegistryError(f"있는 버전의 이름이어야 한다. 받은 이름: {name!r}, 있는 버전: {there}") from error

    def model_folder(self, name: str) -> Path:
        """The preset of a version, its files checked against the manifest.

        Raises:
            RegistryError: there is no such version, or a file is not the one that was published.
        """
        expected, folder = self.manifest(name)["files"], self.folder / name / "model"
        found = _checksums(folder)
        if found != expected:
            changed = sorted(file for file in expected.keys() | found.keys() if expected.get(file) != found.get(file))
            raise RegistryError(f"{name}의 파일은 발행한 그대로여야 한다. 달라진 파일: {', '.join(changed)}")
        return folder

    def publish(self, write: Callable[[Path], None], manifest: dict) -> str:
        """Add a version whose files `write(folder)` makes, and return its name.

        Files equal to those of a version that is there make no new one. The first version is promoted at once.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".") as scratch, self._lock():
            made = Path(scratch, "version")
            write(made / "model")
            files = _checksums(made / "model")
            for name in self.versions():
                if self.manifest(name)["files"] == files:
                    return name
            text = json.dumps(manifest | {"files": files}, ensure_ascii=False, indent=1)
            (made / MANIFEST).write_text(text, encoding="utf-8")
            name = f"v{max((int(name[1:]) for name in self.versions()), default=0) + 1}"
            os.replace(made, self.folder / name)
            if not self.history():
                self._point([name])
        return name

    def promote(self, name: str) -> None:
        """Make a version current.

        Raises:
            RegistryError: it is missing or broken, or current already.
        """
        self.model_folder(name)
        with self._lock():
            history = self.history()
            if history[-1:] == [name]:
                raise RegistryError(f"지금 버전이 아닌 것이어야 한다. 받은 이름: {name} (이미 서비스하고 있다)")
            self._point([*history, name])

    def rollback(self) -> str:
        """Make the version promoted before the current one current again, and return its name.

        Raises:
            RegistryError: there is none, or it is broken.
        """
        with self._lock():
            history = self.history()
            if len(history) < 2:
                raise RegistryError(f"되돌릴 이전 버전이 있어야 한다. 지금까지 서비스한 버전: {', '.join(history) or '없음'}")
            self.model_folder(history[-2])
            self._point(history[:-1])
        return history[-2]

    def _lock(self) -> filelock.FileLock:
        return filelock.FileLock(self.folder / ".lock")

    def _point(self, history: list[str]) -> None:
        part = self.folder / f"{POINTER}.part"
        part.write_text(json.dumps({"history": history}), encoding="utf-8")
        os.replace(part, self.folder / POINTER)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
