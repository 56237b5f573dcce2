"""tf_study의 입구. 표준 라이브러리만으로, Python 3.8부터 돈다."""

import sys

if sys.version_info < (3, 8):
    sys.exit("Python 3.8 이상으로 실행한다. 지금은 %d.%d이다. 예: `python3.11 main.py start`" % sys.version_info[:2])
if sys.platform == "win32":  # 아래 import에는 Windows에 없는 fcntl이 있어 먼저 가른다
    sys.exit("Windows에서는 WSL2의 Ubuntu 안에서 실행한다. PowerShell에서 `wsl --install`로 설치한다.")

import argparse

from tf_study.environment import Problem, commands

EPILOG = "명령 없이 `python main.py`라고 하면 환경을 점검한다(10~20초)."


def parse(arguments):
    parser = argparse.ArgumentParser(prog="main.py", description="tf_study: 텐서에서 DiT까지", epilog=EPILOG)
    parser.add_argument("--json", action="store_true", help="환경 점검의 결과를 JSON으로 낸다")
    subparsers = parser.add_subparsers(dest="command", metavar="명령", title="명령")

    start = subparsers.add_parser("start", help="환경을 준비하고 JupyterLab을 연다")
    start.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="열 노트북 (기본: 1장의 첫 노트북)")
    start.add_argument("--no-browser", action="store_true", help="브라우저를 열지 않고 주소만 보인다")
    start.add_argument("--cuda", action="store_true", help="NVIDIA GPU가 있는 Linux: CUDA 라이브러리도 설치한다")

    test = subparsers.add_parser("test", help="노트북, 라이브러리, 도구, 프로젝트를 모두 검증한다")
    test.add_argument("paths", nargs="*", metavar="PATH", help="검증할 파일이나 폴더 (기본: 모두)")

    subparsers.add_parser("progress", help="통과한 연습 문제를 장별로 보인다")
    chosen = parser.parse_args(arguments)
    if chosen.json and chosen.command:
        parser.error("--json은 명령 없이 환경을 점검할 때만 쓴다")
    return chosen


def main():
    chosen = parse(sys.argv[1:])
    try:
        if chosen.command == "start":
            commands.start(chosen.notebook, browser=not chosen.no_browser, cuda=chosen.cuda)
        if chosen.command == "test":
            commands.test(chosen.paths)
        if chosen.command == "progress":
            return commands.progress()
        return commands.check(chosen.json)
    except Problem as problem:
        return str(problem)
    except KeyboardInterrupt:
        return "멈췄다. 같은 명령을 다시 실행하면 된다."


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # 한글을 못 쓰는 터미널에서도 끝까지 간다
    sys.exit(main())
