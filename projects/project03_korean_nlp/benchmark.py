"""이 컴퓨터에서 잰다: 분석기와 작업자 수에 따른 초당 글의 수, 열 배 긴 입력의 메모리, kill -9 뒤의 결과."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from projects.project03_korean_nlp import analysis, cli
from projects.project03_korean_nlp.analysis import AnalyzerPool
from tf_study.course.data import topics_ko
from tf_study.nlp.bpe import ANALYZERS

PACKAGE = "projects.project03_korean_nlp"
WARM = 20  # 재기 전에 작업자마다 맡기는 묶음의 수: JVM이 데워진다
SLOW = {"kkma": 10}  # 이만큼 적은 글로 잰다
PROCESS_POLL = 0.05  # 초


def texts(count: int) -> list[str]:
    """Return `count` texts of the embedded corpus, over and over if it has fewer."""
    (found, _), _ = topics_ko.load_data()
    return list(itertools.islice(itertools.cycle(found), count))


def throughput(analyzer: str, workers: int, count: int) -> tuple[float, float]:
    """Return seconds until the first answer and documents per second after the warm-up."""
    size = analysis.BATCH
    count, warm = count // SLOW.get(analyzer, 1), WARM * workers // SLOW.get(analyzer, 1)
    batches = [texts(count + size)[i : i + size] for i in range(0, count, size)]
    start = time.perf_counter()
    with AnalyzerPool(analyzer, workers) as pool:
        next(pool.map([batches[0][:1]], list))
        first = time.perf_counter() - start
        for _ in pool.map(itertools.islice(itertools.cycle(batches), warm), list):
            pass
        start = time.perf_counter()
        for _ in pool.map(batches, list):
            pass
        return first, len(batches) * size / (time.perf_counter() - start)


def tree_peak(command: list[str], **options) -> int:
    """Run a command and return the largest sum of resident sets of it and all its children, in bytes.

    Pages that processes share count once for each. The tree is looked at every 0.05 s: a peak that is
    shorter can be missed.

    Raises:
        RuntimeError: the command failed.
    """
    with tempfile.TemporaryFile() as errors:
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, **options)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, _tree(process))))
            time.sleep(PROCESS_POLL)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"명령이 실패했다({process.returncode}): {errors.read().decode(errors='replace')[-500:]}")
    return peak


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def command(name: str, *arguments) -> list[str]:
    return [sys.executable, "-m", f"{PACKAGE}.{name}", *map(str, arguments)]


def content(folder: Path) -> dict[str, str]:
    """Return the hash of every file that prepare wrote."""
    files = sorted(path for path in folder.iterdir() if path.name != ".lock")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def killed_after(shards: int, prepare: list[str], out: Path, timeout: float = 300) -> bool:
    """Run prepare, kill -9 it once `shards` shards are finished; return whether it was still running then."""
    process = psutil.Popen(prepare, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + timeout
    while process.poll() is None and len(list(out.glob("[0-9]*.json"))) < shards:
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError(f"{timeout}초 안에 샤드 {shards}개가 끝나지 않았다")
        time.sleep(0.01)
    running = process.poll() is None
    workers = process.children(recursive=True) if running else []
    if running:
        process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    if alive:
        raise RuntimeError(f"부모가 죽었는데 작업자가 남았다: {alive}")
    return running


def measure_throughput(chosen: argparse.Namespace) -> None:
    print(f"글 {chosen.documents:,}편, CPU {os.cpu_count()}개\n분석기\t작업자\t첫 답까지(초)\t글/초")
    for analyzer, workers in itertools.product(chosen.analyzers, chosen.workers):
        first, rate = throughput(analyzer, workers, chosen.documents)
        print(f"{analyzer}\t{workers}\t{first:.1f}\t{rate:,.0f}", flush=True)


def measure_memory(chosen: argparse.Namespace) -> None:
    print("명령\t분석기\t글\t최대 메모리(MiB)\t시간(초)")
    with tempfile.TemporaryDirectory() as scratch:
        for size in (chosen.documents, 10 * chosen.documents):
            file = Path(scratch, f"{size}.txt")
            file.write_text("\n".join(texts(size)) + "\n", encoding="utf-8")
            for name, options in _memory_commands(chosen, Path(scratch), size):
                start = time.perf_counter()
                peak = tree_peak(command(name, file, "--workers", chosen.workers[-1], *options))
                seconds = time.perf_counter() - start
                print(f"{name}\t{options[-1]}\t{size:,}\t{peak / 2**20:,.0f}\t{seconds:.1f}", flush=True)


def _memory_commands(chosen: argparse.Namespace, scratch: Path, size: int) -> list[tuple[str, list]]:
    prepared = [
        ("prepare", ["--out", scratch / f"{size}-{name}", "--analyzer", name]) for name in chosen.analyzers
    ]
    return prepared + [("classify", ["--model", chosen.model])]


def measure_resume(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "input.txt")
        file.write_text("\n".join(texts(chosen.documents)) + "\n", encoding="utf-8")
        whole, resumed = Path(scratch, "whole"), Path(scratch, "resumed")
        shard = max(1, chosen.documents // 8)
        options = ["--analyzer", chosen.analyzers[0], "--lines-per-shard", shard, "--workers", chosen.workers[-1]]
        subprocess.run(command("prepare", file, "--out", whole, *options), check=True, capture_output=True)
        prepare = command("prepare", file, "--out", resumed, *options)
        kills = sum(killed_after(shards, prepare, resumed) for shards in (1, 3, 5))
        subprocess.run(prepare, check=True, capture_output=True)
        expected, found = content(whole), content(resumed)
    print(f"kill -9 {kills}번, 파일 {len(found)}개, 끊기지 않은 것과 {'같다' if found == expected else '다르다'}")


PARTS = {"throughput": measure_throughput, "memory": measure_memory, "resume": measure_resume}


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(prog=f"python -m {PACKAGE}.benchmark", description=__doc__)
    parser.add_argument("part", choices=list(PARTS), help="잴 것")
    parser.add_argument("--documents", type=cli.at_least(64), default=4000, help="글의 수 (기본: %(default)s)")
    names, default = list(ANALYZERS), ["kiwi", "okt"]
    parser.add_argument("--analyzers", nargs="+", choices=names, default=default, help="분석기들 (기본: kiwi okt)")
    parser.add_argument("--workers", nargs="+", type=cli.at_least(1), default=[1, 2], help="작업자의 수들 (기본: 1 2)")
    parser.add_argument("--model", default=cli.BUILD / "model", help="memory가 쓸 모델 (기본: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    chosen = _parse(arguments)
    PARTS[chosen.part](chosen)


if __name__ == "__main__":
    cli.run(main)
