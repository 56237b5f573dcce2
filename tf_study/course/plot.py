"""노트북들이 함께 쓰는 그림: 이미지 격자, 학습 곡선, 값이 적힌 히트맵, 애니메이션."""

from __future__ import annotations

import graphlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.animation import Animation, FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FONT = Path(__file__).parent / "fonts" / "NanumSquareR.ttf"  # SIL Open Font License 1.1, fonts/OFL.txt

# Okabe & Ito (2008): 색각 이상이 있어도 구별되는 여덟 색
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def set_style() -> None:
    """Set the course's Matplotlib defaults and register the Korean font."""
    font_manager.fontManager.addfont(str(FONT))
    matplotlib.rcParams.update({
        # 라틴 문자와 수식은 DejaVu Sans가, 거기에 없는 한글은 나눔스퀘어가 그린다
        "font.family": ["DejaVu Sans", font_manager.FontProperties(fname=str(FONT)).get_name()],
        "axes.prop_cycle": matplotlib.cycler(color=COLORS),
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.alpha": 0.3,
        "figure.figsize": (6.4, 3.6),
        "figure.dpi": 100,
        "figure.constrained_layout.use": True,
        "image.cmap": "viridis",
    })
    _show_animations_as_png()


def images(
    batch: np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    colors: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw a grid of images.

    Args:
        batch: (N, H, W), (N, H, W, 1) or (N, H, W, 3); uint8 in 0..255 or float in 0..1.
        titles: N captions.
        columns: images per row.
        colors: N caption colours.
        title: title of the figure.

    Raises:
        ValueError: `batch` is not a stack of images, or `titles`/`colors` have another length.
    """
    batch = np.asarray(batch)
    if batch.ndim not in (3, 4) or (batch.ndim == 4 and batch.shape[-1] not in (1, 3)):
        raise ValueError(f"(N, H, W), (N, H, W, 1), (N, H, W, 3) 가운데 하나여야 한다. 받은 모양: {batch.shape}")
    if len(batch) == 0:
        raise ValueError("이미지가 한 장 이상 있어야 한다. 받은 것: 0장")
    for name, values in (("titles", titles), ("colors", colors)):
        if values is not None and len(values) != len(batch):
            raise ValueError(f"{name}는 이미지와 같은 {len(batch)}개여야 한다. 받은 개수: {len(values)}")
    columns = min(columns, len(batch))
    rows = -(-len(batch) // columns)
    caption = 0.25 if titles is not None else 0.0
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns, rows * (1 + caption) + (0.4 if title else 0)), squeeze=False
    )
    top = 255 if batch.dtype == np.uint8 else 1.0
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(batch):
            ax.imshow(batch[i], cmap="gray", vmin=0, vmax=top)
            if titles is not None:
                ax.set_title(titles[i], fontsize=9, color=colors[i] if colors else "black")
    figure.suptitle(title)
    return figure


def curves(
    series: Mapping[str, Sequence[float]],
    title: str = "",
    xlabel: str = "에포크",
    ylabel: str = "손실",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per entry of `series`, the x axis counting from 1.

    Raises:
        ValueError: `series` is empty.
    """
    if not series:
        raise ValueError("그릴 곡선이 하나 이상 있어야 한다. 받은 것: 빈 사전")
    ax = ax or plt.subplots()[1]
    for name, values in series.items():
        ax.plot(np.arange(1, len(values) + 1), values, label=name, marker="o" if len(values) <= 20 else None)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax


def heatmap(
    matrix: np.ndarray,
    title: str = "",
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    fmt: str = ".2f",
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix with its values written into the cells.

    Args:
        matrix: (R, C).
        rows, columns: R and C labels.
        fmt: format of a value.

    Raises:
        ValueError: `matrix` is not two-dimensional, or the labels do not fit it.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"행렬(R, C)이어야 한다. 받은 모양: {matrix.shape}")
    for name, labels, size in (("rows", rows, matrix.shape[0]), ("columns", columns, matrix.shape[1])):
        if labels is not None and len(labels) != size:
            raise ValueError(f"{name}는 {size}개여야 한다. 받은 개수: {len(labels)}")
    ax = ax or plt.subplots(figsize=(0.7 * matrix.shape[1] + 1.5, 0.5 * matrix.shape[0] + 1.2))[1]
    ax.imshow(matrix, aspect="auto")
    ax.grid(False)
    ax.set_xticks(range(matrix.shape[1]), columns if columns is not None else range(matrix.shape[1]))
    ax.set_yticks(range(matrix.shape[0]), rows if rows is not None else range(matrix.shape[0]))
    middle = (matrix.max() + matrix.min()) / 2
    for (i, j), value in np.ndenumerate(matrix):
        ax.text(j, i, format(value, fmt), ha="center", va="center", color="black" if value > middle else "white")
    ax.set_title(title)
    return ax


def graph(labels: Mapping[str, str], edges: Sequence[tuple[str, str]], title: str = "", ax: Axes | None = None) -> Axes:
    """Draw a directed acyclic graph from left to right, one column per depth.

    Args:
        labels: text in the box of each node, by the node's name.
        edges: (from, to) pairs of names.

    Raises:
        ValueError: an edge names a node without a label, or the edges form a cycle.
    """
    unknown = {name for edge in edges for name in edge} - set(labels)
    if unknown:
        raise ValueError(f"간선의 이름은 labels에 있어야 한다. 없는 이름: {sorted(unknown)}")
    places = _layered(labels, edges)
    width, height = (max(p[k] for p in places.values()) + 1 for k in (0, 1))
    ax = ax or plt.subplots(figsize=(1.15 * width + 0.5, 0.75 * height + 0.6))[1]
    for source, target in edges:
        (x, y), (x_target, y_target) = places[source], places[target]
        bend = 0.0 if x_target - x == 1 else 0.2 if y <= y_target else -0.2  # 건너뛰는 간선은 사이의 상자를 돌아간다
        arrow = {"arrowstyle": "->", "color": "0.4", "shrinkA": 22, "shrinkB": 22, "connectionstyle": f"arc3,rad={bend}"}
        ax.annotate("", places[target], places[source], arrowprops=arrow)
    for name, label in labels.items():
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": COLORS[0]}
        ax.text(*places[name], label, ha="center", va="center", fontsize=9, bbox=box)
    ax.set(xlim=(-0.6, width - 0.4), ylim=(-0.6, height - 0.4), title=title)
    ax.axis("off")
    return ax


def _layered(names: Iterable[str], edges: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Place each node at x = length of the longest path to it, columns centred on one another."""
    parents = {name: [source for source, target in edges if target == name] for name in names}
    try:
        order = list(graphlib.TopologicalSorter(parents).static_order())
    except graphlib.CycleError as error:
        raise ValueError(f"순환이 없는 그래프여야 한다. 순환: {error.args[1]}") from None
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = max((depth[parent] + 1 for parent in parents[name]), default=0)
    columns = [[name for name in parents if depth[name] == d] for d in range(max(depth.values()) + 1)]
    tallest = max(map(len, columns))
    return {
        name: (float(d), (tallest - len(column)) / 2 + len(column) - 1.0 - i)
        for d, column in enumerate(columns)
        for i, name in enumerate(column)
    }


def animate(frames: Sequence[np.ndarray], title: str = "", fps: int = 10) -> Animation:
    """Animate images; as the last value of a cell it is shown as an animated PNG.

    Args:
        frames: (T, H, W) or (T, H, W, 3); uint8 in 0..255 or float in 0..1.
        title: title of the figure.
        fps: frames per second.

    Raises:
        ValueError: `frames` is not a stack of images.
    """
    frames = np.asarray(frames)
    if frames.ndim not in (3, 4):
        raise ValueError(f"(T, H, W) 또는 (T, H, W, 3)이어야 한다. 받은 모양: {frames.shape}")
    figure, ax = plt.subplots(figsize=(3, 3))
    ax.axis("off")
    ax.set_title(title)
    picture = ax.imshow(frames[0], cmap="gray", vmin=0, vmax=255 if frames.dtype == np.uint8 else 1.0)

    def draw(t: int):
        picture.set_data(frames[t])
        return (picture,)

    return FuncAnimation(figure, draw, frames=len(frames), interval=1000 / fps)


def to_png(animation: Animation) -> bytes:
    """Encode a Matplotlib animation as an animated PNG: every notebook viewer plays it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "animation.png")
        animation.save(path, writer="pillow")
        plt.close(animation._fig)
        return path.read_bytes()


def _show_animations_as_png() -> None:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        formatters = shell.display_formatter.formatters
        formatters["image/png"].for_type(Animation, to_png)
        formatters["text/plain"].for_type(Animation, lambda animation, printer, cycle: printer.text("애니메이션"))
