"""`python -m tf_study.authoring build PATH …`과 `check [PATH …]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nbconvert.filters import strip_ansi
from tqdm import tqdm

from tf_study.authoring.build import build
from tf_study.authoring.rules import NOTEBOOK_RULES, TREE_RULES
from tf_study.authoring.tree import Notebook, NotebookError, Tree

TIME_LIMIT = 60.0  # 초. 두 코어에서 노트북 하나


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tf_study.authoring", description="노트북을 만들고 검사한다.")
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build", help="노트북을 실행하고 출력, 모듈, 실습 노트북을 쓴다")
    builder.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="노트북 또는 폴더")
    checker = commands.add_parser("check", help="아무것도 실행하지 않고 어긋난 곳을 찾는다")
    checker.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="노트북 또는 폴더. 없으면 전부")
    options = parser.parse_args(arguments)
    try:
        return _build(options.paths) if options.command == "build" else _check(options.paths)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("멈췄다. 실행하던 노트북은 쓰지 않았다.", file=sys.stderr)
        return 130


def _build(paths: list[Path]) -> int:
    notebooks = _sources(Tree.around(paths[0]).select(paths))
    outcomes = []
    with tqdm(total=sum(map(_cell_count, notebooks)), unit="셀", disable=None) as bar:
        for notebook in notebooks:
            bar.set_description(notebook.name)
            outcomes.append(_build_one(notebook, bar))
    _print_table(notebooks, outcomes)
    return 1 if None in outcomes else 0


def _check(paths: list[Path]) -> int:
    """Print one line per finding; without paths also about the files beside the notebooks."""
    tree = Tree.around(paths[0] if paths else Path.cwd())
    found = [
        f"{notebook.name}: {finding}"
        for notebook in (tree.select(paths) if paths else tree.notebooks)
        for rule in NOTEBOOK_RULES[notebook.kind]
        for finding in rule(notebook)
    ]
    if not paths:
        found += [f"{name}: {finding}" for rule in TREE_RULES for name, finding in rule(tree)]
    print(*found or ["어긋난 곳이 없다."], sep="\n")
    return 1 if found else 0


def _sources(notebooks: list[Notebook]) -> list[Notebook]:
    """The notebooks without those that are made from a solution.

    Raises:
        ValueError: nothing is left.
    """
    sources = [n for n in notebooks if n.kind != "practice"]
    if not sources:
        raise ValueError(f"만들어지는 노트북이 아니라 그 원본이어야 한다: {notebooks[0].solution.name}")
    return sources


def _cell_count(notebook: Notebook) -> int:
    return len(notebook.code_cells) * (2 if notebook.kind == "solution" else 1)


def _build_one(notebook: Notebook, bar: tqdm) -> float | None:
    """Build a notebook and return its seconds, or show why it failed and return None."""
    try:
        seconds = build(notebook, on_cell=bar.update)
    except NotebookError as error:
        message = f"{error.notebook.name}: {error}"
        tqdm.write(message if sys.stderr.isatty() else strip_ansi(message), file=sys.stderr)
        return None
    tqdm.write(f"{notebook.name}: {seconds:.1f}초", file=sys.stderr)
    return seconds


def _print_table(notebooks: list[Notebook], outcomes: list[float | None]) -> None:
    width = max(len(n.name) for n in notebooks)
    for notebook, seconds in zip(notebooks, outcomes):
        if seconds is None:
            print(f"❌ {notebook.name:<{width}}       -  쓰지 않았다")
        else:
            slow = f"  {TIME_LIMIT:.0f}초를 넘는다" if seconds > TIME_LIMIT else ""
            print(f"{'⚠️' if slow else '✅'} {notebook.name:<{width}}  {seconds:5.1f}초{slow}")
    built = [s for s in outcomes if s is not None]
    print(f"노트북 {len(notebooks)}개 가운데 {len(built)}개, {sum(built):.1f}초")


if __name__ == "__main__":
    sys.exit(main())
