"""해답 노트북에서 학습자가 채울 노트북을 만든다(nbgrader의 ClearSolutions)."""

from __future__ import annotations

import copy
import os
import re
from dataclasses import replace

from nbgrader.preprocessors import ClearSolutions

from tf_study.authoring import markdown
from tf_study.authoring.tree import Notebook, NotebookError

LINK_TARGET = re.compile(r"(?<=\]\()[^)\s#]+")


def cleared(solution: Notebook) -> Notebook:
    """Return the learner's notebook: `raise NotImplementedError` in place of each solution.

    Raises:
        NotebookError: BEGIN SOLUTION and END SOLUTION do not pair up.
    """
    clear = ClearSolutions(
        enforce_metadata=False, code_stub={"python": "raise NotImplementedError"}, text_stub="여기에 답을 쓴다."
    )
    try:
        node, _ = clear.preprocess(copy.deepcopy(solution.node), {})
    except RuntimeError as error:
        raise NotebookError(solution, f"BEGIN SOLUTION과 END SOLUTION의 짝이 맞지 않는다({error}).") from error
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = _relinked(cell.source, solution)
    return replace(solution.practice, content=node)


def _relinked(text: str, solution: Notebook) -> str:
    """The links of practice/solutions/ as they are written from practice/."""
    here, there = solution.path.parent, solution.practice.path.parent
    moved = {
        link: os.path.relpath(os.path.normpath(here / link), there).replace(os.sep, "/")
        for link in markdown.local_links(text)
    }
    return LINK_TARGET.sub(lambda match: moved.get(match[0], match[0]), text)
