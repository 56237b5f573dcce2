"""서버의 한계. 명령줄의 선택이 되고, OpenAPI에도 같은 값이 적힌다."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the server takes on.

    Attributes:
        texts: of one request.
        characters: of one text.
        body: bytes of one request's body.
        batch: texts of one call of the model; 1 turns batching off.
        wait: seconds that a text waits for others.
        queue: texts that may wait.
        timeout: seconds until a request is answered or gets 504.
        cache: answers that are remembered; 0 for none.
        poll: seconds between two looks at which version is current.
        drain: seconds between the first SIGTERM and the end of listening, in which /readyz says 503.
    """

    texts: int = 32
    characters: int = 1000
    body: int = 256 * 1024
    batch: int = 32
    wait: float = 0.002
    queue: int = 256
    timeout: float = 10.0
    cache: int = 4096
    poll: float = 0.5
    drain: float = 1.0

    def __post_init__(self):
        for name, least in (("texts", 1), ("characters", 1), ("body", 2), ("batch", 1), ("queue", 1)):
            _require(name, getattr(self, name) >= least, f"{least} 이상", getattr(self, name))
        for name in ("wait", "cache", "drain"):
            _require(name, getattr(self, name) >= 0, "0 이상", getattr(self, name))
        for name in ("timeout", "poll"):
            _require(name, getattr(self, name) > 0, "0보다 큰 값", getattr(self, name))
        _require("queue", self.queue >= self.texts, f"요청 하나의 글 수({self.texts}) 이상", self.queue)


def _require(name: str, holds: bool, expected: str, value: float) -> None:
    if not holds:
        raise ValueError(f"{name}은(는) {expected}이어야 한다. 받은 값: {value}")
