"""진짜 모델을 진짜 프로세스로 서비스하며: 명세대로인지, 짓궂은 글, 버전 바꾸기, 끝내기, 브라우저, 측정."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from projects.project02_sentiment_analysis import benchmark, serve
from projects.project02_sentiment_analysis.registry import Registry
from projects.project02_sentiment_analysis.tests.conftest import PACKAGE, run
from projects.project02_sentiment_analysis.tests.fakes import ask, call, in_thread, wait_for

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


class Live(NamedTuple):
    port: int
    models: Path
    process: subprocess.Popen
    log: Path

    def logged(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def serving(trained: Path, tmp_path: Path, *options: str):
    """`serve` in a process, with a copy of the models, ready."""
    models, log = tmp_path / "models", tmp_path / "log.jsonl"
    shutil.copytree(trained / "models", models)
    command = [sys.executable, "-m", f"{PACKAGE}.serve", "--models", str(models), "--port", "0", "--poll", "0.1", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    try:
        wait_for(lambda: '"listening"' in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        port = int(re.search(r'"port": (\d+)', log.read_text())[1])
        wait_for(lambda: call(port, "GET", "/readyz").status == 200)
        yield Live(port, models, process, log)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def live(trained, tmp_path_factory):
    with serving(trained, tmp_path_factory.mktemp("live")) as live:
        yield live


def test_own_openapi(live, tmp_path):
    """Bounded and seeded examples from the server's own OpenAPI."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{live.port}/openapi.json", "--seed", "1",
        "--max-examples", "40", "--workers", "1", "--checks", "all", "--no-color", "--request-timeout", "60",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    posts = [line for line in live.logged() if line.get("path") == "/v1/sentiment" and line["method"] == "POST"]
    statuses = {line["status"] for line in posts}
    assert 200 in statuses and 422 in statuses and max(statuses) < 500 and len(posts) > 40


NASTY = {
    "빈 글": ("", 422), "공백": (" \n\t", 422), "제어 문자뿐": ("\x00\x01", 422), "널 문자": ("좋다\x00 정말", 200),
    "이모지뿐": ("😀👍🏽👨‍👩‍👧", 200), "짝 없는 서로게이트": ("\ud800", 422), "뒤집힌 서로게이트": ("\udc00\ud800", 422),
    "섞인 문자": ("good 영화 とても好き отлично مرحبا", 200), "오른쪽에서 왼쪽": ("\u202e좋다", 200), "너비 없음": ("\u200b", 200),
    "결합 문자": ("e" + "\u0301" * 500, 200), "자모": ("ㅠㅠㅋㅋㅎㅎ", 200), "옛한글": ("\u1112\u119e\u11ab", 200),
    "한계": ("가" * 1000, 200), "넘음": ("가" * 1001, 422), "긴 낱말": ("a" * 1000, 200), "토큰 이름": ("[CLS] [SEP] [MASK]", 200),
    "1 MB": ("가" * 350_000, 413), "사설 영역": ("\ue000\uffff", 200), "줄": ("좋다\r\n" * 100, 200), "HTML": ("<script>", 200),
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_nasty_texts(live, name):
    text, expected = NASTY[name]
    for attribution in (False, True):
        reply = ask(live.port, text, attribution)
        assert reply.status == expected, reply.raw[:500]
        if expected == 200:
            result = reply.json["results"][0]
            assert 0 <= result["score"] <= 1 and result["label"] == ("positive" if result["score"] > 0.5 else "negative")
        else:
            assert reply.json["error"]["message"] and (expected == 413 or reply.json["error"]["details"])
    assert call(live.port, "GET", "/readyz").status == 200


def test_nasty_bodies(live):
    headers = {"Content-Type": "application/json"}
    deep = b'{"texts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (b"\x00", b"\xff\xfe\x00", deep, b'{"texts": 1e999}', b'{"texts": NaN}', b'{"texts":"a","texts":""}'):
        reply = call(live.port, "POST", "/v1/sentiment", body, headers)
        assert reply.status in (400, 422) and reply.json["error"]["code"], (body[:20], reply.raw[:200])


def test_every_log_line_is_json_without_the_texts(live):
    assert ask(live.port, "아무도모르는비밀").status == 200
    assert ask(live.port, ["아무도모르는비밀", "\ud800"]).status == 422
    lines = live.logged()  # 한 줄이라도 JSON이 아니면 여기서 실패한다
    assert "비밀" not in live.log.read_text() and any(line.get("texts") == 1 for line in lines)
    assert {"listening", "model_loaded", "request"} <= {line["event"] for line in lines}


def test_promote_and_roll_back_under_load_without_a_failed_request(live):
    answers, failed, done = [], [], threading.Event()

    def client(number):
        while not done.is_set() and not failed:
            try:
                answers.append(ask(live.port, [f"결말이 좋았다 {number}", "별로다"], attribution=number == 0))
            except Exception as error:  # 끊긴 연결도 실패한 요청이다
                failed.append(error)

    threads = [threading.Thread(target=client, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()

    def answered_by(version):
        seen = len(answers)
        wait_for(lambda: failed or sum(a.status == 200 and a.json["model"] == version for a in answers[seen:]) > 20)

    try:
        answered_by("v1")
        assert run("versions", "--models", live.models, "promote", "v2").returncode == 0
        answered_by("v2")
        assert run("versions", "--models", live.models, "rollback").returncode == 0
        answered_by("v1")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failed and {answer.status for answer in answers} == {200}, failed
    scores = {"v1": [], "v2": []}
    for answer in answers:
        scores[answer.json["model"]].append(answer.json["results"][1]["score"])
    assert max(map(np.ptp, scores.values())) < 1e-5  # 버전마다 답이 하나이다
    assert abs(scores["v1"][0] - scores["v2"][0]) > 1e-3


def test_a_damaged_version_is_not_served(live):
    folder = live.models / "v2/model"
    weights = folder / "model.weights.h5"
    kept = weights.read_bytes()
    weights.write_bytes(kept[: len(kept) // 2])
    promoted = run("versions", "--models", live.models, "promote", "v2")
    assert promoted.returncode == 1 and "model.weights.h5" in promoted.stderr
    registry = Registry(live.models)
    try:
        registry._point(["v1", "v2"])  # 검사를 건너뛰고 올려도
        wait_for(lambda: any(line["event"] == "model_failed" and line["model"] == "v2" for line in live.logged()))
        assert ask(live.port, "좋다").json["model"] == "v1" and call(live.port, "GET", "/readyz").status == 200
    finally:
        weights.write_bytes(kept)
        registry._point(["v1"])


def test_browser(live, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        pytest.skip(f"브라우저가 없다: {', '.join(BROWSERS)}")
    asked, problems = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.goto(f"http://127.0.0.1:{live.port}/")
        assert page.title() == "한국어 감성 분석"
        page.fill("#text", "결말이 좋았다")
        page.click("#send")
        page.wait_for_selector("#result:not([hidden])")
        expected = ask(live.port, "결말이 좋았다", attribution=True).json["results"][0]
        assert page.inner_text("#label") == {"positive": "긍정", "negative": "부정"}[expected["label"]]
        assert page.inner_text("#score") == f"긍정일 확률 {100 * expected['score']:.1f} %"
        chips = [chip.inner_text() for chip in page.query_selector_all("#tokens span")]
        assert chips == [each["token"].removeprefix("##") for each in expected["attribution"]["tokens"]]
        page.fill("#text", "<img src=x onerror=alert(1)>")
        page.click("#send")
        page.locator("#notes", has_text="모르는 토큰").wait_for()
        page.fill("#text", "   ")
        page.click("#send")
        page.locator("#problem", has_text="비어 있다").wait_for()
        assert page.is_hidden("#result")
        page.click("#examples button >> nth=1")
        page.wait_for_selector("#result:not([hidden])")
        assert page.input_value("#text") == "전혀 지루하지 않다" and page.inner_text("#problem") == ""
        page.screenshot(path=tmp_path / "page.png")
        browser.close()
    assert not problems and all(url.startswith((f"http://127.0.0.1:{live.port}/", "data:")) for url in asked), asked


def test_sigterm_finishes_what_is_in_flight(trained, tmp_path):
    with serving(trained, tmp_path, "--wait", "6", "--drain", "4", "--timeout", "60", "--batch", "64", "--cache", "0") as live:
        waiting = [in_thread(ask, live.port, text) for text in ("좋다", "별로다")]  # 6초 동안 다른 글을 기다린다
        wait_for(lambda: b"sentiment_queue_length 2.0" in call(live.port, "GET", "/metrics").raw)
        live.process.send_signal(signal.SIGTERM)
        wait_for(lambda: call(live.port, "GET", "/readyz").status == 503)
        assert [answer().status for answer in waiting] == [200, 200]
        assert live.process.wait(60) == 0
        assert [line["event"] for line in live.logged()][-1] == "stopped"
    with pytest.raises(ConnectionError):
        call(live.port, "GET", "/healthz")


def test_wrong_starts(tmp_path, trained, capsys):
    assert serve.main(["--models", str(tmp_path)]) == 1
    assert "train" in (said := capsys.readouterr().err) and len(said.splitlines()) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert serve.main(["--models", str(trained / "models"), "--port", port]) == 1
    assert port in (said := capsys.readouterr().err) and len(said.splitlines()) == 1
    with pytest.raises(SystemExit) as stopped:
        serve.main(["--batch", "0"])
    assert stopped.value.code == 2 and "1 이상" in capsys.readouterr().err


def test_benchmark_counts_batches(live):
    """The bounds are counts, not times: how many texts shared a call of the model."""
    found = {}
    for clients in (1, 16):
        before = np.array(benchmark.batches(live.port))
        taken, whole = benchmark.load(live.port, clients, 1.0, [f"{clients}명의 글 {i}" for i in range(100_000)])
        runs, texts = benchmark.batches(live.port) - before
        assert len(taken) == texts and 0 < max(taken) <= whole
        found[clients] = texts / runs
    assert found[1] == 1 and found[16] > 2
