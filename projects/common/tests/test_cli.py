"""명령의 바깥: 오류는 한 줄, 종료 코드는 뜻대로, 닫힌 파이프와 Ctrl-C에도 조용하다."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from projects.common.cli import Parser, UserError, run


def exit_code(main) -> int:
    with pytest.raises(SystemExit) as ended:
        run(main)
    return ended.value.code


def fail(error: BaseException):
    raise error


@pytest.mark.parametrize("code", [0, 1])
def test_the_commands_own_code(code):
    assert exit_code(lambda: code) == code


def test_a_user_error_is_one_line_on_stderr(capsys):
    assert exit_code(lambda: fail(UserError("폴더여야 한다. 받은 것: a.txt"))) == 2
    assert capsys.readouterr() == ("", "오류: 폴더여야 한다. 받은 것: a.txt\n")


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def test_wrong_usage_is_one_line(capsys):
    parser = Parser(prog="train")
    parser.add_argument("--epochs", type=int)
    for arguments in (["--epochs", "많이"], ["--no-such"]):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(arguments)
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("오류: 인수가 맞지 않는다.") and error.count("\n") == 1 and arguments[-1] in error


def child(body: str) -> subprocess.Popen:
    # 셸이 뒤에서 돌린 명령의 자식은 SIGINT를 무시한 채 태어난다. 앞에서 돌릴 때처럼 되돌린다
    restore = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    source = f"import signal, sys, time\n{restore}\nfrom projects.common.cli import run\ndef main():\n{body}\nrun(main)"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", source], stdout=pipe, stderr=pipe, text=True)


def test_a_closed_pipe_ends_quietly():
    with child("    for i in range(100000): print(i)\n    return 0") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_ctrl_c_ends_with_a_line_and_130():
    with child("    print('돈다', flush=True)\n    time.sleep(600)") as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and error.startswith("멈췄다") and "Traceback" not in error
