"""Prometheus의 지표."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What `GET /metrics` shows, of one server."""

    def __init__(self):
        self.registry = CollectorRegistry()
        kept = {"registry": self.registry}
        self.requests = Counter("sentiment_requests", "끝난 요청", ["path", "status"], **kept)
        self.latency = Histogram("sentiment_request_seconds", "요청을 받아 답하기까지", ["path"], buckets=SECONDS, **kept)
        self.batch_size = Histogram("sentiment_batch_size", "한 번에 추론한 글의 수", buckets=SIZES, **kept)
        self.batch_seconds = Histogram("sentiment_batch_seconds", "묶음 하나의 추론", buckets=SECONDS, **kept)
        self.queue = Gauge("sentiment_queue_length", "추론을 기다리는 글", **kept)
        self.cache = Counter("sentiment_cache", "캐시를 찾은 글", ["result"], **kept)
        self.loads = Counter("sentiment_model_loads", "모델을 읽은 일", ["result"], **kept)
        self.model = Gauge("sentiment_model", "지금 답하는 모델의 버전", ["version"], **kept)

    def batch(self, size: int, seconds: float) -> None:
        self.batch_size.observe(size)
        self.batch_seconds.observe(seconds)

    def serving(self, version: str) -> None:
        self.model.clear()
        self.model.labels(version).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)
