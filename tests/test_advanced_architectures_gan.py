"""7.5가 내보내는 것: 기울기 벌점, GAN과 WGAN-GP의 학습기, 숫자의 생성자와 판별자, 모드 포함."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.gan import (
    GAN,
    WGANGP,
    build_discriminator,
    build_generator,
    gradient_norms,
    gradient_penalty,
    mode_coverage,
)

RNG = np.random.RandomState(0)


def draw(*shape):
    return tf.constant(RNG.standard_normal(shape), tf.float32)


def tiny(inputs, outputs):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(outputs)])


def trainer(model=GAN, **arguments):
    gan = model(tiny(3, 2), tiny(2, 1), seed=0, **arguments)
    gan.compile(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.02))
    return gan


@pytest.mark.parametrize("compiled", [False, True])
def test_norms_are_those_of_each_sample(compiled):
    w, x = draw(4, 3), draw(5, 4, 3)
    function = (lambda x: gradient_norms(lambda x: tf.reduce_sum(tf.sin(x) * w, axis=(1, 2)), x))
    norms = (tf.function(function) if compiled else function)(x)
    np.testing.assert_allclose(norms, np.sqrt((np.cos(x) ** 2 * w.numpy() ** 2).sum(axis=(1, 2))), rtol=1e-4)


def test_a_flat_critic_has_a_finite_second_gradient():
    scale = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(lambda x: scale * x, draw(4, 1), draw(4, 1), seed=0)
    np.testing.assert_allclose(penalty, 1, atol=1e-4)
    assert np.isfinite(tape.gradient(penalty, scale))


@pytest.mark.parametrize("shape", [(6, 2), (6, 5, 4, 1)])
def test_penalty_of_a_known_slope(shape):
    axes = tuple(range(1, len(shape)))
    slope = 3 / np.sqrt(np.prod(shape[1:]))
    penalty = gradient_penalty(lambda x: slope * tf.reduce_sum(x, axis=axes), draw(*shape), draw(*shape))
    np.testing.assert_allclose(penalty, 4, rtol=1e-4)


def test_penalty_is_taken_between_the_samples():
    seen = []

    def critic(x):
        seen.append(x.numpy())
        return x

    gradient_penalty(critic, tf.fill((500, 1), 2.0), tf.fill((500, 1), -1.0), seed=3)
    assert -1 <= seen[0].min() < -0.9 and 1.9 < seen[0].max() <= 2
    with pytest.raises(ValueError, match="모양이 같아야"):
        gradient_penalty(critic, draw(4, 2), draw(4, 3))


def test_networks_of_digits():
    generator = build_generator(latent=7, channels=4)
    images = generator(draw(3, 7))
    assert images.shape == (3, 28, 28, 1) and np.abs(images).max() <= 1
    for batch_norm in (True, False):
        assert build_discriminator(4, batch_norm)(images).shape == (3, 1)


@pytest.mark.parametrize(("model", "steps"), [(GAN, 1), (GAN, 3), (WGANGP, 2)])
def test_fit_trains_both_networks(model, steps):
    gan = trainer(model, discriminator_steps=steps)
    networks = gan.generator, gan.discriminator
    before = [network.get_weights()[0] for network in networks]
    data = tf.data.Dataset.from_tensor_slices(draw(24, 2)).batch(12)
    history = gan.fit(data, epochs=2, shuffle=False, verbose=0).history
    assert set(history) == {"d_loss", "g_loss"} and np.isfinite(list(history.values())).all()
    assert all((a != network.get_weights()[0]).any() for a, network in zip(before, networks))
    assert int(gan.generator_optimizer.iterations) == 4
    assert int(gan.discriminator_optimizer.iterations) == 4 * steps


def test_each_step_trains_its_network_alone():
    for model in (GAN, WGANGP):
        gan = trainer(model)
        for step, still in ((lambda: gan.discriminator_step(draw(8, 2)), gan.generator),
                            (lambda: gan.generator_step(8), gan.discriminator)):
            before = still.get_weights()
            step()
            assert all((a == b).all() for a, b in zip(before, still.get_weights()))


def test_losses():
    real, fake = draw(7, 2), draw(7, 2)
    gan = trainer()
    p, q = (tf.sigmoid(gan.discriminator(x)).numpy() for x in (real, fake))
    np.testing.assert_allclose(gan.discriminator_loss(real, fake), -np.mean(np.log(p) + np.log(1 - q)), rtol=1e-4)
    np.testing.assert_allclose(gan.generator_loss(fake), -np.mean(np.log(q)), rtol=1e-4)
    wgan = trainer(WGANGP, penalty=0.0)
    a, b = (wgan.discriminator(x).numpy().mean() for x in (real, fake))
    np.testing.assert_allclose(wgan.discriminator_loss(real, fake), b - a, rtol=1e-4)
    np.testing.assert_allclose(wgan.generator_loss(fake), -b, rtol=1e-4)


@pytest.mark.parametrize("model", [GAN, WGANGP])
def test_saved_and_loaded_it_goes_on(model, tmp_path):
    gan = trainer(model, discriminator_steps=2)
    data, noise = draw(8, 2), draw(5, 3)
    gan.train_on_batch(data)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    np.testing.assert_allclose(loaded(noise), gan(noise), rtol=1e-5)
    assert loaded.discriminator_steps == 2 and getattr(loaded, "penalty", 10.0) == 10.0
    for name in ("generator_optimizer", "discriminator_optimizer"):
        kept, found = getattr(gan, name), getattr(loaded, name)
        assert type(found) is type(kept) and len(found.variables) == len(kept.variables)
        for ours, theirs in zip(found.variables, kept.variables):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert np.isfinite(loaded.train_on_batch(data)).all()


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = WGANGP(tiny(3, 2), tiny(2, 1), seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    gan.compile(*(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), 8.0) for _ in range(2)))
    before = gan.get_weights()
    assert np.isfinite(gan.train_on_batch(draw(10, 2))).all()
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, gan.get_weights()) if a.dtype == np.float32)


def test_wrong_networks_and_batches():
    with pytest.raises(ValueError, match="모양이 같아야"):
        GAN(tiny(3, 4), tiny(2, 1))
    with pytest.raises(ValueError, match="1 이상"):
        GAN(tiny(3, 2), tiny(2, 1), discriminator_steps=0)
    with pytest.raises(ValueError, match="3의 배수"):
        trainer(discriminator_steps=3).train_step(draw(8, 2))


def test_mode_coverage():
    found = mode_coverage([0] * 97 + [1] * 2 + [2], classes=4, reference=[0.4, 0.3, 0.2, 0.1], min_share=0.02)
    q = np.array([0.97, 0.02, 0.01])
    assert found["modes"] == 2
    np.testing.assert_allclose(found["entropy"], -(q * np.log(q)).sum())
    np.testing.assert_allclose(found["kl"], (q * np.log(q / [0.4, 0.3, 0.2])).sum())
    np.testing.assert_allclose(mode_coverage(np.arange(10), 10)["kl"], 0, atol=1e-12)


@pytest.mark.parametrize("labels", [[], [4], [-1], [[1, 2]], [0.5]])
def test_wrong_labels(labels):
    with pytest.raises(ValueError, match="labels"):
        mode_coverage(labels, 4)


@pytest.mark.parametrize("reference", [[0.5, 0.5], [0.5, 0.5, 0], [0.5, 0.4, 0.2]])
def test_wrong_reference(reference):
    with pytest.raises(ValueError, match="reference"):
        mode_coverage([0, 1], 3, reference)
