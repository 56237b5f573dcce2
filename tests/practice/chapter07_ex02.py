"""연습 7.2 간단한 GAN의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def losses(real, fake, d_half=1.0, g=None, reduce=tf.reduce_mean):
    real, fake = tf.convert_to_tensor(real), tf.convert_to_tensor(fake)
    d = reduce(tf.nn.softplus(-real)) + reduce(tf.nn.softplus(fake))
    return d * d_half, reduce(tf.nn.softplus(-fake)) if g is None else g(real, fake)


def by_library(real, fake):
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    as_real = bce(tf.ones_like(fake), fake)
    return bce(tf.ones_like(real), real) + bce(tf.zeros_like(fake), fake), as_real


def by_log_sigmoid(real, fake):
    log = tf.math.log_sigmoid
    return -tf.reduce_mean(log(real)) - tf.reduce_mean(log(-fake)), -tf.reduce_mean(log(fake))


def by_probability(real, fake):
    p, q = tf.sigmoid(real), tf.sigmoid(fake)
    d = -tf.reduce_mean(tf.math.log(p)) - tf.reduce_mean(tf.math.log(1 - q))
    return d, -tf.reduce_mean(tf.math.log(q))


def joint(real, fake):
    both = tf.concat([tf.nn.softplus(-real), tf.nn.softplus(fake)], axis=0)
    return tf.reduce_mean(both), tf.reduce_mean(tf.nn.softplus(-fake))


def generator(latent, c, relu=layers.ReLU, last="tanh", bias=False, norm=True, kernel=4, early=False, last_bias=True):
    def block():
        pair = [layers.BatchNormalization(momentum=0.8)] if norm else [], [relu()] if relu else []
        return pair[early] + pair[not early]

    return keras.Sequential([
        keras.Input((latent,)),
        layers.Dense(98 * c, use_bias=bias), *block(),
        layers.Reshape((7, 7, 2 * c)),
        layers.Conv2DTranspose(c, kernel, 2, "same", use_bias=bias), *block(),
        layers.Conv2DTranspose(1, kernel, 2, "same", activation=last, use_bias=last_bias),
    ])


def functional_generator(latent, c):
    noise = keras.Input((latent,))
    x = layers.Dense(98 * c, use_bias=False)(noise)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.8)(x))
    x = layers.Reshape((7, 7, 2 * c))(x)
    x = layers.Conv2DTranspose(c, (4, 4), strides=(2, 2), padding="same", use_bias=False)(x)
    x = keras.ops.relu(layers.BatchNormalization(momentum=0.8)(x))
    return keras.Model(noise, keras.ops.tanh(layers.Conv2DTranspose(1, 4, 2, "same")(x)))


def discriminator(c, activation=lambda: layers.LeakyReLU(0.2), last=None, norm=False, second=2, pool=False):
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(c, 4, 2, "same"), activation(),
        layers.Conv2D(second * c, 4, 2, "same"), *([layers.BatchNormalization()] if norm else []), activation(),
        layers.GlobalAveragePooling2D() if pool else layers.Flatten(),
        layers.Dense(1, activation=last),
    ])


def functional_discriminator(c):
    images = keras.Input((28, 28, 1))
    x = layers.Conv2D(c, 4, 2, "same", activation=lambda a: keras.ops.leaky_relu(a, 0.2))(images)
    x = keras.ops.leaky_relu(layers.Conv2D(2 * c, 4, 2, "same")(x), 0.2)
    return keras.Model(images, layers.Dense(1)(layers.Reshape((98 * c,))(x)))


def step(
    g, d, g_opt, d_opt, real, noise, d_trains="d", g_trains="g", training=True, g_loss=None, swap=False, first="d"
):
    def variables(names):
        return [v for n, network in (("g", g), ("d", d)) if n in names for v in network.trainable_variables]

    def update(which):
        with tf.GradientTape() as tape:
            fake = d(g(noise, training=training), training=training)
            if which == "d":
                loss = losses(d(real, training=training), fake)[0]
            else:
                loss = losses(fake, fake, g=g_loss)[1]
        chosen = variables(d_trains if which == "d" else g_trains)
        optimizer = (g_opt, d_opt)[(which == "d") != swap]
        if chosen:
            optimizer.apply(tape.gradient(loss, chosen), chosen)
        return loss

    found = {which: update(which) for which in (first, "g" if first == "d" else "d")}
    return found["d"], found["g"]


def one_tape(g, d, g_opt, d_opt, real, noise):
    with tf.GradientTape(persistent=True) as tape:
        fake = d(g(noise, training=True), training=True)
        d_loss, g_loss = losses(d(real, training=True), fake)
    d_opt.apply(tape.gradient(d_loss, d.trainable_variables), d.trainable_variables)
    g_opt.apply(tape.gradient(g_loss, g.trainable_variables), g.trainable_variables)
    return d_loss, g_loss


def without_path(g, d, g_opt, d_opt, real, noise):
    fake = g(noise, training=True)
    with tf.GradientTape() as tape:
        d_loss = losses(d(real, training=True), d(fake, training=True))[0]
    d_opt.apply(tape.gradient(d_loss, d.trainable_variables), d.trainable_variables)
    with tf.GradientTape() as tape:
        g_loss = losses(d(fake, training=True), d(fake, training=True))[1]
    g_opt.apply(tape.gradient(g_loss, g.trainable_variables), g.trainable_variables)
    return d_loss, g_loss


def apply_gradients(g, d, g_opt, d_opt, real, noise):
    with tf.GradientTape() as tape:
        fake = tf.stop_gradient(g(noise, training=True))
        d_loss = by_library(d(real, training=True), d(fake, training=True))[0]
    d_opt.apply_gradients(zip(tape.gradient(d_loss, d.trainable_weights), d.trainable_weights, strict=True))
    with tf.GradientTape() as tape:
        fake = d(g(noise, training=True), training=True)
        g_loss = by_library(fake, fake)[1]
    g_opt.apply_gradients(zip(tape.gradient(g_loss, g.trainable_weights), g.trainable_weights, strict=True))
    return d_loss, g_loss


def trained(images, steps, seed, scale=lambda x: x / 127.5 - 1, one_step=step):
    keras.utils.set_random_seed(seed)
    g, d = generator(32, 16), discriminator(8)
    g_opt, d_opt = (keras.optimizers.Adam(1e-3, 0.5) for _ in range(2))
    data = tf.data.Dataset.from_tensor_slices(images[..., None]).shuffle(len(images), seed=seed).repeat().batch(64)

    @tf.function
    def run(real, noise):
        one_step(g, d, g_opt, d_opt, scale(tf.cast(real, tf.float32)), noise)

    noises = tf.random.Generator.from_seed(seed)
    for real in data.take(steps):
        run(real, noises.normal((64, 32)))
    return g


def repainted(images, steps, seed):
    images[:10] = 255 - images[:10]
    return trained(images, steps, seed)


def one_image(images, steps, seed):
    paint = tf.constant(images[:1, ..., None] / 127.5 - 1, tf.float32)
    noise = keras.Input((32,))
    return keras.Model(noise, layers.Lambda(lambda z: tf.repeat(paint, tf.shape(z)[0], 0), (28, 28, 1))(noise))


def few_digits(images, steps, seed):
    """A 'generator' that shows images of the first class it meets, most of them alike."""
    from tf_study.course.data import digits

    labels = digits.load_data()[0][1][: len(images)]
    paint = tf.constant(images[labels == 3][:, ..., None] / 127.5 - 1, tf.float32)
    noise = keras.Input((32,))
    pick = layers.Lambda(lambda z: tf.gather(paint, tf.cast(tf.abs(z[:, 0]) * 100, tf.int32)), (28, 28, 1))
    return keras.Model(noise, pick(noise))


WRONG = {
    "check_gan_losses": [
        (lambda r, f: losses(-r, -f), "진짜와 가짜가 바뀌었다"),
        (lambda r, f: losses(r, f, 0.5), "2로 나누었다"),
        (joint, "이어 붙여 평균"),
        (lambda r, f: losses(r, f, reduce=tf.reduce_sum), "합이다"),
        (lambda r, f: losses(r, f, -1.0), "부호를 바꾸어"),
        (lambda r, f: losses(r, f)[::-1], "차례가 바뀌었다"),
        (lambda r, f: losses(r, f, g=lambda r, f: -tf.reduce_mean(tf.nn.softplus(f))), "포화 손실"),
        (lambda r, f: losses(r, f, g=lambda r, f: tf.reduce_mean(tf.nn.softplus(f))), "진짜라고 하기를"),
        (lambda r, f: losses(r, f, g=lambda r, f: tf.reduce_mean(tf.nn.softplus(-r))), "진짜의 로짓으로"),
        (lambda r, f: (tf.reduce_mean(tf.nn.softplus(-r)),) * 2, "진짜의 항뿐"),
        (by_probability, "NaN이나 무한대"),
        (lambda r, f: (tf.constant(1.3862944), tf.constant(0.6931472)), "예시의 답"),
        (lambda r, f: losses(r, f)[0], "튜플이 아니다"),
    ],
    "check_build_generator": [
        (functools.partial(generator, bias=True), "두 층에 편향이 있다"),
        (functools.partial(generator, norm=False), "배치 정규화가 없다"),
        (functools.partial(generator, last_bias=False), "마지막 전치 합성곱에 편향이 없다"),
        (functools.partial(generator, last=None), "마지막 활성화가 없다"),
        (functools.partial(generator, last="sigmoid"), "시그모이드다"),
        (functools.partial(generator, relu=None), "ReLU를 빠뜨렸다"),
        (functools.partial(generator, relu=lambda: layers.LeakyReLU(0.2)), "LeakyReLU다"),
        (functools.partial(generator, early=True), "앞에 있다"),
        (functools.partial(generator, kernel=3), "커널의 크기"),
        (lambda n, c: generator(c, n), "모양이 다르다"),
        (lambda n, c: None, "모델이 아니다"),
    ],
    "check_build_discriminator": [
        (functools.partial(discriminator, last="sigmoid"), "확률이다"),
        (functools.partial(discriminator, activation=layers.ReLU), "ReLU다"),
        (functools.partial(discriminator, activation=layers.LeakyReLU), "0.3이다"),
        (functools.partial(discriminator, activation=lambda: layers.LeakyReLU(0.01)), "0.01이다"),
        (functools.partial(discriminator, activation=lambda: layers.Activation("linear")), "활성화를 빠뜨렸다"),
        (functools.partial(discriminator, norm=True), "배치 정규화가 있다"),
        (functools.partial(discriminator, second=1), "첫째의 두 배다"),
        (functools.partial(discriminator, pool=True), "펴지 않고 풀링했다"),
        (lambda c: discriminator(2 * c), "커널의 크기, 필터의 수"),
        (lambda c: keras.Sequential([layers.Flatten(), layers.Dense(1)]), "가중치가 없다"),
    ],
    "check_train_step": [
        (functools.partial(step, g_trains="gd"), "판별자까지 고쳤다"),
        (functools.partial(step, d_trains="gd"), "생성자까지 고쳤다"),
        (functools.partial(step, d_trains=""), "판별자를 고치지 않았다"),
        (functools.partial(step, g_trains=""), "생성자를 고치지 않았다"),
        (functools.partial(step, d_trains="", g_trains=""), "아무 가중치도"),
        (functools.partial(step, swap=True), "옵티마이저가 바뀌었다"),
        (functools.partial(step, first="g"), "생성자를 먼저"),
        (one_tape, "고치기 전의 판별자"),
        (functools.partial(step, training=False), "training=True"),
        (functools.partial(step, g_loss=lambda r, f: -tf.reduce_mean(tf.nn.softplus(f))), "포화 손실"),
        (functools.partial(step, g_loss=lambda r, f: tf.reduce_mean(tf.nn.softplus(f))), "들키는 쪽으로"),
        (without_path, "ValueError"),
        (lambda *a: step(*a)[::-1], "차례가 바뀌었다"),
        (lambda *a: step(*a)[0], "튜플이 아니다"),
    ],
    "check_train_gan": [
        (lambda images, steps, seed: generator(32, 16), "그림이 거의 같다"),
        (one_image, "그림이 거의 같다"),
        (few_digits, "모드 붕괴"),
        (lambda images, steps, seed: discriminator(8), "판별자가 아니라"),
        (lambda images, steps, seed: None, "모델이 아니다"),
        (functools.partial(trained, scale=lambda x: x / 255), "[-1, 1]"),
        (functools.partial(trained, one_step=functools.partial(step, d_trains="")), "읽지 못한다"),
    ],
}

RIGHT = {
    "check_gan_losses": [losses, by_library, by_log_sigmoid],
    "check_build_generator": [generator, functional_generator],
    "check_build_discriminator": [discriminator, functional_discriminator],
    "check_train_step": [step, apply_gradients],
    "check_train_gan": [trained],
}
