"""마크다운에서 제목, 표, 수식, 링크를 찾는다(markdown-it)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
CODE_CELL = "code_cell"
SCHEME = re.compile(r"[a-z]+:|#")
HTML_LINK = re.compile(r'(?:src|href)="([^"]+)"')


@dataclass
class Section:
    """A second-level heading and what follows it; what precedes the first has the title ''."""

    title: str
    tokens: list[Token]

    def count(self, kind: str) -> int:
        return sum(token.type == kind for token in self.tokens)

    @property
    def text(self) -> str:
        return "\n".join(token.content for token in self.tokens if token.type != CODE_CELL)


def sections(node: NotebookNode) -> list[Section]:
    """Split a notebook at its second-level headings; a code cell is one token of type CODE_CELL."""
    found = [Section("", [])]
    tokens = list(_tokens(node))
    for token, following in zip(tokens, [*tokens[1:], None]):
        if token.type == "heading_open" and token.tag == "h2":
            found.append(Section(following.content, []))
        found[-1].tokens.append(token)
    return found


def local_links(text: str) -> list[str]:
    """The targets of links and images that are files, without what follows a '#'."""
    targets = []
    for token in PARSER.parse(text):
        for part in [token, *(token.children or [])]:
            targets += [part.attrs[name] for name in ("href", "src") if name in part.attrs]
            targets += HTML_LINK.findall(part.content) if part.type.startswith("html") else []
    return [target.partition("#")[0] for target in targets if not SCHEME.match(target)]


def _tokens(node: NotebookNode) -> Iterator[Token]:
    for cell in node.cells:
        if cell.cell_type == "markdown":
            yield from PARSER.parse(cell.source)
        else:
            yield Token(CODE_CELL, "", 0, content=cell.source)
