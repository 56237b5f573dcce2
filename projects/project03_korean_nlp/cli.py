"""명령들이 함께 쓰는 것: 한 줄 오류, 종료 코드, 인자의 검사."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from projects.project03_korean_nlp.analysis import DEFAULT, AnalysisError, default_workers
from tf_study.nlp.bpe import ANALYZERS

BUILD = Path("build/project03")


class UsageError(Exception):
    """What was asked for cannot be done; the message is one Korean line."""


def run(main: Callable[[], None], *errors: type[Exception]) -> int:
    """Call a command and return its exit code: 0, 1 after an error of the user's, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        main()
    except (UsageError, AnalysisError, OSError, *errors) as error:
        print(f"오류: {_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("멈췄다. 같은 명령을 다시 실행하면 이어 간다.", file=sys.stderr)
        return 130
    return 0


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{least} 이상의 정수여야 한다. 받은 값: {text}")
        return int(text)

    return number


def add_pool_options(parser: argparse.ArgumentParser, default: str | None = DEFAULT) -> None:
    if default:
        parser.add_argument("--analyzer", choices=list(ANALYZERS), default=default, help="형태소 분석기 (기본: %(default)s)")
    parser.add_argument(
        "--workers", type=at_least(1), default=default_workers(), help="분석 작업자의 수 (기본: %(default)s)"
    )


def existing_files(names: list[str]) -> list[str]:
    """Return the names; each must be a file that can be read.

    Raises:
        UsageError: one is not.
    """
    for name in names:
        if not Path(name).is_file():
            raise UsageError(f"파일이어야 한다. {'폴더이다' if Path(name).is_dir() else '없다'}: {name}")
    return names
