"""`course.setup`과 그 친구들: 조용하고, 되풀이되고, 건너뛸 줄 안다."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tf_study import course

TRAIN = """
import sys
from tf_study import course
for seed in map(int, sys.argv[1:]):
    course.setup(seed=seed)
    import keras, numpy as np
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Dropout(0.5),
                              keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.random.rand(64, 8, 8, 1), np.random.rand(64), epochs=2, verbose=0)
    print(np.concatenate([w.ravel() for w in model.get_weights()]).tobytes().hex())
"""

SWITCH = """
from tf_study import course
course.setup(deterministic=False)
import tensorflow as tf
print(tf.function(lambda v: v + 1.0, jit_compile=True).experimental_get_compiler_ir(tf.constant(1.0))("hlo")[:9])
course.setup()
course.setup(deterministic=False)
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained() -> list[subprocess.CompletedProcess]:
    return [run(TRAIN, "0", "1"), run(TRAIN, "0")]


def test_the_same_seed_gives_bit_identical_weights(trained):
    (first, other_seed), (second,) = (process.stdout.splitlines() for process in trained)
    assert first == second != other_seed


def test_nothing_reaches_stderr_from_import_to_training(trained):
    assert [process.stderr for process in trained] == ["", ""]


def test_another_backend_is_refused():
    process = run("from tf_study import course; course.setup()", KERAS_BACKEND="torch")
    assert process.returncode != 0
    assert process.stderr.splitlines()[-1].startswith("RuntimeError: 이 강의는 KERAS_BACKEND=tensorflow에서 돈다")


def test_determinism_is_a_choice_that_cannot_be_taken_back():
    process = run(SWITCH)
    assert process.stdout.startswith("HloModule")
    assert process.stderr.splitlines()[-1].startswith("RuntimeError: 결정론은 한 번 켜면 끌 수 없다")


@pytest.mark.parametrize(("value", "expected"), [(None, 3), ("quick", 3), ("full", 300)])
def test_scale(monkeypatch, value, expected):
    monkeypatch.delenv("TF_STUDY_SCALE", raising=False)
    if value:
        monkeypatch.setenv("TF_STUDY_SCALE", value)
    assert course.scale(quick=3, full=300) == expected


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("TF_STUDY_SCALE", "fast")
    with pytest.raises(ValueError, match="quick 또는 full이어야 한다. 받은 값: 'fast'"):
        course.scale(quick=3, full=300)


def test_skip_ends_its_cell_alone_and_says_why(tmp_path):
    cells = [
        "from tf_study import course\nfrom tf_study.course.runtime import _install_skip_handler\n_install_skip_handler()",
        "course.skip('GPU가 없다.')\nprint('여기에 오지 않는다')",
        "print('다음 셀은 돈다')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    skipped, following = (cell.outputs for cell in notebook.cells[1:])
    assert [(o.output_type, o.text) for o in skipped] == [("stream", "건너뜀: GPU가 없다.\n")]
    assert following[0].text == "다음 셀은 돈다\n"


def test_skip_outside_a_notebook_is_an_exception():
    with pytest.raises(course.SkipCell, match="GPU가 없다"):
        course.skip("GPU가 없다.")
