"""주제 분류기를 학습하고 형태소 주머니와 견준다. 죽으면 같은 명령으로 이어 간다."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from projects.common.files import write_whole
from projects.project03_korean_nlp import cli
from projects.project03_korean_nlp.prepare import Settings, load_summary, prepare
from tf_study.course.data import topics_ko

VALIDATION, TEST = 10, 20  # --test가 없으면 버킷 0–9가 검증, 10–19가 시험 데이터이다
BAGS = {"형태소 주머니": 1, "형태소 1–3 주머니": 3}


def embedded(out: Path, analyzer: str, workers: int) -> tuple[Path, Path]:
    """Write the embedded corpus as JSON lines and prepare it; return the folders of training and test."""
    folders = []
    print(topics_ko.describe(), file=sys.stderr)
    for name, (texts, labels) in zip(("train", "test"), topics_ko.load_data()):
        lines = [json.dumps({"text": t, "topic": topics_ko.TOPICS[y]}, ensure_ascii=False) for t, y in zip(texts, labels)]
        file, content = out / f"{name}.jsonl", "\n".join(lines) + "\n"
        write_whole(file, lambda part: part.write_text(content, encoding="utf-8"))
        folders.append(out / f"{name}-{analyzer}")
        prepare([str(file)], folders[-1], Settings(analyzer=analyzer), workers)
    return folders[0], folders[1]


def train(data: Path, test: Path | None, out: Path, epochs: int, seed: int) -> dict:
    """Train on a prepared folder, write the model and return the comparison on the test documents.

    Raises:
        UserError: a folder is not prepared, by another analyser than the other, or names too few topics;
            or `out` holds another run.
    """
    import tensorflow as tf

    from projects.common.training import TrainingError, fit
    from projects.project03_korean_nlp import model as models

    prepared = load_summary(data)
    analyzer, package = prepared["settings"]["analyzer"], prepared["settings"]["package"]
    if test and load_summary(test)["settings"]["package"] != package:
        raise cli.UserError(f"훈련과 시험 데이터의 분석기가 같아야 한다. 훈련: {package}, 시험: {test}")
    parts = {
        "train": models.Part(data, VALIDATION if test else TEST),
        "valid": models.Part(data, 0, VALIDATION),
        "test": models.Part(test) if test else models.Part(data, VALIDATION, TEST),
    }
    found = models.survey(parts["train"])
    steps = -(-found.documents // models.BATCH)
    model = models.build(found, epochs * steps)
    rows = models.examples(parts["train"], found)

    def epoch_data(epoch: int):
        shuffled = rows.shuffle(models.SHUFFLE, seed=seed * 10_000 + epoch).batch(models.BATCH)
        return shuffled.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)

    config = {
        "data": prepared["content"],
        "vocabulary": len(found.vocabulary),
        "model": [models.UNITS, models.DIMENSION, models.DROPOUT],
        "rate": [models.BATCH, models.PEAK_RATE, models.WARMUP],
        "seed": seed,
    }
    validation = models.examples(parts["valid"], found).batch(models.PARSED)
    try:
        history = fit(model, epoch_data, epochs=epochs, folder=out / "run", config=config, validation=validation)
    except TrainingError as error:
        raise cli.UserError(str(error)) from None
    models.save(model, found, {"analyzer": analyzer, "package": package}, out / "model")
    return compare(parts, out / "model", history)


def compare(parts: dict, folder: Path, history: list[dict]) -> dict:
    """Return accuracies of the model and of the bags on the same test documents."""
    from projects.project03_korean_nlp import baseline, evaluate
    from projects.project03_korean_nlp.model import TopicModel

    train, valid, test = (baseline.load(parts[name]) for name in ("train", "valid", "test"))
    model = TopicModel(folder)
    predicted = {name: baseline.Bag(n, train, valid).predict(test.morphemes) for name, n in BAGS.items()}
    predicted["BiLSTM"] = evaluate.topics_of(model(test.morphemes), model.topics)
    return {
        "documents": {"train": len(train.topics), "valid": len(valid.topics), "test": len(test.topics)},
        "history": history,
        "test": {name: evaluate.accuracy(topics == test.topics) for name, topics in predicted.items()},
        "paired": {
            name: evaluate.mcnemar(predicted["BiLSTM"] == test.topics, predicted[name] == test.topics) for name in BAGS
        },
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
        data, test = embedded(chosen.out / "data", chosen.analyzer, chosen.workers)
    results = train(data, test, chosen.out, chosen.epochs, chosen.seed)
    write_json(chosen.out / "results.json", results)
    print(_table(results))
    print(f"모델: {chosen.out / 'model'}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
