"""작은 BERT가 BiLSTM에 왜 못 미치는지: 사전학습을 빼고, 조각을 바꾸어 같은 글로 다시 학습해 견준다."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from projects.project02_sentiment_analysis.train import OUT
from tf_study import course


def run(out: Path) -> None:
    from projects.project02_sentiment_analysis import baselines, data, evaluation
    from projects.project02_sentiment_analysis.classifier import Settings, probabilities, train_classifier
    from tf_study.advanced_architectures.korean_bert import bert_inputs

    settings, reviews, runs = Settings(), data.load(), out / "runs"

    def predicted(chosen: Settings):
        classifier, _ = train_classifier(chosen, reviews, runs)
        return classifier, (probabilities(classifier, reviews.test.texts) > 0.5).astype(int)

    classifier, ours = predicted(settings)
    scratch = predicted(dataclasses.replace(settings, pretraining_epochs=0))[1]
    tokenizer = classifier.preprocessor.tokenizer
    pieces = [bert_inputs(part.texts, tokenizer, settings.length)["token_ids"] for part in reviews[:3]]
    figures = evaluation.report({
        "작은 BERT": ours,
        "사전학습 없는 BERT": scratch,
        "BiLSTM(워드피스)": baselines.train_bilstm(settings, reviews, "bilstm-pieces", tokenizer.vocabulary_size(), *pieces, runs),
        "BiLSTM(글자)": baselines.bilstm(settings, reviews, runs),
    }, reviews.test.labels, reviews.kinds)  # fmt: skip
    print(evaluation.table(figures))
    for kind, found in figures["kinds"].items():
        print(f"{data.KINDS[kind]}: " + ", ".join(f"{name} {mean:.2f}" for name, (mean, _, _) in found.items()))
    (out / "results").mkdir(parents=True, exist_ok=True)
    evaluation.draw(figures, _finding(figures, data.KINDS)).savefig(out / "results" / "ablation.png")


def _finding(figures: dict, names: dict[str, str]) -> str:
    """The kind of sentence in which BERT is furthest behind the BiLSTM, if kinds are known and it is behind."""
    gaps = {kind: found["작은 BERT"][0] - found["BiLSTM(글자)"][0] for kind, found in figures["kinds"].items()}
    worst = min(gaps, key=gaps.get, default=None)
    if worst is None or gaps[worst] >= 0:
        return "사전학습과 조각을 바꾸어 잰 정확도"
    return f"작은 BERT가 BiLSTM(글자)에 가장 뒤지는 문장: {names[worst]}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ablation", description="작은 BERT와 BiLSTM의 차이가 어디서 오는지 잰다")
    parser.add_argument("--out", default=OUT, metavar="DIR", help=f"train과 같은 폴더 (기본: {OUT})")
    chosen = parser.parse_args(arguments)
    try:
        course.setup()
        run(Path(chosen.out))
    except KeyboardInterrupt:
        print("멈췄다. 같은 명령을 다시 실행하면 이어서 한다.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
