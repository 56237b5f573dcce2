"""백본, 가중치, 두 단계. ImageNet의 가중치는 이 기계가 내주는 파일로 대신한다."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet_v2  # 가중치의 주소와 검사합이 여기에만 있다
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from projects.common.cli import UserError
from projects.project01_image_classifier.model import (
    build_classifier,
    compile_stage,
    default_plan,
    load_classifier,
    weights_id,
    without_training,
)

SIDE = 32
NAME = "efficientnetv2-b0_notop.h5"


def b0() -> keras.Model:
    return keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file of B0's weights as Keras publishes it, and the weights."""
    path = tmp_path_factory.mktemp("weights") / NAME
    keras.utils.set_random_seed(7)
    source = b0()
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)  # 공개된 파일은 Keras 2의 형식이다
    return path, source.get_weights()


@pytest.fixture
def imagenet(published, tmp_path, monkeypatch):
    """Serve the file where Keras looks for ImageNet's weights, with its checksum; return the requests."""
    seen = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *details):
            seen.append(self.path)

    handler = functools.partial(Handler, directory=published[0].parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checksum = hashlib.file_digest(open(published[0], "rb"), "sha256").hexdigest()
    monkeypatch.setattr(efficientnet_v2, "BASE_WEIGHTS_PATH", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setitem(efficientnet_v2.WEIGHTS_HASHES, "b0", ("", checksum))
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    yield seen
    server.shutdown()
    server.server_close()


def assert_backbone(model: keras.Model, weights: list[np.ndarray]) -> None:
    for ours, theirs in zip(model.layers[0].get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_imagenet_weights_are_downloaded_checked_and_used(imagenet, published, capsys):
    model = build_classifier("b0", "imagenet", SIDE, classes=3)
    assert imagenet == [f"/{NAME}"] and capsys.readouterr().out == ""
    assert_backbone(model, published[1])
    assert not model.layers[-1].get_weights()[0].any()  # 머리는 0에서 시작한다


def test_a_damaged_download_is_one_clear_error(imagenet, monkeypatch):
    monkeypatch.setitem(efficientnet_v2.WEIGHTS_HASHES, "b0", ("", "0" * 64))
    with pytest.raises(UserError, match="내려받을 수 있어야") as error:
        build_classifier("b0", "imagenet", SIDE, classes=3)
    assert "\n" not in str(error.value)


def test_without_a_network_it_says_what_to_do(imagenet, monkeypatch):
    monkeypatch.setattr(efficientnet_v2, "BASE_WEIGHTS_PATH", "http://127.0.0.1:9/")
    with pytest.raises(UserError, match="--weights random이나 파일"):
        build_classifier("b0", "imagenet", SIDE, classes=3)


def test_a_weights_file_is_used_and_named_by_its_content(published, tmp_path):
    assert_backbone(build_classifier("b0", str(published[0]), SIDE, classes=3), published[1])
    assert weights_id(str(published[0])).startswith("sha256:") and weights_id("random") == "random"


def test_weights_that_do_not_fit(published, tmp_path):
    (tmp_path / "text.weights.h5").write_text("글")
    for backbone, weights, message in (
        ("mini", "imagenet", "b0에만 있다"),
        ("mini", str(tmp_path / "none.h5"), "또는 가중치 파일이어야"),
        ("mini", str(tmp_path / "text.weights.h5"), "efficientnetv2-mini의 가중치 파일이어야"),
        ("mini", str(published[0]), "efficientnetv2-mini의 가중치 파일이어야"),
    ):
        with pytest.raises(UserError, match=message) as error:
            build_classifier(backbone, weights, SIDE, classes=3)
        assert "\n" not in str(error.value)


def norms(model: keras.Model) -> list[keras.layers.Layer]:
    return [part for part in model._flatten_layers() if isinstance(part, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("backbone", ["mini", "b0"])
def test_the_head_alone_then_everything(backbone):
    model = build_classifier(backbone, "random", SIDE, classes=3)
    plan = default_plan(backbone, "random")
    compile_stage(model, "head", plan, steps=5, pretrained=False)
    assert [v.path.split("/")[-2] for v in model.trainable_variables] == ["head", "head"]
    compile_stage(model, "fine", plan, steps=5, pretrained=False)
    assert len(model.trainable_variables) > 20 and all(norm.trainable for norm in norms(model))
    compile_stage(model, "fine", plan, steps=5, pretrained=True)
    assert norms(model) and not any(norm.trainable for norm in norms(model))
    assert len(model.trainable_variables) > 10


def test_the_stages_change_what_they_say_and_the_model_opens_again(tmp_path):
    keras.utils.set_random_seed(0)
    model = build_classifier("mini", "random", SIDE, classes=3)
    x, y = np.random.RandomState(0).uniform(0, 255, (8, SIDE, SIDE, 3)).astype("float32"), np.arange(8) % 3
    plan = default_plan("mini", "random")
    before = model.layers[0].get_weights()
    compile_stage(model, "head", plan, steps=5, pretrained=False)
    for _ in range(2):
        model.train_on_batch(x, y)
    assert_backbone(model, before)
    compile_stage(model, "fine", plan, steps=5, pretrained=True)
    for _ in range(2):
        model.train_on_batch(x, y)
    moving = [norm.moving_mean for norm in norms(model)]
    assert not any(np.any(mean) for mean in moving)  # 얼린 통계는 처음 그대로이다
    assert any(np.any(a != b) for a, b in zip(model.layers[0].get_weights(), before))
    without_training(model).save(tmp_path / "model.keras")
    loaded = load_classifier(tmp_path / "model.keras")
    assert not loaded.compiled
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-5)


def test_real_data_means_pretrained_plans():
    assert default_plan("b0", "imagenet").rate < default_plan("b0", "random").rate
    assert default_plan("b0", "imagenet").side == 224
