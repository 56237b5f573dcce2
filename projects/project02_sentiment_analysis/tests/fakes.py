"""TensorFlow 없이 서버를 시험하는 도구: 정해진 답을 하는 모델, 스레드에서 도는 진짜 uvicorn, 날것의 HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import uvicorn

from projects.project02_sentiment_analysis.app import create_app
from projects.project02_sentiment_analysis.serve import bind
from projects.project02_sentiment_analysis.service import Service
from projects.project02_sentiment_analysis.settings import Limits

PATIENCE = 60  # 붐비는 기계에서도 조건이 이루어질 초


class Score(NamedTuple):
    positive: float
    tokens: int = 1
    unknown: float = 0.0
    truncated: bool = False


class Explanation(NamedTuple):
    tokens: list
    baseline: float


class FakeModel:
    """Scores a text by its length; waits at a gate when it is closed, and notes its batches."""

    def __init__(self, version: str = "v1"):
        self.version, self.batches = version, []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def warm_up(self) -> None:
        pass

    def score(self, texts: Sequence[str]) -> list[Score]:
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        self.batches.append(list(texts))
        if "터져라" in texts:
            raise RuntimeError(f"이 글에서 터진다: {texts}")
        return [score_of(text) for text in texts]

    def explain(self, texts: Sequence[str]) -> list:
        return [(score, Explanation([(text, 0.5)], 0.1)) for text, score in zip(texts, self.score(texts))]


def score_of(text: str) -> Score:
    return Score(1 / (1 + len(text)))


class FakeRegistry:
    """The current version is a variable."""

    def __init__(self):
        self.name = "v1"

    def current(self) -> str:
        return self.name


class Running(NamedTuple):
    service: Service
    model: FakeModel
    registry: FakeRegistry
    port: int


@contextlib.contextmanager
def running(load: Callable | None = None, **limits):
    """A server of a `FakeModel` (or what `load` makes) on a free port, ready."""
    model, registry = FakeModel(), FakeRegistry()
    service = Service(registry, load or (lambda version: model), Limits(**{"poll": 0.02, "cache": 0} | limits))
    config = uvicorn.Config(create_app(service), log_config=None, access_log=False, lifespan="on")
    server, listening = uvicorn.Server(config), bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started and (service.version or service.broken))
        yield Running(service, model, registry, listening.getsockname()[1])
    finally:
        model.gate.set()
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "서버가 끝나지 않았다"


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "조건이 이루어지지 않았다"
        time.sleep(0.01)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


def call(port: int, method: str, path: str, body=None, headers: dict | None = None, chunked: bool = False) -> Reply:
    """One HTTP request; `body` is bytes, or an iterator of them when chunked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, response.read())
    finally:
        connection.close()


def ask(port: int, texts, attribution: bool = False) -> Reply:
    body = json.dumps({"texts": texts, "attribution": attribution}).encode()
    return call(port, "POST", "/v1/sentiment", body, {"Content-Type": "application/json"})


def in_thread(function: Callable, *args) -> Callable:
    """Start `function(*args)`; the returned function waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*args)), daemon=True)
    thread.start()

    def result():
        thread.join(PATIENCE)
        assert results, "끝나지 않았다"
        return results[0]

    return result
