"""5.4가 내보내는 IoU, NMS, mAP, Grad-CAM."""

from __future__ import annotations

import contextlib
import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tf_study.computer_vision.detection import average_precision, grad_cam, iou, match, mean_average_precision, nms


def random_boxes(rng, count):
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(3, 40, (count, 2))], axis=1)


def coco_ap(truths, detections):
    def xywh(box):
        y1, x1, y2, x2 = map(float, box)
        return [x1, y1, x2 - x1, y2 - y1]

    coco = COCO()
    annotations = [
        {"image_id": n, "category_id": int(k), "bbox": xywh(b), "area": 1.0, "iscrowd": 0}
        for n, (boxes, labels) in enumerate(truths) for b, k in zip(boxes, labels)
    ]  # fmt: skip
    for i, annotation in enumerate(annotations):
        annotation["id"] = i + 1
    results = [
        {"image_id": n, "category_id": int(k), "bbox": xywh(b), "score": float(s)}
        for n, answer in enumerate(detections) for b, k, s in zip(*answer)
    ]  # fmt: skip
    images = [{"id": n} for n in range(len(truths))]
    coco.dataset = {"images": images, "categories": [{"id": k} for k in range(4)], "annotations": annotations}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[:2]


def test_iou_of_known_pairs_in_every_dtype():
    a, b = [[0, 0, 4, 2], [0, 0, 0, 0]], [[0, 0, 4, 2], [2, 1, 6, 5], [9, 9, 10, 10], [0, 0, 0, 0]]
    expected = [[1, 2 / 22, 0, 0], [0, 0, 0, 0]]
    for dtype in ("float64", "float32", "float16", "int32"):
        found = iou(np.array(a, dtype), np.array(b, dtype))
        assert found.dtype == ("float64" if dtype == "float64" else "float32")
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    big = np.array([[0, 0, 400, 400]], "float16")
    np.testing.assert_allclose(iou(big, big), [[1.0]])


def test_iou_takes_batches_and_graphs():
    rng = np.random.RandomState(0)
    a, b = random_boxes(rng, 6).reshape(2, 3, 4), random_boxes(rng, 8).reshape(2, 4, 4)
    each = [iou(p, q) for p, q in zip(a, b)]
    np.testing.assert_allclose(iou(a, b), each)
    spec = [tf.TensorSpec([None, 4], tf.float64)] * 2
    np.testing.assert_allclose(tf.function(iou, input_signature=spec)(a[0], b[0]), each[0])
    assert iou(np.zeros((0, 4)), b[0]).shape == (0, 4)


@pytest.mark.parametrize("shape", [(4,), (3, 5)])
def test_iou_wants_boxes(shape):
    with pytest.raises(ValueError, match="N, 4"):
        iou(np.zeros(shape), np.zeros((1, 4)))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_nms_equals_tf_image(threshold):
    rng = np.random.RandomState(1)
    boxes, scores = random_boxes(rng, 80).astype("float32"), rng.permutation(80).astype("float32")
    expected = tf.image.non_max_suppression(boxes, scores, 80, threshold)
    np.testing.assert_array_equal(nms(boxes, scores, threshold), expected)
    np.testing.assert_array_equal(tf.function(lambda b, s: nms(b, s, threshold))(boxes, scores), expected)


def test_nms_of_nothing_and_of_equal_scores():
    assert nms(np.zeros((0, 4)), np.zeros(0)).shape == (0,)
    same = np.array([[0, 0, 4, 4], [0, 0, 4, 4], [9, 9, 12, 12]], float)
    assert nms(same, np.ones(3)).numpy().tolist() == [0, 2]


@pytest.mark.parametrize(("boxes", "scores", "threshold", "says"), [
    (np.zeros((2, 4)), np.zeros(3), 0.5, r"scores는 \(N,\)"),
    (np.zeros((2, 4)), np.zeros((2, 1)), 0.5, r"scores는 \(N,\)"),
    (np.zeros((1, 2, 4)), np.zeros(1), 0.5, r"boxes는 \(N, 4\)"),
    (np.zeros((2, 4)), np.zeros(2), 1.5, "0과 1 사이"),
])  # fmt: skip
def test_nms_names_what_is_wrong(boxes, scores, threshold, says):
    with pytest.raises(ValueError, match=says):
        nms(boxes, scores, threshold)


def test_match_takes_each_truth_once():
    assert match(np.array([[0.9, 0.6], [0.8, 0.7], [0.7, 0.65]]), 0.5).tolist() == [True, True, False]
    assert match(np.array([[0.6, 0.6], [0.0, 0.6]]), 0.5).tolist() == [True, False]  # 비기면 뒤의 정답
    assert match(np.zeros((2, 0)), 0.5).tolist() == [False, False]
    assert match(np.array([[0.5]]), 0.5).tolist() == [True]


def test_average_precision_of_known_hits():
    np.testing.assert_allclose(average_precision([True, False, False, True], [4, 3, 2, 1], 2), (51 + 25) / 101)
    assert average_precision([], [], 3) == 0.0
    assert average_precision([False, True], [0.1, 0.9], 1) == 1.0
    with pytest.raises(ValueError, match="같은"):
        average_precision([True], [0.5, 0.4], 1)
    with pytest.raises(ValueError, match="1 이상"):
        average_precision([True], [0.5], 0)


def test_mean_average_precision_equals_pycocotools():
    rng = np.random.RandomState(3)
    truths, detections = [], []
    for n in range(25):
        boxes, labels = random_boxes(rng, rng.randint(0, 5)), None
        labels = rng.randint(3, size=len(boxes))
        truths.append((boxes, labels))
        copies = np.repeat(np.arange(len(boxes)), 2)
        noisy = np.concatenate([boxes[copies] + rng.uniform(-2, 2, (len(copies), 4)), random_boxes(rng, 2)])
        kinds = np.concatenate([labels[copies], rng.randint(4, size=2)])  # 클래스 3은 정답이 없다
        detections.append((noisy, kinds, rng.uniform(size=len(kinds)).round(1)))
    crowd = random_boxes(rng, 130)  # 한 클래스의 답이 100개를 넘는다
    detections[0] = crowd, np.zeros(130, int), rng.uniform(size=130)
    found = mean_average_precision(truths, detections), mean_average_precision(truths, detections, [0.5])
    assert 0.1 < found[0] < found[1] < 0.95
    np.testing.assert_allclose(found, coco_ap(truths, detections), rtol=1e-10)


def test_a_tie_between_truths_is_broken_as_in_pycocotools():
    truths = [(np.array([[0.0, 0, 10, 10], [0, 6, 10, 16]]), np.zeros(2, int))]
    detections = [(np.array([[0.0, 3, 10, 13], [0, 7, 10, 17]]), np.zeros(2, int), np.array([0.9, 0.8]))]
    np.testing.assert_allclose(mean_average_precision(truths, detections, [0.5]), coco_ap(truths, detections)[1])
    assert mean_average_precision(truths, detections, [0.5]) < 0.6


def test_mean_average_precision_names_what_is_wrong():
    truth, answer = (np.zeros((1, 4)), np.zeros(1, int)), (np.zeros((1, 4)), np.zeros(1, int), np.zeros(1))
    for truths, detections, says in (
        ([truth], [], "같은 수의 그림"),
        ([truth], [(*answer[:2], np.zeros(2))], "그림 0"),
        ([(np.zeros((0, 4)), np.zeros(0, int))], [answer], "하나 이상"),
        ([(np.zeros((1, 8)), np.zeros(1, int))], [answer], r"그림 0의 상자는 \(N, 4\)"),
    ):
        with pytest.raises(ValueError, match=says):
            mean_average_precision(truths, detections)


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((9, 7, 3)), keras.layers.Conv2D(5, 3, padding="same", name="conv")])
    images = keras.Input((9, 7, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(inner(images))
    return keras.Model(images, keras.layers.Dense(4, name="logits")(pooled)), inner


def test_grad_cam_of_a_nested_layer_is_cam(classifier):
    model, inner = classifier
    images, classes = np.random.RandomState(0).uniform(-1, 1, (3, 9, 7, 3)).astype("float32"), np.array([0, 3, 1])
    w = model.get_layer("logits").get_weights()[0]
    cam = np.maximum(np.einsum("nijk,kn->nij", inner(images), w[:, classes]), 0)
    cam /= cam.max(axis=(1, 2), keepdims=True)
    conv = inner.get_layer("conv")
    np.testing.assert_allclose(grad_cam(model, conv, images, classes), cam, atol=1e-5)
    np.testing.assert_allclose(tf.function(lambda x: grad_cam(model, conv, x, classes))(images), cam, atol=1e-5)
    assert "call" not in vars(conv)  # 훅이 남지 않는다
    np.testing.assert_allclose(grad_cam(model, conv, images[1:2], 3)[0], cam[1], atol=1e-5)


def test_grad_cam_averages_the_gradient_over_positions():
    keras.utils.set_random_seed(1)
    conv, dense = keras.layers.Conv2D(4, 3, padding="same", activation="relu"), keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((6, 5, 3)), conv, keras.layers.Flatten(), dense])
    images = np.random.RandomState(0).uniform(-1, 1, (3, 6, 5, 3)).astype("float32")
    weights = dense.kernel.numpy().reshape(6, 5, 4, 2)  # 기울기가 자리마다 다르다
    heat = np.maximum(conv(images).numpy() @ weights.mean(axis=(0, 1))[:, 1], 0)
    peak = heat.max(axis=(1, 2), keepdims=True)
    assert (peak > 0).all()
    np.testing.assert_allclose(grad_cam(model, conv, images, 1), heat / peak, atol=1e-5)


def test_grad_cam_is_zero_where_the_score_does_not_depend_on_the_layer():
    images = keras.Input((6, 5, 3))
    aside = keras.layers.Conv2D(2, 3, name="aside")(images)
    scores = keras.layers.Dense(2)(keras.layers.Flatten()(images))
    both = keras.Model(images, keras.layers.Lambda(lambda pair: pair[0])([scores, aside]))
    assert not np.any(grad_cam(both, "aside", np.ones((1, 6, 5, 3), "float32"), 0))


def test_grad_cam_in_mixed_precision():
    inputs = keras.Input((8, 8, 3))
    h = keras.layers.Conv2D(4, 3, strides=2, activation="relu", dtype="mixed_float16", name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(h)))
    heat = grad_cam(model, "conv", np.random.RandomState(0).uniform(size=(2, 8, 8, 3)), 1)
    assert heat.shape == (2, 8, 8) and heat.dtype == tf.float32
    assert np.isfinite(heat).all() and 0 <= np.min(heat) and np.max(heat) <= 1


def test_grad_cam_names_what_is_wrong(classifier):
    model, _ = classifier
    images = np.zeros((1, 9, 7, 3), "float32")
    with pytest.raises(ValueError, match=r"image\[None\]"):
        grad_cam(model, "pool", images[0], 0)
    with pytest.raises(ValueError, match=r"pool의 출력은 \(B, h, w, C\)"):
        grad_cam(model, "pool", images, 0)
    with pytest.raises(ValueError, match="지나지 않는다"):
        grad_cam(model, keras.layers.Conv2D(2, 3), images, 0)


def test_presets_of_the_real_example_exist():
    keras_hub = pytest.importorskip("keras_hub")
    assert "retinanet_resnet50_fpn_coco" in keras_hub.models.ObjectDetector.presets
