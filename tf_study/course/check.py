"""연습 문제의 채점: ⬜ 아직 풀지 않음, ✅ 무엇을 확인했는지, ❌ 기대와 실제와 원인.

연습 하나가 `tf_study/practice/`의 모듈 하나다. 그 모듈은 NumPy만으로 import된다(TensorFlow는 검사 안에서 부른다).

>>> exercise = Exercise("chapter01_basics/ex01_tensor_quiz", title="텐서 퀴즈")
>>> @exercise.task("1. 바깥 합", hints=("축을 늘린다.", "`a[:, None]`은 (N, 1)이다.", "늘린 `a`와 `b`를 더한다."))
... def check_outer_sum(outer_sum, rng):
...     a, b = rng.normal(size=3), rng.normal(size=4)
...     with given(a=a, b=b):
...         expect_close(outer_sum(a, b), np.add.outer(a, b), causes={"b의 축을 늘렸다.": np.add.outer(b, a)})
...     return "무작위 벡터에서 NumPy의 바깥 합과 같다"
>>> check_outer_sum(lambda a, b: a[:, None] + b)
✅ 1. 바깥 합: 무작위 벡터에서 NumPy의 바깥 합과 같다
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import linecache
import os
import pkgutil
import re
import tempfile
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from tf_study.course.data import _source

Check = Callable[[Any, np.random.Generator], str]


class WrongAnswer(Exception):
    """An answer that is not right, shown as a few lines without a traceback.

    Args:
        problem: what is wrong.
        expected, actual: what should have come and what came.
        cause: the likely cause.
    """

    def __init__(self, problem: str, expected: str = "", actual: str = "", cause: str = "") -> None:
        super().__init__(problem)
        self.problem, self.expected, self.actual, self.cause = problem, expected, actual, cause
        self.title = ""

    def __str__(self) -> str:
        details = {"기대": self.expected, "실제": self.actual, "원인": self.cause}
        lines = [f"{name}: {text}" for name, text in details.items() if text] + getattr(self, "__notes__", [])
        return "\n   ".join([f"❌ {self.title}: {self.problem}", *lines])

    def _render_traceback_(self) -> list[str]:
        """Tell IPython what to show instead of the traceback."""
        return str(self).splitlines()


class Exercise:
    """The tasks of one exercise notebook.

    Args:
        name: '<chapter folder>/<notebook without .ipynb>'.
        title: Korean title of the exercise.
    """

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title = name, title
        self.tasks: list[Task] = []

    @property
    def solution(self) -> str:
        """Path of the source notebook, relative to the root of the repository."""
        chapter, notebook = self.name.split("/")
        return f"{chapter}/practice/solutions/{notebook}.ipynb"

    def task(self, title: str, hints: Sequence[str]) -> Callable[[Check], Task]:
        """Make a task of `check(answer, rng) -> what was verified`.

        `rng` is seeded from the task's name: its values are in no notebook and the same on each run.

        Raises:
            ValueError: there are not exactly three hints.
        """

        def register(check: Check) -> Task:
            self.tasks.append(Task(self, title, hints, check))
            return self.tasks[-1]

        return register


class Task:
    """One task: call it with the learner's function or class; `hint(level)` prints a hint."""

    def __init__(self, exercise: Exercise, title: str, hints: Sequence[str], check: Check) -> None:
        if len(hints) != 3:
            raise ValueError(f"힌트는 3개여야 한다. 받은 개수: {len(hints)}")
        self.exercise, self.title, self.hints = exercise, title, tuple(hints)
        self.name = check.__name__
        self._check = check

    def __call__(self, answer: Callable) -> None:
        """Check `answer`, print ⬜ or ✅, and record a pass.

        Raises:
            WrongAnswer: the answer is not right, or fails with an error of its own.
        """
        try:
            verified = self._verify(answer)
        except WrongAnswer as wrong:
            wrong.title = self.title
            raise
        except NotImplementedError as error:
            print(f"⬜ {self.title}: 아직 풀지 않음 ({_blank_function(error)}의 본문이 비어 있다)")
            print(f"   힌트: ex.{self.name}.hint(1)")
        else:
            print(f"✅ {self.title}: {verified}{_record(self)}")

    def hint(self, level: int = 1) -> None:
        """Print hint 1, 2 or 3.

        Raises:
            ValueError: there is no such level.
        """
        if level not in (1, 2, 3):
            raise ValueError(f"힌트는 1, 2, 3단계가 있다. 받은 값: {level!r}")
        print(f"힌트 {level}/3: {self.hints[level - 1]}")

    def _verify(self, answer: Callable) -> str:
        """Run the check; an error of the answer becomes a `WrongAnswer`, a blank stays what it is."""
        if not callable(answer):
            raise WrongAnswer("함수나 클래스를 넘겨야 한다", "호출할 수 있는 것", _describe(answer))
        rng = np.random.default_rng(zlib.crc32(f"{self.exercise.name}/{self.name}".encode()))
        try:
            return self._check(answer, rng)
        except WrongAnswer:
            raise
        except Exception as error:
            if _blank_function(error):
                raise
            raise _failure(error) from error


# 기대를 적는 말들. 어긋나면 WrongAnswer를 일으킨다.


@contextlib.contextmanager
def given(**inputs: Any) -> Iterator[None]:
    """Name the inputs of an answer: what goes wrong inside shows them, and changing them in place is wrong.

    >>> with given(x=x):
    ...     expect_close(square(x), x**2)
    """
    text = ", ".join(f"{name} = {_describe(value)}" for name, value in inputs.items())
    try:
        with _unchanged(inputs):
            yield
    except Exception as error:
        error.add_note(f"입력: {text}")
        raise


@contextlib.contextmanager
def _unchanged(inputs: Mapping[str, Any]) -> Iterator[None]:
    """Raise `WrongAnswer` if an input has changed, even when that has made the result wrong, too."""
    kept = {name: np.asarray(value).copy() for name, value in inputs.items()}
    wrong = None
    try:
        yield
    except WrongAnswer as error:
        wrong = error
    for name, before in kept.items():
        after = np.asarray(inputs[name])
        if not _same(after, before, rtol=0, atol=0):
            raise WrongAnswer(
                f"입력 {name}: 값이 바뀌었다",
                _describe(before),
                _describe(after),
                "제자리 연산(`x -= …`, `x[…] = …`, `assign`)은 부른 쪽의 배열까지 바꾼다. 새 배열을 만든다.",
            )
    if wrong:
        raise wrong


def expect_tensor(actual: Any, what: str = "반환값") -> None:
    """Expect a `tf.Tensor`, not a NumPy array, a variable or a Python number."""
    import tensorflow as tf

    _expect_value(actual, what)
    if not isinstance(actual, tf.Tensor):
        cause = "`tf.convert_to_tensor`로 감싸거나 처음부터 TensorFlow 연산으로 계산한다."
        raise WrongAnswer(f"{what}: tf.Tensor가 아니다", "tf.Tensor", _type_name(actual), cause)


def expect_tuple(actual: Any, names: Sequence[str]) -> None:
    """Expect a tuple or list with one value for each of `names`."""
    expected = f"({', '.join(names)})의 {len(names)}개"
    if not isinstance(actual, (tuple, list)):
        raise WrongAnswer("반환값: 튜플이 아니다", expected, _type_name(actual))
    if len(actual) != len(names):
        raise WrongAnswer("반환값: 개수가 다르다", expected, f"{len(actual)}개")


def expect_shape(actual: Any, shape: Sequence[int | None], what: str = "반환값") -> None:
    """Expect a shape; works for symbolic Keras tensors too, whose unknown sizes are None."""
    _expect_value(actual, what)
    found = tuple(actual.shape) if hasattr(actual, "shape") else np.shape(actual)
    if found != tuple(shape):
        raise WrongAnswer(f"{what}: 모양이 다르다", str(tuple(shape)), str(found), _shape_cause(found, tuple(shape)))


def expect_dtype(actual: Any, dtype: str, what: str = "반환값") -> None:
    """Expect a dtype by its name, as 'float32'."""
    _expect_value(actual, what)
    found = _dtype_name(actual)
    if found != dtype:
        cause = "NumPy와 파이썬의 실수는 float64다." if (found, dtype) == ("float64", "float32") else ""
        raise WrongAnswer(f"{what}: 자료형(dtype)이 다르다", dtype, found, cause)


def expect_close(
    actual: Any,
    expected: Any,
    what: str = "반환값",
    causes: Mapping[str, Any] | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Expect the shape and the values of `expected`; NaN equals NaN.

    Floats may differ by atol + rtol·|expected|; integers, booleans and strings not at all.

    Args:
        actual: tensor, variable, array or number.
        causes: what the answer would be if a mistake were made, by the sentence that names the mistake.
    """
    _expect_value(actual, what)
    actual, expected = _values(actual, what), np.asarray(expected)
    if _same(actual, expected, rtol, atol):
        return
    suspects = (cause for cause, value in (causes or {}).items() if _same(actual, np.asarray(value), rtol, atol))
    cause = next(suspects, "")
    if actual.shape != expected.shape:
        cause = cause or _shape_cause(actual.shape, expected.shape)
        raise WrongAnswer(f"{what}: 모양이 다르다", str(expected.shape), str(actual.shape), cause)
    differs = ~_close(actual, expected, rtol, atol)
    where = tuple(int(i) for i in np.argwhere(differs)[0])
    place = f"{list(where)} 위치의 값 " if where else ""
    tolerance = f"; 허용 오차 {atol:g} + {rtol:g}·|기댓값|" if expected.dtype.kind == "f" else ""
    count = f" ({differs.size}개 가운데 {differs.sum()}개가 다르다{tolerance})" if where else ""
    raise WrongAnswer(
        f"{what}: 값이 다르다",
        place + _number(expected[where]),
        place + _number(actual[where]) + count,
        cause or _value_cause(actual, expected, rtol, atol),
    )


def expect_equal(actual: Any, expected: Any, what: str = "반환값", causes: Mapping[str, Any] | None = None) -> None:
    """Expect an exact Python value: a string, an integer, or a list, tuple or dictionary of them.

    A list, a tuple and an array with the same items are the same.

    Args:
        causes: what the answer would be if a mistake were made, by the sentence that names the mistake.
    """
    _expect_value(actual, what)
    found, wanted = _plain(actual), _plain(expected)
    if found == wanted:
        return
    cause = next((cause for cause, value in (causes or {}).items() if found == _plain(value)), "")
    if not isinstance(found, list) or not isinstance(wanted, list):
        raise WrongAnswer(f"{what}: 값이 다르다", _describe(expected), _describe(actual), cause)
    if len(found) != len(wanted):
        count = "{}개: {}".format
        raise WrongAnswer(
            f"{what}: 개수가 다르다",
            count(len(wanted), _describe(wanted)),
            count(len(found), _describe(found)),
            cause or ("비어 있다." if not found else ""),
        )
    if not cause and sorted(map(repr, found)) == sorted(map(repr, wanted)):
        cause = "원소는 모두 맞고 순서만 다르다."
    where = next(i for i, (a, b) in enumerate(zip(found, wanted)) if a != b)
    place = f"[{where}] 위치의 값 "
    raise WrongAnswer(f"{what}: 값이 다르다", place + _describe(wanted[where]), place + _describe(found[where]), cause)


def _plain(value: Any) -> Any:
    """Turn tuples and arrays into lists, and NumPy's numbers into Python's."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _plain(value.tolist()) if isinstance(value, (np.ndarray, np.generic)) else value


def _expect_value(actual: Any, what: str) -> None:
    if actual is None:
        cause = (
            "`return`을 빠뜨렸거나, 기울기라면 테이프에 그 변수로 가는 길이 없다: "
            "지켜보지 않았거나 손실을 `with` 밖이나 NumPy로 계산했다."
        )
        raise WrongAnswer(f"{what}: None이다", cause=cause)


def _values(value: Any, what: str) -> np.ndarray:
    """Return the values of a tensor, variable, array or number."""
    try:
        values = np.asarray(value)
    except (TypeError, ValueError, NotImplementedError):
        values = np.asarray(None)
    if values.dtype.kind == "V":  # bfloat16처럼 NumPy 밖의 dtype
        values = values.astype("float32")
    if values.dtype.kind == "O":
        raise WrongAnswer(f"{what}: 값을 읽을 수 없다", "텐서, 배열 또는 수", _describe(value))
    return values


def _close(actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Compare elementwise two arrays of one shape."""
    if expected.dtype.kind in "fc" and actual.dtype.kind in "biufc":
        with np.errstate(invalid="ignore"):
            return np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    return np.asarray(actual == expected)


def _same(actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> bool:
    return actual.shape == expected.shape and bool(_close(actual, expected, rtol, atol).all())


# 흔한 원인: 문제마다 적지 않아도 알아내는 것들


def _shape_cause(actual: tuple, expected: tuple) -> str:
    if [n for n in actual if n != 1] == [n for n in expected if n != 1]:
        return "크기가 1인 축이 남거나 모자란다. `keepdims`와 `[..., None]`을 본다."
    if sorted(actual, key=str) == sorted(expected, key=str):
        return "축의 순서가 바뀌었다(전치)."
    return ""


def _value_cause(actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> str:
    """Recognise NaN, a constant, a transpose, a sign, a scale, an offset and a truncation."""
    if actual.dtype.kind not in "iuf" or expected.dtype.kind not in "iuf":
        return ""
    actual, expected = actual.astype("float64"), expected.astype("float64")
    bad = int((~np.isfinite(actual) & np.isfinite(expected)).sum())
    if bad:
        return f"NaN이나 무한대가 {bad}개다. 0으로 나누었거나 음수의 로그·제곱근을 구했는지 본다."
    if not np.isfinite(expected).all():
        return ""
    if _same(actual, -expected, rtol, atol):
        return "부호가 반대다."
    if actual.size == 1:
        return ""
    if np.ptp(actual) == 0:
        return f"모든 원소가 {_number(actual.flat[0])}이다. 입력과 상관없는 상수를 돌려주는지 본다."
    if actual.ndim > 1 and _same(actual, expected.swapaxes(-1, -2), rtol, atol):
        return "축의 순서가 바뀌었다(전치)."
    ratio = (actual * expected).sum() / max((expected**2).sum(), np.finfo(float).tiny)
    if _same(actual, ratio * expected, rtol, atol):
        return f"모든 값이 기댓값의 {ratio:.4g}배다. 빠뜨린 배율이나 남은 배율을 찾는다."
    offset = (actual - expected).mean()
    if _same(actual, expected + offset, rtol, atol):
        return f"모든 값이 기댓값과 {offset:.4g}만큼 다르다."
    if _same(actual, np.trunc(expected), rtol, atol):
        return "소수점 아래가 버려졌다. 정수로 계산했는지 본다."
    return ""


# 답의 오류


def _learner_frames(error: Exception) -> list[tuple[str, int, str]]:
    """Return (file, line, function) of the frames of the notebook's cells, outermost first."""
    metadata = getattr(error, "ag_error_metadata", None)
    if metadata:  # @tf.function: 줄 번호는 AutoGraph가 만든 코드의 것이므로 원래 줄을 물어본다
        return [(f.filename, f.lineno, f.function_name) for f in reversed(metadata.translated_stack) if f.is_converted]
    frames = traceback.walk_tb(error.__traceback__)
    return [(f.f_code.co_filename, line, f.f_code.co_name) for f, line in frames if _is_learners(f)]


def _is_learners(frame) -> bool:
    return frame.f_globals.get("__name__") == "__main__"


def _blank_function(error: Exception) -> str:
    """Return the name of the function that is still blank, or '' if `error` is another one.

    A blank is a `raise NotImplementedError` written in a cell; a library raises the same error in its own code.
    """
    frame = list(traceback.walk_tb(error.__traceback__))[-1][0]
    written = _is_learners(frame) and "NotImplementedError" in frame.f_code.co_names
    if not isinstance(error, NotImplementedError) or not written:
        return ""
    return frame.f_code.co_name.removeprefix("tf__")  # AutoGraph가 붙인 이름


def _failure(error: Exception) -> WrongAnswer:
    """Turn an error of the answer into one that names the learner's line."""
    kind = type(error).__name__
    message = getattr(getattr(error, "ag_error_metadata", None), "cause_message", str(error))
    message = re.sub(r"\{\{function_node .*?\}\} | \[Op:\w+\].*", "", message.removeprefix(f"{kind}: ")).strip()
    wrong = WrongAnswer(f"{kind}: {message}" if message else kind)
    frames = _learner_frames(error)
    if frames:
        file, line, function = frames[-1]
        wrong.add_note(f"줄: 셀의 {line}번째 줄, {function}: `{linecache.getline(file, line).strip()}`")
    for note in getattr(error, "__notes__", []):
        wrong.add_note(note)
    return wrong


# 값을 적는 법


def _type_name(value: Any) -> str:
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}".removeprefix("builtins.")


def _dtype_name(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "name", dtype) or f"파이썬 {type(value).__name__}"


def _number(value: Any) -> str:
    return f"{value:.7g}" if np.asarray(value).dtype.kind == "f" else str(value)


def _describe(value: Any) -> str:
    """Describe a value in one line: dtype and shape, and the values themselves if they are few."""
    if not hasattr(value, "shape"):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:80]}…"
    text = f"{_dtype_name(value)} {tuple(value.shape)}"
    if 0 < np.prod([n or 0 for n in value.shape]) <= 8:
        values = np.array2string(np.asarray(value), precision=4, separator=", ", max_line_width=1000)
        text += " " + " ".join(values.split())
    return text


# 기록


def progress_folder() -> Path:
    """Return the folder of the learner's record: `TF_STUDY_PROGRESS` or <home>/progress."""
    return Path(os.environ.get("TF_STUDY_PROGRESS") or _source.home() / "progress").expanduser()


def progress_report() -> str:
    """Return the passed checks of all exercises as a Korean table."""
    exercises = [module.exercise for module in practice_modules()]
    passed_at = {task: _passed_at(task) for exercise in exercises for task in exercise.tasks}
    passed = sum(map(bool, passed_at.values()))
    lines = [f"연습 기록: 과제 {len(passed_at)}개 가운데 {passed}개를 통과했다 ({progress_folder()})"]
    for chapter, group in itertools.groupby(exercises, key=lambda exercise: exercise.name.split("/")[0]):
        lines += ["", chapter, *(_report_line(exercise, passed_at) for exercise in group)]
    damaged = [_record_file(task) for task, time in passed_at.items() if time is None]
    lines += [f"⚠️ 읽을 수 없는 기록: {path} (그 검사를 다시 통과하면 새로 쓴다)" for path in damaged]
    return "\n".join(lines)


def _report_line(exercise: Exercise, passed_at: Mapping[Task, str | None]) -> str:
    times = [passed_at[task] for task in exercise.tasks if passed_at[task]]
    latest = f", 최근 통과 {max(times)[:10]}" if times else ""
    return f"  {len(times):2}/{len(exercise.tasks)}  {exercise.name.split('/')[1]} ({exercise.title}{latest})"


def practice_modules() -> list:
    """Import the exercises' modules, in the order of the course."""
    import tf_study.practice as package

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def _record_file(task: Task) -> Path:
    return progress_folder() / task.exercise.name / f"{task.name}.json"


def _passed_at(task: Task) -> str | None:
    """Return when the task was first passed, '' if it was not, None if its record cannot be read."""
    try:
        passed_at = json.loads(_record_file(task).read_text(encoding="utf-8"))["passed_at"]
        return datetime.fromisoformat(passed_at).isoformat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _record(task: Task) -> str:
    """Write down that `task` is passed; return what to add to the line if that is not possible.

    A run in a `solutions` folder is the course's, not the learner's.
    """
    if Path.cwd().name == "solutions" or _passed_at(task):
        return ""
    path = _record_file(task)
    record = {"exercise": task.exercise.name, "task": task.title, "passed_at": _now()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
            json.dump(record, file, ensure_ascii=False)
        os.replace(file.name, path)  # 함께 도는 노트북이 반만 쓰인 기록을 보지 않는다
    except OSError as error:
        return f" (기록하지 못했다: {error.strerror}: {path.parent})"
    return ""


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
