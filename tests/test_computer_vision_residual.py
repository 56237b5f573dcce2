"""5.2에서 내보낸 작은 잔차 백본."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.computer_vision.residual import ResidualBlock, ResidualStage, residual_backbone


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.mixed_precision.set_global_policy("float32")


def pixels(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, shape).astype("uint8")


def test_a_fresh_identity_block_is_a_relu():
    x = np.random.RandomState(0).standard_normal((2, 6, 5, 8)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(ResidualBlock(8)(x, training=training), np.maximum(x, 0))


def test_block_is_the_formula_of_the_paper():
    x = np.random.RandomState(0).standard_normal((2, 7, 5, 3)).astype("float32")
    block = ResidualBlock(4, stride=2)
    block.build(x.shape)
    random = np.random.RandomState(1)
    for weight in block.weights:
        weight.assign(random.uniform(0.5, 1.5, weight.shape) * random.choice([-1, 1], weight.shape) ** (weight.ndim > 1))

    def normed(bn, h):
        gamma, beta, mean, variance = bn.get_weights()
        return gamma * (h - mean) / np.sqrt(variance + bn.epsilon) + beta

    def conv(layer, h, stride):
        return tf.nn.conv2d(h, layer.kernel.value, stride, "SAME").numpy()

    h = np.maximum(normed(block.bn1, conv(block.conv1, x, 2)), 0)
    h = normed(block.bn2, conv(block.conv2, h, 1))
    shortcut = normed(block.projection_bn, conv(block.projection, x, 2))
    np.testing.assert_allclose(block(x), np.maximum(shortcut + h, 0), rtol=1e-4, atol=1e-4)
    assert block(x).shape == block.compute_output_shape(x.shape) == (2, 4, 3, 4)


def test_projection_only_where_the_shape_changes():
    stage = ResidualStage(8, blocks=3, stride=2)
    stage.build((None, 9, 9, 8))
    assert [block.projection is not None for block in stage.blocks] == [True, False, False]
    assert stage.compute_output_shape((None, 9, 9, 8)) == (None, 5, 5, 8)


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_taps_have_strides_one_two_four_eight(size):
    backbone = residual_backbone((*size, 3), widths=(4, 6, 8), blocks=2)
    taps = [backbone.get_layer(name).output for name in ("stem", "stage1", "stage2", "stage3")]
    outputs = keras.Model(backbone.input, taps)(pixels(2, *size, 3))
    for output, stride, width in zip(outputs, (1, 2, 4, 8), (4, 4, 6, 8)):
        assert output.shape == (2, -(-size[0] // stride), -(-size[1] // stride), width)


def test_open_spatial_axes_and_graph_mode():
    backbone = residual_backbone((None, None, 1), widths=(4, 8))
    x = tf.constant(pixels(2, 13, 9, 1), tf.float32)
    np.testing.assert_allclose(tf.function(backbone)(x), backbone(x), rtol=1e-4, atol=1e-5)
    assert backbone(x).shape == (2, 4, 3, 8)


def test_frozen_stage_keeps_weights_and_moving_averages():
    backbone = residual_backbone((16, 16, 3), widths=(4, 8))
    backbone.get_layer("stage1").trainable = False
    before = {name: backbone.get_layer(name).get_weights() for name in ("stage1", "stage2")}
    model = keras.Sequential([backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(pixels(8, 16, 16, 3), np.arange(8) % 2, verbose=0)
    changed = {
        name: [not np.array_equal(a, b) for a, b in zip(before[name], backbone.get_layer(name).get_weights())]
        for name in before
    }
    assert not any(changed["stage1"]) and any(changed["stage2"])


def test_saved_model_gives_the_same(tmp_path):
    backbone = residual_backbone((16, 16, 3), widths=(4, 8), blocks=2, name="small")
    backbone(pixels(4, 16, 16, 3), training=True)  # 이동 평균을 옮긴다
    backbone.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    x = pixels(2, 16, 16, 3)
    np.testing.assert_array_equal(loaded(x), backbone(x))
    assert loaded.name == "small" and len(loaded.get_layer("stage2").blocks) == 2


def test_mixed_precision_computes_in_float16_and_keeps_float32_weights():
    keras.mixed_precision.set_global_policy("mixed_float16")
    backbone = residual_backbone((16, 16, 3), widths=(4, 8))
    y = backbone(pixels(2, 16, 16, 3), training=True)
    assert y.dtype == tf.float16 and np.isfinite(y).all()
    assert {w.dtype for w in backbone.weights} == {"float32"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResidualBlock(0), "받은 값: 0, 1"),
        (lambda: ResidualBlock(4, stride=0), "받은 값: 4, 0"),
        (lambda: ResidualStage(4, blocks=0), "blocks는 1 이상"),
        (lambda: ResidualBlock(4)(np.zeros((2, 8, 3), "float32")), r"\(B, H, W, C\)여야 한다"),
        (lambda: residual_backbone((32, 32)), r"\(H, W, C\)여야 한다"),
        (lambda: residual_backbone((32, 32, 3), widths=()), "widths는 1 이상"),
        (lambda: residual_backbone((32, 32, 3), widths=(0, 4)), "widths는 1 이상"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
