"""한 줄에 JSON 하나인 로그. 손님의 글은 적지 않는다."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import traceback
from pathlib import Path

logger = logging.getLogger("sentiment")


class JsonLines(logging.Formatter):
    """`logger.info("event", extra={"fields": {…}})` as one line of JSON.

    Of an exception it writes the class and the places in the code alone: its message may hold a text.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line = {"time": time.isoformat(timespec="milliseconds"), "level": record.levelname.lower(),
                "event": record.getMessage(), **getattr(record, "fields", {})}  # fmt: skip
        if record.exc_info and record.exc_info[0]:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["trace"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False)


def log(event: str, level: int = logging.INFO, failed: BaseException | None = None, **fields) -> None:
    logger.log(level, event, extra={"fields": fields}, exc_info=failed)


def to_stderr() -> None:
    """Send this server's and uvicorn's logs to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.captureWarnings(True)
    for name in ("sentiment", "uvicorn.error", "py.warnings"):
        chosen = logging.getLogger(name)
        chosen.handlers, chosen.propagate = [handler], False
        chosen.setLevel(logging.INFO if name == "sentiment" else logging.WARNING)
