"""classify: 파이프, 순서, 오류가 난 줄, 메모리의 한계."""

from __future__ import annotations

import io
import itertools
import json
import subprocess

import pytest

from projects.project03_korean_nlp import classify
from projects.project03_korean_nlp.analysis import AHEAD, BATCH, AnalyzerPool
from projects.project03_korean_nlp.benchmark import command, texts
from projects.project03_korean_nlp.tests.conftest import ROOT, one_line, run, write_lines
from projects.project03_korean_nlp.text import Reader


@pytest.fixture(scope="module")
def model(trained):
    from projects.project03_korean_nlp.model import TopicModel

    return TopicModel(trained.out / "model")


@pytest.fixture(scope="module")
def pool():
    with AnalyzerPool("kiwi", 2) as pool:
        yield pool


def answers(files, model, pool, **options):
    batches = classify.incoming([str(file) for file in files], Reader(), **{"as_json": False} | options)
    return list(itertools.chain.from_iterable(classify.classify(batches, model, pool)))


def test_one_answer_a_line_in_order_with_errors_in_their_place(model, pool, tmp_path):
    rows = [{"text": text, "id": i} for i, text in enumerate(texts(3 * BATCH + 5))]
    bad = {4: "{broken", 70: "", 71: json.dumps({"text": "가" * 3000}), 150: '{"body": "글"}'}
    for place, line in bad.items():
        rows[place] = line
    found = answers([write_lines(tmp_path / "a.jsonl", rows), write_lines(tmp_path / "b.txt", texts(3))], model, pool)
    assert len(found) == 3 * BATCH + 8
    assert [row["line"] for row in found] == [*range(1, 3 * BATCH + 6), 1, 2, 3]
    assert {i for i, row in enumerate(found) if "error" in row} == set(bad)
    assert found[4]["error"].startswith("JSON이 깨졌다: ") and found[70]["error"] == "빈 줄이다"
    assert [row.get("id") for row in found[:4]] == ["0", "1", "2", "3"] and "id" not in found[-1]
    assert [row["topic"] for row in found[-3:]] == [row["topic"] for row in found[:3]]
    assert all(row["topic"] in model.topics and 0 < row["probability"] <= 1 for row in found if "error" not in row)


def test_the_same_answers_as_for_the_prepared_test_data(model, pool, trained, tmp_path):
    from projects.project03_korean_nlp.baseline import load
    from projects.project03_korean_nlp.model import Part

    prepared = load(Part(trained.out / "data" / "test-kiwi"))
    expected = model(prepared.morphemes).argmax(axis=1)[:200]
    lines = (trained.out / "data" / "test.jsonl").read_text(encoding="utf-8").splitlines()[:200]
    found = answers([write_lines(tmp_path / "a.jsonl", lines)], model, pool)
    assert [row["topic"] for row in found] == [model.topics[k] for k in expected]


def test_what_stands_last_decides(model, pool, tmp_path):
    """The same words in another order: a bag cannot tell them apart."""
    pairs = [
        ("국회의원 출신 배우가 어제 상을 받았다.", "문화"),
        ("배우 출신 국회의원이 어제 상을 받았다.", "정치"),
        ("선거가 아니라 월드컵이 어제 화제가 됐다.", "스포츠"),
        ("월드컵이 아니라 선거가 어제 화제가 됐다.", "정치"),
    ]
    found = answers([write_lines(tmp_path / "a.txt", [text for text, _ in pairs])], model, pool)
    assert [row["topic"] for row in found] == [topic for _, topic in pairs]


def test_an_endless_input_is_read_only_as_far_as_there_is_room(model, pool, monkeypatch):
    taken = itertools.count(1)
    endless = (f"{i}번째 경기에서 이겼다\n".encode() for i in taken)

    class Endless(io.RawIOBase):
        def readline(self, size=-1):
            return next(endless)

    monkeypatch.setattr(classify, "open", lambda *_, **__: Endless(), raising=False)
    stream = classify.classify(classify.incoming(["-"], Reader(), False), model, pool)
    given = sum(len(next(stream)) for _ in range(5))
    stream.close()
    assert given == 5 * BATCH
    assert next(taken) <= given + classify.ROOM + (2 * AHEAD + 2) * BATCH


class TestPipe:
    def test_it_answers_while_the_input_is_still_open(self, trained):
        process = subprocess.Popen(
            command("classify", "--model", trained.out / "model", "--workers", 1),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        for line in ("국회의원이 법안을 발의했다.", "투수가 홈런을 맞았다."):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert "topic" in json.loads(process.stdout.readline())
        rest, errors = process.communicate(b"\xff\n\n" + "가수가 신곡을 발표했다".encode(), timeout=120)
        found = [json.loads(line) for line in rest.splitlines()]
        assert [row.get("error", "") for row in found] == ["UTF-8이 아니다: 1번째 바이트 0xff", "빈 줄이다", ""]
        assert [row["line"] for row in found] == [3, 4, 5] and found[2]["topic"] == "문화"
        assert process.returncode == 0 and errors.decode() == "5줄, 그 가운데 오류 2줄\n"

    def test_a_reader_that_leaves_ends_it_quietly(self, trained, tmp_path):
        file = write_lines(tmp_path / "a.txt", texts(5000))
        process = subprocess.Popen(
            command("classify", file, "--model", trained.out / "model", "--workers", 1),
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert json.loads(process.stdout.readline())["line"] == 1
        process.stdout.close()
        assert "Traceback" not in process.stderr.read().decode() and process.wait(timeout=120) == 1


@pytest.mark.parametrize(
    ("arguments", "message"), [(["없는.txt"], "없다: 없는.txt"), (["--max-chars", "x"], "받은 값: x")]
)
def test_wrong_usage_is_one_line(arguments, message):
    assert message in one_line(run("classify", *arguments, check=False), 2)
