"""모든 요청이 지나는 ASGI의 문: 본문의 크기, 요청 번호, 지표, 로그, 그리고 언제나 같은 모양의 오류."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

from fastapi.responses import JSONResponse

from projects.project02_sentiment_analysis.logs import log
from projects.project02_sentiment_analysis.metrics import Metrics
from projects.project02_sentiment_analysis.schema import Error, Failure, Problem

SWALLOWED = 2**23  # 너무 큰 본문은 이만큼까지 읽어 버린다. 그래야 보내던 손님이 답을 읽는다
LEFT = 499  # 답하기 전에 손님이 떠났다. nginx가 로그에 쓰는 수이다
OTHER = "(다른 경로)"  # 경로마다 지표를 만들면 아무 경로나 부르는 손님이 메모리를 채운다


class Refused(Exception):
    """An answer that is an error, in the one form of errors."""

    def __init__(
        self, status: int, code: str, message: str,
        details: Sequence[Problem] = (), headers: Mapping[str, str] | None = None,
    ):  # fmt: skip
        super().__init__(code)
        self.status, self.code, self.message, self.details, self.headers = status, code, message, details, headers


    def response(self, request_id: str) -> JSONResponse:
        error = Error(code=self.code, message=self.message, request_id=request_id, details=list(self.details))
        return JSONResponse(Failure(error=error).model_dump(), self.status, self.headers)


INTERNAL = Refused(500, "internal", "서버의 잘못이다. 요청 번호를 알려 달라")


class Disconnected(Exception):
    """The client is gone; nobody reads an answer."""


class Gate:
    """Pure ASGI middleware around `app`; put it outermost.

    The body is read here, with its limit, before the app sees the request: that holds for bodies without
    Content-Length, too. Exceptions end here, after the app answered 500: the server's log would show the texts.

    Args:
        app: the ASGI application.
        limit: bytes of a body.
        timeout: seconds for the body to arrive.
        paths: paths that get metrics of their own.
    """

    def __init__(self, app: Callable, limit: int, timeout: float, paths: list[str], metrics: Metrics):
        self.app, self.limit, self.timeout, self.paths, self.metrics = app, limit, timeout, set(paths), metrics

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id = time.perf_counter(), uuid.uuid4().hex
        fields = scope.setdefault("state", {})["log"] = {}
        scope["state"]["request_id"] = request_id
        status = LEFT

        async def answer(message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        failed = None
        try:
            body = await self._body(receive)
            await self.app(scope, _replay(body, receive), answer)
        except Disconnected:
            pass
        except Refused as refused:
            await refused.response(request_id)(scope, receive, answer)
        except Exception as error:
            failed = error
        finally:
            self._note(scope, status, time.perf_counter() - started, request_id, failed, fields)

    async def _body(self, receive) -> bytes:
        chunks, size, more = [], 0, True
        try:
            async with asyncio.timeout(self.timeout):
                while more and size <= max(SWALLOWED, self.limit):
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size += len(chunk)
                    if size <= self.limit:
                        chunks.append(chunk)
        except TimeoutError:
            message = f"본문은 {self.timeout:g}초 안에 와야 한다"
            raise Refused(408, "body_timeout", message, headers={"connection": "close"}) from None
        if size > self.limit:
            message = f"본문은 {self.limit:,}바이트까지이다"
            raise Refused(413, "body_too_large", message, headers={"connection": "close"} if more else {})
        return b"".join(chunks)

    def _note(self, scope, status: int, seconds: float, request_id: str, failed: Exception | None, fields: dict) -> None:
        path = scope["path"] if scope["path"] in self.paths else OTHER
        self.metrics.requests.labels(path, status).inc()
        self.metrics.latency.labels(path).observe(seconds)
        level = logging.ERROR if status >= 500 and status not in (503, 504) else logging.INFO
        log("request", level, failed, request_id=request_id, method=scope["method"], path=path, status=status,
            ms=round(1000 * seconds, 2), **fields)  # fmt: skip


def _replay(body: bytes, receive):
    """A `receive` that gives the body once and then waits for the client to leave."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again():
        return messages.pop() if messages else await receive()

    return again
