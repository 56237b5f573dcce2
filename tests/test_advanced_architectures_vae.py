"""7.4가 내보내는 것: 정규 분포의 KL, 베르누이 우도, 재파라미터화, VAE, 인코더와 디코더."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import bernoulli, norm

from tf_study.advanced_architectures.vae import (
    VAE,
    Sampling,
    bernoulli_log_likelihood,
    build_decoder,
    build_encoder,
    gaussian_kl,
)

SHAPE, LATENT = (6, 5, 1), 3


def draw(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def pixels(count=40, seed=0):
    return (draw(count, *SHAPE, seed=seed) > 0).astype("float32")


def small_vae(seed=0, **kwargs):
    keras.utils.set_random_seed(seed)
    encoder, decoder = build_encoder(SHAPE, 2 * LATENT, (16,)), build_decoder(LATENT, SHAPE, (16,))
    return VAE(encoder, decoder, seed=seed, **kwargs)


@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3, 2)])
@pytest.mark.parametrize("compiled", [False, True])
def test_kl_is_the_mean_log_ratio(shape, compiled):
    mean, log_variance = draw(*shape, seed=1), draw(*shape, seed=2)
    function = tf.function(gaussian_kl) if compiled else gaussian_kl
    std = np.exp(log_variance / 2)
    z = mean + std * np.random.RandomState(3).standard_normal((20_000, *shape))
    ratio = (norm.logpdf(z, mean, std) - norm.logpdf(z)).sum(axis=tuple(range(2, z.ndim)))
    error = ratio.std(axis=0) / np.sqrt(len(z))
    kl = function(tf.constant(mean), tf.constant(log_variance))
    assert kl.shape == shape[:1] and (np.abs(kl - ratio.mean(axis=0)) < 5 * error).all()


def test_kl_of_the_prior_and_next_to_it():
    np.testing.assert_array_equal(gaussian_kl(np.zeros((2, 3)), np.zeros((2, 3))), [0, 0])
    tiny = np.full((1, 1), 1e-3)
    np.testing.assert_allclose(gaussian_kl(0 * tiny, tiny), [tiny[0, 0] ** 2 / 4], rtol=1e-2)


def test_kl_of_half_precision_is_summed_in_float32():
    mean, log_variance = np.full((1, 4000), 10.0), np.zeros((1, 4000))
    kl = gaussian_kl(mean.astype("float16"), log_variance.astype("float16"))
    assert kl.dtype == tf.float32
    np.testing.assert_allclose(kl, [200_000], rtol=1e-5)  # float16이면 넘친다


@pytest.mark.parametrize(("mean", "log_variance"), [((2, 3), (2, 1)), ((2, 3), (3, 2)), ((3,), (3,))])
def test_kl_wants_equal_shapes(mean, log_variance):
    with pytest.raises(ValueError, match="모양이 같은"):
        gaussian_kl(np.zeros(mean), np.zeros(log_variance))


def test_likelihood_is_the_sum_of_the_pixels():
    x, logits = pixels(3), 3 * draw(3, *SHAPE, seed=1)
    expected = bernoulli.logpmf(x, 1 / (1 + np.exp(-logits))).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(bernoulli_log_likelihood(x, logits), expected, rtol=1e-4)
    certain = np.where(x == 1, 500.0, -500.0)
    np.testing.assert_array_equal(bernoulli_log_likelihood(x, certain), np.zeros(3))
    np.testing.assert_allclose(bernoulli_log_likelihood(x, -certain), np.full(3, -500.0 * 30))
    with pytest.raises(ValueError, match="모양이 같아야"):
        bernoulli_log_likelihood(x[..., 0], logits)  # 브로드캐스팅되면 안 된다


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_sampling_has_the_mean_and_the_variance(dtype):
    mean, log_variance = tf.constant([[1.0, -2.0]] * 20_000), tf.constant([[0.0, -1.5]] * 20_000)
    z = Sampling(seed=0, dtype=dtype)(mean, log_variance)
    assert z.dtype == dtype
    z = tf.cast(z, tf.float32).numpy()
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.05)
    np.testing.assert_allclose(z.var(axis=0), [1, np.exp(-1.5)], rtol=0.05)


def test_sampling_draws_anew_and_passes_gradients():
    layer = Sampling(seed=0)
    function = tf.function(layer)
    mean, log_variance = tf.constant(draw(4, 2)), tf.constant(draw(4, 2, seed=1))
    assert (function(mean, log_variance) != function(mean, log_variance)).numpy().all()
    again = Sampling.from_config(layer.get_config())
    np.testing.assert_array_equal(again(mean, log_variance), Sampling(seed=0)(mean, log_variance))
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        z = layer(mean, log_variance)
    to_mean, to_log_variance = tape.gradient(z, [mean, log_variance])
    np.testing.assert_array_equal(to_mean, np.ones((4, 2)))
    np.testing.assert_allclose(to_log_variance, (z - mean) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_loss_is_distortion_plus_beta_rate(beta):
    vae, x = small_vae(beta=beta), pixels()
    output = vae(x)
    logits, mean, log_variance = output
    D = keras.losses.binary_crossentropy(x, logits, from_logits=True).numpy().sum(axis=(1, 2))
    R = gaussian_kl(mean, log_variance).numpy()
    np.testing.assert_allclose(vae.compute_loss(x, y_pred=output), (D + beta * R).mean(), rtol=1e-5)
    np.testing.assert_allclose(vae.distortion.result(), D.mean(), rtol=1e-5)
    np.testing.assert_allclose(vae.rate.result(), R.mean(), rtol=1e-5)


def test_fit_lowers_the_loss_and_evaluate_reports_both_terms():
    vae, x = small_vae(), np.repeat(pixels(2), 50, axis=0)
    vae.compile(keras.optimizers.Adam(1e-2))
    history = vae.fit(x, batch_size=20, epochs=30, verbose=0).history
    assert set(history) == {"loss", "distortion", "rate"}
    assert history["loss"][-1] < 0.4 * history["loss"][0]
    scores = vae.evaluate(x, verbose=0, return_dict=True)
    np.testing.assert_allclose(scores["loss"], scores["distortion"] + scores["rate"], rtol=1e-4)


def test_regularisation_is_added():
    dense = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(3.0))
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), dense])
    vae, x = VAE(encoder, build_decoder(2, SHAPE, (8,)), seed=0), pixels()
    loss = vae.compute_loss(x, y_pred=vae(x))
    penalty = 3 * (dense.kernel.numpy() ** 2).sum()
    np.testing.assert_allclose(loss - vae.distortion.result() - vae.rate.result(), penalty, rtol=1e-4)


def test_latents_may_be_a_grid_and_the_likelihood_another():
    class Squares(VAE):
        def log_likelihood(self, x, output):
            return -keras.ops.sum((x - output) ** 2, axis=(1, 2, 3))

    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(6, 3, 2, "same")])
    decoder = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2DTranspose(1, 3, 2, "same")])
    vae, x = Squares(encoder, decoder, seed=0), draw(5, 8, 8, 1)
    output, mean, log_variance = vae(x)
    assert mean.shape == log_variance.shape == (5, 4, 4, 3) and output.shape == x.shape
    np.testing.assert_array_equal(mean, encoder(x)[..., :3])
    vae.compute_loss(x, y_pred=(output, mean, log_variance))
    np.testing.assert_allclose(vae.distortion.result(), ((x - output) ** 2).numpy().sum() / 5, rtol=1e-4)


def test_saving_keeps_weights_and_settings(tmp_path):
    vae, x = small_vae(beta=2.5), pixels()
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(x, epochs=1, verbose=0)
    vae.save(tmp_path / "vae.keras")
    again = keras.models.load_model(tmp_path / "vae.keras")
    assert (again.beta, again.seed) == (2.5, 0)
    for ours, theirs in zip(vae.encode(x), again.encode(x)):
        np.testing.assert_array_equal(ours, theirs)
    z = draw(4, LATENT)
    np.testing.assert_array_equal(vae.decoder(z), again.decoder(z))
    again.fit(x, epochs=1, verbose=0)  # 이어서 학습한다


def test_mixed_precision_keeps_the_loss_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        vae = small_vae()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    x = pixels()
    output, mean, log_variance = vae(x)
    assert output.dtype == mean.dtype == log_variance.dtype == tf.float32
    assert vae.decoder.layers[1].compute_dtype == "float16"
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2))
    vae.compile(optimizer)
    losses = vae.fit(x, epochs=20, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_wrong_use():
    with pytest.raises(ValueError, match="beta는 0 이상"):
        small_vae(beta=-1)
    vae, x = small_vae(), pixels()
    with pytest.raises(ValueError, match="fit\\(x\\)"):
        vae.compute_loss(x, y=x, y_pred=vae(x))
    with pytest.raises(ValueError, match="fit\\(x\\)"):
        vae.compute_loss(x, sample_weight=np.ones(40), y_pred=vae(x))
    with pytest.raises(ValueError, match="짝수"):
        VAE(build_encoder(SHAPE, 5), build_decoder(2, SHAPE))(x)
