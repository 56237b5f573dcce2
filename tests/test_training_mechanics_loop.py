"""3.5가 내보내는 것: 누적하고 자르는 학습 스텝."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.training_mechanics.loop import make_train_step, train

RNG = np.random.RandomState(0)
X = tf.constant(RNG.uniform(-1, 1, (24, 5)), tf.float32)
Y = tf.constant(RNG.randint(0, 3, 24))
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_model(**kwargs):
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((5,)),
        keras.layers.Dense(7, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01), **kwargs),
        keras.layers.Dense(3, **kwargs),
    ])


def stepped(optimizer, steps=3, **kwargs):
    model = make_model()
    history = train(make_train_step(model, LOSS, optimizer, **kwargs), [(X, Y)] * steps)
    return model.get_weights(), history


def same(a, b, atol=1e-6):
    return all(np.allclose(u, v, atol=atol) for u, v in zip(a, b))


def test_it_is_the_step_of_fit():
    reference = make_model()
    reference.compile(keras.optimizers.SGD(0.5), LOSS)
    losses = [reference.fit(X, Y, batch_size=24, shuffle=False, verbose=0).history["loss"][0] for _ in range(3)]
    weights, history = stepped(keras.optimizers.SGD(0.5))
    assert same(weights, reference.get_weights())
    np.testing.assert_allclose(history["loss"], losses, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("K", [2, 3, 24])
def test_accumulation_equals_the_large_batch(K, clip_norm):
    whole, expected = stepped(keras.optimizers.SGD(0.5), clip_norm=clip_norm)
    weights, history = stepped(keras.optimizers.SGD(0.5), micro_batches=K, clip_norm=clip_norm)
    assert same(weights, whole)
    for key in ("loss", "gradient_norm"):
        np.testing.assert_allclose(history[key], expected[key], atol=1e-5)


def test_clipping_is_keras_global_clipnorm():
    weights, history = stepped(keras.optimizers.SGD(0.5), clip_norm=0.1)
    theirs, unclipped = stepped(keras.optimizers.SGD(0.5, global_clipnorm=0.1))
    assert same(weights, theirs) and not same(weights, stepped(keras.optimizers.SGD(0.5))[0], atol=1e-3)
    np.testing.assert_allclose(history["gradient_norm"], unclipped["gradient_norm"], rtol=1e-5)
    assert (history["gradient_norm"] > 0.1).all()


def test_a_bound_above_the_norm_changes_nothing():
    assert same(stepped(keras.optimizers.SGD(0.5), clip_norm=1e3)[0], stepped(keras.optimizers.SGD(0.5))[0])


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_loss_scaling_is_undone(clip_norm):
    def scaled():
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=1024.0)

    weights, history = stepped(scaled(), micro_batches=2, clip_norm=clip_norm)
    expected_weights, expected = stepped(keras.optimizers.SGD(0.5), clip_norm=clip_norm)
    assert same(weights, expected_weights, atol=1e-5)
    for key in ("loss", "gradient_norm"):
        np.testing.assert_allclose(history[key], expected[key], rtol=1e-4)


def test_an_overflowing_step_is_skipped_under_loss_scaling():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=2.0**10)
    model = make_model()
    before = model.get_weights()
    loss, norm = make_train_step(model, LOSS, optimizer, clip_norm=1.0)(X * np.inf, Y)
    assert not np.isfinite(norm) and same(before, model.get_weights())


def test_mixed_precision_keeps_float32_results():
    model = make_model(dtype="mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5))
    loss, norm = make_train_step(model, LOSS, optimizer, micro_batches=2, clip_norm=1.0)(X, Y)
    assert loss.dtype == norm.dtype == tf.float32 and np.isfinite([loss, norm]).all()


def test_nested_inputs_embeddings_and_unused_weights():
    words, extra = keras.Input((4,), dtype="int32", name="words"), keras.Input((5,), name="extra")
    pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(10, 6)(words))
    model = keras.Model({"words": words, "extra": extra}, keras.layers.Dense(3)(pooled) + 0.0 * extra[:, :3])
    x = {"words": tf.constant(RNG.randint(0, 10, (24, 4)), tf.int32), "extra": X}
    results = []
    for K in (1, 4):
        twin = keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
        train(make_train_step(twin, LOSS, keras.optimizers.SGD(0.5), K), [(x, Y)] * 2)
        results.append(twin.get_weights())
    assert same(*results) and not same(results[0], model.get_weights(), atol=1e-3)


def test_a_batch_of_unknown_size_inside_a_graph():
    model, reference = make_model(), stepped(keras.optimizers.SGD(0.5), steps=2)[0]
    step = make_train_step(model, LOSS, keras.optimizers.SGD(0.5), micro_batches=2)

    @tf.function
    def epoch(batches):
        for x, y in batches:
            step(x, y)

    epoch(tf.data.Dataset.from_tensor_slices((X, Y)).batch(24).repeat(2))
    assert same(model.get_weights(), reference)


def test_wrong_arguments_are_refused():
    model, optimizer = make_model(), keras.optimizers.SGD(0.5)
    with pytest.raises(ValueError, match="micro_batches는 1 이상이어야 한다. 받은 값: 0"):
        make_train_step(model, LOSS, optimizer, micro_batches=0)
    with pytest.raises(ValueError, match="clip_norm은 0보다 커야 한다. 받은 값: 0"):
        make_train_step(model, LOSS, optimizer, clip_norm=0.0)
    with pytest.raises(ValueError, match="모델에 가중치가 있어야 한다"):
        make_train_step(keras.Sequential([keras.layers.Dense(1)]), LOSS, optimizer)
    with pytest.raises(ValueError, match="micro_batches=5의 배수여야 한다. 받은 크기: 24"):
        make_train_step(model, LOSS, optimizer, micro_batches=5)(X, Y)
    with pytest.raises(ValueError, match="배치가 하나 이상 있어야 한다"):
        train(make_train_step(model, LOSS, optimizer), [])
