"""채점기: ⬜ ✅ ❌, 짐작한 원인, 제자리 변경, 힌트, 기록과 그 보고."""

from __future__ import annotations

import json
import linecache
import os
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tf_study.course import check
from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    expect_shape,
    expect_tensor,
    expect_tuple,
    given,
)

HINTS = ("축을 본다.", "축을 늘린다.", "늘린 축을 더한다.")


def learner(source: str, name: str = "answer"):
    """Define a function as a notebook's cell does, with its source known (AutoGraph reads it)."""
    space, file = {"__name__": "__main__"}, f"<cell {len(linecache.cache)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), space)
    return space[name]


def verify(a, rng):
    expect_close(a(3.0), 9.0)
    return "제곱이다"


def make_task(verify=verify, title="1. 제곱"):
    return Exercise("chapter01_basics/ex09_test", title="시험").task(title, HINTS)(verify)


def wrong(call, *args, **kwargs) -> str:
    with pytest.raises(WrongAnswer) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    folder = tmp_path / "progress"
    monkeypatch.setenv("TF_STUDY_PROGRESS", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


# ⬜ ✅ ❌


def test_right_answer_prints_what_was_verified(capsys):
    make_task()(lambda x: x * x)
    assert capsys.readouterr().out == "✅ 1. 제곱: 제곱이다\n"


@pytest.mark.parametrize("body", ["raise NotImplementedError", "raise NotImplementedError()", "return inner(x)"])
def test_blank_is_not_an_error(body, capsys, progress):
    inner = "def inner(x):\n    raise NotImplementedError\n"
    make_task()(learner(f"{inner}def answer(x):\n    {body}"))
    name = "inner" if "inner" in body else "answer"
    expected = f"⬜ 1. 제곱: 아직 풀지 않음 ({name}의 본문이 비어 있다)\n   힌트: ex.verify.hint(1)\n"
    assert capsys.readouterr().out == expected
    assert not progress.exists()


def test_blank_class_and_blank_tf_function_are_not_errors(capsys):
    import tensorflow as tf

    space = "import keras, tensorflow as tf\n"
    blank = "raise NotImplementedError"
    layer = learner(f"{space}class answer(keras.layers.Layer):\n    def call(self, x):\n        {blank}")
    graph = learner(f"{space}@tf.function\ndef answer(x):\n    {blank}")
    make_task(lambda a, rng: expect_close(a()(tf.zeros(2)), [0, 0]))(layer)
    make_task()(graph)
    lines = capsys.readouterr().out.splitlines()[::2]
    assert [line[:1] for line in lines] == ["⬜", "⬜"]
    assert "call의 본문" in lines[0] and "(answer의 본문" in lines[1]


@pytest.mark.parametrize("body", [
    "import asyncio; asyncio.AbstractEventLoop().run_forever()",  # 라이브러리의 파이썬 코드가 일으킨다
    "import datetime; datetime.tzinfo().utcoffset(None)",  # 라이브러리의 C 코드가 일으킨다
])
def test_a_librarys_not_implemented_error_is_wrong(body):
    message = wrong(make_task(), learner(f"def answer(x):\n    {body}"))
    assert message.startswith("❌ 1. 제곱: NotImplementedError")


def test_error_of_the_answer_names_its_line():
    answer = learner("def helper(x):\n    return x + undefined\n\ndef answer(x):\n    return helper(x)")
    message = wrong(make_task(), answer)
    assert message.startswith("❌ 1. 제곱: NameError: name 'undefined' is not defined\n   줄: 셀의 2번째 줄, helper")


def test_tensorflow_errors_are_short_and_point_into_the_cell():
    import tensorflow as tf

    def add(a, rng):
        with given(x=3.0):
            return expect_close(a(tf.zeros(2)), [0.0, 0.0])

    eager = wrong(make_task(add), learner("import tensorflow as tf\ndef answer(x):\n    return x + tf.zeros(3)"))
    assert eager.splitlines()[0] == "❌ 1. 제곱: InvalidArgumentError: Incompatible shapes: [2] vs. [3]"
    assert "셀의 3번째 줄, answer" in eager and eager.endswith("입력: x = 3.0")
    graph = learner("import tensorflow as tf\n@tf.function\ndef answer(x):\n\n    return tf.reshape(x, (7,))")
    message = wrong(make_task(add), graph)
    assert "❌ 1. 제곱: ValueError: Cannot reshape" in message
    assert "셀의 5번째 줄, answer: `return tf.reshape(x, (7,))`" in message


def test_answer_that_cannot_be_called():
    assert "함수나 클래스를 넘겨야 한다" in wrong(make_task(), 9.0)


def test_inputs_are_fresh_for_each_task_but_the_same_on_each_run():
    drawn = []

    def draw(a, rng):
        drawn.append(rng.integers(1 << 30))
        return "뽑았다"

    def draw_more(a, rng):
        return draw(a, rng)

    for verify in (draw, draw, draw_more):
        make_task(verify)(abs)
    assert drawn[0] == drawn[1] != drawn[2]


def test_ipython_shows_a_short_message_and_the_line_of_the_cell(monkeypatch, capsys):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # 셸이 바꾼 것을 되돌린다
    shell = InteractiveShell()
    shell.user_ns.update(task=make_task())
    shell.run_cell("task(lambda x: 2 * x)")
    assert capsys.readouterr().out == "❌ 1. 제곱: 반환값: 값이 다르다\n   기대: 9\n   실제: 6\n"
    shell.run_cell("def f(x):\n    y = x\n    return y[0]\n\ntask(f)")
    shown = capsys.readouterr().out
    assert "셀의 3번째 줄, f: `return y[0]`" in shown and "Traceback" not in shown and "check.py" not in shown


# 기대를 적는 말들


@pytest.mark.parametrize("actual", [1.5, [1.5], np.float32([1.5]), np.array([[1.5, np.nan]])])
def test_close_takes_numbers_and_arrays(actual):
    expect_close(actual, np.asarray(actual, "float64"))


def test_close_takes_tensors_and_variables():
    import keras
    import tensorflow as tf

    for make in (tf.constant, tf.Variable, keras.Variable):
        expect_close(make([1.0, 2.0]), [1, 2])
    expect_close(tf.constant([0.1], "bfloat16"), [0.1], rtol=0.01)
    for unreadable in (keras.Input((2,)), tf.ragged.constant([[1], [2, 3]])):
        assert "값을 읽을 수 없다" in wrong(expect_close, unreadable, [1.0, 2.0])


def test_close_says_where_and_how_far():
    message = wrong(expect_close, np.array([[0.0, 1.0], [2.0, 3.5]]), np.array([[0.0, 1.0], [2.0, 3.0]]))
    assert "기대: [1, 1] 위치의 값 3\n" in message
    assert "실제: [1, 1] 위치의 값 3.5 (4개 가운데 1개가 다르다; 허용 오차 1e-06 + 1e-05·|기댓값|)" in message


def test_integers_booleans_and_strings_must_be_exact():
    expect_close([1, 2], [1, 2])
    assert "기대: [1] 위치의 값 2\n" in wrong(expect_close, [1, 2.00001], [1, 2])
    assert "기대: [0] 위치의 값 True" in wrong(expect_close, [False], [True])
    assert "기대: [1] 위치의 값 나" in wrong(expect_close, ["가", "다"], ["가", "나"])


MATRIX = np.array([[1.25, -2.5], [3.75, 4.5]])


@pytest.mark.parametrize("actual, cause", [
    (None, "`return`을 빠뜨렸"),
    (MATRIX.T, "축의 순서가 바뀌었다(전치)"),
    (-MATRIX, "부호가 반대다"),
    (MATRIX * 4, "모든 값이 기댓값의 4배다"),
    (MATRIX + 1, "모든 값이 기댓값과 1만큼 다르다"),
    (np.trunc(MATRIX), "소수점 아래가 버려졌다"),
    (np.full((2, 2), 7.0), "모든 원소가 7이다"),
    (np.where(MATRIX < 0, np.nan, MATRIX), "NaN이나 무한대가 1개다"),
    (np.where(MATRIX < 0, np.inf, MATRIX), "NaN이나 무한대가 1개다"),
    (MATRIX[:, None], "크기가 1인 축"),
])
def test_usual_causes_are_recognised(actual, cause):
    assert f"원인: {cause}" in wrong(expect_close, actual, MATRIX)


def test_named_cause_comes_before_a_usual_one():
    message = wrong(expect_close, MATRIX * 4, MATRIX, causes={"더했다.": MATRIX + 4, "네 번 더했다.": MATRIX * 4})
    assert message.endswith("원인: 네 번 더했다.")


@pytest.mark.parametrize("actual, expected", [
    (np.uint8([56, 249]), np.uint8([200, 7])), ([1.0, 2.0], [0.0, 0.0]), ([5.0], [7.0]), ([True, False], [False, False]),
    ([1.0, 2.0], [np.inf, 3.0]), (["가", "나"], [1.0, 2.0]), (np.zeros((2, 3)), np.zeros(5)),
])
def test_no_cause_is_made_up(actual, expected):
    assert "원인" not in wrong(expect_close, actual, expected)


def test_shape_dtype_tensor_and_tuple():
    import keras
    import tensorflow as tf

    symbolic = keras.Input((10,))
    expect_shape(symbolic, (None, 10))
    expect_dtype(symbolic, "float32")
    expect_shape(tf.zeros((2, 3)), (2, 3))
    expect_shape([[1, 2]], (1, 2))
    expect_dtype(tf.constant([1]), "int32")
    expect_dtype(np.float32(1), "float32")
    expect_tensor(tf.zeros(1))
    expect_tuple((1, 2), ("a", "b"))
    assert "기대: (3, 2)\n   실제: (2, 3)\n   원인: 축의 순서" in wrong(expect_shape, tf.zeros((2, 3)), (3, 2))
    assert "기대: float32\n   실제: float64\n   원인: NumPy" in wrong(expect_dtype, np.zeros(1), "float32")
    assert "실제: 파이썬 float" in wrong(expect_dtype, 1.0, "float32")
    assert "실제: numpy.ndarray" in wrong(expect_tensor, np.zeros(1))
    assert "tensorflow." in wrong(expect_tensor, tf.Variable(1.0)) and "None이다" in wrong(expect_tensor, None)
    assert "기대: (a, b)의 2개\n   실제: 3개" in wrong(expect_tuple, (1, 2, 3), ("a", "b"))
    assert "튜플이 아니다" in wrong(expect_tuple, 1, ("a", "b"))


def test_equal_takes_lists_tuples_and_arrays_alike():
    expect_equal([("가", np.int64(1)), ("나", 2)], (["가", 1], ["나", 2]))
    expect_equal(np.array([[1, 2], [3, 4]]), [(1, 2), (3, 4)])
    expect_equal({"가": (1, 2)}, {"가": [1, 2]})
    expect_equal([], ())


@pytest.mark.parametrize("actual, lines", [
    (["가", "다"], "값이 다르다\n   기대: [1] 위치의 값 '나'\n   실제: [1] 위치의 값 '다'"),
    (["나", "가"], "값이 다르다\n   기대: [0] 위치의 값 '가'\n   실제: [0] 위치의 값 '나'\n   원인: 원소는 모두 맞고 순서만 다르다."),
    (["가"], "개수가 다르다\n   기대: 2개: ['가', '나']\n   실제: 1개: ['가']\n   원인: 뒤를 잘랐다."),
    ([], "개수가 다르다\n   기대: 2개: ['가', '나']\n   실제: 0개: []\n   원인: 비어 있다."),
    ("가나", "값이 다르다\n   기대: ['가', '나']\n   실제: '가나'"),
    (None, "None이다\n   원인: `return`을 빠뜨렸"),
])
def test_equal_says_where_and_why(actual, lines):
    message = wrong(expect_equal, actual, ["가", "나"], "목록", causes={"뒤를 잘랐다.": ["가"]})
    assert f"목록: {lines}" in message


@pytest.mark.parametrize("result", [9.0, 8.0])
def test_changing_an_input_in_place_is_wrong_whatever_comes_back(result):
    def verify(a, rng):
        x = np.array([1.0, 2.0])
        with given(x=x, n=2):
            expect_close(a(x), 9.0)
        return "제곱이다"

    def answer(x):
        x += 1
        return result

    message = wrong(make_task(verify), answer)
    assert message.startswith("❌ 1. 제곱: 입력 x: 값이 바뀌었다\n   기대: float64 (2,) [1., 2.]\n   실제: float64 (2,) [2., ")
    assert message.endswith("입력: x = float64 (2,) [1., 2.], n = 2")


def test_changing_a_variable_in_place_is_wrong():
    import tensorflow as tf

    w = tf.Variable([1.0])
    with pytest.raises(WrongAnswer, match="입력 w: 값이 바뀌었다"), given(w=w):
        w.assign_add([1.0])


# 힌트


def test_hints_at_three_levels(capsys):
    task = make_task()
    task.hint()
    task.hint(3)
    assert capsys.readouterr().out == f"힌트 1/3: {HINTS[0]}\n힌트 3/3: {HINTS[2]}\n"


@pytest.mark.parametrize("level", [0, 4, -1, "둘", None])
def test_other_hint_levels_are_one_clear_error(level):
    with pytest.raises(ValueError, match=f"힌트는 1, 2, 3단계가 있다. 받은 값: {level!r}"):
        make_task().hint(level)


def test_a_task_has_three_hints():
    with pytest.raises(ValueError, match="힌트는 3개여야 한다. 받은 개수: 2"):
        Exercise("chapter01_basics/ex09_test", title="시험").task("1.", HINTS[:2])(verify)


# 기록


def test_a_pass_is_recorded_once(progress, monkeypatch):
    task = make_task()
    for now in ("2026-01-02T03:04:05+00:00", "2027-01-01T00:00:00+00:00"):
        monkeypatch.setattr(check, "_now", lambda: now)
        task(lambda x: x * x)
    [file] = progress.rglob("*.*")
    assert file == progress / "chapter01_basics/ex09_test/verify.json"
    expected = {"exercise": "chapter01_basics/ex09_test", "task": "1. 제곱", "passed_at": "2026-01-02T03:04:05+00:00"}
    assert json.loads(file.read_text(encoding="utf-8")) == expected


def test_wrong_answers_are_not_recorded(progress):
    wrong(make_task(), lambda x: 0.0)
    assert not progress.exists()


def test_home_is_the_default_place(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_STUDY_PROGRESS")
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path / "home"))
    make_task()(lambda x: x * x)
    assert [f.name for f in (tmp_path / "home/progress").rglob("*.json")] == ["verify.json"]


def test_solutions_are_not_the_learners(progress, tmp_path, monkeypatch):
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path / "solutions")
    make_task()(lambda x: x * x)
    assert not progress.exists()


def test_a_folder_that_cannot_be_written_does_not_break_the_check(progress, capsys):
    progress.write_text("폴더가 아니라 파일이다")
    make_task()(lambda x: x * x)
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("✅ 1. 제곱: 제곱이다 (기록하지 못했다: ") and str(progress) in line
    assert "⚠️" not in check.progress_report()


@pytest.mark.parametrize("damage", [
    b"", b"{", b"[]", b"{}", b'{"passed_at": 3}', b'{"passed_at": "yesterday"}', b"\xff",
])
def test_a_damaged_record_is_reported_and_mended(damage, progress, monkeypatch):
    task = make_task()
    use_exercises(monkeypatch, task.exercise)
    file = progress / "chapter01_basics/ex09_test/verify.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(damage)
    assert f"⚠️ 읽을 수 없는 기록: {file}" in check.progress_report()
    task(lambda x: x * x)
    assert "과제 1개 가운데 1개를 통과했다" in check.progress_report() and "⚠️" not in check.progress_report()


def test_notebooks_side_by_side_leave_whole_records(progress):
    exercise = Exercise("chapter01_basics/ex09_test", title="시험")

    def named(i):
        check_i = types.FunctionType(verify.__code__, verify.__globals__, f"verify_{i % 4}")
        return exercise.task(f"{i}", HINTS)(check_i)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: named(i)(lambda x: x * x), range(64)))
    files = sorted(progress.rglob("*.*"))
    assert [f.name for f in files] == [f"verify_{i}.json" for i in range(4)]
    assert all(json.loads(f.read_text(encoding="utf-8"))["passed_at"] for f in files)


# 보고


def use_exercises(monkeypatch, *exercises):
    modules = [types.SimpleNamespace(exercise=exercise) for exercise in exercises]
    monkeypatch.setattr(check, "practice_modules", lambda: modules)


def test_report_counts_by_chapter_and_exercise(progress, monkeypatch):
    monkeypatch.setattr(check, "_now", lambda: "2026-01-02T03:04:05+00:00")
    first = Exercise("chapter01_basics/ex01_tensor_quiz", title="텐서 퀴즈")
    second = Exercise("chapter02_keras_api/ex01_first_model", title="첫 모델")
    for exercise in (first, second):
        exercise.task("1. 제곱", HINTS)(verify)
        exercise.task("2. 또 제곱", HINTS)(lambda a, rng: verify(a, rng))
    first.tasks[0](lambda x: x * x)
    use_exercises(monkeypatch, first, second)
    assert check.progress_report() == "\n".join([
        f"연습 기록: 과제 4개 가운데 1개를 통과했다 ({progress})",
        "",
        "chapter01_basics",
        "   1/2  ex01_tensor_quiz (텐서 퀴즈, 최근 통과 2026-01-02)",
        "",
        "chapter02_keras_api",
        "   0/2  ex01_first_model (첫 모델)",
    ])


def test_report_needs_no_tensorflow(tmp_path):
    code = (
        "import sys; from tf_study.course.check import progress_report; print(progress_report());"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'matplotlib')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, encoding="utf-8",
    )
    assert run.returncode == 0, run.stderr
    assert "0/6  ex01_tensor_quiz (텐서 퀴즈)" in run.stdout
