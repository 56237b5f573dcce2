"""서버를 띄우고 잰다: 묶을 때와 묶지 않을 때, 손님이 1, 8, 32명일 때의 처리량과 지연 시간. 캐시는 끈다."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from projects.project02_sentiment_analysis import data
from projects.project02_sentiment_analysis.registry import Registry, RegistryError
from projects.project02_sentiment_analysis.versions import MODELS

SERVE = "projects.project02_sentiment_analysis.serve"
CLIENTS = (1, 8, 32)
BATCHES = {"묶지 않음": 1, "묶음": 32}
STARTING = 120  # 서버가 준비될 때까지 기다리는 초


class Row(NamedTuple):
    """One measurement: requests a second, milliseconds until the answer, texts of a batch."""

    mode: str
    clients: int
    throughput: float
    p50: float
    p95: float
    p99: float
    batch: float


class ServerFailed(Exception):
    """The server did not start, or gave another answer than 200."""


@contextlib.contextmanager
def server(models: Path, *options: str) -> Iterator[int]:
    """Run `serve` on a free port; gives the port when it is ready."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", SERVE, "--models", str(models), "--port", "0", "--drain", "0", *options]
        process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
        try:
            yield _ready_port(process, log)
        finally:
            process.terminate()
            process.wait()


def _ready_port(process: subprocess.Popen, log) -> int:
    deadline = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < deadline:
        log.seek(0)
        text = log.read()
        if '"model_loaded"' in text:
            return int(re.search(r'"port": (\d+)', text)[1])
        time.sleep(0.1)
    raise ServerFailed(f"서버가 {STARTING}초 안에 준비되어야 한다. 마지막 로그: {log.read().strip().splitlines()[-1:]}")


def load(port: int, clients: int, seconds: float, texts: list[str]) -> tuple[list[float], float]:
    """Keep `clients` connections busy, each with one text at a time.

    Returns:
        the seconds of every request, and the seconds of the whole.
    """
    bodies = itertools.cycle([json.dumps({"texts": text}).encode() for text in texts])
    taken, failed, end = [], [], time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        while time.perf_counter() < end and not failed:
            started = time.perf_counter()
            connection.request("POST", "/v1/sentiment", next(bodies), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            taken.append(time.perf_counter() - started)
            if response.status != 200:
                failed.append(answer.decode())
        connection.close()

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise ServerFailed(f"모든 답이 200이어야 한다. 받은 답: {failed[0]}")
    return taken, time.perf_counter() - started


def batches(port: int) -> tuple[float, float]:
    """Number of batches so far and of the texts in them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return tuple(float(re.search(rf"^sentiment_batch_size_{part} (\S+)", text, re.M)[1]) for part in ("count", "sum"))


def measure(models: Path, seconds: float, clients: tuple[int, ...] = CLIENTS) -> Iterator[Row]:
    """Measure every mode with every number of clients, one after the other."""
    texts = list(data.load().test.texts)
    for mode, batch in BATCHES.items():
        with server(models, "--cache", "0", "--batch", str(batch)) as port:
            load(port, max(clients), min(1.0, seconds), texts)  # 예열
            for count in clients:
                before = batches(port)
                taken, whole = load(port, count, seconds, texts)
                runs, rows = np.subtract(batches(port), before)
                p50, p95, p99 = 1000 * np.percentile(taken, [50, 95, 99])
                yield Row(mode, count, len(taken) / whole, p50, p95, p99, rows / runs)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark", description="서버의 처리량과 지연 시간을 잰다(루프백의 HTTP)")
    parser.add_argument("--models", default=MODELS, metavar="DIR", help=f"버전이 있는 폴더 (기본: {MODELS})")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="한 줄을 재는 초 (기본: 5)")
    chosen = parser.parse_args(arguments)
    if chosen.seconds <= 0:
        parser.error(f"--seconds는 0보다 커야 한다. 받은 값: {chosen.seconds}")
    try:
        Registry(chosen.models).current()
        print("| 방식 | 손님 | 요청/초 | p50 (ms) | p95 (ms) | p99 (ms) | 묶음의 글 |\n|---|---|---|---|---|---|---|")
        for row in measure(Path(chosen.models), chosen.seconds):
            print(f"| {row.mode} | {row.clients} | {row.throughput:.0f} | {row.p50:.1f} | {row.p95:.1f} | {row.p99:.1f} | "
                  f"{row.batch:.1f} |", flush=True)  # fmt: skip
    except (RegistryError, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("멈췄다.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
