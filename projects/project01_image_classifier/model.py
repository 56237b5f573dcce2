"""EfficientNetV2 백본과 새 머리. 백본을 얼렸다가 푸는 두 단계를 여기서 정한다."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from projects.common.cli import UserError
from tf_study.training_mechanics.schedules import WarmupCosine

BACKBONES = ("mini", "b0")
RANDOM, IMAGENET = "random", "imagenet"
DECAY = 0.01
DROPOUT = 0.2


class Plan(NamedTuple):
    """What the two stages do: the edge of the pictures in pixels, epochs and peak learning rates."""

    side: int
    head_epochs: int
    epochs: int
    head_rate: float
    rate: float


def default_plan(backbone: str, weights: str) -> Plan:
    """Pre-trained weights are changed gently at ImageNet's size; random ones have everything to learn."""
    if weights != RANDOM:
        return Plan(side=224, head_epochs=5, epochs=10, head_rate=1e-3, rate=2e-4)
    return Plan(side=96, head_epochs=1, epochs=20, head_rate=1e-3, rate=5e-3 if backbone == "mini" else 2e-3)


def build_classifier(backbone: str, weights: str, side: int, classes: int) -> keras.Model:
    """Return pictures (B, side, side, 3) in 0..255 -> logits (B, classes), the backbone first among its layers.

    Args:
        backbone: 'b0' is EfficientNetV2B0 (5.9 million weights), 'mini' the same blocks in a thin
            net of 56 thousand.
        weights: 'random', 'imagenet' (b0 only; downloads 24 MB once) or a file of the backbone's weights.

    Raises:
        UserError: the weights cannot be had or do not fit.
    """
    if (backbone, weights) == ("mini", IMAGENET):
        raise UserError("ImageNet의 가중치는 b0에만 있다. --backbone b0을 준다. 받은 것: mini")
    net = _b0(weights, side) if backbone == "b0" else _mini(side)
    if weights not in (RANDOM, IMAGENET):
        _load(net, Path(weights))
    return keras.Sequential([
        keras.Input((side, side, 3), name="pixels"),
        net,
        keras.layers.GlobalAveragePooling2D(name="pool"),
        keras.layers.Dropout(DROPOUT, name="dropout"),
        keras.layers.Dense(classes, kernel_initializer="zeros", name="head"),
    ])  # fmt: skip


def _b0(weights: str, side: int) -> keras.Model:
    build = functools.partial(keras.applications.EfficientNetV2B0, include_top=False, input_shape=(side, side, 3))
    if weights != IMAGENET:
        return build(weights=None)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # 내려받는 진행을 stdout에 적는다
            return build(weights=IMAGENET)
    except Exception as error:  # Keras는 내려받지 못하면 Exception을 그대로 낸다
        raise UserError(
            f"ImageNet의 가중치를 내려받을 수 있어야 한다. {error}. 네트워크가 없으면 --weights random이나 파일을 준다."
        ) from error


def _mini(side: int) -> keras.Model:
    """Fused-MBConv twice, MBConv with squeeze-and-excite twice, as EfficientNetV2 stacks them."""
    net = keras_hub.models.EfficientNetBackbone(
        stackwise_kernel_sizes=[3, 3, 3, 3], stackwise_num_repeats=[1, 1, 1, 1],
        stackwise_input_filters=[16, 16, 24, 40], stackwise_output_filters=[16, 24, 40, 64],
        stackwise_expansion_ratios=[1, 4, 4, 4], stackwise_strides=[1, 2, 2, 2],
        stackwise_squeeze_and_excite_ratios=[0, 0, 0.25, 0.25],
        stackwise_block_types=["fused", "fused", "unfused", "unfused"],
        num_features=128, dropout=0.0, width_coefficient=1.0, depth_coefficient=1.0, input_shape=(side, side, 3),
    )  # fmt: skip
    # KerasHub 0.31의 get_config는 num_features를 빠뜨려서, 그 클래스째 저장하면 다시 열리지 않는다
    blocks = keras.Model(net.input, net.output, name="blocks")
    pixels = keras.Input((side, side, 3))
    return keras.Model(pixels, blocks(keras.layers.Rescaling(1 / 127.5, -1.0)(pixels)), name="efficientnetv2-mini")


def _load(net: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise UserError(f"--weights는 random, imagenet 또는 가중치 파일이어야 한다. 받은 것: {path}")
    try:
        net.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{net.name}의 가중치 파일이어야 한다. 받은 것: {path} ({first})") from error


def weights_id(weights: str) -> str:
    """What stands for the initial weights in a run's configuration: a file by its content."""
    if weights in (RANDOM, IMAGENET) or not Path(weights).is_file():
        return weights
    with open(weights, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def compile_stage(model: keras.Model, stage: str, plan: Plan, steps: int, pretrained: bool) -> None:
    """Freeze or free the backbone and compile for `steps` steps an epoch.

    In 'head' only the head learns. In 'fine' everything does, but the batch normalisations of a
    pre-trained backbone stay frozen with their statistics (chapter 5.3, section 4).
    """
    backbone = model.layers[0]
    backbone.trainable = stage == "fine"
    if stage == "fine" and pretrained:
        for layer in backbone._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    epochs, rate = (plan.epochs, plan.rate) if stage == "fine" else (plan.head_epochs, plan.head_rate)
    total = epochs * steps
    model.compile(
        keras.optimizers.AdamW(WarmupCosine(rate, total // 10, total), weight_decay=DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def without_training(model: keras.Model) -> keras.Model:
    """The same layers without optimizer and loss: a third of the file."""
    return keras.Sequential([keras.Input(model.input_shape[1:], name="pixels"), *model.layers])


def load_classifier(path: Path) -> keras.Model:
    """Read a model that `train` wrote.

    Raises:
        UserError: it is no such file.
    """
    try:
        return keras.saving.load_model(path)
    except (ValueError, OSError, TypeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"train이 쓴 .keras 파일이어야 한다. 받은 것: {path} ({first})") from error


def logits_of(model: keras.Model, data: tf.data.Dataset) -> np.ndarray:
    """Logits (N, K) float32 of the batches (x, y) of `data`, in order."""
    return model.predict(data.map(lambda x, y: x), verbose=0)
