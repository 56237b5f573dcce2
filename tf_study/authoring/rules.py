"""노트북이 지켜야 할 것들. 규칙 하나가 함수 하나이고, 찾은 것을 한 줄씩 낸다."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tf_study.authoring.tree import code_cells, tags

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home|work|tmp|Users|opt|private|mnt|var/folders)/[\w.]+")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
WARNING = re.compile(r"(?i)warning")


def numbered_outputs(node: NotebookNode) -> Iterator[tuple[int, NotebookNode, NotebookNode]]:
    for number, cell in enumerate(code_cells(node), 1):
        for output in cell.outputs:
            yield number, cell, output


def text_of(output: NotebookNode) -> str:
    """Everything in an output that can be read: streams, text formats, tracebacks."""
    shown = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    return "\n".join(shown + [str(v) for k, v in output.get("data", {}).items() if not k.startswith("image/p")])


def no_error(node: NotebookNode) -> Iterator[str]:
    for number, cell, output in numbered_outputs(node):
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield f"코드 셀 {number}: 출력에 오류가 있다({output.ename}). 보이려는 것이면 raises-exception 태그를 단다."


def no_warning(node: NotebookNode) -> Iterator[str]:
    for number, cell, output in numbered_outputs(node):
        noisy = output.get("name") == "stderr" or WARNING.search(text_of(output))
        if noisy and "shows-warning" not in tags(cell):
            line = text_of(output).strip().splitlines()[0][:80]
            yield f"코드 셀 {number}: 출력에 경고나 stderr가 있다({line}). 보이려는 것이면 shows-warning 태그를 단다."


def no_machine_path(node: NotebookNode) -> Iterator[str]:
    for number, _, output in numbered_outputs(node):
        if match := MACHINE_PATH.search(text_of(output)):
            yield f"코드 셀 {number}: 출력에 이 기계의 경로가 있다({match[0]})."


def no_address(node: NotebookNode) -> Iterator[str]:
    for number, _, output in numbered_outputs(node):
        if match := ADDRESS.search(text_of(output)):
            yield f"코드 셀 {number}: 출력에 메모리 주소가 있다({match[0]}). 실행할 때마다 달라진다."


OUTPUT_RULES = (no_error, no_warning, no_machine_path, no_address)
