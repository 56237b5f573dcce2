"""노트북들이 놓인 나무: 어떤 노트북이 있고, 어떤 종류이며, 어떤 순서로 읽히는가."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

CHAPTER = re.compile(r"chapter\d\d_(\w+)")
PROJECT = re.compile(r"project\d\d_\w+")


class NotebookError(Exception):
    """A notebook cannot be built: a cell fails, or something in it breaks a rule of the course."""

    def __init__(self, notebook: Notebook, message: str):
        super().__init__(message)
        self.notebook = notebook


@dataclass(frozen=True)
class Notebook:
    """A notebook of the course.

    Args:
        path: its file.
        kind: 'lecture', 'practice', 'solution' or 'project'.
        root: folder of the repository.
        content: what to take for its content instead of what the file holds.
    """

    path: Path
    kind: str
    root: Path
    content: NotebookNode | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Path relative to the root; names sort in the order of the curriculum."""
        return self.path.relative_to(self.root).as_posix()

    @property
    def folder(self) -> Path:
        """The chapter's or project's folder."""
        return self.root.joinpath(*Path(self.name).parts[: 2 if self.kind == "project" else 1])

    @property
    def package(self) -> str:
        """Package of `tf_study` that this notebook's chapter exports to."""
        return self.folder.name.partition("_")[2]

    @cached_property
    def node(self) -> NotebookNode:
        return self.content or nbformat.read(self.path, as_version=4)

    @property
    def code_cells(self) -> list[NotebookNode]:
        return [cell for cell in self.node.cells if cell.cell_type == "code"]

    @property
    def practice(self) -> Notebook:
        """The notebook for the learner that is made from this solution."""
        return Notebook(self.path.parent.parent / self.path.name, "practice", self.root)

    @property
    def solution(self) -> Notebook:
        """The solution that this practice notebook is made from."""
        return Notebook(self.path.parent / "solutions" / self.path.name, "solution", self.root)


class Tree:
    """The chapters and projects below `root`, read anew for each instance."""

    def __init__(self, root: Path):
        self.root = root.resolve()

    @classmethod
    def around(cls, path: Path) -> Tree:
        """The tree that `path` lies in: the nearest folder upwards with a pyproject.toml.

        Raises:
            ValueError: there is none.
        """
        for folder in (path.resolve(), *path.resolve().parents):
            if (folder / "pyproject.toml").is_file():
                return cls(folder)
        raise ValueError(f"pyproject.toml이 있는 저장소 안의 경로여야 한다. 받은 경로: {path}")

    @cached_property
    def chapters(self) -> list[Path]:
        return [p for p in sorted(self.root.glob("chapter??_*")) if CHAPTER.fullmatch(p.name) and _has_pages(p)]

    @cached_property
    def projects(self) -> list[Path]:
        return [p for p in sorted(self.root.glob("projects/project??_*")) if PROJECT.fullmatch(p.name)]

    @cached_property
    def notebooks(self) -> list[Notebook]:
        """All notebooks in the order of the curriculum: lectures, then practice, then projects."""
        places = {"lecture": "*", "practice": "practice/*", "solution": "practice/solutions/*"}
        found = [
            Notebook(path, kind, self.root)
            for chapter in self.chapters
            for kind, place in places.items()
            for path in chapter.glob(f"{place}.ipynb")
        ]
        found += [Notebook(p, "project", self.root) for project in self.projects for p in project.glob("*.ipynb")]
        return sorted(found, key=lambda notebook: notebook.name)

    def select(self, paths: list[Path]) -> list[Notebook]:
        """The notebooks among `paths` and inside the folders among them.

        Raises:
            ValueError: a path holds no notebook of the course.
        """
        chosen = set()
        for path in (p.resolve() for p in paths):
            inside = {n.path for n in self.notebooks if path in (n.path, *n.path.parents)}
            if not inside:
                raise ValueError(f"강의 노트북이나 그 폴더여야 한다. 받은 경로: {path}")
            chosen |= inside
        return [n for n in self.notebooks if n.path in chosen]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _has_pages(folder: Path) -> bool:
    """A folder of a chapter that nobody has begun is not a chapter yet."""
    return (folder / "README.md").is_file() or any(folder.rglob("*.ipynb"))
