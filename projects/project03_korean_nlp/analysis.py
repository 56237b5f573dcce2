"""형태소 분석을 작업자 프로세스에서: 순서를 지키고, 일하는 중인 묶음의 수를 정해 둔다."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from typing import TypeVar

from tf_study.nlp.bpe import ANALYZERS, morpheme_analyzer

T = TypeVar("T")

DEFAULT = "okt"
BATCH = 64  # 한 번에 작업자에게 보내는 글의 수
AHEAD = 3  # 작업자마다 맡겨 두는 묶음의 수

Analysis = list[str] | str  # 형태소들, 또는 나누지 못한 까닭


class AnalysisError(Exception):
    """The analyser cannot start or a worker died; the message is one Korean line for the user."""


def package_version(name: str) -> str:
    """Return the package that the analyser's result depends on, with its version."""
    package = "kiwipiepy" if name == "kiwi" else "konlpy"
    return f"{package} {version(package)}"


def default_workers() -> int:
    return min(os.cpu_count() or 1, 4)  # KoNLPy의 작업자는 JVM까지 하나에 수백 MB를 쓴다


class AnalyzerPool:
    """Worker processes, each with an analyser of its own (KoNLPy: one JVM per process).

    They are spawned, not forked: a JVM does not survive a fork, nor do TensorFlow's threads.

    Args:
        name: one of `tf_study.nlp.bpe.ANALYZERS`.
        workers: number of processes, at least 1.
    """

    def __init__(self, name: str, workers: int):
        if name not in ANALYZERS:
            raise ValueError(f"분석기는 {', '.join(ANALYZERS)} 가운데 하나여야 한다. 받은 값: {name!r}")
        self._workers = workers
        self._executor = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(name,)
        )

    def __enter__(self) -> AnalyzerPool:
        """Start the workers; their dictionaries load while the caller does something else."""
        for _ in range(self._workers):
            self._executor.submit(_analyze, [])
        return self

    def __exit__(self, *error) -> None:
        self._executor.shutdown(cancel_futures=True)

    def map(
        self, batches: Iterable[T], texts: Callable[[T], list[str]]
    ) -> Iterator[tuple[T, list[Analysis]]]:
        """Yield every batch with the analyses of its texts, in order.

        At most `AHEAD` batches a worker are in flight, so that memory does not depend on the length of
        `batches`. None among them means that nothing comes for now: what is in flight is yielded first.

        Raises:
            AnalysisError: the analyser cannot start (no Java), or a worker died.
        """
        flying: deque[tuple[T, Future]] = deque()
        try:
            for batch in batches:
                if batch is not None:
                    flying.append((batch, self._executor.submit(_analyze, texts(batch))))
                while flying and (batch is None or len(flying) >= AHEAD * self._workers):
                    yield _landed(*flying.popleft())
            while flying:
                yield _landed(*flying.popleft())
        except BrokenProcessPool:
            raise AnalysisError(
                "형태소 분석 작업자가 갑자기 죽었다(메모리가 모자라면 --workers를 줄인다). 같은 명령을 다시 실행할 수 있다."
            ) from None
        finally:
            for _, future in flying:
                future.cancel()


def _landed(batch: T, future: Future) -> tuple[T, list[Analysis]]:
    return batch, future.result()


# 여기부터는 작업자 안에서 돈다

_analyzer: Callable[[str], list[str]] | RuntimeError


def _start(name: str) -> None:
    """Load the analyser once; an error is kept for the first task, which can report it."""
    global _analyzer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C는 부모가 받아 정리한다
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        _analyzer = morpheme_analyzer(name)
    except RuntimeError as error:
        _analyzer = error


def _die_with_parent() -> None:
    """End with a parent that was killed: nobody else closes the queue that this process waits on."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _analyze(texts: list[str]) -> list[Analysis]:
    if isinstance(_analyzer, RuntimeError):
        raise AnalysisError(f"{_analyzer} 명령에는 `--analyzer kiwi`를 붙인다.")
    return [_morphemes(text) for text in texts]


def _morphemes(text: str) -> Analysis:
    try:
        found = [morpheme for morpheme in _analyzer(text) if morpheme.strip()]
    except Exception as error:  # Java 쪽의 예외는 종류가 정해져 있지 않다. 글 하나의 일로 남긴다
        return f"{type(error).__name__}: {error}"[:200]
    return found or "형태소가 하나도 없다"
