"""작업자 프로세스: 순서, 맡겨 두는 양, Java 없음. 죽음은 test_prepare.py에 있다."""

from __future__ import annotations

import itertools
import os

import pytest

from projects.project03_korean_nlp import analysis
from projects.project03_korean_nlp.analysis import AHEAD, AnalyzerPool
from projects.project03_korean_nlp.tests.conftest import ROOT, one_line, run, write_lines
from tf_study.nlp.bpe import morpheme_analyzer


@pytest.fixture(scope="module")
def pool():
    with AnalyzerPool("kiwi", 2) as pool:
        yield pool


def test_order_and_results_are_those_of_one_process(pool):
    analyze = morpheme_analyzer("kiwi")
    batches = [[f"{i}번째 경기에서 {j}점 차로 이겼다" for j in range(i % 7)] for i in range(40)]
    found = list(pool.map(batches, list))
    assert [batch for batch, _ in found] == batches
    assert [results for _, results in found] == [[analyze(text) for text in batch] for batch in batches]


def test_an_endless_input_is_read_only_a_little_ahead(pool):
    taken = itertools.count()
    results = pool.map(([f"글 {i}"] for i in taken), list)
    for _ in range(10):
        next(results)
    results.close()
    assert next(taken) <= 10 + 2 * AHEAD


def test_a_pause_brings_out_what_is_in_flight(pool):
    asked = []

    def batches():
        for batch in (["하나"], ["둘"], None, ["셋"]):
            asked.append(batch)
            yield batch

    results = pool.map(batches(), list)
    assert next(results)[0] == ["하나"] and asked[-1] is None
    assert next(results)[0] == ["둘"] and asked[-1] is None
    assert [batch for batch, _ in results] == [["셋"]]


def test_a_text_without_morphemes_or_with_an_error_is_that_texts_own(monkeypatch):
    def analyzer(text):
        if text == "터진다":
            raise RuntimeError("자바의 예외")
        return [" ", *text.split()]

    monkeypatch.setattr(analysis, "_analyzer", analyzer, raising=False)
    assert analysis._analyze(["가 나", "", "터진다"]) == [
        ["가", "나"], "형태소가 하나도 없다", "RuntimeError: 자바의 예외",
    ]  # fmt: skip


def test_an_unknown_analyzer():
    with pytest.raises(ValueError, match="okt, komoran.*'mecab'"):
        AnalyzerPool("mecab", 1)


def test_without_java_the_way_out_is_named(tmp_path):
    """Every new process finds no JVM, as on a computer without one."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import jpype\n"
        "def missing():\n"
        "    raise jpype.JVMNotFoundException('No JVM shared library file (libjvm.so) found.')\n"
        "jpype.getDefaultJVMPath = missing\n"
    )
    file = write_lines(tmp_path / "a.txt", ["선거가 끝났다"])
    environment = os.environ | {"PYTHONPATH": f"{hidden}{os.pathsep}{ROOT}"}
    environment.pop("JAVA_HOME", None)
    done = run("prepare", file, "--out", tmp_path / "out", check=False, env=environment)
    assert "Java가 필요한데" in (line := one_line(done, 1)) and "`--analyzer kiwi`" in line
