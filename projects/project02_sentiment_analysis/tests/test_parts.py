"""서버 밖의 조각: 정규화, 버전의 폴더, 묶음의 규칙, 구간."""

from __future__ import annotations

import asyncio
import json
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from projects.project02_sentiment_analysis import evaluation, versions
from projects.project02_sentiment_analysis.batching import MicroBatcher, QueueFull
from projects.project02_sentiment_analysis.registry import Registry, RegistryError
from projects.project02_sentiment_analysis.text import normalise


@pytest.mark.parametrize(("text", "expected"), [
    ("  좋다\t\n정말  ", "좋다 정말"),
    ("좋\x00다", "좋 다"),
    ("\x85\x9f", ""),
    (unicodedata.normalize("NFD", "결말이 좋다"), "결말이 좋다"),
    ("ㅠㅠ 😀 Great!", "ㅠㅠ 😀 Great!"),
    ("\u3000전각　공백", "전각 공백"),
])  # fmt: skip
def test_normalise(text, expected):
    assert normalise(text) == expected == normalise(expected)


# 버전


def write(text: str):
    def into(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "weights").write_text(text)

    return into


@pytest.fixture
def registry(tmp_path) -> Registry:
    registry = Registry(tmp_path / "models")
    for text in ("하나", "둘", "셋"):
        registry.publish(write(text), {"accuracy": 0.5, "model": text, "data": ""})
    return registry


def test_publish(registry):
    assert registry.versions() == ["v1", "v2", "v3"] and registry.current() == "v1"
    assert (registry.model_folder("v2") / "weights").read_text() == "둘"
    assert registry.publish(write("둘"), {}) == "v2" and len(registry.versions()) == 3
    assert registry.publish(write("넷"), {}) == "v4" and registry.current() == "v1"
    assert not [path for path in registry.folder.iterdir() if path.is_dir() and path.name.startswith(".")]


def test_versions_are_ordered_by_number(registry):
    for i in range(8):
        registry.publish(write(str(i)), {})
    assert registry.versions()[-1] == "v11"


def test_promote_and_rollback(registry):
    registry.promote("v2")
    registry.promote("v3")
    assert registry.history() == ["v1", "v2", "v3"]
    assert registry.rollback() == registry.current() == "v2"
    assert registry.rollback() == registry.current() == "v1"
    with pytest.raises(RegistryError, match="이전 버전"):
        registry.rollback()


def test_wrong_versions(registry, tmp_path):
    with pytest.raises(RegistryError, match="'v9', 있는 버전: v1, v2, v3"):
        registry.promote("v9")
    with pytest.raises(RegistryError, match="이미"):
        registry.promote("v1")
    with pytest.raises(RegistryError, match="train"):
        Registry(tmp_path / "none").current()
    (registry.folder / "v2/model/weights").write_text("바뀐")
    (registry.folder / "v2/model/more").write_text("")
    with pytest.raises(RegistryError, match="달라진 파일: more, weights"):
        registry.promote("v2")
    assert registry.current() == "v1"
    (registry.folder / "current").write_text("깨진")
    with pytest.raises(RegistryError, match="JSON"):
        registry.current()


def test_a_publication_that_fails_leaves_nothing(registry):
    def fail(folder):
        folder.mkdir(parents=True)
        raise OSError("디스크가 찼다")

    with pytest.raises(OSError, match="찼다"):
        registry.publish(fail, {})
    assert registry.versions() == ["v1", "v2", "v3"]


def test_readers_never_see_half_a_pointer(registry):
    seen, failed, done = set(), [], threading.Event()

    def read():
        while not done.is_set():
            try:
                seen.add(registry.current())
            except RegistryError as error:
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(10_000):
            if turn >= 100 and len(seen) == 2:
                break
            registry.promote("v2")
            registry.rollback()
    finally:
        done.set()
        reader.join()
    assert not failed and seen == {"v1", "v2"}, failed[:1]


def test_versions_command(registry, capsys):
    def run(*arguments):
        code = versions.main(["--models", str(registry.folder), *arguments])
        return code, *capsys.readouterr()

    assert run("promote", "v3") == (0, "서비스할 버전: v3\n", "")
    assert [line[:4] for line in run("list")[1].splitlines()] == ["  v1", "  v2", "* v3"]
    assert run("rollback") == (0, "서비스할 버전: v1\n", "")
    code, out, err = run("rollback")
    assert (code, out) == (1, "") and len(err.splitlines()) == 1
    with pytest.raises(SystemExit) as stopped:
        run("promote")
    assert stopped.value.code == 2


# 묶음


def scenario(coroutine_of, **options):
    """Run `coroutine_of(batcher, sizes)` beside a working batcher."""

    async def main():
        sizes = []
        defaults = {"max_size": 4, "max_wait": 0.01, "capacity": 100, "observe": lambda size, _: sizes.append(size)}
        batcher = MicroBatcher(**defaults | options)
        work = asyncio.create_task(batcher.work())
        try:
            return await asyncio.wait_for(coroutine_of(batcher, sizes), 60)
        finally:
            work.cancel()

    return asyncio.run(main())


def lengths(texts):
    return [len(text) for text in texts]


def test_results_in_order():
    async def run(batcher, sizes):
        found = await asyncio.gather(batcher.submit(lengths, ["a", "bb"]), batcher.submit(lengths, ["ccc"] * 7))
        assert found == [[1, 2], [3] * 7] and sizes == [4, 4, 1] and len(batcher) == 0

    scenario(run)


def test_a_batch_waits_for_more_but_not_for_ever():
    async def run(batcher, sizes):
        first = asyncio.create_task(batcher.submit(lengths, ["a"]))
        await asyncio.sleep(0.1)
        assert not first.done()
        assert await batcher.submit(lengths, ["b"]) == [1] and await first == [1] and sizes == [2]

    scenario(run, max_size=2, max_wait=60)

    async def alone(batcher, sizes):
        assert await batcher.submit(lengths, ["a"]) == [1] and sizes == [1]

    scenario(alone, max_size=2, max_wait=0.01)


def test_models_do_not_mix_and_limits_hold():
    other = lambda texts: [-len(text) for text in texts]  # noqa: E731

    async def run(batcher, sizes):
        found = await asyncio.gather(
            batcher.submit(lengths, ["a", "b"]), batcher.submit(other, ["c", "d"], 1), batcher.submit(lengths, ["e"])
        )
        assert found == [[1, 1], [-1, -1], [1]] and sizes == [2, 1, 1, 1]

    scenario(run)


def test_cancelled_texts_leave():
    blocked = threading.Event()

    def slow(texts):
        assert blocked.wait(60)
        return lengths(texts)

    async def run(batcher, sizes):
        inside, stays = (asyncio.create_task(batcher.submit(slow, [text])) for text in ("a", "bb"))
        while len(batcher) or not batcher._worker._threads:
            await asyncio.sleep(0.01)
        waits = asyncio.create_task(batcher.submit(slow, ["ccc"] * 3))
        await asyncio.sleep(0)
        assert len(batcher) == 3
        inside.cancel()
        waits.cancel()
        while len(batcher):
            await asyncio.sleep(0.01)
        blocked.set()
        assert await stays == [2] and await batcher.submit(slow, ["d"]) == [1] and sizes == [2, 1]

    scenario(run)


def test_full_and_failing():
    def fail(texts):
        raise ValueError(texts)

    async def run(batcher, sizes):
        first = asyncio.create_task(batcher.submit(lengths, ["a"] * 5))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull) as full:
            await batcher.submit(lengths, ["b"])
        assert full.value.retry_after >= 1 and await first == [1] * 5
        with pytest.raises(ValueError):
            await batcher.submit(fail, ["c"])
        assert await batcher.submit(lengths, ["d"]) == [1]

    scenario(run, capacity=5)


# 구간


def test_intervals_over_texts():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(1000) < 0.9, rng.random(1000) < 0.8
    mean, low, high = evaluation.accuracy_interval(ours)
    assert low < mean == ours.mean() < high
    z, n = stats.norm.ppf(0.975), 1000  # 윌슨의 식
    centre, half = (mean + z * z / 2 / n), z * np.sqrt(mean * (1 - mean) / n + z * z / 4 / n / n)
    np.testing.assert_allclose([low, high], [(centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)])
    found = evaluation.paired_difference(ours, theirs)
    difference = ours.astype(float) - theirs
    assert found["difference"] == pytest.approx(difference.mean())
    spread = 1.96 * difference.std() / np.sqrt(1000)
    np.testing.assert_allclose([found["low"], found["high"]], difference.mean() + spread * np.array([-1, 1]), atol=0.003)
    b, c = (ours & ~theirs).sum(), (theirs & ~ours).sum()
    assert found["p"] == pytest.approx(stats.binomtest(int(b), int(b + c)).pvalue)
    assert evaluation.paired_difference(ours, ours) == {"difference": 0, "low": 0, "high": 0, "p": 1}


def test_report_says_what_the_interval_allows():
    labels = np.zeros(200, int)
    served, better, same = np.r_[np.ones(40), np.zeros(160)], np.zeros(200), np.r_[np.zeros(1), np.ones(40), np.zeros(159)]
    kinds = np.array(["plain"] * 100 + ["negation"] * 100)
    figures = evaluation.report({"우리": served, "더": better, "같": same}, labels, kinds[::1])
    said = evaluation.table(figures)
    assert "우리 - 더: -0.200" in said and "덜 정확하다" in said and "차이를 말할 수 없다" in said
    assert json.loads(json.dumps(figures))["kinds"]["negation"]["우리"][0] == 1.0
    assert evaluation.verdict({"low": 0.01, "high": 0.2}) == "더 정확하다"
