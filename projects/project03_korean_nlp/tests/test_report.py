"""report: 그림과 HTML."""

from __future__ import annotations

import json
import re

import matplotlib
import numpy as np
import pytest

from projects.common.cli import UserError
from projects.project03_korean_nlp import report
from projects.project03_korean_nlp.prepare import Settings, load_summary, prepare
from projects.project03_korean_nlp.tests.conftest import write_lines
from tf_study.course import plot


@pytest.fixture(scope="module", autouse=True)
def style():
    with matplotlib.rc_context():
        plot.set_style()
        yield


@pytest.fixture(scope="module")
def model(trained):
    from projects.project03_korean_nlp.model import TopicModel

    return TopicModel(trained.out / "model")


@pytest.fixture(scope="module")
def reading(trained, model):
    return report.read(trained.out / "data" / "test-kiwi", model)


def test_counts(reading, model, trained):
    assert len(reading.predicted) == len(reading.true) == len(reading.probability) == 1400
    assert np.mean(reading.predicted == reading.true) > 0.9
    assert sum(counts.total() for counts in reading.words) == load_summary(trained.out / "data/test-kiwi")["morphemes"]
    assert [p for p, *_ in reading.doubtful] == pytest.approx(sorted(reading.probability)[: report.EXAMPLES])


def test_shares_of_slices(reading):
    parts = report.shares(reading)
    assert parts.shape == (10, 7)
    np.testing.assert_allclose(parts.sum(axis=1), 1)
    first = reading.predicted[:140]
    np.testing.assert_allclose(parts[0], [np.mean(first == topic) for topic in reading.topics])


def test_typical_words_are_those_of_the_lexicon(reading):
    from tf_study.course.data import _lexicon_topics as lexicon

    for topic, found in report.typical_words(reading).items():
        own = " ".join(lexicon.TOPICS[topic])
        assert len(found) == report.WORDS
        assert sum(word in own for word, _ in found) >= report.WORDS - 1, (topic, found)
        assert [z for _, z in found] == sorted((z for _, z in found), reverse=True) and found[-1][1] > 1.96


def test_the_page_needs_no_other_file_and_takes_texts_as_text(model, tmp_path):
    rows = [{"text": f"<script>alert({i})</script> & 선거가 {i}번 끝났다"} for i in range(12)]
    file = write_lines(tmp_path / "a.jsonl", [*rows, "{broken"])
    summary = prepare([str(file)], tmp_path / "data", Settings(analyzer="kiwi"), 1, progress=False)
    page = report.write(report.read(tmp_path / "data", model), summary, tmp_path / "out").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "JSON이 깨졌다 1" in page and "12편" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "topics.png", "words.png"}


@pytest.fixture
def command(monkeypatch):
    """The command in this process, which keeps its settings."""
    monkeypatch.setattr("tf_study.course.setup", lambda: None)
    return report.main


def test_the_command(command, trained, tmp_path):
    command([str(trained.out / "data/test-kiwi"), "--model", str(trained.out / "model"), "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "topics.png", "words.png", "confusion.png"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3 and "재현율" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [({"settings": {"package": "konlpy 0"}}, "같은 분석기로.*konlpy 0"), ({"documents": 0}, "한 편 이상")],
)
def test_data_that_do_not_fit(command, trained, tmp_path, change, message):
    summary = load_summary(trained.out / "data/test-kiwi") | change
    (tmp_path / "dataset.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        command([str(tmp_path), "--model", str(trained.out / "model")])


def test_a_folder_that_is_not_prepared(command, tmp_path):
    with pytest.raises(UserError, match="dataset.json이 없다"):
        command([str(tmp_path)])
