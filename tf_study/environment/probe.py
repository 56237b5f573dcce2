"""죽거나 멈출 수 있는 점검을 자식 프로세스에서 돌리고, 그 답을 JSON 한 줄씩 받는다."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

from tf_study.environment import ROOT

SECONDS = 120


class Probe:
    """A module of this package run with `-m`; its crash or hang is a finding, not the end of the report."""

    def __init__(self, module: str):
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.{module}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr, encoding="utf-8",
            cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )  # fmt: skip
        self._watchdog = threading.Timer(SECONDS, self._process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def answers(self) -> Iterator[dict]:
        """Yield the module's answers as they come; the last one carries 'error' if it did not end well."""
        for line in self._process.stdout:
            yield json.loads(line)
        code = self._process.wait()
        timed_out = not self._watchdog.is_alive()
        self._watchdog.cancel()
        if timed_out:
            yield {"error": f"{SECONDS}초가 지나도 끝나지 않았다"}
        elif code < 0:
            yield {"error": f"프로세스가 {signal.Signals(-code).name} 신호로 죽었다"}
        elif code > 0:
            yield {"error": self._last_line()}

    def _last_line(self) -> str:
        self._stderr.seek(0)
        return ([line.strip() for line in self._stderr if line.strip()] or ["까닭을 남기지 않고 끝났다"])[-1]


def answer(**values) -> None:
    """Send one answer to the report."""
    print(json.dumps(values), flush=True)


def run(body: Callable[[], None]) -> None:
    """Run a probe's body; what it raises becomes one line on stderr, which the report quotes."""
    try:
        body()
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        sys.exit(f"{type(error).__name__}: {first_line}")
