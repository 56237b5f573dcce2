"""프로젝트의 명령이 함께 쓰는 것: 한국어 오류 한 줄, 종료 코드, Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn


class UserError(Exception):
    """Wrong input; the message is one Korean line that says what was expected and what came."""


class Parser(argparse.ArgumentParser):
    """An argument parser that ends wrong usage with one line on stderr and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"오류: 인수가 맞지 않는다. {message} (쓰는 법: {self.prog} --help)\n")


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit: its own code, 2 after a `UserError`, 130 after Ctrl-C."""
    try:
        code = main()
        sys.stdout.flush()
    except UserError as error:
        print(f"오류: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("멈췄다. 중간을 저장하는 일은 다시 실행하면 남은 것을 잇는다.", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # `… | head`처럼 읽는 쪽이 먼저 끝났다
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # 끝낼 때의 flush가 또 실패하지 않게 한다
        code = 1
    sys.exit(code)
