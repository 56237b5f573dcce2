"""그림마다 JSON 한 줄로 답한다. 나쁜 파일은 그 줄의 오류일 뿐이고 나머지는 계속한다.

    python -m projects.project01_image_classifier.predict --model build/project01/model-int8.tflite 그림…
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from projects.common import cli
from projects.project01_image_classifier.calibration import probabilities
from projects.project01_image_classifier.images import explain, read_image

MODEL = Path("build/project01/model.keras")
CHUNK = 32


class Classifier:
    """A model file with the classes and the temperature of the labels.json beside it.

    Raises:
        UserError: the file is no model, has another suffix than .keras and .tflite, or its
            labels.json is missing or of another model.
    """

    def __init__(self, path: Path):
        if path.suffix not in LOADERS or not path.is_file():
            raise cli.UserError(f"모델은 {' 또는 '.join(LOADERS)} 파일이어야 한다. 받은 것: {path}")
        labels = path.with_name("labels.json")
        try:
            found = json.loads(labels.read_text())
            self.classes, self.temperature = found["classes"], float(found["temperature"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise cli.UserError(f"모델 옆에 train이 쓴 labels.json이 있어야 한다. 찾은 곳: {labels} ({error})") from error
        self.logits, self.side, outputs = LOADERS[path.suffix](path)
        if outputs != len(self.classes):
            raise cli.UserError(f"labels.json의 클래스 {len(self.classes)}개와 모델의 출력 {outputs}개가 같아야 한다: {path}")

    def answer(self, images: np.ndarray) -> list[dict]:
        """Classify (B, side, side, 3) uint8."""
        answers = []
        for row in probabilities(self.logits(images.astype(np.float32)), self.temperature):
            best = int(row.argmax())
            scores = {name: round(float(p), 4) for name, p in zip(self.classes, row)}
            answers.append({"label": self.classes[best], "probability": scores[self.classes[best]], "scores": scores})
        return answers


def _keras(path: Path) -> tuple[Callable, int, int]:
    from tf_study import course

    course.setup(seed=0)
    from projects.project01_image_classifier.model import load_classifier

    model = load_classifier(path)
    return lambda x: model(x, training=False).numpy(), model.input_shape[1], model.output_shape[1]


def _litert(path: Path) -> tuple[Callable, int, int]:
    from tf_study.production.litert import LiteRTModel  # TensorFlow 없이 돈다

    try:
        model = LiteRTModel(path.read_bytes())
    except ValueError as error:
        raise cli.UserError(f"LiteRT 모델 파일이어야 한다. 받은 것: {path} ({error})") from error
    side, outputs = (int(model.input["shape_signature"][1]), int(model.output["shape_signature"][-1]))
    return lambda x: np.concatenate([model.predict(image[None]) for image in x]), side, outputs


LOADERS = {".keras": _keras, ".tflite": _litert}


def predict(classifier: Classifier, paths: Iterable[str]) -> Iterator[dict]:
    """Yield one answer per path, in order: {"path", "label", "probability", "scores"} or {"path", "error"}."""
    paths = iter(paths)
    while chunk := list(itertools.islice(paths, CHUNK)):
        read = [_read(path, classifier.side) for path in chunk]
        good = [image for image in read if not isinstance(image, str)]
        answers = iter(classifier.answer(np.stack(good)) if good else ())
        for path, image in zip(chunk, read):
            yield {"path": path} | ({"error": image} if isinstance(image, str) else next(answers))


def _read(path: str, side: int) -> np.ndarray | str:
    """The pixels, or why there are none."""
    try:
        return read_image(path, side)
    except OSError as error:
        return explain(error)


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser(prog="predict", description="그림마다 JSON 한 줄로 답한다.")
    parser.add_argument("--model", type=Path, default=MODEL, help=f".keras 또는 .tflite (기본: {MODEL})")
    parser.add_argument("images", nargs="+", metavar="그림", help="그림 파일")
    options = parser.parse_args(arguments)
    # 유니코드가 아닌 파일 이름도 JSON의 \\udcXX로 나간다
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    failed = False
    for line in predict(Classifier(options.model), options.images):
        print(json.dumps(line, ensure_ascii=False), flush=True)
        failed |= "error" in line
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run(main)
