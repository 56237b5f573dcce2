"""모델의 버전을 보이고, 올리고(promote), 되돌린다(rollback). 도는 서버는 1초 안팎에 따라온다."""

from __future__ import annotations

import argparse
import sys

from projects.project02_sentiment_analysis.registry import Registry, RegistryError

MODELS = "build/project02/models"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="versions", description="모델의 버전을 보이고 바꾼다")
    parser.add_argument("--models", default=MODELS, metavar="DIR", help=f"버전이 있는 폴더 (기본: {MODELS})")
    commands = parser.add_subparsers(dest="command", required=True, metavar="명령")
    commands.add_parser("list", help="버전과 시험 정확도를 보인다. *이 서비스하는 버전이다")
    commands.add_parser("promote", help="버전을 서비스에 올린다").add_argument("version", metavar="버전")
    commands.add_parser("rollback", help="바로 전에 서비스하던 버전으로 되돌린다")
    chosen = parser.parse_args(arguments)
    registry = Registry(chosen.models)
    try:
        if chosen.command == "list":
            show(registry)
        elif chosen.command == "promote":
            registry.promote(chosen.version)
            print(f"서비스할 버전: {chosen.version}")
        else:
            print(f"서비스할 버전: {registry.rollback()}")
    except RegistryError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def show(registry: Registry) -> None:
    current = registry.current()
    for name in registry.versions():
        manifest = registry.manifest(name)
        mark = "*" if name == current else " "
        print(f"{mark} {name}  시험 정확도 {manifest['accuracy']:.3f}  {manifest['model']}  {manifest['data']}")


if __name__ == "__main__":
    sys.exit(main())
