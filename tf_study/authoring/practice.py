"""해답 노트북에서 학습자가 채울 노트북을 만든다(nbgrader의 ClearSolutions)."""

from __future__ import annotations

import copy
import os
import re

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from tf_study.authoring.tree import Notebook

RELATIVE_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def cleared(solution: Notebook, node: NotebookNode) -> NotebookNode:
    """Return a copy of the solution with `raise NotImplementedError` in place of each solution.

    Raises:
        RuntimeError: BEGIN SOLUTION and END SOLUTION do not pair up.
    """
    blank, _ = ClearSolutions(
        enforce_metadata=False, code_stub={"python": "raise NotImplementedError"}, text_stub="여기에 답을 쓴다."
    ).preprocess(copy.deepcopy(node), {})
    for cell in blank.cells:
        if cell.cell_type == "markdown":
            cell.source = RELATIVE_LINK.sub(lambda match: _one_folder_up(solution, match[1]), cell.source)
    return blank


def _one_folder_up(solution: Notebook, link: str) -> str:
    """The same link seen from practice/ instead of practice/solutions/."""
    target = os.path.normpath(solution.path.parent / link)
    return os.path.relpath(target, solution.practice.path.parent).replace(os.sep, "/")
