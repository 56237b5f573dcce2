"""줄마다 글 한 편인 입력을 읽어 주제를 JSON 줄로 낸다. 입력이 아무리 길어도 메모리는 그대로이다."""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
from collections.abc import Iterator

from projects.project03_korean_nlp import analysis, cli
from projects.project03_korean_nlp.analysis import AnalyzerPool
from projects.project03_korean_nlp.prepare import joined
from projects.project03_korean_nlp.text import BadLine, Document, Line, Reader, is_json, read_files, read_stream

ROOM = 1024  # 읽어 두고 아직 작업자에게 보내지 않은 글의 최대 수
IDLE = 0.2  # 입력이 이만큼(초) 멎으면 모은 것까지 먼저 낸다. `tail -f`를 받을 수 있다
STDIN = "-"

Row = Document | BadLine


def lines(files: list[str]) -> Iterator[Line]:
    for name in files:
        if name == STDIN:
            yield from read_stream(open(0, "rb", closefd=False), STDIN)
        else:
            yield from (line for _, line in read_files([name]))


def incoming(files: list[str], reader: Reader, as_json: bool) -> Iterator[list[Row] | None]:
    """Yield batches of rows as they come, None while nothing comes. A thread reads ahead, up to `ROOM` rows."""
    rows: queue.Queue[Row | OSError | None] = queue.Queue(ROOM)

    def read() -> None:
        try:
            for line in lines(files):
                rows.put(reader.parse(line, as_json or is_json(line.file)))
            rows.put(None)
        except OSError as error:
            rows.put(error)

    threading.Thread(target=read, daemon=True).start()
    return _batches(rows)


def _batches(rows: queue.Queue[Row | OSError | None]) -> Iterator[list[Row] | None]:
    batch: list[Row] = []
    while True:
        try:
            row = rows.get(timeout=IDLE)
        except queue.Empty:
            if batch:
                yield batch
                batch = []
            yield None
            continue
        if isinstance(row, OSError):
            raise row
        if row is None:
            break
        batch.append(row)
        if len(batch) == analysis.BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def classify(batches: Iterator[list[Row] | None], model, pool: AnalyzerPool) -> Iterator[list[dict]]:
    """Yield an answer for every row, batch by batch, in the order of the rows."""

    def texts(batch: list[Row]) -> list[str]:
        return [row.text for row in batch if isinstance(row, Document)]

    for batch, analyses in pool.map(batches, texts):
        found = iter(analyses)
        rows = [row if isinstance(row, BadLine) else joined(row, next(found)) for row in batch]
        probabilities = iter(model([row[1] for row in rows if not isinstance(row, BadLine)]))
        yield [_error(row) if isinstance(row, BadLine) else _answer(row[0], next(probabilities), model) for row in rows]


def _answer(document: Document, probabilities, model) -> dict:
    best = int(probabilities.argmax())
    answer = {"file": document.file, "line": document.line}
    answer |= {"id": document.id} if document.id else {}
    return answer | {"topic": model.topics[best], "probability": round(float(probabilities[best]), 4)}


def _error(bad: BadLine) -> dict:
    return {"file": bad.file, "line": bad.line, "error": f"{bad.reason}: {bad.detail}" if bad.detail else bad.reason}


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(prog="python -m projects.project03_korean_nlp.classify", description=__doc__)
    parser.add_argument("files", nargs="*", default=[STDIN], metavar="FILE", help="글 파일, .jsonl, .ndjson (기본: 표준 입력)")
    parser.add_argument("--model", default=cli.BUILD / "model", help="train이 쓴 폴더 (기본: %(default)s)")
    parser.add_argument("--json", action="store_true", help="이름과 관계없이 모든 입력을 JSON 줄로 읽는다")
    parser.add_argument("--text-field", default="text", help="JSON에서 글의 이름 (기본: %(default)s)")
    parser.add_argument("--max-chars", type=cli.at_least(1), default=2000, help="글의 최대 글자 수 (기본: %(default)s)")
    cli.add_workers(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    chosen = _parse(arguments)
    cli.existing_files([name for name in chosen.files if name != STDIN])
    from tf_study import course

    course.setup()
    from projects.project03_korean_nlp.model import TopicModel

    model = TopicModel(chosen.model)
    batches = incoming(chosen.files, Reader(chosen.text_field, max_chars=chosen.max_chars), chosen.json)
    count = wrong = 0
    with AnalyzerPool(model.settings["analyzer"], chosen.workers) as pool:
        for answers in classify(batches, model, pool):
            sys.stdout.write("".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers))
            sys.stdout.flush()
            count, wrong = count + len(answers), wrong + sum("error" in answer for answer in answers)
    print(f"{count:,}줄, 그 가운데 오류 {wrong:,}줄", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
