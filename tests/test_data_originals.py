"""원본 내려받기: 진짜 형식의 작은 파일을 이 기계의 서버에서 받는다."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from tf_study.course.data import (
    _download,
    digits,
    flowers,
    garments,
    moving_digits,
    objects,
    originals,
    reviews_en,
    reviews_ko,
)
from tf_study.course.data._download import DownloadError, fetch

ROOT = Path(__file__).parents[1]

CONTENT = np.random.RandomState(0).bytes(300_000)
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
HALF = len(CONTENT) // 2


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults` of a path are used up one per request, each names what goes wrong."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.requests: list[tuple[str, str | None]] = []  # (경로, Range)
        self.released = threading.Event()

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # 받는 쪽이 그만두는 것은 이 시험의 일이다
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        faults = self.server.faults.get(self.path, [])
        fault = faults.pop(0) if faults else ""
        if fault.isdigit():
            return self.send_error(int(fault))
        content = self.server.files[self.path]
        if fault == "alter":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if fault == "shorten":
            content = content[:HALF]
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and "ignore range" not in fault else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self._send(content, start, fault)

    def _send(self, content: bytes, start: int, fault: str) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if "cut" in fault or fault == "stall":
            self.wfile.write(content[start:start + (len(content) - start) // 2])
            self.wfile.flush()
            if fault == "stall":
                self.server.released.wait(20)
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    def log_message(self, *_) -> None:
        """Keep pytest's output clean."""


@pytest.fixture
def server(monkeypatch, tmp_path):
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TF_STUDY_MIRROR", server.address)
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path))
    server.files["/data.bin"] = CONTENT
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def get(server, tmp_path) -> Callable[[], Path]:
    return lambda: fetch("https://example.org/data.bin", tmp_path / "data.bin", CHECKSUM, len(CONTENT))


@pytest.fixture
def publish(server, monkeypatch) -> Callable[..., None]:
    """Serve `contents` at the addresses of an original, with their own checksums."""

    def publish(name: str, *contents: bytes) -> None:
        original = originals.ORIGINALS[name]
        files = []
        for file, content in zip(original.files, contents, strict=True):
            server.files[urlsplit(file.url).path] = content
            algorithm = file.checksum.partition(":")[0]
            checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
            files.append(dataclasses.replace(file, checksum=checksum, size=len(content)))
        monkeypatch.setitem(originals.ORIGINALS, name, dataclasses.replace(original, files=tuple(files)))

    return publish


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert error.value.__cause__ is None
    return text


# 받기


def test_fetches_once_and_prints_nothing(get, server, tmp_path, capfd):
    assert get() == tmp_path / "data.bin"
    assert get().read_bytes() == CONTENT
    assert server.requests == [("/data.bin", None)]
    assert not (tmp_path / "data.bin.part").exists()
    assert capfd.readouterr() == ("", "")


def test_resumes_from_the_byte_where_an_earlier_run_ended(get, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:12_345])
    assert get().read_bytes() == CONTENT
    assert server.requests == [("/data.bin", "bytes=12345-")]


def test_resumes_when_the_connection_is_cut(get, server):
    server.faults["/data.bin"] = ["cut", "cut"]
    assert get().read_bytes() == CONTENT
    starts = [0 if asked is None else int(asked[6:-1]) for _, asked in server.requests]
    assert len(starts) == 3 and 0 < starts[1] <= HALF < starts[2] < len(CONTENT)


def test_keeps_the_part_of_a_download_that_got_nowhere(get, server, tmp_path):
    server.faults["/data.bin"] = ["cut", "500"]
    with pytest.raises(DownloadError, match="HTTP 500"):
        get()
    kept = (tmp_path / "data.bin.part").stat().st_size
    assert get().read_bytes() == CONTENT
    assert server.requests[-1] == ("/data.bin", f"bytes={kept}-")


def test_resumes_when_the_server_stalls(get, server, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", (1, 0.3))
    server.faults["/data.bin"] = ["stall"]
    assert get().read_bytes() == CONTENT
    assert server.requests[1][1] is not None


def test_starts_again_when_the_server_ignores_the_range(get, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    server.faults["/data.bin"] = ["ignore range"]
    assert get().read_bytes() == CONTENT
    assert server.requests == [("/data.bin", "bytes=1000-")]


def test_starts_again_when_the_file_on_the_server_is_shorter_than_the_part(get, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:HALF + 1])
    server.faults["/data.bin"] = ["shorten"]
    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [f"bytes={HALF + 1}-", None]


def test_finishes_a_complete_part_without_the_network(get, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert get().read_bytes() == CONTENT
    assert server.requests == []


# 체크섬


@pytest.mark.parametrize("damaged", [CONTENT[:HALF], b"x" + CONTENT[1:], CONTENT + b"x", b""])
def test_replaces_a_damaged_file_in_the_cache(get, server, damaged):
    get().write_bytes(damaged)
    assert get().read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_does_not_trust_a_record_of_another_checksum(get, tmp_path, server):
    get()
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DownloadError, match=other):
        fetch("https://example.org/data.bin", tmp_path / "data.bin", f"sha256:{other}", len(CONTENT))


def test_verifies_again_only_when_the_file_changed(get, monkeypatch):
    path = get()
    read = []
    monkeypatch.setattr(_download, "_hash", lambda file, checksum: read.append(file.name) or checksum)
    get()
    assert read == []
    os.utime(path, ns=(0, 0))
    get()
    get()
    assert read == [str(path)]


@pytest.mark.parametrize("fault", ["alter", "shorten"])
def test_fetches_again_once_when_what_came_is_altered(get, server, fault):
    server.faults["/data.bin"] = [fault]
    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, None]


def test_fetches_again_when_the_part_was_of_another_file(get, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"old version")
    assert get().read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=11-", None]


def test_says_both_checksums_when_the_file_stays_altered(get, server, tmp_path):
    server.files["/data.bin"] = altered = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadError) as error:
        get()
    text = one_line(error)
    assert f"기대: {CHECKSUM}, 실제: sha256:{hashlib.sha256(altered).hexdigest()}" in text
    assert len(server.requests) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin.lock"]


def test_takes_a_file_put_there_by_hand(get, server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    assert get().read_bytes() == CONTENT
    assert server.requests == []
    assert not (tmp_path / "data.bin.lock").exists()  # 읽기만 되는 교실 캐시에서도 된다


# 실패


def assert_helpful(text: str, path: Path) -> None:
    assert "TF_STUDY_DATA=embedded" in text
    assert str(path) in text and CHECKSUM in text


def test_no_network(get, server, tmp_path, monkeypatch):
    (tmp_path / "data.bin").write_bytes(b"damaged")
    monkeypatch.setenv("TF_STUDY_MIRROR", "http://127.0.0.1:9")  # discard 포트: 닫혀 있다
    with pytest.raises(DownloadError) as error:
        get()
    assert "연결되지 않았거나" in one_line(error)
    assert_helpful(one_line(error), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()


def test_no_name_server(get, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_STUDY_MIRROR", "http://tf-study.invalid")  # RFC 2606: 결코 없는 이름
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError) as error:
        get()
    assert_helpful(one_line(error), tmp_path / "data.bin")


@pytest.mark.parametrize("status", ["404", "500"])
def test_http_error(get, server, tmp_path, status):
    server.faults["/data.bin"] = [status]
    with pytest.raises(DownloadError) as error:
        get()
    assert f"HTTP {status}" in one_line(error)
    assert_helpful(one_line(error), tmp_path / "data.bin")


def test_gives_up_on_a_server_that_never_gets_further(get, server):
    server.faults["/data.bin"] = ["ignore range, cut"] * 9
    with pytest.raises(DownloadError, match="연결이 끊겼다"):
        get()
    assert len(server.requests) == 2


def test_server_that_stops_sending(get, server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", (1, 0.2))
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:-2])
    server.faults["/data.bin"] = ["stall", "stall"]
    with pytest.raises(DownloadError, match="제때 답하지 않았다"):
        get()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full은 Linux에만 있다")
def test_disk_full(get, tmp_path):
    (tmp_path / "data.bin.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError) as error:
        get()
    assert "디스크에 자리가 없다" in one_line(error)
    assert_helpful(one_line(error), tmp_path / "data.bin")


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="파일을 다룰 수 없다"):
        fetch("https://example.org/data.bin", tmp_path / "file" / "data.bin", CHECKSUM, len(CONTENT))


def test_mirror_without_a_scheme(get, monkeypatch):
    monkeypatch.setenv("TF_STUDY_MIRROR", "mirror.local:8000")
    with pytest.raises(ValueError, match="http://이름:포트.*mirror.local:8000"):
        get()


def test_two_processes_share_one_download(server, tmp_path):
    server.faults["/data.bin"] = ["cut"]
    code = (
        "from pathlib import Path; from tf_study.course.data._download import fetch; "
        f"fetch('https://example.org/data.bin', Path({str(tmp_path / 'data.bin')!r}), {CHECKSUM!r}, {len(CONTENT)})"
    )
    children = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [child.wait(20) for child in children] == [0, 0]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(server.requests) == 2  # 끊긴 요청과 이어받은 요청: 한 프로세스만 받았다


def test_progress_bar_is_for_a_terminal(get, monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    bar = _download._progress("data.bin", 2_000_000, 1_000_000)
    bar.delay = 0
    bar.refresh()
    bar.close()
    screen.isatty = lambda: False
    assert _download._progress("data.bin", 2_000_000, 0).disable
    assert "data.bin" in screen.getvalue() and "1.00M/2.00M" in screen.getvalue()


# 압축


def make_tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/../../escaped.txt", "a/../../escaped.txt"])
def test_extraction_stays_in_its_folder(tmp_path, name):
    archive = tmp_path / "bad.tgz"
    archive.write_bytes(make_tar({"good.txt": b"1", name: b"2"}))
    with pytest.raises(tarfile.FilterError):
        _download.extract(archive, tmp_path / "cache" / "bad")
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not (tmp_path / "cache" / "bad").exists()


def test_extracts_again_what_was_lost_or_is_of_another_archive(tmp_path):
    archive, folder = tmp_path / "a.tgz", tmp_path / "a"
    archive.write_bytes(make_tar({"one/x": b"1", "two/y": b"22"}))
    _download.extract(archive, folder)
    (folder / "two/y").unlink()
    _download.extract(archive, folder)
    assert (folder / "two/y").read_bytes() == b"22"
    (folder / "one/x").write_bytes(b"")
    assert (_download.extract(archive, folder) / "one/x").read_bytes() == b"1"
    archive.write_bytes(make_tar({"one/z": b"333"}))
    _download.extract(archive, folder)
    assert sorted(path.name for path in folder.rglob("?")) == ["z"]


def test_extraction_that_is_complete_is_left_alone(tmp_path):
    archive, folder = tmp_path / "a.tgz", tmp_path / "a"
    archive.write_bytes(make_tar({"x": b"1"}))
    before = (_download.extract(archive, folder) / "x").stat().st_ino
    assert (_download.extract(archive, folder) / "x").stat().st_ino == before


def test_extraction_by_another_process_in_the_meantime_is_kept(tmp_path, monkeypatch):
    archive, folder = tmp_path / "a.tgz", tmp_path / "a"
    archive.write_bytes(make_tar({"x": b"1"}))
    seen = []

    @contextlib.contextmanager
    def lock_held_by_another(path: Path):
        _download._extract_alone(archive, folder, _download._stamp(archive.stat()))
        seen.append((folder / "x").stat().st_ino)
        yield

    monkeypatch.setattr(_download, "FileLock", lock_held_by_another)
    assert (_download.extract(archive, folder) / "x").stat().st_ino == seen[0]


# 형식


def digits_like(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def labels_like(seed: int, count: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 10, count).astype(np.uint8)


def images_and_labels(*shape: int) -> dict[str, np.ndarray]:
    return {
        "x_train": digits_like(1, 20, *shape), "y_train": labels_like(2, 20),
        "x_test": digits_like(3, 10, *shape), "y_test": labels_like(4, 10),
    }


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(header + array.tobytes())


def assert_same(actual, expected) -> None:
    for (x, y), (expected_x, expected_y) in zip(actual, expected, strict=True):
        for array, reference in ((x, expected_x), (y, expected_y)):
            assert array.dtype == reference.dtype
            np.testing.assert_array_equal(array, reference, strict=True)


def keras_reads(monkeypatch, name: str, folder: Path):
    """Let `keras.datasets.<name>` read `folder` instead of downloading."""
    import importlib

    module = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(module, "get_file", lambda fname, **_: str(folder / fname))
    return module.load_data()


def test_mnist_is_what_keras_reads(publish, monkeypatch):
    publish("mnist", npz(images_and_labels(28, 28)))
    actual = originals.mnist()
    assert_same(actual, keras_reads(monkeypatch, "mnist", originals.ORIGINALS["mnist"].path()))
    np.testing.assert_array_equal(actual[0][0], images_and_labels(28, 28)["x_train"])


def test_fashion_mnist_is_what_keras_reads(publish, monkeypatch):
    arrays = images_and_labels(28, 28)
    publish("fashion_mnist", *(idx(array) for array in arrays.values()))
    actual = originals.fashion_mnist()
    assert_same(actual, keras_reads(monkeypatch, "fashion_mnist", originals.ORIGINALS["fashion_mnist"].path()))
    np.testing.assert_array_equal(actual[1][0], arrays["x_test"])


CIFAR = {
    name: (digits_like(i, 4, 3072), labels_like(i, 4))
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"])
}


def cifar_archive() -> bytes:
    return make_tar({
        f"cifar-10-batches-bin/{name}.bin": np.hstack([labels[:, None], pixels]).tobytes()
        for name, (pixels, labels) in CIFAR.items()
    })


def test_cifar10_is_what_keras_reads(publish, tmp_path):
    from keras.src.datasets.cifar import load_batch

    publish("cifar10", cifar_archive())
    (x_train, y_train), (x_test, y_test) = originals.cifar10()

    def read_by_keras(name: str, pixels: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (tmp_path / name).write_bytes(pickle.dumps({b"data": pixels, b"labels": labels.tolist()}))
        x, y = load_batch(tmp_path / name)
        return x.transpose(0, 2, 3, 1), np.array(y, np.uint8)[:, None]

    expected = [read_by_keras(name, *batch) for name, batch in CIFAR.items()]
    assert_same([(x_train[:4], y_train[:4]), (x_train[-4:], y_train[-4:]), (x_test, y_test)],
                [expected[0], expected[4], expected[5]])
    assert x_train.shape == (20, 32, 32, 3) and y_train.shape == (20, 1)


REVIEWS = np.array([[1, 4, 2], [3], [3, 1], [2, 2, 2, 4]], dtype=object)
IMDB = {
    "x_train": REVIEWS, "y_train": np.array([1, 0, 1, 0]),
    "x_test": REVIEWS[:3], "y_test": np.array([0, 1, 1]),
}  # fmt: skip
WORD_INDEX = {"the": 1, "film": 2, "good": 3, "naïve": 4}


def test_imdb_is_what_keras_reads(publish):
    from keras.src.datasets import npz_utils

    publish("imdb", npz(IMDB), json.dumps(WORD_INDEX).encode())
    actual = originals.imdb()
    expected = npz_utils.load_npz(str(originals.ORIGINALS["imdb"].path() / "imdb.npz"))
    assert actual.keys() == IMDB.keys()
    for name, array in actual.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    assert actual["x_train"].dtype == object and actual["x_train"][0] == [1, 4, 2]
    assert originals.imdb_word_index() == WORD_INDEX


NSMC_TRAIN = (
    "id\tdocument\tlabel\n"
    '9976970\t아 더빙.. 진짜 "짜증나네요 목소리\t0\n'
    "3819312\t흠...포스터보고 '초딩'\"영화줄....\t1\n"
    "2172111\t\t1\n"
)
NSMC_TEST = 'id\tdocument\tlabel\n6270596\t"굳 ㅋ"\t1\n'


def test_nsmc_has_no_quoting_and_keeps_empty_documents(publish):
    publish("nsmc", NSMC_TRAIN.encode(), NSMC_TEST.encode())
    (x_train, y_train), (x_test, y_test) = originals.nsmc()
    assert x_train.tolist() == ['아 더빙.. 진짜 "짜증나네요 목소리', "흠...포스터보고 '초딩'\"영화줄....", ""]
    assert y_train.tolist() == [0, 1, 1] and y_train.dtype == np.uint8
    assert x_test.tolist() == ['"굳 ㅋ"'] and y_test.tolist() == [1]


def make_zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_glove_takes_one_member_and_mends_it(publish):
    vectors = {f"glove.6B.{d}d.txt": f"the {' '.join(['0.5'] * d)}\n".encode() for d in originals.GLOVE_DIMENSIONS}
    publish("glove", make_zip(vectors))
    path = originals.glove(100)
    assert path.read_bytes() == vectors["glove.6B.100d.txt"]
    assert not (path.parent / "glove.6B.50d.txt").exists()
    path.write_bytes(b"the 0.5")
    assert originals.glove(100).read_bytes() == vectors["glove.6B.100d.txt"]
    with pytest.raises(ValueError, match=r"\(50, 100, 200, 300\).*64"):
        originals.glove(64)


FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def flower_archive() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(digits_like(0, 24, 32, 3)).save(buffer, "JPEG")
    photos = {f"flower_photos/{name}/{i}.jpg": buffer.getvalue() for name in FLOWERS for i in range(4)}
    return make_tar({"flower_photos/LICENSE.txt": b"CC BY 2.0", **photos})


def test_flowers_directory(publish):
    publish("flowers", flower_archive())
    folder = originals.flowers_directory()
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(FLOWERS)
    assert Image.open(folder / "roses" / "0.jpg").size == (32, 24)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_moving_mnist_is_writable_and_leaves_the_file_alone(publish):
    videos = digits_like(0, 20, 3, 64, 64)
    publish("moving_mnist", npy(videos))
    read = originals.moving_mnist()
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, videos)
    read[:] = 0
    np.testing.assert_array_equal(originals.moving_mnist(), videos)


def test_is_cached_looks_at_every_file(publish):
    publish("nsmc", b"id\tdocument\tlabel\n", b"id\tdocument\tlabel\n")
    original = originals.ORIGINALS["nsmc"]
    assert not original.is_cached()
    train, test = original.fetch()
    assert original.is_cached()
    test.write_bytes(b"")
    assert not original.is_cached()


def test_every_original_says_where_it_is_from():
    for name, original in originals.ORIGINALS.items():
        assert name == original.name and original.licence and original.citation
        for file in original.files:
            assert file.url.startswith("https://") and file.size > 0
            assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum)


# 데이터 모듈


@pytest.fixture
def real(monkeypatch) -> None:
    monkeypatch.setenv("TF_STUDY_DATA", "real")


def test_digits(publish, real):
    publish("mnist", npz(images_and_labels(28, 28)))
    assert_same(digits.load_data(), originals.mnist())


def test_garments(publish, real):
    publish("fashion_mnist", *(idx(array) for array in images_and_labels(28, 28).values()))
    assert_same(garments.load_data(), originals.fashion_mnist())


def test_objects(publish, real):
    publish("cifar10", cifar_archive())
    assert_same(objects.load_data(), originals.cifar10())


def test_flowers(publish, real):
    publish("flowers", flower_archive())
    assert flowers.directory() == originals.flowers_directory()
    (x_train, y_train), (x_test, y_test) = flowers.load_data(size=8)
    assert x_train.shape == (15, 8, 8, 3) and x_test.shape == (5, 8, 8, 3)
    assert np.bincount(y_train).tolist() == [3] * 5 and np.bincount(y_test).tolist() == [1] * 5


def test_reviews_en(publish, real, monkeypatch):
    from keras.src.datasets import imdb

    publish("imdb", npz(IMDB), json.dumps(WORD_INDEX).encode())
    actual = reviews_en.load_data(num_words=7)
    monkeypatch.setattr(imdb, "get_file", lambda fname, **_: str(originals.ORIGINALS["imdb"].path() / fname))
    assert_same(actual, imdb.load_data(num_words=7))
    assert reviews_en.get_word_index() == WORD_INDEX
    texts, labels = reviews_en.load_texts()[0]
    assert dict(zip(texts, labels))["the naïve film"] == 1


def test_reviews_ko(publish, real):
    publish("nsmc", NSMC_TRAIN.encode(), NSMC_TEST.encode())
    assert_same(reviews_ko.load_data(), originals.nsmc())


def test_moving_digits(publish, real):
    publish("moving_mnist", npy(digits_like(0, 20, 3, 64, 64)))
    np.testing.assert_array_equal(moving_digits.load_data(), originals.moving_mnist(), strict=True)
