"""지금 버전의 모델을 HTTP로 서비스한다. SIGTERM을 받으면 받은 요청에 모두 답하고 끝낸다."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
import socket
import sys
import time

import uvicorn

from projects.project02_sentiment_analysis.logs import log, to_stderr
from projects.project02_sentiment_analysis.registry import Registry, RegistryError
from projects.project02_sentiment_analysis.settings import Limits
from projects.project02_sentiment_analysis.versions import MODELS
from tf_study import course

HELP = {
    "texts": "요청 하나의 글 수", "characters": "글 하나의 글자 수", "body": "본문의 바이트 수",
    "batch": "한 번에 추론할 글의 수. 1이면 묶지 않는다", "wait": "다른 글을 기다리는 초", "queue": "기다릴 수 있는 글의 수",
    "timeout": "요청 하나의 초", "cache": "기억할 답의 수. 0이면 기억하지 않는다", "poll": "버전을 확인하는 간격(초)",
    "drain": "SIGTERM 뒤에 새 연결을 더 받는 초. 그동안 /readyz는 503이다",
}  # fmt: skip


class Server(uvicorn.Server):
    """uvicorn that drains first: /readyz says 503 for a while, then it stops listening and finishes."""

    def __init__(self, config: uvicorn.Config, service):
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig, frame) -> None:
        if self.service.draining_since is None:
            self.service.drain()
        elif self.should_exit:
            self.force_exit = True  # 세 번째 신호는 기다리지 않는다
        else:
            self.should_exit = True

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        host, port = sockets[0].getsockname()[:2]
        log("listening", host=host, port=port)

    async def on_tick(self, counter: int) -> bool:
        service = self.service
        drained = service.draining_since is not None and time.monotonic() - service.draining_since >= service.limits.drain
        if drained or service.broken:
            self.should_exit = True
        return await super().on_tick(counter)


def parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Limits]:
    parser = argparse.ArgumentParser(prog="serve", description="감성 분석을 HTTP로 서비스한다")
    parser.add_argument("--models", default=MODELS, metavar="DIR", help=f"버전이 있는 폴더 (기본: {MODELS})")
    parser.add_argument("--host", default="127.0.0.1", help="들을 주소 (기본: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="들을 포트. 0이면 빈 포트를 골라 로그에 적는다 (기본: 8000)")
    for field in dataclasses.fields(Limits):
        kind = type(field.default)
        parser.add_argument(f"--{field.name}", type=kind, default=field.default, metavar="N",
                            help=f"{HELP[field.name]} (기본: {field.default})")  # fmt: skip
    chosen = parser.parse_args(arguments)
    try:
        return chosen, Limits(**{field.name: getattr(chosen, field.name) for field in dataclasses.fields(Limits)})
    except ValueError as error:
        parser.error(f"--{error}")


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens later, when the server runs."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def main(arguments: list[str] | None = None) -> int:
    chosen, limits = parse(arguments)
    registry = Registry(chosen.models)
    try:
        registry.model_folder(registry.current())
        listening = bind(chosen.host, chosen.port)
    except RegistryError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        print(f"열 수 있는 주소와 포트여야 한다. 받은 것: {chosen.host}:{chosen.port} ({error})", file=sys.stderr)
        return 1
    course.setup(deterministic=False)
    from projects.project02_sentiment_analysis.app import create_app
    from projects.project02_sentiment_analysis.predictor import Predictor
    from projects.project02_sentiment_analysis.service import Service

    to_stderr()
    service = Service(registry, lambda version: Predictor(registry, version, limits.batch), limits)
    config = uvicorn.Config(
        create_app(service), log_config=None, access_log=False, lifespan="on",
        timeout_graceful_shutdown=math.ceil(limits.timeout) + 5,
    )  # fmt: skip
    Server(config, service).run([listening])
    log("stopped", logging.ERROR if service.broken else logging.INFO)
    return 1 if service.broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(1)
