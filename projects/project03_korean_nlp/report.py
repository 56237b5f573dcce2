"""준비한 글의 주제를 그린다: 글을 따라 달라지는 주제, 혼동 행렬, 주제마다 두드러진 말."""

from __future__ import annotations

import argparse
import base64
import html
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from projects.project03_korean_nlp import cli, evaluate
from projects.project03_korean_nlp.prepare import load_summary

SLICES = 10  # 글을 차례대로 나누는 조각의 수
WORDS = 8
EXAMPLES = 8
FEWEST = 5  # 이보다 드문 형태소는 세지 않는다


class Reading(NamedTuple):
    """What the model says of N documents, and what they are."""

    topics: list[str]
    predicted: np.ndarray  # (N,) 주제의 이름
    true: np.ndarray  # (N,) 적혀 있던 주제, 없으면 ''
    probability: np.ndarray  # (N,)
    words: list[Counter]  # 주제마다, 그 주제로 예측한 글의 형태소
    doubtful: list[tuple[float, str, str, str]]  # 확률, 예측, 적힌 주제, 글: 가장 망설인 것들


def read(folder: Path, model) -> Reading:
    """Classify a prepared folder, keeping counts and one topic a document."""
    from projects.project03_korean_nlp.shards import read_batches

    words = [Counter() for _ in model.topics]
    predicted, true, probability, doubtful = [], [], [], []
    for batch in read_batches(folder):
        morphemes = [[word.decode() for word in row] for row in batch["morphemes"].to_list()]
        found = model(morphemes)
        best = found.argmax(axis=1)
        for row, k in zip(morphemes, best):
            words[k].update(row)
        predicted += [model.topics[k] for k in best]
        true += [topic.decode() for topic in batch["topic"].numpy()]
        probability += found.max(axis=1).tolist()
        texts = (text.decode() for text in batch["text"].numpy())
        size = len(best)
        doubtful += zip(probability[-size:], predicted[-size:], true[-size:], texts)
        doubtful = sorted(doubtful)[:EXAMPLES]
    return Reading(model.topics, np.array(predicted), np.array(true), np.array(probability), words, doubtful)


def shares(reading: Reading) -> np.ndarray:
    """Return (S, K) shares of the predicted topics in slices of the documents, in their order."""
    slices = np.array_split(reading.predicted, min(SLICES, len(reading.predicted)))
    return np.array([[np.mean(part == topic) for topic in reading.topics] for part in slices])


def typical_words(reading: Reading) -> dict[str, list[tuple[str, float]]]:
    """Return for every predicted topic the words with the largest z scores."""
    total = sum(reading.words, Counter())
    vocabulary = sorted(word for word, count in total.items() if count >= FEWEST)
    z = evaluate.log_odds(np.array([[counts[word] for word in vocabulary] for counts in reading.words]))
    best = np.argsort(-z, axis=1, kind="stable")[:, :WORDS]
    return {topic: [(vocabulary[j], float(z[k, j])) for j in best[k]] for k, topic in enumerate(reading.topics)}


def draw_shares(reading: Reading):
    import matplotlib.pyplot as plt

    from tf_study.course import plot

    parts = shares(reading)
    whole = [np.mean(reading.predicted == topic) for topic in reading.topics]
    order = np.argsort(whole)[::-1]
    fig, ax = plt.subplots(figsize=(8, 3.6))
    bottom = np.zeros(len(parts))
    for k in order:
        ax.bar(range(1, len(parts) + 1), parts[:, k], bottom=bottom, color=plot.COLORS[k % 8], label=reading.topics[k])
        bottom += parts[:, k]
    ax.set(title=f"가장 많은 주제는 {reading.topics[order[0]]}({whole[order[0]]:.0%})이다", ylim=(0, 1))
    size = len(reading.predicted) // len(parts)
    ax.set(xticks=range(1, len(parts) + 1), xlabel=f"글의 차례 (한 칸에 약 {size:,}편)", ylabel="몫")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return fig


def draw_confusion(reading: Reading):
    from tf_study.course import plot

    labelled = np.isin(reading.true, reading.topics)
    matrix = evaluate.confusion(reading.true[labelled], reading.predicted[labelled], reading.topics)
    wrong = matrix - np.diag(np.diag(matrix))
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    title = f"{labelled.sum():,}편 가운데 {np.trace(matrix):,}편이 맞았다"
    if wrong.any():
        title += f". 가장 잦은 혼동: {reading.topics[i]} → {reading.topics[j]} {wrong[i, j]}편"
    ax = plot.heatmap(matrix, title, reading.topics, reading.topics, "d")
    ax.set(xlabel="예측한 주제", ylabel="적혀 있던 주제")
    ax.title.set_fontsize(10)
    return ax.figure


def draw_words(reading: Reading):
    import matplotlib.pyplot as plt

    from tf_study.course import plot

    found = typical_words(reading)
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(2.5 * columns, 2.4 * rows), sharex=True, squeeze=False)
    for k, (ax, (topic, words)) in enumerate(zip(axes.flat, found.items())):
        ax.barh([word for word, _ in words][::-1], [z for _, z in words][::-1], color=plot.COLORS[k % 8])
        ax.set_title(topic)
    for ax in axes.flat[len(found) :]:
        ax.axis("off")
    fig.suptitle("주제마다 두드러진 말 (정보가 있는 사전 분포의 로그 오즈 비, z 점수)")
    return fig


def _scores(reading: Reading) -> list[list[str]]:
    labelled = np.isin(reading.true, reading.topics)
    rows = []
    for topic in reading.topics:
        own, said = reading.true[labelled] == topic, reading.predicted[labelled] == topic
        row = [topic, f"{own.sum():,}"]
        for right in (said[own], own[said]):
            found = evaluate.accuracy(right) if len(right) else None
            row.append(f"{found['accuracy']:.3f} ({found['low']:.3f}–{found['high']:.3f})" if found else "–")
        rows.append(row)
    return rows


def _table(header: list[str], rows: list[list[str]]) -> str:
    def line(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line("th", header) + "".join(line("td", row) for row in rows) + "</table>"


STYLE = """body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.6}
img{max-width:100%}table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left;vertical-align:top}"""


def page(reading: Reading, summary: dict, images: dict[str, Path]) -> str:
    """Return the report as one HTML file that needs no other."""

    def image(name: str) -> str:
        data = base64.b64encode(images[name].read_bytes()).decode()
        return f'<img alt="{name}" src="data:image/png;base64,{data}">'

    bad = summary["bad"]
    parts = [
        "<h1>한국어 글의 주제</h1>",
        _table(
            ["글", "형태소", "분석기", "버린 줄"],
            [[f"{summary['documents']:,}편", f"{summary['morphemes']:,}개", summary["settings"]["package"],
              f"{sum(bad.values()):,}개 " + ", ".join(f"{reason} {count:,}" for reason, count in bad.items())]],
        ),
        "<h2>글을 따라 본 주제</h2>", image("topics"),
        "<h2>주제마다 두드러진 말</h2>", image("words"),
    ]  # fmt: skip
    if "confusion" in images:
        header = ["주제", "글", "재현율 (95 % 구간)", "정밀도 (95 % 구간)"]
        parts += ["<h2>적혀 있던 주제와 견주면</h2>", image("confusion"), _table(header, _scores(reading))]
    rows = [[f"{p:.2f}", predicted, true or "–", text] for p, predicted, true, text in reading.doubtful]
    parts += ["<h2>가장 망설인 글</h2>", _table(["확률", "예측", "적힌 주제", "글"], rows)]
    head = f'<meta charset="utf-8"><title>한국어 글의 주제</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="ko"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def write(reading: Reading, summary: dict, out: Path) -> Path:
    """Write topics.png, words.png, confusion.png (if topics are known) and report.html; return the last."""
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    drawings = {"topics": draw_shares, "words": draw_words}
    if np.isin(reading.true, reading.topics).any():
        drawings["confusion"] = draw_confusion
    images = {}
    for name, draw in drawings.items():
        figure = draw(reading)
        images[name] = out / f"{name}.png"
        figure.savefig(images[name], dpi=100)
        plt.close(figure)
    target = out / "report.html"
    target.write_text(page(reading, summary, images), encoding="utf-8")
    return target


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(prog="python -m projects.project03_korean_nlp.report", description=__doc__)
    default = cli.BUILD / "data/test-okt"
    parser.add_argument("data", nargs="?", type=Path, default=default, help="prepare가 만든 폴더 (기본: %(default)s)")
    parser.add_argument("--model", default=cli.BUILD / "model", help="train이 쓴 폴더 (기본: %(default)s)")
    parser.add_argument("--out", type=Path, default=cli.BUILD / "report", help="그림과 보고서의 폴더 (기본: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    chosen = _parse(arguments)
    summary = load_summary(chosen.data)
    import matplotlib

    matplotlib.use("Agg")
    from tf_study import course

    course.setup()
    from projects.project03_korean_nlp.model import TopicModel

    model = TopicModel(chosen.model)
    if model.settings["package"] != summary["settings"]["package"]:
        raise cli.UserError(
            f"모델과 같은 분석기로 준비한 글이어야 한다. 모델: {model.settings['package']}, "
            f"글: {summary['settings']['package']}"
        )
    if not summary["documents"]:
        raise cli.UserError(f"글이 한 편 이상 있어야 한다. 모두 버린 줄이다: {chosen.data / 'bad.jsonl'}")
    print(f"보고서: {write(read(chosen.data, model), summary, chosen.out)}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
