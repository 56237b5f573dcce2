"""연습 8.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def only_weights(model, path):
    model.save_weights(str(path).replace(".keras", ".weights.h5"))
    return model


def weights_renamed(model, path):
    weights = path.with_name("a.weights.h5")
    model.save_weights(weights)
    shutil.move(weights, path)
    return keras.models.clone_model(model)


def return_the_same(model, path):
    model.save(path)
    return model


def without_compile(model, path):
    model.save(path)
    return keras.saving.load_model(path, compile=False)


def compiled_again(model, path):
    reloaded = without_compile(model, path)
    reloaded.compile(keras.optimizers.Adam(0.004), model.loss)
    reloaded.optimizer.build(reloaded.trainable_variables)
    return reloaded


def cloned(model, path):
    model.save(path)
    return keras.models.clone_model(model)


def trained_on(model, path):
    model.save(path)
    model.set_weights([w + 1 for w in model.get_weights()])
    return keras.saving.load_model(path)


def through_a_function(model, path):
    keras.saving.save_model(model, str(path))
    return keras.models.load_model(str(path))


def served(
    to_float=None, head=tf.nn.softmax, name="serve", shape=None, dtype=tf.uint8, key="probability", training=False
):
    def export(model, folder):
        def serve(images):
            x = to_float(images) if to_float else tf.cast(images, tf.float32)[..., None] / 255.0
            y = head(model(x, training=training))
            return {key: y} if key else y

        archive = keras.export.ExportArchive()
        archive.track(model)
        spec = tf.TensorSpec(shape or (None, *model.input_shape[1:3]), dtype)
        archive.add_endpoint(name, serve, [spec])
        archive.write_out(str(folder), verbose=False)

    return export


def real(images):
    return tf.cast(images, tf.float32)[..., None]


def by_module(model, folder):
    class Served(tf.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:3]], tf.uint8, name="image")])
        def serve(self, image):
            x = tf.expand_dims(tf.image.convert_image_dtype(image, tf.float32), -1)
            return {"probability": keras.ops.softmax(self.model(x, training=False))}

    module = Served()
    tf.saved_model.save(module, str(folder), signatures={"serve": module.serve})


def by_wrapped_model(model, folder):
    images = keras.Input(model.input_shape[1:3], dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Reshape(model.input_shape[1:])(images))
    whole = keras.Model(images, {"probability": keras.layers.Softmax()(model(x))})
    spec = [keras.InputSpec(shape=(None, *model.input_shape[1:3]), dtype="uint8")]
    archive = keras.export.ExportArchive()
    archive.track_and_add_endpoint("serve", whole, spec)
    archive.write_out(str(folder), verbose=False)


def convert(model, samples, optimize=True, ops=True, io=tf.int8):
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if samples is not None:
            converter.representative_dataset = lambda: ([x[None]] for x in samples)
        if ops:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if io:
            converter.inference_input_type = converter.inference_output_type = io
        return converter.convert()


def convert_other(model, samples):
    other = keras.models.clone_model(model)
    return convert(other, samples)


def convert_to_file(model, samples):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(convert(model, samples))
        return path


def convert_by_export(model, samples):
    def batches():
        for i in range(len(samples)):
            yield [tf.constant(samples[i : i + 1])]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model.export(
            path, format="litert", verbose=False,
            optimizations=[tf.lite.Optimize.DEFAULT], representative_dataset=batches,
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            inference_input_type=tf.int8, inference_output_type=tf.int8,
        )
        return path.read_bytes()


def write(x, s, z, round=np.round, clip=True):
    q = round(x.astype("float64") / s) + z
    return np.clip(q, -128, 127).astype("int8") if clip else q.astype("int64").astype("int8")


def read(y, s, z):
    return s * (y.astype("int32") - z)


def run(content, x, write=write, read=read, own=True, keep=slice(None)):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for one in x:
        interpreter.set_tensor(source["index"], write(one, *source["quantization"])[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"])[0])
    rows = np.array([rows[keep]] * len(rows)) if isinstance(keep, int) else np.array(rows)
    return read(rows, *(target if own else source)["quantization"])


def truncate_all(x, s, z):
    return np.clip(np.trunc(x.astype("float64") / s + z), -128, 127).astype("int8")


def in_one_batch(content, x):
    interpreter = Interpreter(model_content=content, num_threads=2)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], write(x, *source["quantization"]))
    interpreter.invoke()
    scale, zero = target["quantization"]
    return (interpreter.get_tensor(target["index"]).astype("float32") - zero) * np.float32(scale)


def by_parameters(content, x):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    grids = [d["quantization_parameters"] for d in (source, target)]
    (s, z), (s_y, z_y) = [(g["scales"][0], int(g["zero_points"][0])) for g in grids]
    found = []
    for one in x:
        q = tf.saturate_cast(tf.round(one / s) + z, tf.int8)
        interpreter.set_tensor(source["index"], q[None])
        interpreter.invoke()
        found.append(s_y * (interpreter.get_tensor(target["index"])[0].astype(int) - z_y))
    return tf.stack(found)


def report(labels, a, b, big, small, loss=lambda x, y: x - y, ratio=lambda x, y: x / y, same=None, rule=None):
    a, b = np.argmax(a, axis=1), np.argmax(b, axis=1)
    found = {
        "size_ratio": ratio(big, small), "accuracy_loss": loss(np.mean(a == labels), np.mean(b == labels)),
        "agreement": np.mean(a == b) if same is None else same(labels, a, b),
    }
    rule = rule or (lambda r, l, g: r >= 3 and l <= 0.01 and g >= 0.95)
    return {**found, "deploy": bool(rule(*found.values()))}


def report_by_loop(labels, a, b, big, small):
    right_a = right_b = same = 0
    for label, one, two in zip(labels, a, b):
        right_a += int(np.argmax(one)) == label
        right_b += int(np.argmax(two)) == label
        same += int(np.argmax(one)) == int(np.argmax(two))
    n = len(labels)
    ratio, loss, agreement = big / small, right_a / n - right_b / n, same / n
    deploy = not (ratio < 3 or loss > 0.01 or agreement < 0.95)
    return {"deploy": deploy, "agreement": agreement, "accuracy_loss": loss, "size_ratio": ratio}


WRONG = {
    "check_save_and_reload": [
        (only_weights, "파일이 없다"),
        (weights_renamed, "`.keras` 파일이 아니다"),
        (return_the_same, "받은 모델을 그대로"),
        (lambda model, path: model.save(path), "Keras 모델이 아니다"),
        (without_compile, "`compile=False`"),
        (compiled_again, "옵티마이저를 새로"),
        (cloned, "가중치는 새로 초기화"),
        (trained_on, "값이 바뀌었다"),
    ],
    "check_export_with_preprocessing": [
        (served(head=tf.identity), "로짓이다"),
        (served(real), "255로 나누지 않았다"),
        (served(real, head=tf.identity), "나누지도 않고"),
        (served(lambda x: real(x) / 127.5 - 1), "-1과 1 사이"),
        (served(lambda x: real(x) / 256), "256으로"),
        (served(lambda x: tf.cast(x // 255, tf.float32)[..., None]), "정수끼리 나누어"),
        (served(head=tf.sigmoid), "시그모이드"),
        (served(head=lambda z: tf.nn.softmax(tf.nn.softmax(z))), "두 번"),
        (served(training=True), "드롭아웃이 켜져"),
        (served(name="predict"), "서명의 이름이 다르다"),
        (served(key=""), "텐서를 그대로"),
        (served(dtype=tf.float32), "실수를 받는다"),
        (served(shape=(1, 9, 7)), "1로 굳었다"),
        (served(lambda x: tf.cast(x, tf.float32) / 255, shape=(None, 9, 7, 1)), "채널 축을"),
        (lambda model, folder: None, "SavedModel이 없다"),
        (lambda model, folder: model.export(folder, verbose=False), "실수를 받는다"),
    ],
    "check_to_int8": [
        (lambda model, x: convert(model, None, optimize=False, ops=False, io=None), "양자화를 켜지 않았다"),
        (lambda model, x: convert(model, None, ops=False, io=None), "가중치나 중간만"),
        (lambda model, x: convert(model, x, io=None), "가중치나 중간만"),
        (lambda model, x: convert(model, x, io=tf.uint8), "uint8"),
        (lambda model, x: convert(model, x[:1]), "첫 장만"),
        (lambda model, x: convert(model, x / 255), "대표 데이터를 255로"),
        (lambda model, x: convert(model, 255 * x), "255를 곱했다"),
        (lambda model, x: convert(model, np.clip(x, 0, 1)), "0과 1 사이로 잘랐다"),
        (convert_other, "출력이 원래 모델과 다르다"),
        (convert_to_file, "바이트가 아니다"),
    ],
    "check_predict_int8": [
        (lambda c, x: run(c, x, read=lambda y, s, z: y), "정수를 그대로"),
        (lambda c, x: run(c, x, lambda x, s, z: write(x, s, z, clip=False)), "넘쳤다"),
        (lambda c, x: run(c, x, truncate_all), "반올림하지 않고"),
        (lambda c, x: run(c, x, lambda x, s, z: write(x, s, 0)), "영점을 더하지 않았다"),
        (lambda c, x: run(c, x, lambda x, s, z: write(x, s, -z)), "영점을 뺐다"),
        (lambda c, x: run(c, x, lambda x, s, z: write(x, 1, z)), "나누지 않았다"),
        (lambda c, x: run(c, x, lambda x, s, z: write(x, 1 / s, z)), "스케일을 곱했다"),
        (lambda c, x: run(c, x, read=lambda y, s, z: s * y), "출력의 영점을 빼지 않았다"),
        (lambda c, x: run(c, x, read=lambda y, s, z: s * (y.astype(int) + z)), "출력의 영점을 더했다"),
        (lambda c, x: run(c, x, own=False), "입력의 스케일과 영점을"),
        (lambda c, x: run(c, x, read=lambda y, s, z: s * (y - np.int8(z))), "더 넓은 정수로"),
        (lambda c, x: run(c, x, keep=0), "첫 장의 결과"),
        (lambda c, x: run(c, x, keep=-1), "마지막 장의 결과"),
    ],
    "check_measure": [
        (lambda *a: report(*a, ratio=lambda x, y: y / x), "거꾸로 나누었다"),
        (lambda *a: report(*a, ratio=lambda x, y: 1 - y / x), "줄어든 비율"),
        (lambda *a: report(*a, loss=lambda x, y: y - x), "부호가 반대다"),
        (lambda *a: report(*a, loss=lambda x, y: 100 * (x - y)), "백분율"),
        (lambda *a: report(*a, loss=lambda x, y: y), "정수 모델의 정확도"),
        (lambda *a: report(*a, loss=lambda x, y: 1 - y), "틀린 비율"),
        (lambda *a: report(*a, same=lambda t, x, y: np.mean(y == t)), "정답과 견주었다"),
        (lambda *a: report(*a, same=lambda t, x, y: np.mean(x != y)), "어긋난 비율"),
        (lambda *a: report(*a, same=lambda t, x, y: np.mean((x == t) & (y == t))), "둘 다 맞은"),
        (lambda *a: report(*a, rule=lambda r, l, g: r >= 3 or g >= 0.95), "`or`로 이었다"),
        (lambda *a: report(*a, rule=lambda r, l, g: r >= 3 and l <= 0.01), "하나를 빠뜨렸거나"),
        (lambda *a: report(*a, rule=lambda r, l, g: r >= 3 and g >= 0.95), "하나를 빠뜨렸거나"),
        (lambda *a: report(*a, rule=lambda r, l, g: r >= 3 and abs(l) <= 0.01 and g >= 0.95), "정확도가 오른 것도"),
        (lambda *a: list(report(*a).values()), "사전이 아니다"),
        (lambda *a: {"ratio": 1.0}, "사전의 열쇠"),
    ],
}

RIGHT = {
    "check_save_and_reload": [through_a_function],
    "check_export_with_preprocessing": [by_module, by_wrapped_model, served(lambda x: real(x) * (1 / 255))],
    "check_to_int8": [convert_by_export],
    "check_predict_int8": [in_one_batch, by_parameters],
    "check_measure": [report_by_loop, report],
}
