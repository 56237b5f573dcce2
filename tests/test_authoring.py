"""노트북을 만드는 도구와 규칙: TensorFlow를 부르지 않는 작은 노트북으로."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tf_study.authoring.__main__ import main
from tf_study.authoring.build import build
from tf_study.authoring.export import exported
from tf_study.authoring.rules import METADATA, NOTEBOOK_RULES, TREE_RULES
from tf_study.authoring.tree import Notebook, NotebookError, Tree

ROOT = Path(__file__).parent.parent

LECTURE = "chapter01_alpha/01_one.ipynb"
SOLUTION = "chapter01_alpha/practice/solutions/ex01_quiz.ipynb"
PRACTICE = "chapter01_alpha/practice/ex01_quiz.ipynb"


def md(text: str) -> NotebookNode:
    return new_markdown_cell(text)


def code(source: str, *tags: str, outputs: list | None = None) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {}, outputs=outputs or [])


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


class Course:
    """A repository with one finished chapter that breaks no rule."""

    def __init__(self, root: Path):
        self.root = root
        (root / "pyproject.toml").touch()
        self.write(LECTURE, lecture_cells())
        self.write(SOLUTION, solution_cells("### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"))
        self.write(PRACTICE, solution_cells("raise NotImplementedError", "../01_one.ipynb"))
        self.text("chapter01_alpha/README.md", "[1.1](01_one.ipynb) [연습](practice/ex01_quiz.ipynb)")
        self.text("README.md", "[1장](chapter01_alpha/README.md)")

    def text(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def write(self, name: str, cells: list[NotebookNode]) -> Path:
        """Write a notebook as if it had been run."""
        node = new_notebook(cells=cells, metadata=METADATA)
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"
        for count, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
            cell.execution_count = count
        return self.text(name, nbformat.writes(node))

    def edit(self, name: str, change: Callable[[NotebookNode], None]) -> None:
        """Change a notebook's content and nothing else."""
        node = self.notebook(name).node
        change(node)
        self.text(name, nbformat.writes(node))

    def notebook(self, name: str) -> Notebook:
        return next(n for n in Tree(self.root).notebooks if n.name == name)

    def findings(self) -> set[tuple[str, str, str]]:
        """All (rule, path, finding)."""
        tree = Tree(self.root)
        found = {
            (rule.__name__, notebook.name, finding)
            for notebook in tree.notebooks
            for rule in NOTEBOOK_RULES[notebook.kind]
            for finding in rule(notebook)
        }
        return found | {(rule.__name__, *finding) for rule in TREE_RULES for finding in rule(tree)}


def lecture_cells() -> list[NotebookNode]:
    table = "| 선수 노트북 | 학습 시간 | CPU 실행 시간 | 필요한 것 |\n|---|---|---|---|\n| 없음 | 1분 | 1초 | 없음 |"
    return [
        md(f"# 1.1 하나\n\n한 문장이다.\n\n{table}"),
        md("## 학습 목표\n\n- 하나\n- 둘\n- 셋"),
        code("# course.setup(seed=0) 대신\nx = 1"),
        md("## 1. 식\n\n$$y = 2x \\tag{1}$$"),
        code("y = 2 * x\ny"),
        md("## 2. 예측\n\n**먼저 예측해 보기.** 무엇일까.\n\n<details>\n\n답\n\n</details>"),
        md("## 3. 끝"),
        md("## 흔한 실수"),
        code("z = 3"),
        md("## 실무에서는\n\n같다.\n\n## 정리\n\n| 식 | 함수 |\n|---|---|\n| (1) | y |\n\n연습, 다음, **참고 문헌**"),
    ]


def solution_cells(body: str, lecture: str = "../../01_one.ipynb") -> list[NotebookNode]:
    return [
        md(f"# 연습 1.1\n\n[1.1]({lecture}) $f[0](x)$"),
        code("# course.setup(seed=0) 대신\nx = 1"),
        md("## 과제 1. 두 배 (●○○, 5분)\n\n**예시.** `twice(1)`은 2이다."),
        code(f'def twice(x):\n    """() -> ()."""\n    {body}'),
        code("def check_twice(answer):\n    pass\n\n\ncheck_twice(twice)"),
    ]


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path)


# 규칙


def insert(cell: NotebookNode) -> Callable[[Course], None]:
    """Add a cell, executed, before the last section of the lecture."""

    def change(course: Course) -> None:
        cells = course.notebook(LECTURE).node.cells
        course.write(LECTURE, [*cells[:-1], cell, cells[-1]])

    return change


def replace(name: str, old: str, new: str) -> Callable[[Course], None]:
    """Replace text in one cell of a notebook."""

    def change(node: NotebookNode) -> None:
        cell = next(cell for cell in node.cells if old in cell.source)
        cell.source = cell.source.replace(old, new)

    return lambda course: course.edit(name, change)


def metadata(course: Course) -> None:
    course.edit(LECTURE, lambda node: node.metadata.kernelspec.update(name="python3"))


def never_run(course: Course) -> None:
    course.edit(LECTURE, lambda node: node.cells[2].update(execution_count=None))


def repeated_id(course: Course) -> None:
    path = course.root / LECTURE
    path.write_text(path.read_text("utf-8").replace('"cell-1"', '"cell-0"'), encoding="utf-8")


def uncompared(share_of_cells: int) -> Callable[[Course], None]:
    def change(node: NotebookNode) -> None:
        for cell in [c for c in node.cells if c.cell_type == "code"][:share_of_cells]:
            cell.metadata.tags = ["nbval-ignore-output"]
            cell.source += "\nassert x == 1"

    return lambda course: course.edit(LECTURE, change)


def nothing_run_as_a_mistake(course: Course) -> None:
    cells = course.notebook(LECTURE).node.cells
    course.write(LECTURE, [*cells[:-2], cells[-1]])


def next_lecture_exports(course: Course) -> None:
    """A module of a later notebook, imported by the first."""
    cells = lecture_cells()
    cells[0].source = cells[0].source.replace("1.1", "1.2")
    cells[2].source = "#| default_exp alpha.two\n" + cells[2].source
    course.write("chapter01_alpha/02_two.ipynb", [*cells[:-1], code("#| export\nTWO = 2"), cells[-1]])
    for name, text in exported(course.notebook("chapter01_alpha/02_two.ipynb")).items():
        course.text(name, text)
    insert(code("from tf_study.alpha.two import TWO"))(course)


def orphan(course: Course) -> None:
    header = "# AUTOGENERATED! DO NOT EDIT! File to edit: ../../chapter01_alpha/01_one.ipynb.\n"
    course.text("tf_study/alpha/one.py", header)


def course_imports_a_chapter(course: Course) -> None:
    course.text("tf_study/course/runtime.py", "from ..alpha import one\n")


def practice_imports_a_later_chapter(course: Course) -> None:
    header = "# AUTOGENERATED! DO NOT EDIT! File to edit: ../../chapter02_beta/01_one.ipynb.\n"
    course.text("tf_study/beta/one.py", header)
    course.text("tf_study/practice/chapter01_ex01.py", "import tf_study.beta.one\n")


def remove(name: str) -> Callable[[Course], None]:
    return lambda course: (course.root / name).unlink()


def write(name: str, text: str) -> Callable[[Course], None]:
    return lambda course: course.text(name, text) and None


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["Traceback", "ValueError: no"])
BROKEN: list[tuple[str, str, Callable[[Course], None], str]] = [
    ("no_error", LECTURE, insert(code("f()", outputs=[ERROR])), "코드 셀 4: 출력에 오류가 있다(ValueError)"),
    ("no_warning", LECTURE, insert(code("f()", outputs=[stream("UserWarning: old")])), "코드 셀 4: 출력에 경고"),
    ("no_warning", LECTURE, insert(code("f()", outputs=[stream("소리", "stderr")])), "stderr가 있다(소리)"),
    ("no_machine_path", LECTURE, insert(code("f()", outputs=[stream("/home/me/x")])), "경로가 있다(/home/me)"),
    ("no_address", LECTURE, insert(code("f()", outputs=[stream("<f at 0x7f00aa11>")])), "(at 0x7f00aa11)"),
    ("kernel", LECTURE, metadata, "python3"),
    ("executed_in_order", LECTURE, never_run, "실행 번호 [None, 2, 3]"),
    ("unique_ids", LECTURE, repeated_id, "cell-0"),
    ("small_file", LECTURE, insert(md("가" * 2**19)), "MiB"),
    ("short_cells", LECTURE, insert(code("x = 1\n" * 46)), "코드 셀 4: 46줄"),
    ("mostly_compared", LECTURE, uncompared(1), "3개 가운데 1개"),
    ("uncompared_cells_assert", LECTURE, insert(code("f()", "nbval-ignore-output")), "코드 셀 4"),
    ("links_resolve", LECTURE, insert(md("[없다](09_none.ipynb#여기)")), "09_none.ipynb"),
    ("links_resolve", LECTURE, insert(md('<img src="none.png">')), "none.png"),
    ("exports_in_step", LECTURE, insert(code("#| export\nONE = 1")), "default_exp"),
    ("exports_in_step", LECTURE, insert(code("#| default_exp beta.one\n#| export\nONE = 1")), "beta.one"),
    ("exports_in_step", LECTURE, insert(code("#| default_exp alpha.one\n#| export\nONE = 1")), "alpha/one.py"),
    ("imports_point_backward", LECTURE, next_lecture_exports, "chapter01_alpha/02_two.ipynb"),
    ("imports_point_backward", LECTURE, insert(code("import tf_study.alpha")), "tf_study.alpha"),
    ("imports_point_backward", LECTURE, insert(code("from tf_study import authoring")), "tf_study.authoring"),
    ("imports_point_backward", LECTURE, insert(code("%matplotlib inline\nfrom projects import x")), "projects.x"),
    ("lecture_title", LECTURE, replace(LECTURE, "# 1.1", "# 1.2"), "# 1.1 제목"),
    ("lecture_table", LECTURE, replace(LECTURE, "한 문장이다.", ""), "한 문장"),
    ("lecture_table", LECTURE, replace(LECTURE, "학습 시간", "시간"), "학습 시간"),
    ("objectives", LECTURE, replace(LECTURE, "- 셋", ""), "2개"),
    ("setup_cell", LECTURE, replace(LECTURE, "course.setup", "setup"), "course.setup"),
    ("numbered_sections", LECTURE, replace(LECTURE, "## 2.", "## 3."), "[1, 3, 3]"),
    ("numbered_sections", LECTURE, replace(LECTURE, "## 3. ", "## "), "[1, 2]"),
    ("formula_with_code", LECTURE, replace(LECTURE, "$$", "$"), "식"),
    ("prediction", LECTURE, replace(LECTURE, "<details>", "<div>"), "예측"),
    ("closing_sections", LECTURE, replace(LECTURE, "## 실무에서는", "## 실무"), "실무"),
    ("mistake_is_run", LECTURE, nothing_run_as_a_mistake, "흔한 실수"),
    ("summary", LECTURE, replace(LECTURE, "참고 문헌", "문헌"), "참고 문헌"),
    ("summary", LECTURE, replace(LECTURE, "|---|---|\n| (1) | y |", ""), "표"),
    ("practice_title", PRACTICE, replace(PRACTICE, "# 연습", "연습"), "# 제목"),
    ("tasks", SOLUTION, replace(SOLUTION, "●○○", "쉬움"), "난이도"),
    ("tasks", SOLUTION, replace(SOLUTION, "5분", "금방"), "시간"),
    ("tasks", SOLUTION, replace(SOLUTION, "예시", "보기"), "예시"),
    ("tasks", SOLUTION, replace(SOLUTION, '"""() -> ()."""', "pass"), "docstring"),
    ("tasks", SOLUTION, replace(SOLUTION, "### BEGIN SOLUTION", ""), "채울 셀이 없다"),
    ("tasks", PRACTICE, replace(PRACTICE, "def check_twice(answer):\n    pass\n\n\ncheck_twice(twice)", "1"), "검사"),
    ("no_solution_left", PRACTICE, replace(PRACTICE, "raise", "### END SOLUTION\n    raise"), "코드 셀 2"),
    ("made_from_solution", PRACTICE, replace(PRACTICE, "5분", "6분"), "build로 다시"),
    ("made_from_solution", PRACTICE, replace(SOLUTION, "### END SOLUTION", ""), "짝이 맞지 않는다"),
    ("made_from_solution", PRACTICE, remove(SOLUTION), "ex01_quiz.ipynb"),
    ("practice_is_made", SOLUTION, remove(PRACTICE), "build로 만든다"),
    ("chapter_pages", "chapter01_alpha/README.md", remove("chapter01_alpha/README.md"), "없다"),
    ("chapter_pages", "chapter01_alpha/README.md", write("chapter01_alpha/README.md", "01_one.ipynb"), "ex01_quiz"),
    ("chapter_pages", "chapter01_alpha/README.md", remove(LECTURE), "01_one.ipynb"),
    ("front_page", "README.md", write("README.md", "chapter01_alpha"), "chapter01_alpha"),
    ("page_links_resolve", "docs/a.md", write("docs/a.md", "[가](b.md) `[나](c.md)`"), "b.md"),
    ("no_orphaned_module", "tf_study/alpha/one.py", orphan, "지운다"),
    ("library_imports", "tf_study/course/runtime.py", course_imports_a_chapter, "tf_study.alpha.one"),
    ("library_imports", "tf_study/practice/chapter01_ex01.py", practice_imports_a_later_chapter, "tf_study.beta.one"),
]


def test_the_example_breaks_no_rule(course):
    assert course.findings() == set()


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
@pytest.mark.parametrize(
    ("rule", "name", "change", "text"), BROKEN, ids=[f"{case[0]}-{number}" for number, case in enumerate(BROKEN)]
)
def test_rule_finds(course, rule, name, change, text):
    change(course)
    assert any(found[:2] == (rule, name) and text in found[2] for found in course.findings()), course.findings()


def test_every_rule_is_tested():
    rules = {rule.__name__ for rule in itertools.chain(TREE_RULES, *NOTEBOOK_RULES.values())}
    assert rules == {rule for rule, *_ in BROKEN}


@pytest.mark.parametrize("cell", [
    code("f()", "raises-exception", outputs=[ERROR]),
    code("f()", "shows-warning", outputs=[stream("UserWarning: old")]),
    code("f()", outputs=[stream("https://example.org/home/me")]),
    code("from tf_study import course"),
    md("[밖](https://example.org) [안](#식) `[코드](none.md)` $f[0](x)$"),
])
def test_allowed(course, cell):
    insert(cell)(course)
    assert course.findings() == set()


# 만들기


def unrun(course: Course, name: str, *cells: NotebookNode) -> Path:
    """Write a notebook that has not been run."""
    path = course.write(name, list(cells))
    course.edit(name, lambda node: [cell.update(execution_count=None) for cell in node.cells if "outputs" in cell])
    return path


def outputs(path: Path) -> list[list[NotebookNode]]:
    return [cell.outputs for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_build_runs_exports_and_repeats_itself(course, monkeypatch):
    monkeypatch.setenv("TF_STUDY_SCALE", "full")
    monkeypatch.setenv("TF_STUDY_PROGRESS", str(course.root / "progress"))
    path = unrun(
        course, LECTURE,
        md("# 1.1 하나\n\n> 더한다."),
        code("#| default_exp alpha.one\nfrom os import environ, getcwd\nprint(1)"),
        code("#| export\nimport matplotlib.pyplot as plt\n\n\ndef add(a, b):\n    return a + b"),
        code("print('앞')\nplt.plot([1, 2])\nplt.show()\nprint('뒤')"),
        code("import json\njson.loads('{')", "raises-exception"),
        code("print(environ['TF_STUDY_SCALE'], environ['TF_STUDY_PROGRESS'].endswith('progress'))\n"
             "getcwd().endswith('chapter01_alpha')"),
    )
    course.edit(LECTURE, lambda node: node.metadata.update(jupytext={"main_language": "python"}))

    build(course.notebook(LECTURE))

    shown = outputs(path)
    assert [output.output_type for output in shown[2]] == ["stream", "display_data"]
    assert shown[2][0].text == "앞\n뒤\n"  # nbval은 같은 이름의 스트림을 하나로 합쳐 비교한다
    assert shown[3][0].ename == "JSONDecodeError" and "json/decoder.py" not in "".join(shown[3][0].traceback)
    assert shown[4][0].text == "quick False\n" and shown[4][1].data["text/plain"] == "True"
    assert not (course.root / "progress").exists()
    module = (course.root / "tf_study/alpha/one.py").read_text("utf-8")
    assert "DO NOT EDIT! File to edit: ../../chapter01_alpha/01_one.ipynb." in module and "__all__ = ['add']" in module
    assert (course.root / "tf_study/alpha/__init__.py").read_text("utf-8").count("\n") == 1
    kept = {"kernel", "executed_in_order", "unique_ids", "exports_in_step", "no_machine_path", "no_orphaned_module"}
    assert not {finding for finding in course.findings() if finding[0] in kept}

    before = contents(course.root)
    build(course.notebook(LECTURE))
    assert contents(course.root) == before

    course.text("tf_study/alpha/one.py", module + "# 손으로 고침\n")
    assert "exports_in_step" in {rule for rule, *_ in course.findings()}


def test_build_makes_and_runs_the_practice_notebook(course):
    cells = solution_cells("### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")
    cells[-1].source = "try:\n    print(twice(2))\nexcept NotImplementedError:\n    print('⬜')"
    solution = unrun(course, SOLUTION, *cells)
    (course.root / PRACTICE).unlink()

    build(course.notebook(SOLUTION))

    practice = nbformat.read(course.root / PRACTICE, 4)
    assert outputs(solution)[-1][0].text == "4\n" and outputs(course.root / PRACTICE)[-1][0].text == "⬜\n"
    assert practice.cells[0].source == "# 연습 1.1\n\n[1.1](../01_one.ipynb) $f[0](x)$"
    assert practice.cells[3].source.endswith("    raise NotImplementedError")
    assert not list(NOTEBOOK_RULES["practice"][-1](course.notebook(PRACTICE)))


FAILING = [
    (["x = 1", "print('소리')\n1 / 0"], ["코드 셀 2에서 실패", "print('소리')", "ZeroDivisionError", "----> 2 1 / 0"]),
    (["import os\nos.write(2, b'last words')\nos._exit(1)"], ["코드 셀 1에서 실패", "os._exit(1)", "last words"]),
    (["import warnings\nwarnings.warn('old')"], ["코드 셀 1: 출력에 경고나 stderr가 있다"]),
    (["'/home/me'"], ["코드 셀 1: 출력에 이 기계의 경로가 있다(/home/me)"]),
    (["#| export\nx = 1"], ["default_exp"]),
]


@pytest.mark.parametrize(("sources", "texts"), FAILING, ids=["error", "death", "warning", "path", "export"])
def test_failed_build_tells_where_and_writes_nothing(course, sources, texts):
    unrun(course, LECTURE, *map(code, sources))
    before = contents(course.root)
    with pytest.raises(NotebookError) as caught:
        build(course.notebook(LECTURE))
    assert all(text in strip_ansi(str(caught.value)) for text in texts), caught.value
    assert contents(course.root) == before


def test_failing_blank_writes_neither_notebook(course):
    cells = solution_cells("### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")
    unrun(course, SOLUTION, *cells[:-1], code("twice(1)"))
    before = contents(course.root)
    with pytest.raises(NotebookError, match="NotImplementedError") as caught:
        build(course.notebook(SOLUTION))
    assert caught.value.notebook.name == PRACTICE
    assert contents(course.root) == before


def test_slow_cell_is_stopped(course, monkeypatch):
    monkeypatch.setattr("tf_study.authoring.build.CELL_TIMEOUT", 1)
    unrun(course, LECTURE, code("import time\ntime.sleep(60)"))
    with pytest.raises(NotebookError, match="(?s)코드 셀 1에서 실패.*timed out"):
        build(course.notebook(LECTURE))


# 명령


def test_command_builds_the_others_when_one_fails(course, capsys):
    unrun(course, LECTURE, code("1 / 0"))
    unrun(course, "chapter01_alpha/02_two.ipynb", code("2"))
    assert main(["build", str(course.root / LECTURE), str(course.root / "chapter01_alpha/02_two.ipynb")]) == 1
    printed = capsys.readouterr()
    assert f"{LECTURE}: 코드 셀 1에서 실패" in printed.err and "\x1b[31mZero" not in printed.err
    assert f"❌ {LECTURE}" in printed.out and "✅ chapter01_alpha/02_two.ipynb" in printed.out
    assert outputs(course.root / "chapter01_alpha/02_two.ipynb")[0][0].data["text/plain"] == "2"


def test_interrupt_ends_the_whole_build(course, capsys):
    unrun(course, LECTURE, code("import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)"))
    unrun(course, "chapter01_alpha/02_two.ipynb", code("2"))
    before = contents(course.root)
    assert main(["build", str(course.root / "chapter01_alpha")]) == 130
    assert "멈췄다" in capsys.readouterr().err
    assert contents(course.root) == before


def test_command_checks(course, capsys):
    assert main(["check", str(course.root)]) == 0
    unrun(course, LECTURE, *lecture_cells())
    assert main(["check", str(course.root / LECTURE)]) == 1
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.startswith(f"{LECTURE}: 처음부터 차례로")


@pytest.mark.parametrize(("arguments", "text"), [
    (["build", "none.ipynb"], "none.ipynb"),
    (["build", PRACTICE], f"원본이어야 한다: {SOLUTION}"),
    (["build", "/"], "pyproject.toml"),
])
def test_command_says_what_is_wrong_with_its_arguments(course, monkeypatch, capsys, arguments, text):
    monkeypatch.chdir(course.root)
    assert main(arguments) == 2
    assert text in capsys.readouterr().err


def test_notebooks_are_read_in_the_order_of_the_curriculum(course):
    course.write("projects/project01_app/walk.ipynb", [md("# 앱")])
    course.write("chapter02_beta/01_two.ipynb", lecture_cells())
    names = [notebook.name for notebook in Tree(course.root).notebooks]
    assert names == [LECTURE, PRACTICE, SOLUTION, "chapter02_beta/01_two.ipynb", "projects/project01_app/walk.ipynb"]


# pytest --nbval


def test_pytest_compares_notebooks(course):
    course.write(LECTURE, [
        code("print(1)", outputs=[stream("1\n")]),
        code("print(1)", outputs=[stream("2\n")]),
        code("print(1)", "nbval-ignore-output", outputs=[stream("2\n")]),
        code("assert False", "nbval-ignore-output"),
    ])
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, course.root)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", LECTURE]
    ended = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    outcomes = re.findall(r"^(PASSED|FAILED) .*::Cell (\d)", ended.stdout, re.MULTILINE)
    assert outcomes == [("PASSED", "0"), ("PASSED", "2"), ("FAILED", "1"), ("FAILED", "3")], ended.stdout
