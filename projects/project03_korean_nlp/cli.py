"""명령들이 함께 쓰는 인자와, 끝나지 못한 일의 한 줄 오류."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from projects.common import cli as common
from projects.common.cli import Parser, UserError
from projects.project03_korean_nlp.analysis import DEFAULT, AnalysisError, default_workers
from tf_study.nlp.bpe import ANALYZERS

__all__ = ["BUILD", "Parser", "UserError", "add_analyzer", "add_workers", "at_least", "existing_files", "run"]

BUILD = Path("build/project03")


def run(main: Callable[[], None]) -> NoReturn:
    """Run a command and exit as `projects.common.cli.run`; 1 when the system or a worker failed it."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")

    def guarded() -> int:
        try:
            main()
        except BrokenPipeError:
            raise
        except AnalysisError as error:
            print(f"오류: {error}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"오류: 파일을 읽거나 쓰지 못했다. {error.filename or ''} {error.strerror or error}", file=sys.stderr)
            return 1
        return 0

    common.run(guarded)


def at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{least} 이상의 정수여야 한다. 받은 값: {text}")
        return int(text)

    return number


def add_analyzer(parser: Parser) -> None:
    names = list(ANALYZERS)
    parser.add_argument("--analyzer", choices=names, default=DEFAULT, help="형태소 분석기 (기본: %(default)s)")


def add_workers(parser: Parser) -> None:
    default = default_workers()
    parser.add_argument("--workers", type=at_least(1), default=default, help="분석 작업자의 수 (기본: %(default)s)")


def existing_files(names: list[str]) -> list[str]:
    """Return the names; each must be a file.

    Raises:
        UserError: one is not.
    """
    for name in names:
        if not Path(name).is_file():
            raise UserError(f"파일이어야 한다. {'폴더이다' if Path(name).is_dir() else '없다'}: {name}")
    return names
