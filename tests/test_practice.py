"""모든 연습의 모든 검사: 해답은 ✅, 빈 노트북은 ⬜, 흔한 오답은 맞는 이유로 ❌, 다른 길로 간 정답은 ✅.

연습 모듈마다 `tests/practice/<모듈>.py`가 검사의 이름마다 오답 `WRONG`과 정답 `RIGHT`를 적는다.
"""

from __future__ import annotations

import ast
import functools
import runpy
from pathlib import Path

import nbformat
import pytest

from tf_study.course import check

ROOT = Path(__file__).parents[1]
MODULES = {
    task: module.__name__.rpartition(".")[2] for module in check.practice_modules() for task in module.exercise.tasks
}


def name_of(task) -> str:
    return f"{MODULES[task]}-{task.name}"


every_task = pytest.mark.parametrize("task", MODULES, ids=name_of)


@functools.cache
def answers_in(notebook: str) -> dict[str, object]:
    """Return {check: answer} of a notebook: its definitions are run, its other statements are not."""
    cells = [cell.source for cell in nbformat.read(ROOT / notebook, as_version=4).cells if cell.cell_type == "code"]
    statements = [statement for source in cells for statement in ast.parse(source).body]
    calls = [s.value for s in statements if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    checks = {getattr(call.func, "attr", ""): call for call in calls}
    definitions = [s for s in statements if not isinstance(s, ast.Expr)]
    space = {"__name__": "__main__"}
    exec(compile(ast.Module(definitions, []), notebook, "exec"), space)
    return {name: space[call.args[0].id] for name, call in checks.items() if name.startswith("check_")}


@functools.cache
def tried(module: str) -> dict:
    return runpy.run_path(str(Path(__file__).parent / "practice" / f"{module}.py"), run_name="__main__")


def attempts(kind: str) -> list:
    """Return one parameter (task, attempt) for each attempt in the tables `kind`."""
    return [
        pytest.param(task, attempt, id=f"{name_of(task)}-{number}")
        for task, module in MODULES.items()
        for number, attempt in enumerate(tried(module)[kind][task.name])
    ]


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_STUDY_PROGRESS", str(tmp_path))
    return tmp_path


@every_task
def test_solution_passes_and_is_recorded(task, progress, capsys):
    task(answers_in(task.exercise.solution)[task.name])
    assert capsys.readouterr().out.startswith(f"✅ {task.title}: ")
    assert len(list(progress.rglob("*.json"))) == 1


@every_task
def test_blank_is_not_solved_yet(task, progress, capsys):
    practice = task.exercise.solution.replace("/solutions/", "/")
    task(answers_in(practice)[task.name])
    assert capsys.readouterr().out.startswith(f"⬜ {task.title}: 아직 풀지 않음")
    assert not list(progress.rglob("*.json"))


@pytest.mark.parametrize("task, attempt", attempts("WRONG"))
def test_wrong_answer_is_told_its_cause(task, attempt, progress):
    answer, cause = attempt
    with pytest.raises(check.WrongAnswer) as wrong:
        task(answer)
    assert cause in str(wrong.value)
    assert not list(progress.rglob("*.json"))


@pytest.mark.parametrize("task, answer", attempts("RIGHT"))
def test_right_answer_in_another_way_passes(task, answer, capsys):
    task(answer)
    assert capsys.readouterr().out.startswith("✅")


@every_task
def test_there_are_enough_attempts(task):
    table = tried(MODULES[task])
    assert len({cause for _, cause in table["WRONG"][task.name]}) >= 2
    assert table["RIGHT"][task.name]


@every_task
def test_hints_lead_on_without_the_answer(task):
    cells = nbformat.read(ROOT / task.exercise.solution, as_version=4).cells
    hidden = [cell.source.split("### BEGIN SOLUTION")[1] for cell in cells if "### BEGIN SOLUTION" in cell.source]
    lines = [line.partition("#")[0].strip() for source in hidden for line in source.splitlines()]
    assert len(set(task.hints)) == 3
    assert not [line for line in lines if len(line) > 20 and line in " ".join(task.hints)]
