"""원본 데이터를 받는 길: 이어받기, 체크섬, 캐시, 안전한 압축 풀기."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from filelock import FileLock
from tqdm import tqdm

TIMEOUT = (10, 30)  # 연결, 그리고 바이트와 바이트 사이(초)
CHUNK = 1 << 16
MANIFEST = ".extracted.json"


class DownloadError(RuntimeError):
    """원본을 받을 수 없거나 받은 것이 원본이 아니다."""


def fetch(url: str, path: Path, checksum: str, size: int) -> Path:
    """Return `path` once it holds the file at `url`, downloading what is missing.

    A partial download is resumed. A cached or received file with another checksum is deleted and
    fetched again, once. Processes that want the same file wait for each other.

    Args:
        url: `TF_STUDY_MIRROR`, if set, replaces its scheme and host.
        path: where the file is kept; its folder is made.
        checksum: 'sha256:…', or 'md5:…' where nobody publishes a better one.
        size: bytes.

    Raises:
        DownloadError: no network, an HTTP error, no space, or a checksum that stays wrong. The
            message says how to go on without the file.
        ValueError: `TF_STUDY_MIRROR` is not an http(s) address.
    """
    url = _mirrored(url)
    try:
        if _is_intact(path, checksum):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_beside(path, ".lock")):
            return _fetch_alone(url, path, checksum, size)
    except OSError as error:  # requests의 오류도 OSError다
        raise DownloadError(_advice(_explain(error), url, path, checksum)) from None


def extract(archive: Path, folder: Path) -> Path:
    """Return `folder` once it holds everything in the tar `archive`.

    It appears whole or not at all; one that lost a file since, or came from another archive, is
    made again. Members that point outside the folder are refused.

    Raises:
        tarfile.FilterError: a member would be written outside `folder`.
        DownloadError: the folder cannot be written.
    """
    origin = _stamp(os.stat(archive))
    try:
        if not _is_complete(folder, origin):
            with FileLock(_beside(folder, ".lock")):
                _extract_alone(archive, folder, origin)
    except OSError as error:
        raise DownloadError(f"{archive.name}: 압축을 풀 수 없다. {_explain(error)}. 자리: {folder}") from None
    return folder


def extract_member(archive: Path, member: str, path: Path) -> Path:
    """Return `path` once it holds the file `member` of the zip `archive`.

    Raises:
        DownloadError: the file cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as stored:
            if _size(path) == stored.getinfo(member).file_size:
                return path
            part = _beside(path, ".part")
            with FileLock(_beside(path, ".lock")), stored.open(member) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target)  # zipfile이 CRC를 맞추어 본다
                os.replace(part, path)
    except OSError as error:
        raise DownloadError(f"{archive.name}: 압축을 풀 수 없다. {_explain(error)}. 자리: {path}") from None
    return path


def _fetch_alone(url: str, path: Path, checksum: str, size: int) -> Path:
    if _is_intact(path, checksum):  # 기다리는 동안 다른 프로세스가 받았다
        return path
    path.unlink(missing_ok=True)
    part = _beside(path, ".part")
    for _ in range(2):  # 두 번째는 처음 바이트부터: 이어받은 조각이 옛것이었을 수 있다
        _download(url, part, size)
        actual = _digest(part, checksum)
        if actual == checksum:
            os.replace(part, path)
            _remember(path, os.stat(path), checksum)
            return path
        part.unlink()
    raise DownloadError(_advice(f"체크섬이 다르다. 기대: {checksum}, 실제: {actual}", url, path, checksum))


def _download(url: str, part: Path, size: int) -> None:
    """Receive to the end; a connection that is cut is taken up again while each try gets further."""
    reached = _size(part)
    while True:
        try:
            return _receive(url, part, size)
        except requests.RequestException:
            if _size(part) <= reached:
                raise
            reached = _size(part)


def _receive(url: str, part: Path, size: int) -> None:
    start = max(_size(part), 0)
    if start >= size:
        return
    headers = {"Accept-Encoding": "identity"}  # 압축된 전송은 바이트 자리와 체크섬을 어긋나게 한다
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {start}-{size - 1}/")
        if start and response.status_code in (206, 416) and not resumed:
            part.unlink()  # 서버의 파일이 다른 크기다: 처음부터
            return _receive(url, part, size)
        response.raise_for_status()
        if not resumed:  # 200은 Range를 무시하고 처음부터 보낸다는 뜻이다
            start = 0
        with part.open("ab" if start else "wb") as file, _progress(part.stem, size, start) as bar:
            for chunk in response.iter_content(CHUNK):
                bar.update(file.write(chunk))


def _progress(name: str, size: int, start: int) -> tqdm:
    """Make a bar on stderr, for a person only: in a terminal or a notebook, and gone at the end."""
    from IPython import get_ipython

    unseen = not sys.stderr.isatty() and get_ipython() is None
    return tqdm(desc=name, total=size, initial=start, unit="B", unit_scale=True, delay=1, leave=False, disable=unseen)


def _mirrored(url: str) -> str:
    mirror = os.environ.get("TF_STUDY_MIRROR")
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https"):
        raise ValueError(f"TF_STUDY_MIRROR는 http://이름:포트 꼴이어야 한다. 받은 값: {mirror!r}")
    return mirror.rstrip("/") + urlsplit(url).path


def _is_intact(path: Path, checksum: str) -> bool:
    """Return whether `path` has the checksum. It is read again only when its size or time changed."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if _recall(path) == _record(status, checksum):
                return True
            if _hash(file, checksum) != checksum:
                return False
    except FileNotFoundError:
        return False
    _remember(path, status, checksum)
    return True


def _recall(path: Path) -> str:
    try:
        return _beside(path, ".verified").read_text()
    except FileNotFoundError:
        return ""


def _remember(path: Path, status: os.stat_result, checksum: str) -> None:
    try:
        _beside(path, ".verified").write_text(_record(status, checksum))
    except OSError:
        return  # 읽기만 되는 교실 캐시: 다음에도 체크섬을 셈할 뿐이다


def _record(status: os.stat_result, checksum: str) -> str:
    return f"{checksum} {_stamp(status)}"


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"


def _digest(path: Path, checksum: str) -> str:
    with path.open("rb") as file:
        return _hash(file, checksum)


def _hash(file: BinaryIO, checksum: str) -> str:
    algorithm = checksum.partition(":")[0]
    return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def _extract_alone(archive: Path, folder: Path, origin: str) -> None:
    if _is_complete(folder, origin):  # 기다리는 동안 다른 프로세스가 풀었다
        return
    fresh = _beside(folder, ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(archive) as stored:
        stored.extractall(fresh, filter="data")
    files = {str(file.relative_to(fresh)): _size(file) for file in fresh.rglob("*") if file.is_file()}
    (fresh / MANIFEST).write_text(json.dumps({"origin": origin, "files": files}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _is_complete(folder: Path, origin: str) -> bool:
    manifest = folder / MANIFEST
    if not manifest.exists():
        return False
    recorded = json.loads(manifest.read_text(encoding="utf-8"))
    return recorded["origin"] == origin and all(
        _size(folder / name) == size for name, size in recorded["files"].items()
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    """Return the size in bytes, -1 where there is no file: an empty file is not a missing one."""
    return path.stat().st_size if path.exists() else -1


def _explain(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "디스크에 자리가 없다"
    if not isinstance(error, requests.RequestException):
        return f"파일을 다룰 수 없다({error.strerror})"
    if error.response is not None:
        return f"서버의 답이 HTTP {error.response.status_code}이다"
    if isinstance(error, requests.exceptions.SSLError):
        return "서버의 TLS 인증서를 믿을 수 없다"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "서버가 제때 답하지 않았다"
    return "서버에 연결되지 않았거나 연결이 끊겼다"


def _advice(problem: str, url: str, path: Path, checksum: str) -> str:
    return (
        f"원본 {path.name}: {problem}. 주소: {url}. "
        "내장 데이터로 돌아가려면 TF_STUDY_DATA를 지우거나 TF_STUDY_DATA=embedded로 둔다. "
        f"따로 받은 파일은 {path}에 둔다({checksum})."
    )
