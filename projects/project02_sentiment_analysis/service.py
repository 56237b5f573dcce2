"""답을 만드는 곳: 지금의 모델, 묶음, 캐시. HTTP를 모른다."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from projects.project02_sentiment_analysis.batching import MicroBatcher
from projects.project02_sentiment_analysis.logs import log
from projects.project02_sentiment_analysis.metrics import Metrics
from projects.project02_sentiment_analysis.registry import Registry
from projects.project02_sentiment_analysis.settings import Limits


class Model(Protocol):
    """A loaded version; see `predictor.Predictor`."""

    version: str

    def warm_up(self) -> None: ...

    def score(self, texts: Sequence[str]) -> list: ...

    def explain(self, texts: Sequence[str]) -> list: ...


class NotReady(Exception):
    """No model is loaded yet."""


class Cache:
    """The `size` answers that were used last."""

    def __init__(self, size: int):
        self.size = size
        self._answers: OrderedDict = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key):
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def put(self, key, answer) -> None:
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self.size:
            self._answers.popitem(last=False)


class Service:
    """Answers texts with the registry's current version and follows it when it changes.

    Args:
        registry: the versions on disk.
        load: makes a model of a version's name; called on a thread of its own.
        limits: see `Limits`.
    """

    def __init__(self, registry: Registry, load: Callable[[str], Model], limits: Limits):
        self.registry, self.limits, self.metrics = registry, limits, Metrics()
        self._load = load
        self._model: Model | None = None
        self._problem: str | None = None  # 모델을 읽지 못한 까닭
        self._cache = Cache(limits.cache)
        self._batcher = MicroBatcher(limits.batch, limits.wait, limits.queue, self.metrics.batch)
        self.metrics.queue.set_function(lambda: len(self._batcher))
        self.draining_since: float | None = None

    @property
    def version(self) -> str | None:
        return self._model and self._model.version

    @property
    def ready(self) -> bool:
        """Whether new requests should be sent here."""
        return self._model is not None and self.draining_since is None

    @property
    def broken(self) -> bool:
        """Whether the first model could not be loaded: nothing will ever be answered."""
        return self._model is None and self._problem is not None

    def drain(self) -> None:
        """Ask to be sent no more requests; those that come all the same are answered."""
        self.draining_since = time.monotonic()
        log("draining", waiting=len(self._batcher))

    @contextlib.asynccontextmanager
    async def running(self):
        """Work, and follow the current version, for as long as the context lasts."""
        tasks = [asyncio.create_task(self._batcher.work()), asyncio.create_task(self._follow())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def answer(self, texts: Sequence[str], explain: bool) -> tuple[str, list, int]:
        """Return the model's version, one result per text, and how many came from the cache.

        A result is what `Model.score` gives, or `Model.explain`.

        Raises:
            NotReady: no model is loaded yet.
            QueueFull: too many texts wait already.
            TimeoutError: it took longer than `limits.timeout`.
        """
        model = self._model  # 답하는 동안 버전이 바뀌어도 요청 하나는 한 모델이 답한다
        if model is None:
            raise NotReady
        keys = [(model.version, explain, text) for text in texts]
        found = {key: answer for key in keys if (answer := self._cache.get(key)) is not None}
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        hits = sum(key in found for key in keys)
        self.metrics.cache.labels("hit").inc(hits)
        self.metrics.cache.labels("miss").inc(len(keys) - hits)
        if missing:
            run, limit = (model.explain, 1) if explain else (model.score, None)  # 나눈 점수는 느려서 하나씩 끼워 넣는다
            async with asyncio.timeout(self.limits.timeout):
                results = await self._batcher.submit(run, [text for _, _, text in missing], limit)
            for key, result in zip(missing, results, strict=True):
                found[key] = result
                self._cache.put(key, result)
        return model.version, [found[key] for key in keys], hits

    async def _follow(self) -> None:
        """Load the current version whenever it becomes another one; keep the old one if that fails."""
        seen = None
        while True:
            try:
                wanted = self.registry.current()
                if wanted != seen:
                    seen = wanted
                    await self._switch(wanted)
                    self._problem = None
            except Exception as error:  # 깨진 버전이나 포인터는 지금의 모델을 멈추게 하지 않는다
                self._report(error, seen)
            await asyncio.sleep(self.limits.poll)

    def _report(self, error: Exception, version: str | None) -> None:
        if repr(error) != self._problem:  # 같은 일을 폴링마다 적지 않는다
            self._problem = repr(error)
            self.metrics.loads.labels("failed").inc()
            log("model_failed", logging.ERROR, error, model=version, serving=self.version, reason=self._problem)

    async def _switch(self, version: str) -> None:
        if version == self.version:
            return
        started = time.monotonic()
        model = await asyncio.to_thread(self._loaded, version)
        self._model = model
        self.metrics.loads.labels("ok").inc()
        self.metrics.serving(version)
        log("model_loaded", model=version, seconds=round(time.monotonic() - started, 2))

    def _loaded(self, version: str) -> Model:
        model = self._load(version)
        model.warm_up()
        return model
