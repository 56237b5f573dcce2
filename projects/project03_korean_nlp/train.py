"""주제 분류기를 학습하고 형태소 주머니와 견준다. 죽으면 같은 명령으로 이어 간다."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.common.files import write_whole
from projects.project03_korean_nlp import cli, evaluate
from projects.project03_korean_nlp.prepare import Part, Settings, load_summary, prepare
from tf_study.course.data import topics_ko

if TYPE_CHECKING:
    from projects.project03_korean_nlp.baseline import Labelled

VALIDATION, TEST = 10, 20  # --test가 없으면 버킷 0–9가 검증, 10–19가 시험 데이터이다
BAGS = {"형태소 주머니": 1, "형태소 1–3 주머니": 3}


def embedded(out: Path, analyzer: str, workers: int, progress: bool = True) -> tuple[Path, Path]:
    """Write the embedded corpus as JSON lines and prepare it; return the folders of training and test."""
    folders = []
    for name, (texts, labels) in zip(("train", "test"), topics_ko.load_data()):
        rows = [{"text": text, "topic": topics_ko.TOPICS[y]} for text, y in zip(texts, labels)]
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        file = out / f"{name}.jsonl"
        write_whole(file, lambda part: part.write_text(content, encoding="utf-8"))
        folders.append(out / f"{name}-{analyzer}")
        prepare([str(file)], folders[-1], Settings(analyzer=analyzer), workers, progress)
    return folders[0], folders[1]


def split(data: Path, test: Path | None) -> dict[str, Part]:
    """Return the training, validation and test parts of one prepared folder or of two.

    Raises:
        UserError: a folder is not prepared, or by another analyser than the other.
    """
    packages = [load_summary(folder)["settings"]["package"] for folder in (data, test or data)]
    if len(set(packages)) > 1:
        raise cli.UserError(f"훈련과 시험 데이터의 분석기가 같아야 한다. 훈련: {packages[0]}, 시험: {packages[1]}")
    return {
        "train": Part(data, VALIDATION if test else TEST),
        "valid": Part(data, 0, VALIDATION),
        "test": Part(test) if test else Part(data, VALIDATION, TEST),
    }


def learn(parts: dict[str, Part], out: Path, epochs: int, seed: int, progress: bool = True) -> list[dict]:
    """Train the BiLSTM, or go on where a killed run stopped; write `out`/model and return the curve.

    Raises:
        UserError: the documents name fewer than two topics, or `out` holds another run.
    """
    import tensorflow as tf

    from projects.common.training import TrainingError, fit
    from projects.project03_korean_nlp import model as models

    found = models.survey(parts["train"])
    steps = -(-found.documents // models.BATCH)
    model = models.build(found, epochs * steps)
    rows = models.examples(parts["train"], found)

    def epoch_data(epoch: int) -> tf.data.Dataset:
        shuffled = rows.shuffle(models.SHUFFLE, seed=seed * 10_000 + epoch).batch(models.BATCH)
        return shuffled.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)

    prepared = load_summary(parts["train"].folder)
    config = {
        "data": prepared["content"],
        "documents": found.documents,
        "vocabulary": len(found.vocabulary),
        "model": [models.UNITS, models.DIMENSION, models.DROPOUT],
        "rate": [models.BATCH, models.PEAK_RATE, models.WARMUP],
        "seed": seed,
    }
    options = {"epochs": epochs, "folder": out / "run", "config": config, "progress": progress}
    validation = models.examples(parts["valid"], found).batch(models.PARSED).cache()
    batches = sum(1 for _ in validation)  # 수를 모르는 데이터에는 Keras가 모자란다고 경고한다
    options["validation"] = validation.apply(tf.data.experimental.assert_cardinality(batches)) if batches else None
    try:
        history = fit(model, epoch_data, **options)
    except TrainingError as error:
        raise cli.UserError(str(error)) from None
    settings = {name: prepared["settings"][name] for name in ("analyzer", "package")}
    models.save(model, found, settings, out / "model")
    return history


def predict(parts: dict[str, Part], folder: Path) -> tuple[Labelled, dict[str, np.ndarray]]:
    """Return the test documents and what the model and the bags say of them.

    The bags are fitted here, on the documents that the model was trained on, and tuned on the validation
    documents.
    """
    from projects.project03_korean_nlp import baseline
    from projects.project03_korean_nlp.model import TopicModel

    train, valid, test = (baseline.load(parts[name]) for name in ("train", "valid", "test"))
    predicted = {name: baseline.Bag(n, train, valid).predict(test.morphemes) for name, n in BAGS.items()}
    model = TopicModel(folder)
    return test, predicted | {"BiLSTM": evaluate.topics_of(model(test.morphemes), model.topics)}


def compare(test: Labelled, predicted: dict[str, np.ndarray]) -> dict:
    """Return accuracies with intervals, and the BiLSTM against each bag on the same documents."""
    right = {name: topics == test.topics for name, topics in predicted.items()}
    return {
        "documents": len(test.topics),
        "test": {name: evaluate.accuracy(values) for name, values in right.items()},
        "paired": {name: evaluate.mcnemar(right["BiLSTM"], right[name]) for name in BAGS},
    }


def _table(results: dict) -> str:
    lines = [f"{'모델':<12}\t정확도\t95 % 구간"]
    for name, found in results["test"].items():
        lines.append(f"{name:<12}\t{found['accuracy']:.3f}\t{found['low']:.3f}–{found['high']:.3f}")
    for name, found in results["paired"].items():
        lines.append(
            f"BiLSTM만 맞힌 글 {found['first']}편, {name}만 맞힌 글 {found['second']}편 (McNemar p = {found['p']:.2g})"
        )
    return "\n".join(lines)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(prog="python -m projects.project03_korean_nlp.train", description=__doc__)
    parser.add_argument("--data", type=Path, help="prepare가 만든 폴더 (기본: 내장 데이터를 준비해서 쓴다)")
    parser.add_argument("--test", type=Path, help="시험 데이터의 폴더 (기본: --data의 10분의 1)")
    parser.add_argument("--out", type=Path, default=cli.BUILD, help="결과의 폴더 (기본: %(default)s)")
    cli.add_analyzer(parser)
    cli.add_workers(parser)
    parser.add_argument("--epochs", type=cli.at_least(1), default=8, help="에포크의 수 (기본: %(default)s)")
    parser.add_argument("--seed", type=cli.at_least(0), default=0, help="초기값과 섞는 순서의 시드 (기본: %(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.test and not chosen.data:
        parser.error("--test는 --data와 함께 쓴다.")
    return chosen


def main(arguments: list[str] | None = None) -> None:
    chosen = _parse(arguments)
    from tf_study import course

    course.setup(chosen.seed)
    from projects.project03_korean_nlp.shards import write_json

    data, test = chosen.data, chosen.test
    if data is None:
        print(topics_ko.describe(), file=sys.stderr)
        data, test = embedded(chosen.out / "data", chosen.analyzer, chosen.workers)
    parts = split(data, test)
    history = learn(parts, chosen.out, chosen.epochs, chosen.seed)
    results = compare(*predict(parts, chosen.out / "model")) | {"history": history}
    write_json(chosen.out / "results.json", results)
    print(_table(results))
    print(f"모델: {chosen.out / 'model'}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
