"""그림 도우미: 무엇을 그렸는지, 무엇을 거절하는지."""

from __future__ import annotations

import io

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from tf_study.course import plot


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plot.set_style()
        yield
        plt.close("all")


def test_hangul_and_minus_are_drawn_without_a_missing_glyph(recwarn):
    ax = plot.curves({"훈련": [1.0, -2.0]}, title="손실 − 정확도 ≤ θ")
    ax.set_yscale("symlog")
    ax.figure.canvas.draw()
    assert [str(w.message) for w in recwarn if "lyph" in str(w.message)] == []


def test_images_fill_a_grid_in_order():
    batch = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4)
    figure = plot.images(batch, titles=list("abcde"), columns=3)
    shown = [ax for ax in figure.axes if ax.images]
    assert len(figure.axes) == 6 and [ax.get_title() for ax in shown] == list("abcde")
    assert all(np.array_equal(ax.images[0].get_array(), batch[i]) for i, ax in enumerate(shown))
    assert {ax.images[0].get_clim() for ax in shown} == {(0, 255)}


@pytest.mark.parametrize(
    ("batch", "titles", "message"),
    [
        (np.zeros((4, 4)), None, r"받은 모양: \(4, 4\)"),
        (np.zeros((2, 4, 4, 2)), None, r"받은 모양: \(2, 4, 4, 2\)"),
        (np.zeros((0, 4, 4)), None, "한 장 이상"),
        (np.zeros((2, 4, 4)), ["하나"], "2개여야 한다. 받은 개수: 1"),
    ],
)
def test_images_refuse_what_is_no_stack_of_images(batch, titles, message):
    with pytest.raises(ValueError, match=message):
        plot.images(batch, titles=titles)


def test_curves_count_from_one():
    ax = plot.curves({"훈련": [3.0, 2.0], "검증": [4.0]}, ylabel="손실")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2], [1]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["훈련", "검증"]
    with pytest.raises(ValueError, match="빈 사전"):
        plot.curves({})


def test_heatmap_writes_every_value():
    ax = plot.heatmap(np.array([[0.0, 1.0, 2.0]]), columns=["가", "나", "다"], fmt=".1f")
    assert [text.get_text() for text in ax.texts] == ["0.0", "1.0", "2.0"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["가", "나", "다"]
    with pytest.raises(ValueError, match="columns는 3개여야 한다. 받은 개수: 2"):
        plot.heatmap(np.zeros((1, 3)), columns=["가", "나"])
    with pytest.raises(ValueError, match=r"행렬\(R, C\)이어야 한다"):
        plot.heatmap(np.zeros(3))


def test_graph_places_each_node_after_its_parents():
    ax = plot.graph({"x": "x", "w": "w", "y": "곱", "z": "합"}, [("x", "y"), ("w", "y"), ("y", "z"), ("x", "z")])
    columns = {text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text()}
    assert columns == {"x": 0, "w": 0, "곱": 1, "합": 2}
    with pytest.raises(ValueError, match=r"없는 이름: \['q'\]"):
        plot.graph({"x": "x"}, [("x", "q")])
    with pytest.raises(ValueError, match="순환이 없는 그래프여야 한다"):
        plot.graph({"x": "x", "y": "y"}, [("x", "y"), ("y", "x")])


def test_an_animation_becomes_an_animated_png():
    frames = np.linspace(0, 1, 3)[:, None, None] * np.ones((3, 8, 8))
    png = plot.to_png(plot.animate(frames, fps=5))
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG" and picture.n_frames == 3 and picture.info["duration"] == 200
    assert png == plot.to_png(plot.animate(frames, fps=5))
    with pytest.raises(ValueError, match=r"받은 모양: \(8, 8\)"):
        plot.animate(frames[0])
