"""배치: 한 번씩, (시드, 에포크)로 정해지고, 증강은 범위 안에 머문다."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from projects.project01_image_classifier.images import read_image
from projects.project01_image_classifier.pipeline import augment, batches, epoch_batches
from projects.project01_image_classifier.tests.pictures import flower_folder

SIDE = 24


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = flower_folder(tmp_path_factory.mktemp("flowers") / "data", per_class=5, classes=2)
    paths = sorted(map(str, root.rglob("*.jpg")))
    return paths, np.arange(10)


def epoch(pictures, seed, number):
    return list(epoch_batches(*pictures, SIDE, 4, seed, number).as_numpy_iterator())


def test_plain_batches_are_the_files_in_order(pictures):
    found = list(batches(*pictures, SIDE, 4).as_numpy_iterator())
    assert [len(x) for x, _ in found] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), np.arange(10))
    for image, path in zip(np.concatenate([x for x, _ in found]), pictures[0]):
        np.testing.assert_array_equal(image, read_image(path, SIDE))


def test_an_epoch_is_a_function_of_seed_and_number(pictures):
    for (x, y), (x2, y2) in zip(epoch(pictures, 0, 3), epoch(pictures, 0, 3), strict=True):
        np.testing.assert_array_equal(y, y2)
        np.testing.assert_array_equal(x, x2)
    orders = {tuple(np.concatenate([y for _, y in epoch(pictures, *key)])) for key in ((0, 3), (0, 4), (1, 3))}
    assert len(orders) == 3 and all(len(set(order)) == 8 for order in orders)  # 둘씩 묶이지 않은 두 장은 쉰다


def test_the_same_picture_looks_different_in_another_epoch(pictures):
    def first(number):
        return next(x[i] for x, y in epoch(pictures, 0, number) for i in range(4) if y[i] == pick)

    common = set.intersection(*({int(k) for _, y in epoch(pictures, 0, n) for k in y} for n in (0, 1)))
    pick = min(common)
    assert np.abs(first(0) - first(1)).mean() > 3


def test_augmentation_keeps_shape_range_and_subject():
    image = tf.constant(np.random.RandomState(0).randint(0, 256, (SIDE, SIDE, 3)), tf.float32)
    outputs = [augment(image, tf.constant([0, i], tf.int64)).numpy() for i in range(40)]
    assert all(x.shape == (SIDE, SIDE, 3) and 0 <= x.min() and x.max() <= 255 for x in outputs)
    np.testing.assert_array_equal(augment(image, tf.constant([0, 3], tf.int64)), outputs[3])
    assert len({x.tobytes() for x in outputs}) == 40
    np.testing.assert_allclose(np.mean([x.mean() for x in outputs]), image.numpy().mean(), atol=8)


def test_both_directions_occur():
    """A gradient from dark to bright: about half of the copies run the other way."""
    image = tf.tile(tf.linspace(0.0, 255.0, SIDE)[None, :, None], (SIDE, 1, 3))
    rising = [float(np.sign((x := augment(image, tf.constant([1, i], tf.int64)).numpy())[:, -1].mean() - x[:, 0].mean()))
              for i in range(60)]
    assert 15 < rising.count(1.0) < 45 and rising.count(1.0) + rising.count(-1.0) == 60
