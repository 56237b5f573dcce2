"""연습 7.2 간단한 GAN으로 손글씨 그리기의 검사와 힌트."""

from __future__ import annotations

import functools
import warnings

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_shape,
    expect_tensor,
    expect_tuple,
    given,
)

exercise = Exercise("chapter07_advanced_architectures/ex02_simple_gan", title="간단한 GAN으로 손글씨 그리기")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."


def _softplus(a):
    return np.logaddexp(0, np.asarray(a, float))


@exercise.task(
    "1. 로짓에서 두 손실",
    hints=(
        "시그모이드를 먼저 구하고 로그를 씌우면 로짓이 클 때 무한대가 된다. 둘을 한 번에 하는 함수가 있다.",
        "-log σ(a) = log(1 + exp(-a))이고 -log(1 - σ(a)) = log(1 + exp(a))이다. `tf.nn.softplus`가 log(1 + exp(·))이다.",
        "진짜의 평균과 가짜의 평균을 따로 내어 더한다. 생성자의 손실은 가짜에 진짜의 레이블을 붙인 것이다.",
    ),
)
def check_gan_losses(gan_losses, rng):
    for size, (M, N) in ((2.0, (5, 8)), (1.0, (7, 3)), (100.0, (4, 6))):
        real, fake = (rng.normal(size=(n, 1)).astype("float32") * size for n in (M, N))
        d_real, d_fake = _softplus(-real).mean(), _softplus(fake).mean()
        g = _softplus(-fake).mean()
        joint = np.concatenate([_softplus(-real), _softplus(fake)])
        with given(real_logits=real, fake_logits=fake):
            losses = gan_losses(_constant(real), _constant(fake))
            expect_tuple(losses, ("L_D", "L_G"))
            for loss, what in zip(losses, ("L_D", "L_G"), strict=True):
                expect_tensor(loss, what)
            expect_close(losses[0], d_real + d_fake, "L_D", rtol=1e-4, causes={
                EXAMPLE: 2 * np.log(2),
                "진짜와 가짜가 바뀌었다. 진짜의 로짓이 클수록 손실이 작아야 한다.": (
                    _softplus(real).mean() + _softplus(-fake).mean()
                ),
                "진짜의 항뿐이다. 가짜의 항을 더한다.": d_real,
                "가짜의 항뿐이다. 진짜의 항을 더한다.": d_fake,
                "둘을 더하고 2로 나누었다. 두 평균의 합이다.": (d_real + d_fake) / 2,
                "진짜와 가짜를 이어 붙여 평균 냈다. 수가 다르므로 따로 평균 낸다.": joint.mean(),
                "평균이 아니라 합이다.": joint.sum(),
                "식 (1)의 부호 그대로다. 판별자가 최대화하는 것의 부호를 바꾸어 최소화한다.": -(d_real + d_fake),
                "L_D와 L_G의 차례가 바뀌었다.": g,
            })
            expect_close(losses[1], g, "L_G", rtol=1e-4, causes={
                "포화 손실 log(1 - σ(a))이다. 비포화 손실 -log σ(a)를 쓴다.": -d_fake,
                "가짜를 가짜라고 할 때의 손실이다. 생성자는 진짜라고 하기를 바란다.": d_fake,
                "가짜가 아니라 진짜의 로짓으로 계산했다.": d_real,
                "평균이 아니라 합이다.": g * N,
            })
    return "수가 다른 진짜와 가짜에서, 로짓이 100만큼 커도 두 손실이 맞다"


def _constant(array):
    import tensorflow as tf

    return tf.constant(array)


@exercise.task(
    "2. 생성자",
    hints=(
        "`keras.Sequential`에 표의 차례대로 쌓는다. 첫 항목은 잡음의 모양을 알리는 `keras.Input`이다.",
        "전치 합성곱은 `keras.layers.Conv2DTranspose(필터, 커널, 스트라이드, 패딩)`이다. 활성화는 정규화 다음이다.",
        "편향이 없는 층에는 `use_bias=False`를 준다. 마지막 층만 필터가 하나이고 편향과 tanh가 있다.",
    ),
)
def check_build_generator(build_generator, rng):
    for latent, channels in ((6, 3), (9, 2)):
        model = build_generator(latent, channels)
        with given(latent=latent, channels=channels):
            wide = 7 * 7 * 2 * channels
            parts = latent * wide + 4 * wide, 32 * channels**2 + 4 * channels, 16 * channels + 1
            _expect_model(model, (None, latent), (None, 28, 28, 1), sum(parts), {
                sum(parts) + wide: "완전 연결에 편향이 있다. 바로 뒤의 배치 정규화가 편향을 지운다.",
                sum(parts) + channels: "첫 전치 합성곱에 편향이 있다. 바로 뒤의 배치 정규화가 편향을 지운다.",
                sum(parts) + wide + channels: "배치 정규화 앞의 두 층에 편향이 있다.",
                sum(parts) - 1: "마지막 전치 합성곱에 편향이 없다.",
                sum(parts) - 4 * wide: "완전 연결 뒤의 배치 정규화가 없다.",
                sum(parts) - 4 * channels: "첫 전치 합성곱 뒤의 배치 정규화가 없다.",
                sum(parts) - 4 * (wide + channels): "배치 정규화가 없다.",
                sum(parts) - 4 * wide + 8 * channels: "배치 정규화를 모양을 바꾼 뒤에 했다. 편 채로 정규화한다.",
            })
            noise = rng.normal(size=(5, latent)).astype("float32")
            _expect_same(model, noise, rng, _generator, (latent, channels), {
                "마지막 활성화가 없다. tanh로 -1과 1 사이에 넣는다.": {"last": "linear"},
                "마지막 활성화가 시그모이드다. tanh를 쓴다.": {"last": "sigmoid"},
                "ReLU를 빠뜨렸다. 두 배치 정규화 다음에 넣는다.": {"relu": "linear"},
                "첫 ReLU를 빠뜨렸다.": {"first": "linear"},
                "LeakyReLU다. 생성자는 ReLU를 쓴다.": {"relu": "leaky_relu"},
                "ReLU가 배치 정규화의 앞에 있다. 뒤로 옮긴다.": {"after": False},
            })
    return "모양과 파라미터의 수가 맞고, 가중치가 같은 생성자와 같은 이미지를 낸다"


@exercise.task(
    "3. 판별자",
    hints=(
        "`keras.Sequential`에 표의 차례대로 쌓는다. 첫 항목은 이미지의 모양을 알리는 `keras.Input`이다.",
        "스트라이드 2인 `keras.layers.Conv2D`가 가로세로를 절반으로 줄인다. 활성화는 따로 쌓는 레이어이다.",
        "둘째 합성곱의 필터는 첫째의 두 배이다. 마지막은 펴고 나서 유닛이 하나인 Dense이고 활성화가 없다.",
    ),
)
def check_build_discriminator(build_discriminator, rng):
    for channels in (3, 5):
        model = build_discriminator(channels)
        with given(channels=channels):
            first, second, last = 17 * channels, (16 * channels + 1) * 2 * channels, 49 * 2 * channels + 1
            total = first + second + last
            _expect_model(model, (None, 28, 28, 1), (None, 1), total, {
                total + 8 * channels: "배치 정규화가 있다. 이 판별자에는 쓰지 않는다.",
                total + 12 * channels: "배치 정규화가 있다. 이 판별자에는 쓰지 않는다.",
                total - 3 * channels: "합성곱에 편향이 없다.",
                first + (16 * channels + 1) * channels + 49 * channels + 1: "둘째 합성곱의 필터는 첫째의 두 배다.",
                first + second + 2 * channels + 1: "펴지 않고 풀링했다. 7×7을 그대로 편다.",
            })
            images = rng.uniform(-1, 1, size=(5, 28, 28, 1)).astype("float32")
            _expect_same(model, images, rng, _discriminator, (channels,), {
                "출력이 확률이다. 로짓을 내도록 마지막 활성화를 뺀다.": {"last": "sigmoid"},
                "ReLU다. 음수 쪽에도 기울기를 남기는 LeakyReLU를 쓴다.": {"slope": 0.0},
                "LeakyReLU의 음수 쪽 기울기가 Keras의 기본값 0.3이다. 0.2를 준다.": {"slope": 0.3},
                "LeakyReLU의 음수 쪽 기울기가 0.01이다. 0.2를 준다.": {"slope": 0.01},
                "활성화를 빠뜨렸다. 합성곱마다 LeakyReLU를 붙인다.": {"slope": 1.0},
            })
    return "모양과 파라미터의 수가 맞고, 가중치가 같은 판별자와 같은 로짓을 낸다"


def _generator(latent, channels, relu="relu", first=None, last="tanh", after=True):
    from keras import Input, Sequential, layers

    def normalised(activation):
        pair = [layers.BatchNormalization(), layers.Activation(activation)]
        return pair if after else pair[::-1]

    return Sequential([
        Input((latent,)),
        layers.Dense(98 * channels, use_bias=False),
        *normalised(first or relu),
        layers.Reshape((7, 7, 2 * channels)),
        layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False),
        *normalised(relu),
        layers.Conv2DTranspose(1, 4, 2, "same", activation=last),
    ])


def _discriminator(channels, slope=0.2, last="linear"):
    from keras import Input, Sequential, layers

    return Sequential([
        Input((28, 28, 1)),
        layers.Conv2D(channels, 4, 2, "same"),
        layers.LeakyReLU(slope),
        layers.Conv2D(2 * channels, 4, 2, "same"),
        layers.LeakyReLU(slope),
        layers.Flatten(),
        layers.Dense(1, activation=last),
    ])


def _expect_model(model, inputs, outputs, parameters, causes):
    """Expect a built Keras model with these shapes and that many parameters; `causes` are of wrong numbers."""
    import keras

    if not isinstance(model, keras.Model):
        raise WrongAnswer("반환값: 모델이 아니다", "keras.Model", type(model).__name__)
    if not model.built:
        raise WrongAnswer("모델에 가중치가 없다", cause="`keras.Input`으로 입력의 모양을 알려 준다.")
    for what, found, wanted in (("입력", model.input_shape, inputs), ("출력", model.output_shape, outputs)):
        if tuple(found) != wanted:
            raise WrongAnswer(f"{what}의 모양이 다르다", str(wanted), str(found), "스트라이드와 패딩, 마지막 층의 크기를 본다.")
    if model.count_params() != parameters:
        cause = causes.get(model.count_params(), "커널의 크기, 필터의 수, 빠뜨리거나 더한 층을 본다.")
        raise WrongAnswer("파라미터의 수가 다르다", f"{parameters}개", f"{model.count_params()}개", cause)


def _expect_same(model, inputs, rng, build, arguments, causes):
    """Expect the output of `build(*arguments)` with the same weights; `causes` are keyword arguments of mistakes."""
    right = build(*arguments)
    shapes = [tuple(w.shape) for w in right.weights]
    if [tuple(w.shape) for w in model.weights] != shapes:
        found = [tuple(w.shape) for w in model.weights]
        raise WrongAnswer("가중치의 모양이나 차례가 다르다", str(shapes), str(found), "표의 차례대로 쌓는다.")
    weights = [rng.uniform(0.5, 1.5, w.shape) if "variance" in w.path else rng.normal(size=w.shape) * 0.5
               for w in right.weights]

    def output(network):
        network.set_weights(weights)
        return np.asarray(network(inputs))

    expected = output(right)
    suspects = {cause: output(build(*arguments, **keywords)) for cause, keywords in causes.items()}
    expect_close(output(model), expected, "가중치를 같게 한 출력", causes=suspects, rtol=1e-3, atol=1e-4)


@exercise.task(
    "4. 한 스텝",
    hints=(
        "테이프를 둘 쓴다. 판별자의 테이프가 끝나면 판별자를 고치고, 그다음 생성자의 테이프를 연다.",
        "기울기를 구하는 변수가 고칠 변수이다. 판별자를 고칠 때는 판별자의 `trainable_variables`만 넘긴다.",
        "생성자의 테이프 안에서 가짜를 다시 만들어 판별자에 넣는다. 밖에서 만든 가짜로는 생성자까지 길이 없다.",
    ),
)
def check_train_step(train_step, rng):
    for size, rates in ((6, (0.3, 0.1)), (9, (0.05, 0.4))):
        real = rng.normal(size=(size, 2)).astype("float32") + 2
        noise = rng.normal(size=(size, 3)).astype("float32")
        start = [rng.normal(size=w.shape) for network in _networks() for w in network.trainable_variables]
        with given(real=real, noise=noise, g_학습률=rates[0], d_학습률=rates[1]):
            found, losses = _play(train_step, start, rates, real, noise)
            wanted, expected = _play(_step, start, rates, real, noise)
            expect_close(found, wanted, "고친 뒤의 가중치(생성자, 판별자)", rtol=1e-3, atol=1e-4, causes={
                cause: _play(functools.partial(_step, **mistake), start, rates, real, noise)[0]
                for cause, mistake in _MISTAKES.items()
            })
            expect_tuple(losses, ("L_D", "L_G"))
            for loss, value, what in zip(losses, expected, ("L_D", "L_G"), strict=True):
                expect_shape(loss, (), what)
                expect_close(loss, value, what, rtol=1e-3, atol=1e-5, causes={
                    "L_D와 L_G의 차례가 바뀌었다.": expected[0] if what == "L_G" else expected[1],
                })
    return "배치의 크기와 학습률이 다른 두 벌에서 두 신경망의 가중치와 두 손실이 맞다"


_MISTAKES = {
    "아무 가중치도 바뀌지 않았다. 기울기를 옵티마이저의 `apply`에 넘긴다.": {"d_trains": "", "g_trains": ""},
    "판별자를 고치지 않았다.": {"d_trains": ""},
    "생성자를 고치지 않았다.": {"g_trains": ""},
    "생성자의 손실로 판별자까지 고쳤다. 판별자가 가짜를 진짜라고 말하도록 배운다.": {"g_trains": "gd"},
    "판별자의 손실로 생성자까지 고쳤다. 생성자가 들키는 쪽으로 배운다.": {"d_trains": "gd"},
    "두 옵티마이저가 바뀌었다.": {"swap": True},
    "생성자를 먼저 고쳤다. 판별자가 먼저다.": {"order": "gd"},
    "고치기 전의 판별자로 생성자의 기울기를 구했다. 판별자를 고친 다음 다시 부른다.": {"stale": True},
    "`training=True`를 빠뜨렸다. 배치 정규화가 배치의 통계를 쓰지 않았다.": {"training": False},
    "생성자가 포화 손실 log(1 - σ(a))로 배웠다. 비포화 손실을 쓴다.": {"saturating": True},
    "생성자가 들키는 쪽으로 배웠다. 생성자의 손실에서는 가짜의 레이블이 진짜다.": {"caught": True},
    "진짜와 가짜를 한 배치에 이어서 평균 냈다.": {"halved": True},
}


def _networks():
    """A generator 3 -> 4 (BatchNormalization, tanh) -> 2 and a discriminator 2 -> 5 (tanh) -> 1."""
    from keras import Input, Sequential, layers

    return Sequential([
        Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Activation("tanh"), layers.Dense(2)
    ]), Sequential([Input((2,)), layers.Dense(5, activation="tanh"), layers.Dense(1)])


def _play(train_step, start, rates, real, noise):
    """Run one step from the weights `start`: all weights after it in one row, and what the step returned."""
    import keras

    g, d = _networks()
    variables = g.trainable_variables + d.trainable_variables
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    optimizers = [keras.optimizers.SGD(rate) for rate in rates]
    losses = train_step(g, d, *optimizers, _constant(real), _constant(noise))
    return np.concatenate([np.ravel(variable) for variable in variables]), losses


def _step(g, d, g_optimizer, d_optimizer, real, noise, order="dg", training=True, stale=False, swap=False, **mistake):
    """The right step, or one with a mistake: `d_trains`, `g_trains` name the networks that a loss trains."""
    import tensorflow as tf

    def loss_of(which):
        fake = d(g(noise, training=training), training=training)
        if which == "g":
            sign = {"saturating": -1, "caught": 1}
            wrong = next((sign[name] for name in sign if mistake.get(name)), 0)
            return tf.reduce_mean(wrong * tf.nn.softplus(fake) if wrong else tf.nn.softplus(-fake))
        loss = tf.reduce_mean(tf.nn.softplus(-d(real, training=training))) + tf.reduce_mean(tf.nn.softplus(fake))
        return loss / 2 if mistake.get("halved") else loss

    losses, updates = {}, []
    optimizers = {"g": d_optimizer, "d": g_optimizer} if swap else {"g": g_optimizer, "d": d_optimizer}
    for which in order:
        trained = mistake.get(f"{which}_trains", which)
        variables = [v for name, network in (("g", g), ("d", d)) if name in trained for v in network.trainable_variables]
        with tf.GradientTape() as tape:
            losses[which] = loss_of(which)
        updates.append((optimizers[which], tape.gradient(losses[which], variables), variables))
        if not stale:
            _apply(*updates.pop())
    for update in updates:
        _apply(*update)
    return losses["d"], losses["g"]


def _apply(optimizer, gradients, variables):
    if variables:
        optimizer.apply(gradients, variables)


@exercise.task(
    "5. 학습하기",
    hints=(
        "먼저 픽셀을 -1..1의 float32로 옮기고 두 모델과 두 옵티마이저를 만든다. 학습은 그다음의 반복문이다.",
        "`tf.function` 안의 파이썬 난수는 한 번만 뽑힌다. 고른 번호와 잡음은 밖에서 뽑아 텐서로 넘긴다.",
        "스텝마다 번호 64개와 (64, 32) 잡음을 뽑아 과제 4의 함수를 부른다. 반복이 끝나면 생성자를 돌려준다.",
    ),
)
def check_train_gan(train_gan, rng):
    from tf_study.course.data import digits

    images = digits.load_data()[0][0][:6000]
    kept, pictures = images.copy(), []
    for seed in map(int, rng.integers(100, 1000, 2)):
        with given(steps=250, seed=seed):
            pictures.append(_draw(train_gan(images, 250, seed), rng))
            _expect_digits(pictures[-1])
    if not np.array_equal(images, kept):
        raise WrongAnswer("입력 images: 값이 바뀌었다", cause="픽셀을 옮긴 새 배열을 만든다.")
    return "시드 둘에서, 분류기가 열 숫자 가운데 여덟 이상을 알아본다"


def _draw(generator, rng):
    """1,000 images (N, 28, 28) in -1..1 of a generator."""
    import keras

    if not isinstance(generator, keras.Model):
        raise WrongAnswer("반환값: 모델이 아니다", "생성자(keras.Model)", type(generator).__name__)
    noise = rng.normal(size=(1000, 32)).astype("float32")
    try:
        pictures = np.asarray(generator(noise))
    except ValueError:
        raise WrongAnswer(
            "(1000, 32) 잡음을 받지 못한다", "(None, 32)", str(generator.input_shape), "판별자가 아니라 latent 32인 생성자를 돌려준다."
        ) from None
    expect_shape(pictures, (1000, 28, 28, 1), "생성한 이미지")
    return pictures[..., 0]


def _expect_digits(pictures):
    spread = pictures.std(axis=0).mean()
    if spread < 0.1:
        cause = "학습하지 않은 생성자이거나 잡음과 상관없이 한 장만 낸다. 스텝을 steps번 도는지 본다."
        raise WrongAnswer("그림이 거의 같다", "서로 다른 그림", f"픽셀의 표준편차 {spread:.3f}", cause)
    if np.abs(pictures).max() > 1 + 1e-5 or pictures.min() > -0.5:
        found = f"{pictures.min():.2f}부터 {pictures.max():.2f}까지"
        raise WrongAnswer("픽셀의 범위가 다르다", "배경이 -1, 획이 1", found, "훈련 데이터를 [0, 1]이 아니라 [-1, 1]로 옮긴다.")
    probability = _classifier().predict_proba(_pooled(pictures))
    share = np.bincount(probability.argmax(axis=1), minlength=10) / len(pictures)
    made = share[share > 0]
    kl, sure = np.log(10) + (made * np.log(made)).sum(), (probability.max(axis=1) > 0.9).mean()
    if sure <= 0.3:
        cause = "잡음에 가까운 그림이다. 진짜의 픽셀을 [-1, 1]로 옮겼는지, 두 신경망을 모두 고치는지 본다."
        raise WrongAnswer("분류기가 읽지 못한다", "0.9 넘게 확신하는 그림이 30 % 넘게", f"{sure:.1%}", cause)
    if (share >= 0.01).sum() < 8 or kl >= 0.4:
        counts = ", ".join(f"{digit}: {value:.0%}" for digit, value in enumerate(share))
        cause = "모드 붕괴다. 배치를 무작위로 고르는지, 스텝마다 새 잡음을 뽑는지 본다."
        raise WrongAnswer("몇 가지 숫자만 나온다", "1 % 이상인 숫자 여덟 이상, KL 0.4 미만", f"KL {kl:.2f}; {counts}", cause)


def _pooled(images):
    """Average 2x2 pixels of (N, 28, 28): (N, 196)."""
    return np.reshape(images, (-1, 14, 2, 14, 2)).mean(axis=(2, 4)).reshape(-1, 196)


@functools.cache
def _classifier():
    """A classifier of digits with pixels in -1..1; it leaves TensorFlow's and NumPy's random state alone."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    from tf_study.course.data import digits

    (images, labels), _ = digits.load_data()
    network = MLPClassifier((64,), max_iter=30, batch_size=128, learning_rate_init=3e-3, random_state=0)
    with warnings.catch_warnings(), threadpool_limits(1):  # 작은 행렬이라 스레드를 나누면 오히려 느리다
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(_pooled(images[:6000] / 127.5 - 1), labels[:6000])
