"""HTTP의 앞면: 한계, 오류의 모양, 묶음, 줄, 시간, 캐시, 로그. 모델은 흉내이고 소켓은 진짜이다."""

from __future__ import annotations

import json
import logging
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

from projects.project02_sentiment_analysis.logs import JsonLines
from projects.project02_sentiment_analysis.settings import Limits
from projects.project02_sentiment_analysis.tests.fakes import (
    FakeModel,
    ask,
    call,
    in_thread,
    running,
    score_of,
    wait_for,
)

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server():
    with running(texts=4, characters=50, body=2000, queue=8) as server:
        yield server


def metrics(port: int) -> dict[tuple, float]:
    """{(name, sorted label values): value}"""
    text = call(port, "GET", "/metrics").raw.decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def assert_failure(reply, status: int, code: str) -> None:
    """The one form of errors."""
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["content-type"] == "application/json"
    assert set(reply.json) == {"error"} and set(reply.json["error"]) == {"code", "message", "request_id", "details"}
    assert reply.json["error"]["request_id"] == reply.headers["x-request-id"]


def test_one_text_and_many(server):
    one, many = ask(server.port, "좋다"), ask(server.port, ["좋다", "별로다", "좋다"])
    assert one.status == many.status == 200
    assert one.json["model"] == "v1" and one.json["results"] == many.json["results"][:1] == many.json["results"][2:]
    result = many.json["results"][1]
    assert result["score"] == pytest.approx(score_of("별로다").positive, abs=1e-6) and result["label"] == "negative"
    assert result["attribution"] is None
    explained = ask(server.port, "좋다", attribution=True).json["results"][0]
    assert explained["attribution"] == {"baseline": 0.1, "tokens": [{"token": "좋다", "weight": 0.5}]}


@pytest.mark.parametrize(("body", "where", "what"), [
    (b'{"texts": ""}', "texts.0", "비어 있다"),
    (b'{"texts": " \\n "}', "texts.0", "비어 있다"),
    (b'{"texts": "\\u0000"}', "texts.0", "비어 있다"),
    (b'{"texts": ["\\ud800"]}', "texts.0", "서로게이트"),
    (b'{"texts": []}', "texts", "하나 이상"),
    (b'{"texts": ["a", "b", "c", "d", "e"]}', "texts", "4개까지이다. 받은 수: 5"),
    (json.dumps({"texts": ["좋다", "가" * 51]}, ensure_ascii=False).encode(), "texts.1", "50자까지"),
    (b'{"texts": 3}', "texts", "글의 목록"),
    (b'{"texts": [3]}', "texts.0", "문자열"),
    (b'{"texts": "a", "attribution": "yes"}', "attribution", "true나 false"),
    (b'{"texts": "a", "language": "ko"}', "language", "모르는 항목"),
    (b'{}', "texts", "없다"),
    (b'[]', "body", "JSON 객체"),
    (b'', "body", "없다"),
    (b'{"texts": "a"', "body", "JSON이 아니다"),
    (b'\xff\xfe', "body", ""),
    (b'{"texts": ' + b"[" * 900 + b"]" * 900 + b"}", "texts", ""),
])  # fmt: skip
def test_wrong_requests(server, body, where, what):
    reply = call(server.port, "POST", "/v1/sentiment", body, JSON)
    assert reply.status in (400, 422), reply.raw
    assert_failure(reply, reply.status, reply.code)
    if reply.status == 422:
        details = reply.json["error"]["details"]
        assert any(each["where"].startswith(where) and what in each["what"] for each in details), details


def test_errors_do_not_repeat_the_text(server):
    reply = call(server.port, "POST", "/v1/sentiment", '{"texts": [{"비밀": "비밀"}]}'.encode(), JSON)
    assert_failure(reply, 422, "invalid")
    assert "비밀" not in reply.raw.decode() and "비밀" not in json.dumps(reply.json, ensure_ascii=False)


def test_other_content_type_path_and_method(server):
    assert_failure(call(server.port, "POST", "/v1/sentiment", b'{"texts": "a"}', {"Content-Type": "text/plain"}), 422, "invalid")
    assert_failure(call(server.port, "GET", "/v2"), 404, "not_found")
    reply = call(server.port, "GET", "/v1/sentiment")
    assert_failure(reply, 405, "method")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("chunked", [False, True])
def test_body_too_large(server, chunked):
    body = b'{"texts": "' + b"a" * 1_000_000 + b'"}'
    sent = iter([body[:1500], body[1500:]]) if chunked else body
    reply = call(server.port, "POST", "/v1/sentiment", sent, JSON, chunked)
    assert_failure(reply, 413, "body_too_large")
    at_limit = b'{"texts": "a"}'.ljust(2000)
    assert call(server.port, "POST", "/v1/sentiment", at_limit, JSON).status == 200
    assert_failure(call(server.port, "POST", "/v1/sentiment", at_limit + b" ", JSON), 413, "body_too_large")


def test_a_body_that_does_not_come():
    with running(timeout=0.3) as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(b"POST /v1/sentiment HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert b" 408 " in client.makefile("rb").readline()


def test_texts_are_normalised(server):
    decomposed = "\u110c\u1169\u11c2다 \u0000 정말"  # 풀어 쓴 '좋'
    assert ask(server.port, decomposed).json["results"] == ask(server.port, "좋다 정말").json["results"]


def test_requests_are_batched_and_keep_their_answers():
    with running(batch=4, queue=64) as server:
        server.model.gate.clear()
        first = in_thread(ask, server.port, "글")
        assert server.model.entered.wait(60)
        rest = [in_thread(ask, server.port, "글" * n) for n in range(2, 11)]
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 9)
        server.model.gate.set()
        scores = [result().json["results"][0]["score"] for result in (first, *rest)]
        assert scores == [pytest.approx(score_of("글" * n).positive, abs=1e-6) for n in range(1, 11)]
        assert [len(batch) for batch in server.model.batches] == [1, 4, 4, 1]
        found = metrics(server.port)
        assert found["sentiment_batch_size_count",] == 4 and found["sentiment_batch_size_sum",] == 10


def test_a_full_queue():
    with running(batch=1, texts=3, queue=3) as server:
        server.model.gate.clear()
        running_text = in_thread(ask, server.port, "가")
        assert server.model.entered.wait(60)
        waiting = in_thread(ask, server.port, ["나", "다"])
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 2)
        reply = ask(server.port, ["라", "마"])
        assert_failure(reply, 429, "queue_full")
        assert int(reply.headers["retry-after"]) >= 1
        fits = in_thread(ask, server.port, "바")
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 3)
        server.model.gate.set()
        assert [each().status for each in (running_text, waiting, fits)] == [200] * 3
        assert ask(server.port, ["라", "마"]).status == 200


def test_time_out_spares_the_others():
    with running(batch=2, timeout=3.0) as server:
        server.model.gate.clear()
        late = [in_thread(ask, server.port, "가"), in_thread(ask, server.port, "나" * 2)]
        for each in late:
            assert_failure(each(), 504, "timeout")
        patient = in_thread(ask, server.port, "다" * 3)
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 1)
        server.model.gate.set()
        assert patient().json["results"][0]["score"] == pytest.approx(score_of("다" * 3).positive, abs=1e-6)
        assert ["다" * 3] in server.model.batches


def test_a_client_that_leaves_takes_its_text_along():
    with running(batch=2) as server:
        server.model.gate.clear()
        first = in_thread(ask, server.port, "가")
        assert server.model.entered.wait(60)
        body = '{"texts": "떠난다"}'.encode()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            head = f"POST /v1/sentiment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            client.sendall(head.encode() + b"\r\n\r\n" + body)
            wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 1)
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 0)
        stays = in_thread(ask, server.port, "남는다")
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 1)
        server.model.gate.set()
        assert first().status == stays().status == 200
        assert server.model.batches[1] == ["남는다"]
        assert metrics(server.port)["sentiment_requests_total", "/v1/sentiment", "499"] == 1


def test_cache_forgets_what_was_used_longest_ago():
    with running(cache=2) as server:
        for text in ("가", "나나", "가", " 가 ", "다다다", "나나"):
            assert ask(server.port, text).status == 200
        assert server.model.batches == [["가"], ["나나"], ["다다다"], ["나나"]]
        found = metrics(server.port)
        assert (found["sentiment_cache_total", "hit"], found["sentiment_cache_total", "miss"]) == (2, 4)
        ask(server.port, "나나", attribution=True)
        assert server.model.batches[4:] == [["나나"]]


def test_cache_is_the_versions():
    models = {}
    with running(lambda version: models.setdefault(version, FakeModel(version)), cache=10) as server:
        ask(server.port, "가")
        server.registry.name = "v2"
        wait_for(lambda: ask(server.port, "가").json["model"] == "v2")
        assert models["v1"].batches == models["v2"].batches == [["가"]]


def test_a_request_is_answered_by_one_version():
    models = {}
    with running(lambda version: models.setdefault(version, FakeModel(version)), batch=1) as server:
        models["v1"].gate.clear()
        old = in_thread(ask, server.port, ["가", "나", "다"])
        assert models["v1"].entered.wait(60)
        server.registry.name = "v2"
        wait_for(lambda: server.service.version == "v2")
        new = in_thread(ask, server.port, ["라", "마"])
        wait_for(lambda: metrics(server.port)["sentiment_queue_length",] == 4)
        models["v1"].gate.set()
        assert old().json["model"] == "v1" and new().json["model"] == "v2"
        assert models["v1"].batches == [["가"], ["나"], ["다"]] and models["v2"].batches == [["라"], ["마"]]


def test_a_version_that_cannot_be_loaded_changes_nothing():
    def load(version):
        if version == "v2":
            raise ValueError("읽지 못한다")
        return FakeModel(version)

    with running(load) as server:
        server.registry.name = "v2"
        wait_for(lambda: metrics(server.port).get(("sentiment_model_loads_total", "failed")))
        reply = ask(server.port, "가")
        assert reply.status == 200 and reply.json["model"] == "v1"
        server.registry.name = "v3"
        wait_for(lambda: server.service.version == "v3")
        assert metrics(server.port)["sentiment_model_loads_total", "failed"] == 1


def test_not_ready_and_broken():
    def load(_):
        raise ValueError("읽지 못한다")

    with running(load) as server:
        for reply in (call(server.port, "GET", "/readyz"), ask(server.port, "가")):
            assert_failure(reply, 503, "not_ready")
            assert reply.headers["retry-after"] == "1"
        assert call(server.port, "GET", "/healthz").json == {"status": "ok", "model": None}
        assert server.service.broken


def test_draining_says_503_but_answers():
    with running() as server:
        assert call(server.port, "GET", "/readyz").json == {"status": "ready", "model": "v1"}
        server.service.drain()
        assert_failure(call(server.port, "GET", "/readyz"), 503, "draining")
        assert ask(server.port, "가").status == 200
        assert call(server.port, "GET", "/healthz").status == 200


def test_an_error_in_the_model_is_500_for_its_batch_alone_and_leaks_nothing(caplog):
    with caplog.at_level(logging.INFO), running() as server:
        reply = ask(server.port, "터져라")
        assert_failure(reply, 500, "internal")
        assert ask(server.port, "다음 글").status == 200
    lines = [JsonLines().format(record) for record in caplog.records]
    for line in lines:
        assert "터" not in line and "글에서" not in line and "다음" not in line
    logs = [json.loads(line) for line in lines]
    failed = next(line for line in logs if line.get("status") == 500)
    assert failed["level"] == "error" and failed["error"] == "RuntimeError"
    assert failed["request_id"] == reply.headers["x-request-id"]
    assert any("fakes.py" in frame for frame in failed["trace"])
    answered = next(line for line in logs if line.get("status") == 200 and line["path"] == "/v1/sentiment")
    assert (answered["texts"], answered["cached"], answered["model"]) == (1, 0, "v1") and answered["ms"] >= 0


def test_metrics_do_not_grow_with_the_paths(server):
    for n in range(20):
        call(server.port, "GET", f"/unknown/{n}")
    assert not any("/unknown" in str(key) for key in metrics(server.port))
    assert metrics(server.port)["sentiment_model", "v1"] == 1


def test_page_is_self_contained(server):
    page = call(server.port, "GET", "/")
    text = page.raw.decode()
    assert page.status == 200 and 'maxlength="50"' in text and "http://" not in text and "https://" not in text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(("wrong", "said"), [
    ({"texts": 0}, "texts"), ({"wait": -1.0}, "wait"), ({"timeout": 0.0}, "timeout"), ({"texts": 9, "queue": 8}, "queue"),
])  # fmt: skip
def test_limits(wrong, said):
    with pytest.raises(ValueError, match=f"{said}은"):
        Limits(**wrong)
