"""`#| export`가 붙은 셀에서 라이브러리 모듈을 만든다(nbdev)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbdev.export import ExportModuleProc, nb_export
from nbdev.process import NBProcessor

from tf_study.authoring.tree import Notebook, NotebookError

LIBRARY = "tf_study"


def exported(notebook: Notebook) -> dict[str, str]:
    """Return {path of the module relative to the root: its text}; empty without `#| default_exp`.

    nbdev writes the path from the module to the notebook into the module, so the export is made in
    a temporary tree of the same layout: the text is the same on every machine.

    Raises:
        NotebookError: cells are exported and the module's name is missing or not of this chapter.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, notebook.name)
        source.parent.mkdir(parents=True)
        nbformat.write(notebook.node, source)
        module = _module(notebook, source)
        if module is None:
            return {}
        library = Path(folder, LIBRARY)
        nb_export(source, lib_path=library)
        path = library.joinpath(*module.split(".")).with_suffix(".py")
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")}


def _module(notebook: Notebook, source: Path) -> str | None:
    directives = ExportModuleProc()
    NBProcessor(source, directives).process()
    module = getattr(directives, "default_exp", None)
    has_code = any(cell.cell_type == "code" for cells in directives.modules.values() for cell in cells)
    if has_code != (module is not None) or set(directives.modules) - {"#"}:
        raise NotebookError(notebook, "`#| default_exp 패키지.모듈` 하나와 `#| export` 셀이 함께 있어야 한다.")
    if module and (notebook.kind != "lecture" or module.partition(".")[0] != notebook.package):
        raise NotebookError(notebook, f"강의만 자기 장의 패키지 {notebook.package}에 내보낸다. 받은 이름: {module}")
    return module
