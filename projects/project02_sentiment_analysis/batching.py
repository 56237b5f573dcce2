"""여러 요청의 글을 모아 한 번에 추론한다: 최대 크기, 최대 기다림, 유한한 줄."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Run = Callable[[list[str]], Sequence]


class QueueFull(Exception):
    """There is no room for the texts.

    Attributes:
        retry_after: whole seconds after which the texts that wait now will be done.
    """

    def __init__(self, retry_after: int):
        super().__init__()
        self.retry_after = retry_after


@dataclasses.dataclass(eq=False)
class _Job:
    text: str
    run: Run
    limit: int
    arrived: float
    result: asyncio.Future


class MicroBatcher:
    """Runs texts in batches on one worker thread.

    A batch starts when `max_size` texts wait, or `max_wait` seconds after its first text came, or, if the
    worker was busy until then, at once. All texts of a batch have the same `run`: those of another model
    version wait for the next batch. A text whose request was cancelled or timed out leaves the queue; if it
    is in the running batch already, its result is dropped and the others get theirs.

    Args:
        max_size: texts in a batch.
        max_wait: seconds.
        capacity: texts that may wait; more are refused.
        observe: called with the size and the seconds of every batch.
    """

    def __init__(self, max_size: int, max_wait: float, capacity: int, observe: Callable[[int, float], None]):
        self.max_size, self.max_wait, self.capacity, self.observe = max_size, max_wait, capacity, observe
        self._waiting: dict[_Job, None] = {}  # 차례를 지키고, 가운데에서 빼는 것이 O(1)이다
        self._arrived = asyncio.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._seconds_per_text = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    async def submit(self, run: Run, texts: Sequence[str], limit: int | None = None) -> list:
        """Return `run`'s results for the texts, in order.

        Args:
            run: a function from a list of texts to as many results, called on the worker thread.
            limit: the most texts of one call of `run`, if fewer than `max_size`.

        Raises:
            QueueFull: the texts do not fit into the queue.
        """
        if len(self) + len(texts) > self.capacity:
            raise QueueFull(max(1, math.ceil(len(self) * self._seconds_per_text)))
        loop = asyncio.get_running_loop()
        jobs = [_Job(text, run, limit or self.max_size, loop.time(), loop.create_future()) for text in texts]
        self._waiting |= dict.fromkeys(jobs)
        self._arrived.set()
        try:
            return await asyncio.gather(*(job.result for job in jobs))
        finally:
            for job in jobs:
                self._waiting.pop(job, None)

    async def work(self) -> None:
        """Run batches until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                batch = await self._collect(loop)
                started = time.perf_counter()
                try:
                    results = await loop.run_in_executor(self._worker, batch[0].run, [job.text for job in batch])
                except Exception as error:  # 요청마다 오류로 답하고 다음 묶음으로 간다
                    self._settle(batch, error=error)
                else:
                    self._settle(batch, results)
                    self._note(len(batch), time.perf_counter() - started)
        finally:
            self._worker.shutdown(wait=False)

    async def _collect(self, loop: asyncio.AbstractEventLoop) -> list[_Job]:
        """Wait for a batch and take it out of the queue."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            first = next(iter(self._waiting))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(first.arrived + self.max_wait):
                    while 0 < len(self._waiting) < first.limit:
                        self._arrived.clear()
                        await self._arrived.wait()
            if batch := self._take():
                return batch

    def _take(self) -> list[_Job]:
        first = next(iter(self._waiting), None)
        alike = itertools.takewhile(lambda job: job.run == first.run, self._waiting)
        batch = list(itertools.islice(alike, first.limit if first else 0))
        for job in batch:
            del self._waiting[job]
        return batch

    @staticmethod
    def _settle(batch: list[_Job], results: Sequence = (), error: Exception | None = None) -> None:
        for job, result in itertools.zip_longest(batch, results):
            if job.result.done():  # 취소되었거나 시간이 지났다
                continue
            if error:
                job.result.set_exception(error)
            else:
                job.result.set_result(result)

    def _note(self, size: int, seconds: float) -> None:
        self._seconds_per_text += 0.1 * (seconds / size - self._seconds_per_text)
        self.observe(size, seconds)
