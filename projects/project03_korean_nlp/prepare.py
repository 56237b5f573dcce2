"""글 파일을 형태소의 TFRecord 샤드로 만든다. 죽으면 같은 명령으로 이어 간다."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import filelock
from tqdm import tqdm

from projects.common.files import write_whole
from projects.project03_korean_nlp import analysis, cli
from projects.project03_korean_nlp.analysis import Analysis, AnalyzerPool
from projects.project03_korean_nlp.text import (
    BUCKETS,
    BadLine,
    Document,
    Line,
    Position,
    Reader,
    is_json,
    read_files,
)

FORMAT = 1  # 샤드의 내용이 달라지게 고치면 올린다


class PrepareError(cli.UserError):
    """The data cannot be prepared; the message is one Korean line for the user."""


@dataclass(frozen=True)
class Settings:
    """Everything besides the input that the output depends on."""

    reader: Reader = Reader()
    analyzer: str = analysis.DEFAULT
    lines_per_shard: int = 2000

    def described(self) -> dict:
        return asdict(self) | {"package": analysis.package_version(self.analyzer), "format": FORMAT}


class Range(NamedTuple):
    """The lines of one shard: where they start, how many, and the hash of what they hold."""

    start: Position
    lines: int
    sha256: str


class Batch(NamedTuple):
    """Lines of one shard that go to a worker together."""

    shard: int
    rows: list[Document | BadLine]

    def texts(self) -> list[str]:
        return [row.text for row in self.rows if isinstance(row, Document)]


def prepare(files: list[str], out: Path, settings: Settings, workers: int, progress: bool = True) -> dict:
    """Turn text files (a document a line) and JSON lines into shards in `out`; return the summary.

    Shard k holds the documents of lines k*n..(k+1)*n-1 of all files together. A shard that is there, whole
    and made of the same lines is not made again, so that a killed run goes on with the next one; the
    bytes of the result do not depend on interruptions nor on `workers`. Written: the shards, a manifest
    beside each, bad.jsonl (lines left out) and dataset.json (the summary, last).

    Raises:
        PrepareError: there is no line, `out` holds data of other input or settings or is in use, or the
            input changed while it was read.
        AnalysisError: the analyser cannot start, or a worker died.
        OSError: a file cannot be read or written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone_in(out):
        ranges = list(_ranges(files, settings.lines_per_shard))
        if not ranges:
            raise PrepareError(f"줄이 하나 이상 있어야 한다. 모두 빈 파일이다: {', '.join(files)}")
        described = {"settings": settings.described(), "files": files, "input": _hash(ranges)}
        _begin(out, described)
        return _finish(out, described, _write(files, out, settings, ranges, workers, progress))


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it when the process dies."""
    try:
        with filelock.FileLock(out / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise PrepareError(f"한 폴더에는 prepare가 하나만 쓸 수 있다. 다른 프로세스가 쓰는 폴더: {out}") from None


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


def _absorb(sha, line: Line) -> None:
    sha.update(f"{line.file}\0{line.number}\0{line.size}\0".encode())
    sha.update(line.data)


def _ranges(files: list[str], size: int) -> Iterator[Range]:
    """Read everything once, keeping nothing but a position and a hash for every shard."""
    lines = read_files(files)
    for start, line in lines:
        sha, count = hashlib.sha256(), 1
        _absorb(sha, line)
        for _, line in itertools.islice(lines, size - 1):
            _absorb(sha, line)
            count += 1
        yield Range(start, count, sha.hexdigest())


def _begin(out: Path, described: dict) -> None:
    """Note what the folder is for, or compare with what was noted."""
    from projects.project03_korean_nlp.shards import write_json

    noted = out / "source.json"
    if not noted.exists():
        write_json(noted, described)
    elif (found := json.loads(noted.read_text(encoding="utf-8"))) != described:
        names = [name for name in described if found.get(name) != described[name]]
        korean = {"settings": "설정", "files": "파일의 목록", "input": "입력의 내용"}
        raise PrepareError(
            f"같은 입력과 설정의 폴더만 이어 쓴다. {', '.join(korean[name] for name in names)}이(가) 다르다: {out}. "
            "다른 --out을 고르거나 이 폴더를 지운다."
        )


def _write(
    files: list[str], out: Path, settings: Settings, ranges: list[Range], workers: int, progress: bool
) -> Iterator[dict]:
    """Make the shards that are not there yet; return the manifests of all, read one by one."""
    from projects.project03_korean_nlp.shards import Shard

    described = settings.described()
    shards = [Shard(out, i, len(ranges), _hash([described, found])) for i, found in enumerate(ranges)]
    missing = [i for i, shard in enumerate(shards) if not shard.finished()]
    done = len(shards) - len(missing)
    if done and progress:
        print(f"끝난 샤드 {done}/{len(shards)}개는 다시 만들지 않는다.", file=sys.stderr)
    if missing:
        total = sum(ranges[i].lines for i in missing)
        with tqdm(total=total, unit="줄", file=sys.stderr, disable=not progress) as bar:
            with AnalyzerPool(settings.analyzer, workers) as pool:
                analyzed = pool.map(_batches(files, settings.reader, ranges, missing), Batch.texts)
                for i, group in itertools.groupby(analyzed, key=lambda pair: pair[0].shard):
                    shards[i].write(_rows(group, bar))
    return (shard.manifest() for shard in shards)


def _batches(files: list[str], reader: Reader, ranges: list[Range], missing: list[int]) -> Iterator[Batch]:
    for i in missing:
        sha, rows = hashlib.sha256(), []
        for _, line in itertools.islice(read_files(files, ranges[i].start), ranges[i].lines):
            _absorb(sha, line)
            rows.append(reader.parse(line, is_json(line.file)))
            if len(rows) == analysis.BATCH:
                yield Batch(i, rows)
                rows = []
        if sha.hexdigest() != ranges[i].sha256:  # 이 샤드의 마지막 묶음을 내기 전이므로 샤드는 쓰이지 않는다
            raise PrepareError("prepare가 읽는 동안 입력이 바뀌었다. 입력을 그대로 두고 새 폴더에 다시 실행한다.")
        yield Batch(i, rows)


def _rows(
    group: Iterator[tuple[Batch, list[Analysis]]], bar: tqdm
) -> Iterator[tuple[Document, list[str]] | BadLine]:
    for batch, analyses in group:
        found = iter(analyses)
        yield from (row if isinstance(row, BadLine) else joined(row, next(found)) for row in batch.rows)
        bar.update(len(batch.rows))


def joined(document: Document, result: Analysis) -> tuple[Document, list[str]] | BadLine:
    """Return the document with its morphemes, or the bad line that it turned out to be."""
    if isinstance(result, str):
        return BadLine(document.file, document.line, "형태소로 나누지 못했다", result, document.text)
    return document, result


def _finish(out: Path, described: dict, manifests: Iterator[dict]) -> dict:
    from projects.project03_korean_nlp.shards import write_json

    topics, reasons, hashes, morphemes = Counter(), Counter(), [], 0

    def write(part: Path) -> None:
        nonlocal morphemes
        with part.open("w", encoding="utf-8") as file:
            for manifest in manifests:
                topics.update(manifest["topics"])
                reasons.update(bad["reason"] for bad in manifest["bad"])
                hashes.append(manifest["tfrecord"])
                morphemes += manifest["morphemes"]
                file.writelines(json.dumps(bad, ensure_ascii=False) + "\n" for bad in manifest["bad"])

    write_whole(out / "bad.jsonl", write)
    summary = described | {
        "shards": len(hashes),
        "documents": topics.total(),
        "morphemes": morphemes,
        "topics": dict(sorted(topics.items())),
        "bad": dict(sorted(reasons.items())),
        "content": _hash(hashes),
    }
    write_json(out / "dataset.json", summary)
    return summary


class Part(NamedTuple):
    """Some of a prepared folder's documents: those whose bucket is in first..last-1."""

    folder: Path
    first: int = 0
    last: int = BUCKETS


def load_summary(folder: Path) -> dict:
    """Return the summary of a folder that `prepare` has finished.

    Raises:
        PrepareError: it has not.
    """
    try:
        return json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PrepareError(f"prepare가 끝난 폴더여야 한다. dataset.json이 없다: {folder}") from None


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(prog="python -m projects.project03_korean_nlp.prepare", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="글 파일(한 줄에 한 편) 또는 .jsonl, .ndjson")
    parser.add_argument("--out", type=Path, default=cli.BUILD / "prepared", help="샤드를 둘 폴더 (기본: %(default)s)")
    cli.add_analyzer(parser)
    cli.add_workers(parser)
    parser.add_argument("--text-field", default="text", help="JSON에서 글의 이름 (기본: %(default)s)")
    parser.add_argument("--topic-field", default="topic", help="JSON에서 주제의 이름. 없어도 된다 (기본: %(default)s)")
    parser.add_argument("--max-chars", type=cli.at_least(1), default=2000, help="글의 최대 글자 수 (기본: %(default)s)")
    parser.add_argument("--lines-per-shard", type=cli.at_least(1), default=2000, help="샤드 하나의 줄 수 (기본: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    chosen = _parse(arguments)
    files = cli.existing_files(chosen.files)
    from tf_study import course

    course.setup()
    reader = Reader(chosen.text_field, chosen.topic_field, chosen.max_chars)
    settings = Settings(reader, chosen.analyzer, chosen.lines_per_shard)
    summary = prepare(files, chosen.out, settings, chosen.workers)
    shown = ("documents", "shards", "morphemes", "topics", "bad")
    print(json.dumps({name: summary[name] for name in shown}, ensure_ascii=False))
    print(f"문서 {summary['documents']:,}편, 버린 줄 {sum(summary['bad'].values()):,}개: {chosen.out}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
