"""그림 폴더 하나로 분류기를 학습한다. 죽여도 같은 명령으로 이어 간다.

    python -m projects.project01_image_classifier.train --data 폴더
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from projects.common import cli
from projects.common.files import write_whole
from tf_study import course
from tf_study.course.data import flowers

OUT = Path("build/project01")
LISTED = 20  # 터미널에 보일 문제의 수. 나머지는 data.json에 있다


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    course.setup(seed=options.seed)
    summary = train(options)
    print(json.dumps(summary, ensure_ascii=False))
    return 0


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command's arguments."""
    real = os.environ.get("TF_STUDY_DATA") == "real"
    parser = cli.Parser(prog="train", description="그림 폴더(클래스마다 하위 폴더 하나)로 분류기를 학습한다.")
    parser.add_argument("--data", type=Path, help="그림 폴더 (기본: 꽃. TF_STUDY_DATA=real이면 tf_flowers 원본)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"결과를 둘 폴더 (기본: {OUT})")
    parser.add_argument("--backbone", choices=("mini", "b0"), default="b0" if real else "mini",
                        help="mini: 가중치 5만 6천 개, b0: EfficientNetV2B0 (기본: 내장 데이터 mini, 원본 b0)")
    parser.add_argument("--weights", default="imagenet" if real else "random",
                        help="random, imagenet(내려받는다) 또는 백본의 가중치 파일 (기본: 내장 random, 원본 imagenet)")
    parser.add_argument("--side", type=_positive, help="모델이 보는 그림의 변 (픽셀)")
    parser.add_argument("--head-epochs", type=_positive, help="첫 단계: 머리만 배우는 에포크")
    parser.add_argument("--epochs", type=_positive, help="둘째 단계: 백본까지 배우는 에포크")
    parser.add_argument("--batch", type=_positive, default=32, help="배치의 크기 (기본: 32)")
    parser.add_argument("--seed", type=_natural, default=0, help="나누기, 초기화, 섞기, 증강의 시드 (기본: 0)")
    return parser.parse_args(arguments)


def _natural(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{least} 이상의 정수여야 한다. 받은 값: {text}")
    return int(text)


def _positive(text: str) -> int:
    return _natural(text, least=1)


def train(options: argparse.Namespace, progress: bool = True) -> dict:
    """Validate the folder, train both stages and write the run; return its summary.

    `options` comes from `parse`. Files in `options.out`: data.json (the
    folder as validated and split), head/ and fine/ (checkpoints, TensorBoard), model.keras,
    labels.json (classes, temperature), run.json (configuration and curves).

    Raises:
        UserError: the folder, the weights or the run folder does not fit.
    """
    import keras

    from projects.common.training import fit
    from projects.project01_image_classifier import calibration, folder, model as models, pipeline

    keras.utils.set_random_seed(options.seed)
    dataset = folder.validate(options.data or flowers.directory(), options.seed, progress)
    if progress:
        if not options.data:
            print(flowers.describe(), file=sys.stderr)
        _list(dataset)
    plan = _plan(options)
    train_set, validation_set = dataset.of("train"), dataset.of("validation")
    net = models.build_classifier(options.backbone, options.weights, plan.side, len(dataset.classes))
    config = {
        "data": dataset.fingerprint(), "backbone": options.backbone, "weights": models.weights_id(options.weights),
        "batch": options.batch, "seed": options.seed, **plan._asdict(),
    }  # fmt: skip
    validation = pipeline.batches(*validation_set, plan.side, options.batch).cache()
    curves, steps = {}, max(1, len(train_set[0]) // options.batch)
    for number, (stage, epochs) in enumerate((("head", plan.head_epochs), ("fine", plan.epochs))):
        if progress:
            print(f"단계 {number + 1}: {'머리만 배운다' if stage == 'head' else '백본까지 배운다'}", file=sys.stderr)
        models.compile_stage(net, stage, plan, steps, pretrained=options.weights != models.RANDOM)

        def data(epoch, offset=number * plan.head_epochs):
            return pipeline.epoch_batches(*train_set, plan.side, options.batch, options.seed, offset + epoch)

        curves[stage] = fit(net, data, epochs=epochs, folder=options.out / stage, config=config | {"stage": stage},
                            validation=validation, progress=progress)
    logits = models.logits_of(net, validation)
    temperature = calibration.fit_temperature(logits, validation_set[1])
    _write_run(options.out, dataset, models.without_training(net), temperature, {"config": config, "curves": curves})
    right = int((logits.argmax(axis=1) == validation_set[1]).sum())
    return {
        "model": str(options.out / "model.keras"), "classes": dataset.classes,
        "pictures": {split: len(dataset.of(split)[0]) for split in folder.SPLITS}, "left_out": len(dataset.problems),
        "validation_accuracy": round(right / len(logits), 4), "temperature": round(temperature, 3),
    }  # fmt: skip


def _plan(options):
    from projects.project01_image_classifier.model import default_plan

    plan = default_plan(options.backbone, options.weights)
    given = {name: getattr(options, name) for name in ("side", "head_epochs", "epochs")}
    return plan._replace(**{name: value for name, value in given.items() if value is not None})


def _list(dataset) -> None:
    """Say on stderr what is in the folder and what is left out."""
    print(f"{dataset.root}: 클래스 {len(dataset.classes)}개, 쓸 그림 {len(dataset.pictures)}장, "
          f"뺀 파일 {len(dataset.problems)}개", file=sys.stderr)
    for title, found in (("뺀다", dataset.problems), ("살펴볼 것", dataset.warnings)):
        for problem in found[:LISTED]:
            print(f"  {title}: {problem.path}: {problem.reason}", file=sys.stderr)
        if len(found) > LISTED:
            print(f"  {title}: 그 밖에 {len(found) - LISTED}개 (data.json에 모두 있다)", file=sys.stderr)


def _write_run(out: Path, dataset, net, temperature: float, run: dict) -> None:
    from projects.project01_image_classifier import folder

    labels = {"classes": dataset.classes, "temperature": temperature}
    write_whole(out / "data.json", lambda part: folder.save(dataset, part))
    write_whole(out / "model.keras", net.save)
    write_whole(out / "labels.json", lambda part: part.write_text(json.dumps(labels, ensure_ascii=False)))
    write_whole(out / "run.json", lambda part: part.write_text(json.dumps(run, ensure_ascii=False)))


if __name__ == "__main__":
    cli.run(main)
