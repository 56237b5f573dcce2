"""처음부터 끝까지: 학습하고, 죽이고, 잇고, 재고, 바꾸고, 예측한다. 명령은 새 프로세스에서 부른다."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from projects.common import cli
from projects.common.cli import UserError
from projects.project01_image_classifier import convert, evaluate, predict, train
from projects.project01_image_classifier.run import load_run
from projects.project01_image_classifier.tests.pictures import flower_folder, spoil
from tf_study.production.tensorboard import read_scalars

SMALL = ["--side", "32", "--epochs", "12", "--batch", "16"]


def command(name: str, *arguments) -> list[str]:
    return [sys.executable, "-m", f"projects.project01_image_classifier.{name}", *map(str, arguments)]


def call(name: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run(command(name, *arguments), capture_output=True, text=True)


def train_arguments(data: Path, out: Path) -> list:
    return ["--data", data, "--out", out, *SMALL]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = flower_folder(tmp_path_factory.mktemp("flowers") / "꽃 data", per_class=40)
    return root, spoil(root)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """An uninterrupted run and what its command said."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    done = call("train", *train_arguments(data[0], out))
    assert done.returncode == 0, done.stderr
    return out, done


@pytest.fixture(scope="module")
def run(trained):
    return load_run(trained[0])


def curves(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())["curves"]


def test_training_says_what_it_did_and_learns(trained, data):
    out, done = trained
    summary = json.loads(done.stdout)
    assert summary["model"] == str(out / "model.keras") and summary["left_out"] == len(data[1])
    assert summary["pictures"]["train"] > 3 * summary["pictures"]["test"] > 0
    for path, word in data[1].items():
        assert re.search(rf"뺀다: {re.escape(path)}: .*{re.escape(word.split(':')[0])}", done.stderr)
    assert "에포크 12/12: 100%" in done.stderr and "Traceback" not in done.stderr
    fine = curves(out)["fine"]
    assert fine[-1]["loss"] < 0.75 * fine[0]["loss"] and summary["validation_accuracy"] > 0.35  # 찍으면 0.2


def test_tensorboard_shows_both_stages(trained):
    scalars = read_scalars(trained[0])
    assert set(scalars) == {f"{stage}/logs/{run}" for stage in ("head", "fine") for run in ("train", "validation")}
    steps, values = scalars["fine/logs/validation"]["epoch_loss"]
    assert steps.tolist() == list(range(1, 13))
    np.testing.assert_allclose(values, [row["val_loss"] for row in curves(trained[0])["fine"]], rtol=1e-5)


def killed(data: Path, out: Path) -> None:
    """Start the training and kill it (SIGKILL) once two epochs of the second stage are saved."""
    for _ in range(5):
        shutil.rmtree(out, ignore_errors=True)
        with subprocess.Popen(command("train", *train_arguments(data, out)), stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not (out / "fine" / "checkpoint-0002.npz").exists():
                time.sleep(0.01)
            process.kill()
        if process.returncode == -signal.SIGKILL:
            return
    raise AssertionError("학습이 다섯 번 모두 죽기 전에 끝났다")


def test_killed_and_started_again_it_ends_as_if_it_never_was(trained, data, tmp_path):
    out = tmp_path / "killed"
    killed(data[0], out)
    assert not (out / "model.keras").exists()
    done = call("train", *train_arguments(data[0], out))
    assert done.returncode == 0 and "이어 간다: 에포크" in done.stderr
    ours, theirs = curves(out), curves(trained[0])
    for stage in ("head", "fine"):
        assert len(ours[stage]) == len(theirs[stage])
        for row, expected in zip(ours[stage], theirs[stage]):
            assert row == pytest.approx(expected, rel=1e-3, abs=1e-4)
    weights = (keras.saving.load_model(path / "model.keras").get_weights() for path in (out, trained[0]))
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


def command_here(main, *arguments) -> int:
    """Run a command in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.run(lambda: main([*map(str, arguments)]))
    return ended.value.code


def test_another_configuration_in_the_same_folder_is_refused(trained, data, capsys):
    before = (trained[0] / "model.keras").read_bytes()
    assert command_here(train.main, *train_arguments(data[0], trained[0]), "--batch", "8") == 2
    output = capsys.readouterr()
    last = output.err.splitlines()[-1]
    assert output.out == "" and last.startswith("오류: 같은 설정의 학습만") and "batch 16 → 8" in last
    assert (trained[0] / "model.keras").read_bytes() == before


@pytest.mark.parametrize("arguments, message", [
    (["--data", "없는 폴더"], "하위 폴더가 있는 폴더여야"),
    (["--epochs", "0"], "1 이상의 정수여야 한다. 받은 값: 0"),
    (["--backbone", "resnet"], "resnet"),
    (["--seed", "-1"], "0 이상의 정수"),
])  # fmt: skip
def test_wrong_input_is_one_line(arguments, message, capsys, tmp_path):
    assert command_here(train.main, *arguments, "--out", tmp_path / "out") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err and output.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.sources, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(trained):
    assert evaluate.main(["--run", str(trained[0])]) == 0
    return Page((trained[0] / "report.html").read_text())


def test_the_report_is_one_file_with_everything_in_it(page, run, data):
    assert len(page.sources) == 5 and all(s.startswith("data:image/png;base64,") for s in page.sources)
    for heading in ("혼동 행렬", "클래스마다", "보정", "Grad-CAM", "가장 나쁜 실수", "데이터"):
        assert heading in page.text
    for path, word in data[1].items():
        assert path in page.text and word in page.text
    right = int((run.logits("test").argmax(axis=1) == run.dataset.of("test")[1]).sum())
    assert f"가운데 {right}장을 맞혔다" in page.text


def test_the_summary_is_that_of_the_model(trained, run, capsys, page):
    evaluate.main(["--run", str(trained[0])])
    summary = json.loads(capsys.readouterr().out)
    logits, labels = run.logits("test"), run.dataset.of("test")[1]
    assert summary["accuracy"] == pytest.approx((logits.argmax(axis=1) == labels).mean())
    low, high = summary["interval"]
    assert low < summary["accuracy"] < high and summary["temperature"] == run.temperature


def test_names_in_the_report_are_text_not_markup(run):
    from projects.project01_image_classifier.report import _table

    assert "&lt;script&gt;" in _table(("파일",), [("<script>",)])


@pytest.fixture(scope="module")
def converted(run):
    return {row.name: row for row in convert.convert_run(run, repeats=5)}


def test_conversion_shrinks_the_model_and_keeps_its_answers(converted, run):
    assert list(converted) == ["keras", "float16", "int8"]
    sizes = {name: (run.path / f"model-{name}.tflite").stat().st_size for name in ("float16", "int8")}
    assert sizes["int8"] < sizes["float16"] < 0.6 * converted["keras"].bytes
    assert converted["float16"].agreement > 0.95 and converted["int8"].agreement > 0.8
    assert abs(converted["float16"].accuracy - converted["keras"].accuracy) <= 0.05
    assert all(0 < row.p50 <= row.p95 for row in converted.values())
    table = convert.table(list(converted.values())).splitlines()
    assert len(table) == 5 and len({line.count("|") for line in table}) == 1


def lines_of(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["model.keras", "model-int8.tflite", "model-float16.tflite"])
def test_predictions_keep_their_order_and_survive_bad_files(name, converted, run, data, tmp_path):
    paths, labels = run.dataset.of("test")
    bad = {str(tmp_path / "none.jpg"): "파일이 없다", str(data[0] / "daisy" / "text.png"): "그림이 아니다",
           str(tmp_path): "폴더", str(data[0] / "daisy" / "cut.jpg"): "읽을 수 없다"}  # fmt: skip
    mixed = [*paths[:3], *bad, *paths[3:]]
    done = call("predict", "--model", run.path / name, *mixed)
    assert done.returncode == 1
    found = lines_of(done)
    assert [line["path"] for line in found] == mixed
    for line in found:
        assert ("error" in line) == (line["path"] in bad)
        if "error" in line:
            assert bad[line["path"]] in line["error"]
        else:
            assert max(line["scores"], key=line["scores"].get) == line["label"]
            assert sum(line["scores"].values()) == pytest.approx(1, abs=0.01)
    answers = [line["label"] for line in found if "label" in line]
    ours = [run.dataset.classes[k] for k in run.logits("test").argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(answers, ours)]) > (0.8 if "int8" in name else 0.95)


def test_without_a_bad_file_the_exit_code_is_0_and_litert_needs_no_tensorflow(converted, run):
    path = run.dataset.of("test")[0][0]
    script = (
        "import sys\nsys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from projects.project01_image_classifier.predict import main\n"
        f"sys.exit(main(['--model', {str(run.path / 'model-int8.tflite')!r}, {path!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert [line["path"] for line in lines_of(done)] == [path]


def test_probabilities_are_calibrated(run):
    from projects.project01_image_classifier.calibration import probabilities

    path = run.dataset.of("test")[0][0]
    [line] = predict.predict(predict.Classifier(run.path / "model.keras"), [path])
    expected = probabilities(run.logits("test")[:1], run.temperature)[0]
    np.testing.assert_allclose(list(line["scores"].values()), expected, atol=1e-3)


def test_a_strange_file_name_is_answered_in_valid_json(converted, run, tmp_path):
    strange = bytes(tmp_path) + b"/\xff<\xea\xbd\x83>.jpg"
    shutil.copy(run.dataset.of("test")[0][0], strange)
    done = subprocess.run([*command("predict", "--model", run.path / "model-int8.tflite"), strange],
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["path"].encode(errors="surrogateescape") == strange


def test_more_pictures_than_a_chunk(converted, run):
    classifier = predict.Classifier(run.path / "model-int8.tflite")
    path = run.dataset.of("test")[0][0]
    found = list(predict.predict(classifier, [path, "없다"] * predict.CHUNK))
    assert [("error" in line) for line in found] == [False, True] * predict.CHUNK


def test_wrong_models_are_one_clear_error(run, tmp_path):
    for name in ("labels.json", "model.keras"):
        shutil.copy(run.path / name, tmp_path)
    cases = {"none.keras": "파일이어야 한다", "a.h5": "파일이어야 한다", "bad.tflite": "LiteRT 모델", "bad.keras": "train이 쓴"}
    for name, message in cases.items():
        if name != "none.keras":
            (tmp_path / name).write_bytes(b"not a model")
        with pytest.raises(UserError, match=message) as error:
            predict.Classifier(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "labels.json").write_text('{"classes": ["a"], "temperature": 1.0}')
    with pytest.raises(UserError, match="클래스 1개와 모델의 출력 5개"):
        predict.Classifier(tmp_path / "model.keras")
    (tmp_path / "labels.json").unlink()
    with pytest.raises(UserError, match="labels.json이 있어야"):
        predict.Classifier(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["evaluate", "convert"])
def test_before_training_there_is_nothing_to_judge(name, tmp_path):
    module = {"evaluate": evaluate, "convert": convert}[name]
    with pytest.raises(UserError, match="train을 먼저 실행한다"):
        module.main(["--run", str(tmp_path)])


def test_a_picture_lost_after_training_is_named(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("*.npz"))
    saved = json.loads((tmp_path / "run" / "data.json").read_text())
    saved["root"] = str(tmp_path)
    (tmp_path / "run" / "data.json").write_text(json.dumps(saved))
    with pytest.raises(UserError, match="없는 파일"):
        load_run(tmp_path / "run")


def test_the_picture_of_the_report_shows_where_the_model_looks(run):
    from projects.project01_image_classifier.figures import heat_maps

    images, labels = run.pictures("test")
    overlays = heat_maps(run.model, images[:2], labels[:2])
    assert overlays.shape == images[:2].shape and overlays.dtype == np.uint8
    assert not np.array_equal(overlays[0], images[0])
    assert Image.fromarray(overlays[0]).size == (32, 32)
