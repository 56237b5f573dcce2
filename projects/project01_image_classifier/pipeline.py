"""파일의 목록을 `tf.data`의 배치로: 읽기, 섞기, 증강, 묶기. 순서와 증강은 (시드, 에포크)가 정한다."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from projects.project01_image_classifier.images import read_image

AREA = (0.6, 1.0)  # 잘라 낸 조각이 그림에서 차지하는 넓이
ASPECT = (0.8, 1.25)  # 조각의 가로 / 세로
BRIGHTNESS = 25.0  # 0–255에서 더하거나 빼는 값
CONTRAST = (0.75, 1.25)


def batches(paths: list[str], labels: np.ndarray, side: int, batch: int) -> tf.data.Dataset:
    """Yield (float32 (B, side, side, 3) in 0..255, int64 (B,)) in the order of `paths`, the last batch smaller."""
    return _pictures(paths, labels, side).batch(batch).prefetch(2)


def epoch_batches(
    paths: list[str], labels: np.ndarray, side: int, batch: int, seed: int, epoch: int
) -> tf.data.Dataset:
    """Shuffle and augment; equal (seed, epoch) give equal batches. What fills no whole batch waits for another epoch."""
    rng = np.random.default_rng([seed, epoch])
    order, key = rng.permutation(len(paths)), rng.integers(2**31)

    def change(index, picture):
        image, label = picture
        return augment(image, tf.stack([key, index])), label

    pictures = _pictures([paths[i] for i in order], labels[order], side)
    changed = pictures.enumerate().map(change, tf.data.AUTOTUNE)
    return changed.batch(min(batch, len(paths)), drop_remainder=True).prefetch(2)


def _pictures(paths: list[str], labels: np.ndarray, side: int) -> tf.data.Dataset:
    def read(path, label):
        image = tf.numpy_function(lambda p: read_image(os.fsdecode(p), side), [path], tf.uint8, stateful=False)
        return tf.cast(tf.ensure_shape(image, (side, side, 3)), tf.float32), label

    return tf.data.Dataset.from_tensor_slices((list(map(os.fsencode, paths)), labels)).map(read, tf.data.AUTOTUNE)


def augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Crop, flip and change the exposure of one picture, a function of `seed` (2,) alone.

    Args:
        image: (S, S, 3) float32 in 0..255.

    Returns:
        the same shape, dtype and range.
    """
    crop, flip, brightness, contrast = tf.unstack(tf.random.split(seed, 4))
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), tf.zeros((1, 0, 4)), crop, min_object_covered=0.0,
        aspect_ratio_range=ASPECT, area_range=AREA, use_image_if_no_bounding_boxes=True,
    )  # fmt: skip
    part = tf.image.resize(tf.slice(image, begin, size), image.shape[:2])
    part = tf.image.stateless_random_flip_left_right(part, flip)
    part = tf.image.stateless_random_brightness(part, BRIGHTNESS, brightness)
    part = tf.image.stateless_random_contrast(part, *CONTRAST, contrast)
    return tf.clip_by_value(part, 0.0, 255.0)
