"""5.1이 내보내는 크기, 비용, 수용 영역의 식."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from tf_study.computer_vision.convolution import (
    conv_flops,
    conv_output_size,
    conv_parameters,
    graph_flops,
    receptive_field,
)


@pytest.mark.parametrize("size", [5, 8, 13])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_output_size_equals_keras(size, stride, padding):
    layer = keras.layers.Conv2D(1, 3, strides=stride, padding=padding)
    assert layer.compute_output_shape((1, size, 9, 1))[1] == conv_output_size(size, 3, stride, padding)


def test_output_size_with_explicit_padding():
    assert conv_output_size(224, 7, 2, 3) == 112
    assert conv_output_size(8, 3, 1, 2, dilation=2) == 8
    assert conv_output_size(3, 3, 1, "valid") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 5, 1, "valid"), "창이 입력보다 1칸 넓다"),
        ((4, 3, 0), "1 이상"),
        ((4, 3, 1, "full"), "padding은"),
        ((4, 3, 1, -1), "padding은"),
    ],
)
def test_output_size_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        conv_output_size(*arguments)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_and_flops_equal_keras_and_the_profiler(groups, bias):
    layer = keras.layers.Conv2D(8, (3, 2), strides=(1, 2), groups=groups, use_bias=bias, padding="same")
    spec = tf.TensorSpec((1, 6, 10, 4))
    flops = graph_flops(layer, spec)
    assert layer.count_params() == conv_parameters((3, 2), 4, 8, bias, groups)
    assert flops == conv_flops((3, 2), 4, 8, 6, 5, groups) + bias * 6 * 5 * 8


@pytest.mark.parametrize("arguments", [(3, 4, 6, True, 4), (3, 6, 4, True, 4), (0, 1, 1), (3, 0, 1)])
def test_parameters_refuse(arguments):
    with pytest.raises(ValueError, match="받은"):
        conv_parameters(*arguments)


def test_graph_flops_enters_inner_functions_and_restores_the_mode():
    inner = tf.function(lambda a, b: a @ b)
    specs = tf.TensorSpec((2, 3)), tf.TensorSpec((3, 5))
    assert graph_flops(lambda a, b: inner(a, b), *specs) == 2 * 2 * 3 * 5
    assert not tf.config.functions_run_eagerly()


def test_graph_flops_calls_a_model_for_inference():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, use_bias=False)])
    assert graph_flops(model, tf.TensorSpec((2, 4))) == 2 * 2 * 4 * 3


def test_graph_flops_refuses_an_unknown_size():
    with pytest.raises(ValueError, match="모든 축의 크기"):
        graph_flops(tf.abs, tf.TensorSpec((None, 4)))


def test_receptive_field_of_known_networks():
    assert receptive_field([]) == (1, 1)
    assert receptive_field([(3, 1)] * 5) == (11, 1)
    assert receptive_field([(3, 1, 1), (3, 1, 2), (3, 1, 4)]) == (15, 1)
    vgg16 = [layer for count in (2, 2, 3, 3, 3) for layer in [(3, 1)] * count + [(2, 2)]]
    assert receptive_field(vgg16) == (212, 32)


@pytest.mark.parametrize("layers", [[(3,)], [(3, 0)], [(3, 1, 1, 1)]])
def test_receptive_field_refuses(layers):
    with pytest.raises(ValueError, match="받은 값"):
        receptive_field(layers)
