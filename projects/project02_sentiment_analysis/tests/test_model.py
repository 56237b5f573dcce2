"""학습과 추론: kill -9 뒤에 이어 하기, 버킷, 점수 나누기, 공개된 BERT의 폴더와 허브."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from projects.project02_sentiment_analysis.registry import Registry
from projects.project02_sentiment_analysis.tests.conftest import PACKAGE, SMALL, run, train_here

TEXTS = ["결말이 좋았다", "전혀 지루하지 않다", "수면제가 따로 없네요 ㅠㅠ", "별로", "good 영화 とても", "가" * 30, "좋다 " * 100, "😀"]


@pytest.fixture(scope="module")
def predictor(trained):
    from projects.project02_sentiment_analysis.predictor import Predictor

    predictor = Predictor(Registry(trained / "models"), "v2", max_batch=8)
    predictor.warm_up()
    return predictor


@pytest.fixture(scope="module")
def classifier(trained):
    import keras_hub

    return keras_hub.models.BertTextClassifier.from_preset(str(Registry(trained / "models").model_folder("v2")))


def log_odds(classifier, texts):
    logits = classifier.predict(texts, verbose=0)  # KerasHub가 스스로 전처리한다
    return logits[:, 1] - logits[:, 0]


def test_scores_are_the_classifiers(predictor, classifier):
    scores = predictor.score(TEXTS)
    expected = 1 / (1 + np.exp(-log_odds(classifier, TEXTS)))
    np.testing.assert_allclose([score.positive for score in scores], expected, atol=1e-5)
    assert np.ptp(expected) > 0.1


def test_what_the_model_saw(predictor):
    long, emoji = predictor.score(["좋다 " * 100, "😀"])
    assert (long.tokens, long.truncated, long.unknown) == (predictor.length - 2, True, 0)
    assert (emoji.tokens, emoji.truncated, emoji.unknown) == (1, False, 1)
    mixed = predictor.score(["영화 とても"])[0]
    assert 0 < mixed.unknown < 1


def test_nothing_is_traced_after_the_warm_up_and_padding_changes_nothing(predictor):
    traces = predictor.traces()
    alone = [predictor.score([text])[0].positive for text in TEXTS]
    for size in range(1, 9):
        together = [score.positive for score in predictor.score(TEXTS[:size])]
        np.testing.assert_allclose(together, alone[:size], atol=1e-5)
        predictor.explain(TEXTS[:size])
    assert predictor.traces() == traces == 3


def test_integrated_gradients_are_complete(predictor, classifier):
    odds = log_odds(classifier, TEXTS)
    for text, (score, explanation), expected in zip(TEXTS, predictor.explain(TEXTS), odds):
        total = explanation.baseline + sum(weight for _, weight in explanation.tokens)
        assert total == pytest.approx(expected, abs=0.01), text
        assert len(explanation.tokens) == score.tokens
        assert score.positive == pytest.approx(predictor.score([text])[0].positive, abs=1e-5)


def test_integrated_gradients_are_the_integral(predictor):
    """Against central differences along the path: the share of one token is its derivative, integrated."""
    import tensorflow as tf

    tokens = predictor._tokens(["결말이 좋았다"])
    ids, mask = predictor._pad(tokens, 1)
    count = len(tokens[0])
    hidden = np.where((np.arange(ids.shape[1]) >= 1) & (np.arange(ids.shape[1]) <= count), predictor._unknown, ids)
    start, end = (predictor._embed(tf.constant(each)).numpy().astype("float64") for each in (hidden, ids))
    place, h, total, points = 2, 0.05, 0.0, 20
    for alpha in (np.arange(points) + 0.5) / points:
        step = np.zeros_like(start)
        step[0, place] = h * (end - start)[0, place]
        pair = [start + alpha * (end - start) + sign * step for sign in (1, -1)]
        up, down = predictor._head_odds(tf.constant(np.concatenate(pair), tf.float32), np.repeat(mask, 2, 0)).numpy()
        total += (up - down) / (2 * h) / points
    assert predictor.explain(["결말이 좋았다"])[0][1].tokens[place - 1][1] == pytest.approx(total, abs=0.01)


def test_the_manifest_holds_the_report(trained):
    manifest = Registry(trained / "models").manifest("v1")
    assert manifest["report"]["texts"] == 1000 and set(manifest["report"]["against"]) == {"BiLSTM", "단어 주머니"}
    assert (trained / "results/v1/accuracy.png").stat().st_size > 10_000
    assert manifest["accuracy"] == manifest["report"]["accuracy"]["작은 BERT"][0]


DIE_AFTER_THE_FIRST_EPOCH = f"""
import os, signal, sys
from projects.common import training
from {PACKAGE} import train

save = training._save
def save_and_die(model, folder, *rest):
    save(model, folder, *rest)
    if folder.name.startswith("classifier-"):
        os.kill(os.getpid(), signal.SIGKILL)
training._save = save_and_die
train.main(sys.argv[1:])
"""  # 밖에서 보고 있다가 죽이면 붐비는 기계에서는 그사이에 다음 에포크가 끝난다


def test_a_killed_training_goes_on_with_nothing_lost(trained, tmp_path, capsys):
    command = [sys.executable, "-c", DIE_AFTER_THE_FIRST_EPOCH, "--out", str(tmp_path), *SMALL]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "models/v1").exists(), killed.stderr
    train_here(tmp_path)
    said = capsys.readouterr().err
    assert "에포크 1/1까지" in said and "에포크 1/2까지" in said, said
    ours, theirs = (Registry(out / "models") for out in (tmp_path, trained))
    files = [{name: sum_ for name, sum_ in each.manifest("v1")["files"].items() if not name.endswith(".h5")}
             for each in (ours, theirs)]  # fmt: skip
    assert files[0] == files[1]  # 설정과 어휘는 바이트까지 같다
    for our, their in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_allclose(our, their, atol=1e-5)
    for name in ("curves", "report"):
        found, expected = (numbers(json.loads((out / f"results/v1/{name}.json").read_text())) for out in (tmp_path, trained))
        assert found.keys() == expected.keys() and len(found) > 5
        # 다른 프로세스의 float 오차: 0.5에 걸친 문장 하나는 뒤집힐 수 있다
        np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-5 if name == "curves" else 0.01)


def weights_of(registry: Registry) -> list[np.ndarray]:
    import keras_hub

    return keras_hub.models.BertTextClassifier.from_preset(str(registry.model_folder("v1"))).get_weights()


def numbers(tree, path: str = "") -> dict[str, float]:
    """The numbers in a JSON value by their path; p-values are no smooth figures."""
    if isinstance(tree, (int, float)):
        return {} if path.endswith("/p") else {path: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {name: value for key, each in items for name, value in numbers(each, f"{path}/{key}").items()}


@pytest.mark.parametrize("arguments", [["--texts", "5"], ["--epochs", "0"], ["--seed", "x"], ["--what"]])
def test_wrong_arguments(arguments):
    from projects.project02_sentiment_analysis import train

    with pytest.raises(SystemExit) as stopped:
        train.parse(arguments)
    assert stopped.value.code == 2


# 공개된 BERT


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "영화", "##가", "##는", "좋", "##다", "지루", "##하다", "음악"]


def write_hub_folder(folder: Path) -> None:
    """A small BERT with random weights, in the files and names that the Hub has."""
    from safetensors.numpy import save_file

    rng, D, F, T = np.random.RandomState(0), 32, 64, 64
    sizes = {"embeddings.word_embeddings.weight": (len(VOCABULARY), D), "embeddings.position_embeddings.weight": (T, D),
             "embeddings.token_type_embeddings.weight": (2, D), "pooler.dense.weight": (D, D), "pooler.dense.bias": (D,),
             "embeddings.LayerNorm.weight": (D,), "embeddings.LayerNorm.bias": (D,)}  # fmt: skip
    layer = "encoder.layer.0."
    for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        sizes |= {f"{layer}{name}.weight": (D, D), f"{layer}{name}.bias": (D,)}
    for name, (rows, columns) in {"intermediate.dense": (F, D), "output.dense": (D, F)}.items():
        sizes |= {f"{layer}{name}.weight": (rows, columns), f"{layer}{name}.bias": (rows,)}
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        sizes |= {f"{layer}{name}.weight": (D,), f"{layer}{name}.bias": (D,)}
    folder.mkdir(parents=True)
    weights = {f"bert.{name}": rng.uniform(-0.3, 0.3, size).astype("float32") for name, size in sizes.items()}
    save_file(weights, folder / "model.safetensors")
    config = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": len(VOCABULARY), "hidden_size": D,
              "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": F, "max_position_embeddings": T,
              "type_vocab_size": 2}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))


class Hub(http.server.BaseHTTPRequestHandler):
    """What huggingface_hub needs of the Hub, for one model."""

    folder: Path
    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.asked.append(self.path)
        path = self.folder / self.path.rpartition("/resolve/main/")[2]
        found = "/resolve/main/" in self.path and path.is_file()
        body = path.read_bytes() if found else b"{}"
        self.send_response(200 if found else 404)
        for name, value in {"ETag": f'"{len(body)}-{path.name}"', "X-Repo-Commit": "0" * 40, "Content-Length": len(body),
                            **({} if found else {"X-Error-Code": "EntryNotFound"})}.items():  # fmt: skip
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """A local Hub with 'course/tiny-bert', in the environment that uses it."""
    write_hub_folder(tmp_path / "hub")
    handler = type("Handler", (Hub,), {"folder": tmp_path / "hub", "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1",
             "HF_HUB_DISABLE_TELEMETRY": "1", "no_proxy": "127.0.0.1"}  # fmt: skip
    yield handler, {**os.environ, **names}
    server.shutdown()


def test_preset_from_the_hub_is_trained_and_served(hub, tmp_path):
    handler, environment = hub
    options = ("--texts", "200", "--epochs", "1", "--length", "16")
    done = run("train", "--out", tmp_path / "out", "--preset", "hf://course/tiny-bert", *options, env=environment)
    assert done.returncode == 0, done.stderr
    assert any("model.safetensors" in path for path in handler.asked)
    registry = Registry(tmp_path / "out/models")
    assert registry.manifest("v1")["model"] == "hf://course/tiny-bert"
    from projects.project02_sentiment_analysis.predictor import Predictor

    predictor = Predictor(registry, "v1", max_batch=1)
    assert predictor.length == 16 and [name for name, _ in predictor.explain(["영화가 좋다"])[0][1].tokens] == [
        "영화", "##가", "좋", "##다"]  # fmt: skip


def test_preset_folder_keeps_its_weights(tmp_path):
    from safetensors.numpy import load_file

    from projects.project02_sentiment_analysis.classifier import _load_preset

    write_hub_folder(tmp_path / "bert")
    backbone, tokenizer = _load_preset(str(tmp_path / "bert"))
    expected = load_file(tmp_path / "bert/model.safetensors")["bert.embeddings.word_embeddings.weight"]
    np.testing.assert_array_equal(backbone.get_layer("token_embedding").get_weights()[0], expected)
    assert tokenizer.vocabulary_size() == len(VOCABULARY)


def test_wrong_preset(tmp_path):
    from projects.project02_sentiment_analysis.classifier import PresetError, _load_preset

    write_hub_folder(tmp_path / "sentencepiece")
    (tmp_path / "sentencepiece/vocab.txt").unlink()
    for preset in (str(tmp_path / "none"), str(tmp_path / "sentencepiece")):
        with pytest.raises(PresetError) as error:
            _load_preset(preset)
        assert preset in str(error.value) and len(str(error.value).splitlines()) == 1
