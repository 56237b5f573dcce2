"""HTTP의 앞면: 경로, 검증, 오류. 답은 service가 만든다."""

# `from __future__ import annotations`가 있으면 FastAPI가 함수 안에서 만든 요청의 모양을 이름으로 찾지 못한다
import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from projects.project02_sentiment_analysis import schema
from projects.project02_sentiment_analysis.batching import QueueFull
from projects.project02_sentiment_analysis.data import LABELS
from projects.project02_sentiment_analysis.gate import INTERNAL, LEFT, Disconnected, Gate, Refused
from projects.project02_sentiment_analysis.service import NotReady, Service

PAGE = Path(__file__).parent / "page.html"
# 페이지는 자기 안의 것만 쓰고 이 서버에만 묻는다
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
FAILURES = {400: "본문을 읽지 못했다", 408: "본문이 늦게 온다", 413: "본문이 너무 크다", 422: "요청이 틀렸다", 429: "줄이 가득 찼다",
            503: "준비되지 않았다", 504: "시간이 지났다"}  # fmt: skip

HTTP = {404: ("not_found", "없는 경로이다"), 405: ("method", "이 경로에 없는 메서드이다")}
UNREADABLE = ("unreadable", "요청을 읽지 못했다")


def create_app(service: Service) -> Gate:
    """Return the ASGI application of a service, whose lifespan runs it."""

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with service.running():
            yield

    # /docs의 화면은 CDN에서 스크립트를 받으므로 끈다. 명세는 /openapi.json에 있다
    app = FastAPI(title="한국어 감성 분석", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_sentiment(app, service)
    _add_state(app, service)
    _add_errors(app)
    paths = [route.path for route in app.routes]
    return Gate(app, service.limits.body, service.limits.timeout, paths, service.metrics)


def _add_sentiment(app: FastAPI, service: Service) -> None:
    request_model = schema.request_model(service.limits)

    @app.post("/v1/sentiment", response_model=schema.Answers, responses=_failures(*FAILURES))
    async def sentiment(request: Request, body: Annotated[request_model, Body()]):
        """글의 감성: 레이블, 긍정일 확률, 원하면 점수를 움직인 토큰."""
        try:
            work = service.answer(body.texts, body.attribution)
            version, results, hits = await _while_connected(request, work)
        except NotReady:
            raise Refused(503, "not_ready", "모델을 읽고 있다", headers={"retry-after": "1"}) from None
        except QueueFull as full:
            message, headers = "기다리는 글이 많다. 잠시 뒤에 다시 보낸다", {"retry-after": str(full.retry_after)}
            raise Refused(429, "queue_full", message, headers=headers) from None
        except TimeoutError:
            raise Refused(504, "timeout", f"{service.limits.timeout:g}초 안에 답하지 못했다") from None
        request.state.log |= {"model": version, "texts": len(results), "cached": hits, "attribution": body.attribution}
        answers = [_with_attribution(*result) if body.attribution else _answer(result) for result in results]
        return JSONResponse({"model": version, "results": answers})


def _answer(score) -> dict:
    return {
        "label": LABELS[score.positive > 0.5], "score": round(score.positive, 6), "tokens": score.tokens,
        "unknown": round(score.unknown, 4), "truncated": score.truncated, "attribution": None,
    }  # fmt: skip


def _with_attribution(score, explanation) -> dict:
    tokens = [{"token": token, "weight": round(weight, 4)} for token, weight in explanation.tokens]
    return _answer(score) | {"attribution": {"baseline": round(explanation.baseline, 4), "tokens": tokens}}


async def _while_connected(request: Request, work):
    """Await `work`; if the client leaves first, cancel it, so that its texts leave the queue.

    Raises:
        Disconnected: the client left.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Disconnected
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def page():
        """한국어 시험 페이지."""
        html = PAGE.read_text(encoding="utf-8").replace("{characters}", str(service.limits.characters))
        return HTMLResponse(html, headers={"content-security-policy": POLICY})

    @app.get("/healthz", response_model=schema.State)
    async def alive():
        """프로세스가 살아 있다."""
        return {"status": "ok", "model": service.version}

    @app.get("/readyz", response_model=schema.State, responses=_failures(503))
    async def ready():
        """요청을 보내도 된다: 모델을 읽고 예열했고, 끝내는 중이 아니다."""
        if not service.ready:
            code = "not_ready" if service.draining_since is None else "draining"
            raise Refused(503, code, "지금은 요청을 보내지 않는다", headers={"retry-after": "1"})
        return {"status": "ready", "model": service.version}

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics():
        """Prometheus의 지표."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _failures(*statuses: int) -> dict:
    return {status: {"model": schema.Failure, "description": FAILURES[status]} for status in statuses}


def _add_errors(app: FastAPI) -> None:
    """Answer every error in the one form, FastAPI's own among them."""

    def respond(kind: type[Exception], refused: Callable[[Exception], Refused]) -> None:
        @app.exception_handler(kind)
        async def _(request: Request, error: Exception):
            return refused(error).response(request.state.request_id)

    respond(Refused, lambda error: error)
    respond(RequestValidationError, lambda e: Refused(422, "invalid", "요청이 틀렸다", schema.problems(e.errors())))
    respond(HTTPException, lambda e: Refused(e.status_code, *HTTP.get(e.status_code, UNREADABLE), headers=e.headers))
    respond(Disconnected, lambda _: Refused(LEFT, "disconnected", "손님이 떠났다"))
    respond(Exception, lambda _: INTERNAL)
