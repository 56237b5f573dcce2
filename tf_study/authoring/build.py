"""노트북을 실행해 출력을 쓰고, 모듈을 내보내고, 해답에서 실습 노트북을 만든다."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbformat.validator import normalize
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from tf_study.authoring import rules
from tf_study.authoring.export import LIBRARY, exported
from tf_study.authoring.practice import cleared
from tf_study.authoring.tree import Notebook, NotebookError, tags

CELL_TIMEOUT = 600  # 초. 노트북 하나의 목표는 60초다


def build(notebook: Notebook, on_cell: Callable[[], None] = lambda: None) -> float:
    """Run a notebook and write it, its module and its practice notebook; return the seconds it took.

    Nothing is written unless everything succeeds.

    Args:
        notebook: a lecture, a solution or a project's notebook.
        on_cell: called after each code cell.

    Raises:
        NotebookError: a cell fails, an output must not be published, or the export is wrong.
        KeyboardInterrupt: SIGINT or SIGTERM came while a cell was running.
    """
    start = time.perf_counter()
    sources = [notebook, cleared(notebook)] if notebook.kind == "solution" else [notebook]
    files = {}
    for source in sources:
        files |= _rendered(source, on_cell)
    _write(notebook.root, files)
    return time.perf_counter() - start


def _rendered(source: Notebook, on_cell: Callable[[], None]) -> dict[str, str]:
    """Return {path relative to the root: text} of everything that one notebook gives."""
    notebook = _normalised(source)
    _execute(notebook, on_cell)
    _trim_tracebacks(notebook)
    findings = [finding for rule in rules.OUTPUT_RULES for finding in rule(notebook)]
    if findings:
        raise NotebookError(notebook, "\n".join(findings))
    return {notebook.name: nbformat.writes(notebook.node) + "\n"} | exported(notebook)


def _normalised(source: Notebook) -> Notebook:
    """A copy without outputs, of the newest format, with unique cell ids and no metadata but tags."""
    node = copy.deepcopy(source.node)
    node.nbformat_minor = 5
    node.metadata = nbformat.from_dict(rules.METADATA)
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({"tags": tags(cell)} if tags(cell) else {})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _, node = normalize(node, version=4, version_minor=5)
    return replace(source, content=node)


def _execute(notebook: Notebook, on_cell: Callable[[], None]) -> None:
    """Run the cells in a kernel of this interpreter, in the notebook's folder."""
    running: list[NotebookNode] = []
    # nbval과 같은 커널: 사용자가 등록한 다른 python3 커널에 가리지 않는다.
    kernel = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    stopped = threading.Event()
    with tempfile.TemporaryDirectory() as scratch, open(Path(scratch, "kernel.log"), "w+b") as log:
        client = NotebookClient(
            notebook.node,
            km=kernel,
            timeout=CELL_TIMEOUT,
            coalesce_streams=True,  # nbval도 같은 이름의 스트림을 하나로 합쳐 비교한다
            record_timing=False,
            resources={"metadata": {"path": str(notebook.path.parent)}},
            # pytest 아래의 커널은 파일 기술자 출력을 잡지 않는다. 여기서도 같아야 출력이 같다.
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
            on_notebook_start=lambda notebook: _stop_on_signal(kernel, stopped),
            on_cell_execute=lambda cell, cell_index: running.append(cell),
            on_cell_executed=lambda cell, cell_index, execute_reply: on_cell(),
        )
        try:
            client.execute(env=_environment(notebook.root, scratch), stderr=log, cleanup_kc=True)
        except CellExecutionError as error:
            raise NotebookError(notebook, _failure(running, str(error))) from error
        except (CellTimeoutError, DeadKernelError) as error:
            if stopped.is_set():
                raise KeyboardInterrupt from error
            log.seek(0)
            tail = log.read().decode(errors="replace")[-2000:]
            raise NotebookError(notebook, _failure(running, f"{running[-1].source}\n\n{error}\n{tail}")) from error
    notebook.node.metadata = nbformat.from_dict(rules.METADATA)  # 실행하면서 이 기계의 파이썬이 적힌다


def _stop_on_signal(kernel: AsyncKernelManager, stopped: threading.Event) -> None:
    """Let Ctrl-C end the whole build: after nbclient's own handler the next notebook would begin."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopped.set()
        loop.create_task(kernel.shutdown_kernel(now=True))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _environment(root: Path, scratch: str) -> dict[str, str]:
    """The maintainer's environment, but with the course's defaults and without the learner's record."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])),
        "TF_STUDY_PROGRESS": scratch,
        "TF_STUDY_DATA": "embedded",
        "TF_STUDY_SCALE": "quick",
    }


def _failure(running: list[NotebookNode], report: str) -> str:
    return f"코드 셀 {len(running)}에서 실패했다.\n{report.rstrip()}"


def _trim_tracebacks(notebook: Notebook) -> None:
    """Keep only the notebook's own frames of a traceback: the others show this machine's paths."""
    for output in (o for cell in notebook.code_cells for o in cell.outputs if o.output_type == "error"):
        output.traceback = [part for part in output.traceback if not strip_ansi(part).lstrip().startswith("File ")]


def _write(root: Path, files: dict[str, str]) -> None:
    """Write all files or, if one cannot be written, none."""
    staged = []
    try:
        for name, text in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.append((target.with_name(target.name + ".part"), target))
            staged[-1][0].write_text(text, encoding="utf-8")
        for part, target in staged:
            os.replace(part, target)
            _make_package(root, target)
    finally:
        for part, _ in staged:
            part.unlink(missing_ok=True)


def _make_package(root: Path, target: Path) -> None:
    init = target.with_name("__init__.py")
    if target.is_relative_to(root / LIBRARY) and not init.exists():
        init.write_text(f'"""{target.parent.name} 장의 노트북에서 내보낸 모듈."""\n', encoding="utf-8")
