"""분류기를 학습하고, 기준선과 견주고, 모델의 새 버전으로 내놓는다. 죽여도 같은 명령이 이어서 한다."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from projects.project02_sentiment_analysis.registry import Registry, RegistryError
from tf_study import course

OUT = "build/project02"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train", description="한국어 감성 분류기를 학습한다")
    parser.add_argument("--out", default=OUT, metavar="DIR", help=f"체크포인트, 결과, 모델의 폴더 (기본: {OUT})")
    parser.add_argument("--preset", metavar="hf://…", help="공개된 BERT: hf://사용자/모델이나 폴더 (기본: 7.3의 작은 BERT)")
    parser.add_argument("--texts", type=int, metavar="N", help="훈련 데이터의 앞 N문장만 쓴다 (기본: 모두)")
    parser.add_argument("--epochs", type=int, metavar="N", help="미세 조정의 에포크 (기본: 8, --preset이면 3)")
    parser.add_argument("--pretraining-epochs", type=int, metavar="N", help="사전학습의 에포크 (기본: 18)")
    parser.add_argument("--length", type=int, metavar="T", help="글 하나의 토큰 (기본: 24, --preset이면 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="난수의 시드 (기본: 0)")
    chosen = parser.parse_args(arguments)
    for name, least in (("texts", 100), ("epochs", 1), ("pretraining_epochs", 0), ("length", 3), ("seed", 0)):
        value = getattr(chosen, name)
        if value is not None and value < least:
            parser.error(f"--{name.replace('_', '-')}는 {least} 이상이어야 한다. 받은 값: {value}")
    return chosen


def settings_of(chosen: argparse.Namespace):
    """The small BERT's settings, or those that suit a large one, with what the user chose."""
    from projects.project02_sentiment_analysis.classifier import Settings

    large = {"length": 64, "epochs": 3, "learning_rate": 5e-5, "batch": 16} if chosen.preset else {}
    names = ("preset", "texts", "epochs", "pretraining_epochs", "length", "seed")
    return Settings(**large | {name: value for name in names if (value := getattr(chosen, name)) is not None})


def run(chosen: argparse.Namespace) -> None:
    from projects.project02_sentiment_analysis import baselines, data, evaluation
    from projects.project02_sentiment_analysis.classifier import probabilities, train_classifier

    settings, out = settings_of(chosen), Path(chosen.out)
    reviews = data.load(settings.texts)
    print(reviews.description, file=sys.stderr)
    classifier, curves = train_classifier(settings, reviews, out / "runs")
    name = settings.preset or "작은 BERT"
    predictions = {
        name: (probabilities(classifier, reviews.test.texts) > 0.5).astype(int),
        "BiLSTM": baselines.bilstm(settings, reviews, out / "runs"),
        "단어 주머니": baselines.bag_of_words(reviews),
    }
    figures = evaluation.report(predictions, reviews.test.labels, reviews.kinds)
    manifest = {
        "model": name, "labels": list(data.LABELS), "data": reviews.description,
        "accuracy": figures["accuracy"][name][0], "settings": vars(settings), "report": figures,
    }  # fmt: skip
    registry = Registry(out / "models")
    version = registry.publish(lambda folder: save(classifier, folder), manifest)
    results = out / "results" / version
    results.mkdir(parents=True, exist_ok=True)
    (results / "report.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
    (results / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    evaluation.draw(figures, f"{name}와 기준선의 정확도").savefig(results / "accuracy.png")
    print(evaluation.table(figures))
    current = registry.current()
    print(f"모델의 버전: {version}, 서비스할 버전: {current}, 결과: {results}")
    if version != current:
        print(f"올리려면: python -m projects.project02_sentiment_analysis.versions promote {version}")


def save(classifier, folder: Path) -> None:
    """Write the preset without what serving does not need and what makes equal models differ."""
    classifier.optimizer = None  # 모멘트를 버리면 파일이 3분의 1쯤이 된다
    classifier.save_to_preset(str(folder))
    metadata = folder / "metadata.json"
    kept = {name: value for name, value in json.loads(metadata.read_text()).items() if name != "date_saved"}
    metadata.write_text(json.dumps(kept, indent=1))


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    try:
        course.setup(seed=chosen.seed)
        from projects.common.training import TrainingError
        from projects.project02_sentiment_analysis.classifier import PresetError

        try:
            run(chosen)
        except (TrainingError, PresetError, RegistryError) as error:
            print(error, file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("멈췄다. 같은 명령을 다시 실행하면 이어서 한다.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
