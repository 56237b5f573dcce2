"""글 파일에서 샤드까지: 순서, 버린 줄, kill -9, 이어 쓰기."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import filelock
import psutil
import pytest

from projects.project03_korean_nlp.analysis import BATCH
from projects.project03_korean_nlp.benchmark import command, content, killed_after, texts
from projects.project03_korean_nlp.prepare import PrepareError, Settings, load_summary, prepare
from projects.project03_korean_nlp.tests.conftest import ROOT, one_line, run, write_lines
from projects.project03_korean_nlp.text import Reader, bucket
from tf_study.nlp.bpe import morpheme_analyzer

KIWI = Settings(analyzer="kiwi", lines_per_shard=100)


def records(folder):
    from projects.project03_korean_nlp.shards import read_batches

    rows = []
    for batch in read_batches(folder, 64):
        columns = {name: t.to_list() if name == "morphemes" else t.numpy() for name, t in batch.items()}
        rows += [dict(zip(columns, values)) for values in zip(*columns.values(), strict=True)]
    return rows


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """450 lines in two files; some are bad, one shard holds nothing else."""
    folder = tmp_path_factory.mktemp("source")
    rows = [{"text": text, "topic": "정치", "id": i} for i, text in enumerate(texts(250))]
    rows[3:5] = ["{broken", {"body": "글"}]
    plain = texts(350)[250:] + [""] * 100
    return [str(write_lines(folder / "a.jsonl", rows)), str(write_lines(folder / "b.txt", plain))]


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """What one uninterrupted run with one worker writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, prepare(source, out, KIWI, workers=1, progress=False)


class TestContent:
    def test_records_are_the_good_lines_in_order(self, source, whole):
        found = records(whole[0])
        assert [row["text"].decode() for row in found] == [*texts(3), *texts(350)[5:]]
        assert [row["line"] for row in found[:5]] == [1, 2, 3, 6, 7]
        assert {row["file"].decode() for row in found[:248]} == {source[0]}
        assert [row["id"].decode() for row in found[246:250]] == ["248", "249", "", ""]
        assert [row["topic"].decode() for row in found[246:250]] == ["정치", "정치", "", ""]
        analyze = morpheme_analyzer("kiwi")
        for row in found[::50]:
            assert [word.decode() for word in row["morphemes"]] == analyze(row["text"].decode())
            assert row["bucket"] == bucket(row["text"].decode())

    def test_summary(self, whole):
        out, summary = whole
        assert summary == load_summary(out)
        assert (summary["documents"], summary["shards"]) == (348, 5)
        assert summary["topics"] == {"": 100, "정치": 248}
        assert summary["bad"] == {"JSON이 깨졌다": 1, "빈 줄이다": 100, "필드가 없다": 1}
        assert summary["morphemes"] == sum(len(row["morphemes"]) for row in records(out))

    def test_bad_lines_are_kept_with_place_and_reason(self, source, whole):
        bad = [json.loads(line) for line in (whole[0] / "bad.jsonl").read_text(encoding="utf-8").splitlines()]
        assert len(bad) == 102
        del bad[0]["detail"]
        assert bad[0] == {"file": source[0], "line": 4, "reason": "JSON이 깨졌다", "raw": "{broken"}
        assert (bad[-1]["file"], bad[-1]["line"], bad[-1]["reason"]) == (source[1], 200, "빈 줄이다")

    def test_only_what_it_should(self, whole):
        names = {path.name for path in whole[0].iterdir()}
        shards = {f"{i:05d}-of-00005.tfrecord" for i in range(5)} | {f"{i:05d}.json" for i in range(5)}
        assert names == shards | {"bad.jsonl", "dataset.json", "source.json", ".lock"}

    def test_the_readers_of_chapter_4_read_it(self, whole):
        from tf_study.data_pipeline.tfrecord import read_intact, read_shards

        bad = []
        assert sum(1 for _ in read_shards(whole[0])) == sum(1 for _ in read_intact(whole[0], bad.append)) == 348
        assert bad == []


class TestResume:
    def test_workers_change_nothing(self, source, whole, tmp_path):
        prepare(source, tmp_path / "out", KIWI, workers=2, progress=False)
        assert content(tmp_path / "out") == content(whole[0])

    def test_killed_and_started_again_it_ends_with_the_same_bytes(self, tmp_path):
        """The workers die with it: `killed_after` raises if one is left."""
        options = ["--analyzer", "kiwi", "--workers", 1, "--lines-per-shard", 300]
        file = write_lines(tmp_path / "many.txt", texts(6000))
        prepare([str(file)], tmp_path / "whole", Settings(analyzer="kiwi", lines_per_shard=300), 2, progress=False)
        resumed = tmp_path / "resumed"
        again = command("prepare", file, "--out", resumed, *options)
        assert killed_after(3, again, resumed) and not (resumed / "dataset.json").exists()
        done = run("prepare", file, "--out", resumed, *options)
        assert "다시 만들지 않는다" in done.stderr
        assert content(resumed) == content(tmp_path / "whole")

    def test_a_damaged_shard_is_made_again_and_only_that(self, source, whole, tmp_path):
        out = tmp_path / "out"
        prepare(source, out, KIWI, workers=1, progress=False)
        damaged, kept = out / "00001-of-00005.tfrecord", out / "00002-of-00005.tfrecord"
        damaged.write_bytes(damaged.read_bytes()[:-20])
        (out / "00003.json").write_text("{half")
        before = kept.stat().st_mtime_ns
        prepare(source, out, KIWI, workers=1, progress=False)
        assert content(out) == content(whole[0]) and kept.stat().st_mtime_ns == before

    def test_a_finished_folder_is_left_alone(self, source, whole, monkeypatch):
        before = content(whole[0])
        monkeypatch.setattr("projects.project03_korean_nlp.prepare.AnalyzerPool", None)
        assert prepare(source, whole[0], KIWI, workers=1, progress=False) == whole[1]
        assert content(whole[0]) == before

    def test_a_worker_that_dies_loses_no_finished_shard(self, tmp_path):
        file, out = write_lines(tmp_path / "many.txt", texts(6000)), tmp_path / "out"
        again = command("prepare", file, "--out", out, "--analyzer", "kiwi", "--workers", 1, "--lines-per-shard", 300)
        process = psutil.Popen(again, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        while process.poll() is None and not (out / "00000.json").exists():
            pass_time(process)
        for child in process.children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert errors.decode().splitlines()[-1].startswith("오류: 형태소 분석 작업자가 갑자기 죽었다")
        assert (out / "00000.json").exists() and not (out / "dataset.json").exists()


def pass_time(process):
    try:
        process.wait(timeout=0.02)
    except psutil.TimeoutExpired:
        pass


class TestErrors:
    def test_other_settings_or_input_need_another_folder(self, source, whole, tmp_path):
        out = tmp_path / "out"
        file = write_lines(tmp_path / "a.txt", ["선거가 끝났다"])
        prepare([str(file)], out, KIWI, workers=1, progress=False)
        with pytest.raises(PrepareError, match="설정이.가. 다르다"):
            prepare([str(file)], out, Settings(Reader(max_chars=5), "kiwi", 100), workers=1, progress=False)
        write_lines(file, ["선거가 끝났다", "둘째 줄"])
        with pytest.raises(PrepareError, match="입력의 내용이.가. 다르다"):
            prepare([str(file)], out, KIWI, workers=1, progress=False)

    def test_a_source_that_changes_meanwhile(self, tmp_path, monkeypatch):
        file = write_lines(tmp_path / "a.txt", texts(2 * BATCH))
        import projects.project03_korean_nlp.prepare as module

        begin = module._begin

        def change(*arguments):
            begin(*arguments)
            write_lines(file, texts(2 * BATCH - 1) + ["다른 글"])

        monkeypatch.setattr(module, "_begin", change)
        with pytest.raises(PrepareError, match="입력이 바뀌었다"):
            prepare([str(file)], tmp_path / "out", Settings(analyzer="kiwi"), workers=1, progress=False)
        assert not list((tmp_path / "out").glob("*.tfrecord"))

    def test_two_at_a_time(self, source, tmp_path):
        (tmp_path / "out").mkdir()
        with filelock.FileLock(tmp_path / "out" / ".lock"):
            with pytest.raises(PrepareError, match="다른 프로세스"):
                prepare(source, tmp_path / "out", KIWI, workers=1, progress=False)

    def test_empty_files(self, tmp_path):
        (tmp_path / "a.txt").touch()
        with pytest.raises(PrepareError, match="줄이 하나 이상.*a.txt"):
            prepare([str(tmp_path / "a.txt")], tmp_path / "out", KIWI, workers=1, progress=False)

    def test_not_prepared(self, tmp_path):
        with pytest.raises(PrepareError, match="dataset.json이 없다"):
            load_summary(tmp_path)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["없는.txt"], "파일이어야 한다. 없다: 없는.txt"),
            (["."], "파일이어야 한다. 폴더이다: ."),
            (["a.txt", "--workers", "0"], "1 이상의 정수여야 한다. 받은 값: 0"),
            (["a.txt", "--analyzer", "mecab"], "mecab"),
            ([], "files|FILE"),
        ],
    )
    def test_wrong_usage_is_one_line(self, tmp_path, arguments, message):
        (tmp_path / "a.txt").touch()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        done = subprocess.run(command("prepare", *arguments), **options)
        line = one_line(done, 2)
        assert any(part in line for part in message.split("|"))
