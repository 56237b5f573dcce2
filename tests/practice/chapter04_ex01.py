"""연습 4.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import io
import os
import random
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

AUTOTUNE = tf.data.AUTOTUNE


# 과제 1


def listing(folder, classes=None, keep=lambda path: not path.name.startswith("."), name=str, first=0):
    names = sorted(path.name for path in Path(folder).iterdir() if path.is_dir() and keep(path))
    names = classes(names) if classes else names
    found = [(p, i) for i, n in enumerate(names, first) for p in sorted(Path(folder, n).iterdir()) if keep(p)]
    return [name(path) for path, _ in found], [label for _, label in found], names


def without_empty(folder):
    return listing(folder, classes=lambda names: [n for n in names if any(Path(folder, n).iterdir())])


def backwards(folder):
    paths, labels, names = listing(folder)
    return paths[::-1], labels[::-1], names


def everywhere(folder):
    paths, labels, names = listing(folder)
    outside = [str(path) for path in Path(folder).iterdir() if path.is_file()]
    return paths + outside, labels + [0] * len(outside), names


def hidden_folder(folder):
    paths, labels, names = listing(folder)
    return [str(Path(folder, ".cache", "0.png")), *paths], [0, *labels], names


def with_os(folder):
    classes = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
    paths, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted(os.listdir(os.path.join(folder, name))):
            if file[0] != ".":
                paths.append(os.path.join(folder, name, file))
                labels.append(label)
    return paths, np.array(labels), tuple(classes)


def with_glob(folder):
    classes = [path.name for path in sorted(Path(folder).glob("[!.]*")) if path.is_dir()]
    paths = sorted(Path(folder).glob("[!.]*/[!.]*"), key=lambda path: (path.parent.name, path.name))
    return [str(path) for path in paths], [classes.index(path.parent.name) for path in paths], classes


# 과제 2


def load(path, height, width, scale=255.0, channels=3, expand=False, resize=tf.image.resize):
    pixels = tf.io.decode_image(tf.io.read_file(path), channels=channels, expand_animations=expand)
    return resize(pixels, (height, width)) / scale


def nearest(pixels, size):
    return tf.image.resize(tf.cast(pixels, tf.float32), size, "nearest")


def cropped(pixels, size):
    return tf.image.resize_with_crop_or_pad(tf.cast(pixels, tf.float32), *size)


def grey(path, height, width):
    return tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(load(path, height, width)))


def with_pillow(path, height, width, swallow=()):
    def read(path):
        try:
            with Image.open(path.numpy().decode()) as picture:
                return np.asarray(picture.convert("RGB"))
        except swallow:
            return np.zeros((height, width, 3), np.uint8)

    pixels = tf.ensure_shape(tf.py_function(read, [path], tf.uint8), (None, None, 3))
    return tf.image.resize(tf.image.convert_image_dtype(pixels, tf.float32), (height, width))


# 과제 3


def decodes(path):
    try:
        load(path, 1, 1)
    except tf.errors.InvalidArgumentError:
        return False
    return True


def keeping(paths, labels, good=decodes):
    keep = [good(path) for path in paths]
    kept = [pair for pair, ok in zip(zip(paths, labels), keep) if ok]
    return [p for p, _ in kept], [y for _, y in kept], [path for path, ok in zip(paths, keep) if not ok]


def any_error(path):
    try:
        load(path, 1, 1)
    except Exception:
        return False
    return True


def opens(path):
    try:
        Image.open(path)
    except UnidentifiedImageError:
        return False
    return True


def pillow_decodes(path):
    contents = Path(path).read_bytes()
    try:
        Image.open(io.BytesIO(contents)).load()
    except OSError:
        return False
    return True


def with_ignored_errors(paths, labels):
    if not all(map(os.path.exists, paths)):
        raise FileNotFoundError(paths)
    numbered = tf.data.Dataset.from_tensor_slices(paths).enumerate().map(lambda i, path: (i, load(path, 1, 1)))
    good = {int(i) for i, _ in numbered.ignore_errors()}
    kept = sorted(good)
    return [paths[i] for i in kept], [labels[i] for i in kept], [p for i, p in enumerate(paths) if i not in good]


# 과제 4


def chosen(paths, labels, numbers):
    return [paths[i] for i in numbers], [labels[i] for i in numbers]


def splitting(paths, labels, share, seed, size=round, draw=lambda rng, n: rng.permutation(n)):
    order, n = draw(np.random.default_rng(seed), len(paths)), size(share * len(paths))
    return chosen(paths, labels, order[n:]), chosen(paths, labels, order[:n])


def shuffled_apart(paths, labels, share, seed):
    rng = np.random.default_rng(seed)
    paths, labels, n = rng.permutation(paths), rng.permutation(labels), round(share * len(paths))
    return (paths[n:], labels[n:]), (paths[:n], labels[:n])


def drawn_apart(paths, labels, share, seed):
    rng, n = np.random.default_rng(seed), round(share * len(paths))
    train, test = rng.permutation(len(paths))[n:], rng.permutation(len(paths))[:n]
    return chosen(paths, labels, train), chosen(paths, labels, test)


def in_place(paths, labels, share, seed):
    random.Random(seed).shuffle(paths)
    return splitting(paths, labels, share, seed)


def losing_one(paths, labels, share, seed):
    (train, y), test = splitting(paths, labels, share, seed)
    return (train[1:], y[1:]), test


def with_random(paths, labels, share, seed):
    pairs, n = list(zip(paths, labels)), round(share * len(paths))
    random.Random(seed).shuffle(pairs)
    return [list(zip(*pairs[:-n])), list(zip(*pairs[-n:]))]


def with_sklearn(paths, labels, share, seed):
    from sklearn.model_selection import train_test_split

    size = round(share * len(paths))
    x_train, x_test, y_train, y_test = train_test_split(paths, labels, test_size=size, random_state=seed)
    return (x_train, y_train), (x_test, y_test)


# 과제 5


def dataset(
    paths, labels, height, width, batch_size, seed=None, *, load=load, buffer=None, again=True, fixed=False,
    late=False, remainder=False, repeat=False, prefetch=True, one_by_one=False,
):  # fmt: skip
    data = tf.data.Dataset.from_tensor_slices((paths, labels))
    if seed is not None and not late:
        data = data.shuffle(buffer or len(paths), seed=None if fixed else seed, reshuffle_each_iteration=again)
    data = data.map(lambda path, label: (load(path, height, width), label), num_parallel_calls=AUTOTUNE)
    data = data if one_by_one else data.batch(batch_size, drop_remainder=remainder)
    if seed is not None and late:
        data = data.shuffle(len(paths), seed=seed)
    data = data.repeat() if repeat else data
    return data.prefetch(AUTOTUNE) if prefetch else data


def changed(**changes):
    return lambda *args, **kwargs: dataset(*args, **kwargs, **changes)


def always_shuffled(paths, labels, height, width, batch_size, seed=None):
    return dataset(paths, labels, height, width, batch_size, seed or 1)


def never_shuffled(paths, labels, height, width, batch_size, seed=None):
    return dataset(paths, labels, height, width, batch_size)


def shuffled_once(paths, labels, height, width, batch_size, seed=None):
    order = np.arange(len(paths)) if seed is None else np.random.default_rng(seed).permutation(len(paths))
    return dataset(*chosen(paths, labels, order), height, width, batch_size)


def zipped_apart(paths, labels, height, width, batch_size, seed=None):
    images = tf.data.Dataset.from_tensor_slices(paths)
    numbers = tf.data.Dataset.from_tensor_slices(labels)
    if seed is not None:
        images = images.shuffle(len(paths), seed=seed)
    images = images.map(lambda path: load(path, height, width))
    return tf.data.Dataset.zip(images, numbers).batch(batch_size).prefetch(AUTOTUNE)


def read_at_once(paths, labels, height, width, batch_size, seed=None):
    images = tf.stack([load(path, height, width) for path in paths])
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size).prefetch(AUTOTUNE)


def images_only(paths, labels, height, width, batch_size, seed=None):
    return dataset(paths, labels, height, width, batch_size, seed).map(lambda images, labels: images)


def one_hot(paths, labels, height, width, batch_size, seed=None):
    return dataset(paths, labels, height, width, batch_size, seed).map(lambda x, y: (x, tf.one_hot(y, 5)))


def mapped_after_batch(paths, labels, height, width, batch_size, seed=None):
    data = tf.data.Dataset.from_tensor_slices((np.array(paths), np.array(labels, "int32")))
    if seed is not None:
        data = data.shuffle(2 * len(paths), seed)

    def read(paths, labels):
        images = tf.map_fn(lambda path: load(path, height, width), paths, fn_output_signature=tf.float32)
        return tf.ensure_shape(images, (None, height, width, 3)), labels

    return data.batch(batch_size).map(read).prefetch(2)


def zipped(paths, labels, height, width, batch_size, seed=None):
    images = tf.data.Dataset.from_tensor_slices(paths).map(lambda path: load(path, height, width))
    data = tf.data.Dataset.zip((images, tf.data.Dataset.from_tensor_slices(labels)))
    data = data if seed is None else data.shuffle(len(paths), seed=seed)
    return data.batch(batch_size, num_parallel_calls=2).prefetch(1)


# 과제 6


def pipeline(
    folder, height, width, batch_size, test_share, seed, *, split=splitting, train_seed=None, test_seed=None,
    keep=keeping, made=lambda train, test: (train, test),
):  # fmt: skip
    paths, labels, classes = listing(folder)
    paths, labels, skipped = keep(paths, labels)
    train, test = made(*split(paths, labels, test_share, seed))
    train_seed = seed if train_seed is None else train_seed(seed)
    return (
        dataset(*train, height, width, batch_size, train_seed),
        dataset(*test, height, width, batch_size, test_seed),
        classes,
        skipped,
    )


def piped(**changes):
    return lambda *args, **kwargs: pipeline(*args, **kwargs, **changes)


def counted(*args, **kwargs):
    train, test, classes, skipped = pipeline(*args, **kwargs)
    return train, test, classes, len(skipped)


def split_before_keeping(folder, height, width, batch_size, test_share, seed):
    paths, labels, classes = listing(folder)
    (train, test), skipped = splitting(paths, labels, 2 * test_share, seed), []
    parts = []
    for part in (train, test):
        kept, numbers, bad = keeping(*part)
        parts.append((kept, numbers))
        skipped += bad
    made = [dataset(*part, height, width, batch_size, s) for part, s in zip(parts, (seed, None))]
    return *made, classes, skipped


WRONG = {
    "check_list_images": [
        (lambda f: listing(f, classes=lambda names: names[::-1]), "classes: 값이 다르다"),
        (backwards, "순서만 다르다"),
        (without_empty, "빈 폴더도 종류이다"),
        (lambda f: listing(f, keep=lambda path: True), "점으로 시작하는 폴더는 종류가 아니다"),
        (lambda f: listing(f, keep=lambda path: path.name != ".cache"), "점으로 시작하는 파일"),
        (hidden_folder, "점으로 시작하는 폴더의 파일"),
        (everywhere, "종류의 폴더 밖에 있는 파일"),
        (lambda f: listing(f, keep=lambda p: p.name[0] != "." and p.suffix != ".txt"), "확장자로 골랐다"),
        (lambda f: listing(f, name=lambda path: path), "문자열이 아니다"),
        (lambda f: listing(f, name=lambda path: path.name), "파일의 이름만 있다"),
        (lambda f: listing(f, name=lambda path: str(path.relative_to(f))), "폴더의 경로가 빠졌다"),
        (lambda f: listing(f, first=1), "번호를 1부터"),
        (lambda f: (listing(f)[0], [Path(p).parent.name for p in listing(f)[0]], listing(f)[2]), "번호가 아니라 이름"),
        (lambda f: listing(f)[:2], "개수가 다르다"),
        (lambda f: listing("없는 폴더"), "FileNotFoundError"),
        (lambda f: ([], [], []), "비어 있다"),
    ],
    "check_load_image": [
        (lambda p, h, w: load(p, h, w, scale=1.0), "255로 나누지 않았다"),
        (lambda p, h, w: load(p, h, w, scale=255.0**2), "기댓값의 0.0039"),
        (lambda p, h, w: load(p, h, w, scale=127.5) - 1, "-1과 1 사이"),
        (lambda p, h, w: load(p, w, h), "모양을 알 수 없거나 다르다"),
        (lambda p, h, w: tf.transpose(load(p, w, h), (1, 0, 2)), "이미지: 값이 다르다"),
        (lambda p, h, w: load(p, h, w)[..., ::-1], "BGR"),
        (lambda p, h, w: load(p, h, w)[::-1], "뒤집혔다"),
        (grey, "색이 사라졌다"),
        (lambda p, h, w: load(p, h, w, channels=1), "모양을 알 수 없거나 다르다"),
        (lambda p, h, w: load(p, h, w, channels=0), "모양을 알 수 없거나 다르다"),
        (lambda p, h, w: load(p, h, w, expand=True), "'images' contains no shape"),
        (lambda p, h, w: load(p, h, w, resize=nearest), "가장 가까운 픽셀"),
        (lambda p, h, w: load(p, h, w, resize=cropped), "잘랐다"),
        (lambda p, h, w: load(p, h, w, resize=lambda x, s: tf.image.resize_with_pad(x, *s)), "둘레를 채웠다"),
        (lambda p, h, w: tf.cast(load(p, h, w), tf.float64), "dtype"),
        (lambda p, h, w: tf.zeros((h, w, 3)), "모든 원소가 0이다"),
        (lambda p, h, w: with_pillow(p, h, w, swallow=UnidentifiedImageError), "오류가 나지 않았다"),
    ],
    "check_keep_images": [
        (lambda p, y: keeping(p, y, lambda path: path.endswith((".png", ".jpg"))), "paths: 이미지"),
        (lambda p, y: keeping(p, y, lambda path: Path(path).stat().st_size > 0), "글이다"),
        (lambda p, y: keeping(p, y, opens), "잘린 PNG이다"),
        (lambda p, y: keeping(p, y, lambda path: decodes(path) and path.endswith(".png")), "이미지를 버렸다"),
        (lambda p, y: keeping(p, y, any_error), "없는 파일에서 오류가 나지 않았다"),
        (lambda p, y: (p, y, []), "이미지가 아닌 파일이 남았다"),
        (lambda p, y: (keeping(p, y)[0], y, keeping(p, y)[2]), "레이블을 함께 골라내지"),
        (lambda p, y: (keeping(p, y)[0], y[: len(keeping(p, y)[0])], keeping(p, y)[2]), "뒤에서 잘랐다"),
        (lambda p, y: (*keeping(p, y)[:2], len(keeping(p, y)[2])), "경로가 아니라 개수"),
        (lambda p, y: (*keeping(p, y)[:2], [Path(path).name for path in keeping(p, y)[2]]), "이름만 있다"),
        (lambda p, y: (*keeping(p, y)[:2], keeping(p, y)[0]), "남긴 것이다"),
        (lambda p, y: tuple(part[::-1] for part in keeping(p, y)), "순서만 다르다"),
        (lambda p, y: keeping(p, y)[:2], "개수가 다르다"),
        (lambda p, y: [load(path, 1, 1) for path in p], "InvalidArgumentError"),
    ],
    "check_split": [
        (lambda p, y, s, seed: splitting(p, y, s, None), "같은 시드로 두 번"),
        (lambda p, y, s, seed: splitting(p, y, s, 0), "시드를 바꾸어도"),
        (lambda p, y, s, seed: splitting(p, y, s, seed, draw=lambda rng, n: np.arange(n)), "한쪽 끝"),
        (lambda p, y, s, seed: splitting(p, y, s, seed, draw=lambda rng, n: np.arange(n)[::-1]), "한쪽 끝"),
        (lambda p, y, s, seed: splitting(p, y, s, seed, size=int), "버리지 않고 `round`"),
        (lambda p, y, s, seed: splitting(p, y, s, seed, size=lambda x: int(np.ceil(x))), "올리지 않고 `round`"),
        (lambda p, y, s, seed: splitting(p, y, s, seed)[::-1], "훈련과 시험이 바뀌었다"),
        (lambda p, y, s, seed: splitting(p, y, 1 - s, seed), "훈련과 시험이 바뀌었다"),
        (lambda p, y, s, seed: splitting(p, y, s, seed, draw=lambda rng, n: rng.integers(0, n, n)), "겹친다"),
        (drawn_apart, "따로 뽑지 말고"),
        (shuffled_apart, "짝이 어긋났다"),
        (in_place, "입력의 순서가 바뀌었다"),
        (losing_one, "빠진 파일이 있다"),
        (lambda p, y, s, seed: (splitting(p, y, s, seed)[0], splitting(p, y, s, seed)[0]), "겹친다"),
        (lambda p, y, s, seed: (splitting(p, y, s, seed)[0][0], splitting(p, y, s, seed)[1][0]), "개수가 다르다"),
    ],
    "check_make_dataset": [
        (changed(buffer=4), "버퍼가 파일의 수보다 작으면"),
        (changed(again=False), "에포크마다 순서가 같다"),
        (changed(fixed=True), "`shuffle`에 `seed`를 넘긴다"),
        (changed(late=True), "배치의 속은 그대로"),
        (changed(remainder=True), "`drop_remainder`는"),
        (changed(repeat=True), "`repeat`이 있으면"),
        (changed(prefetch=False), "끝이 prefetch가 아니다"),
        (changed(one_by_one=True), "`batch`가 없다"),
        (changed(load=lambda p, h, w: load(p, w, h)), "이미지 배치의 모양이 다르다"),
        (changed(load=lambda p, h, w: load(p, h, w, scale=1.0)), "색이 어느 파일과도 다르다"),
        (changed(load=lambda p, h, w: tf.cast(load(p, h, w), tf.float16)), "자료형이 다르다"),
        (lambda p, y, h, w, b, seed=None: dataset(p, y, h, w, b + 1, seed), "배치의 크기가 다르다"),
        (lambda p, y, h, w, b, seed=None: dataset(p[:-1], y[:-1], h, w, b, seed), "빠진 파일이 있다"),
        (always_shuffled, "seed를 주지 않았는데"),
        (never_shuffled, "섞이지 않았다"),
        (shuffled_once, "에포크마다 순서가 같다"),
        (zipped_apart, "짝이 어긋났다"),
        (read_at_once, "만들 때 이미지를 읽었다"),
        (images_only, "짝이 아니다"),
        (one_hot, "레이블 배치의 모양이 다르다"),
        (lambda *args, **kwargs: list(range(3)), "Dataset이 아니다"),
    ],
    "check_image_pipeline": [
        (piped(test_seed=1), "시험 데이터가 에포크마다 섞인다"),
        (lambda *a, seed: pipeline(*a, seed)[1::-1] + pipeline(*a, seed)[2:], "시험 데이터의 수가 다르다"),
        (piped(keep=lambda p, y: (p, y, [])), "skipped: 개수가 다르다"),
        (piped(made=lambda train, test: (train, train)), "겹친다"),
        (piped(made=lambda train, test: (test, test)), "겹친다"),
        (piped(made=lambda train, test: (tuple(part[1:] for part in train), test)), "빠진 파일이 있다"),
        (piped(split=lambda p, y, s, seed: splitting(p, y, 1 - s, seed)), "시험 데이터의 수가 다르다"),
        (split_before_keeping, "시험 데이터의 수가 다르다"),
        (counted, "경로가 아니라 개수"),
        (lambda *a, seed: (dataset(*pipeline_lists(*a, seed)[0], *a[1:4]), *pipeline(*a, seed)[1:]), "같은 순서이다"),
        (lambda *a, seed: pipeline(*a, seed)[:2], "개수가 다르다"),
        (lambda *a, seed: (*pipeline(*a, seed)[:2], CLASSES, pipeline(*a, seed)[3]), "classes: 값이 다르다"),
    ],
}

CLASSES = ["나비", "접시", "가위"]


def pipeline_lists(folder, height, width, batch_size, test_share, seed):
    paths, labels, _ = listing(folder)
    return splitting(*keeping(paths, labels)[:2], test_share, seed)


RIGHT = {
    "check_list_images": [listing, with_os, with_glob],
    "check_load_image": [load, with_pillow],
    "check_keep_images": [
        keeping,
        with_ignored_errors,
        lambda p, y: keeping(p, y, pillow_decodes),
    ],
    "check_split": [splitting, with_random, with_sklearn],
    "check_make_dataset": [dataset, mapped_after_batch, zipped],
    "check_image_pipeline": [pipeline, piped(split=with_sklearn)],
}
