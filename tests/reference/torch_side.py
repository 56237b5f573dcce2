"""PyTorch 쪽의 계산을 자식 프로세스에서 한다: TensorFlow를 부른 프로세스에서 transformers를 부르면 죽는다."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

REQUIRED = ("torch", "transformers")


def in_torch(function: Callable[..., dict], **arrays: np.ndarray) -> dict[str, np.ndarray]:
    """Call `function(**arrays)` in a child process without TensorFlow; skip the test without torch.

    `function` stands at the top of a test module that imports TensorFlow, Keras and `tf_study`
    inside its tests only. It takes and returns NumPy arrays by name and imports torch itself.

    Raises:
        AssertionError: the child failed; the message ends with its stderr.
    """
    if any(importlib.util.find_spec(name) is None for name in REQUIRED):
        pytest.skip(f"{', '.join(REQUIRED)}가 없다")
    source = Path(sys.modules[function.__module__].__file__)
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder, "given.npz"), Path(folder, "result.npz")
        np.savez(given, **arrays)
        command = [sys.executable, __file__, str(source), function.__name__, str(given), str(result)]
        child = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        assert child.returncode == 0, child.stderr[-3000:]
        with np.load(result) as loaded:
            return dict(loaded)


def _serve(source: str, name: str, given: str, result: str) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    spec = importlib.util.spec_from_file_location("torch_test", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with np.load(given) as arrays:
        outputs = getattr(module, name)(**arrays)
    np.savez(result, **{key: np.asarray(value) for key, value in outputs.items()})


if __name__ == "__main__":
    _serve(*sys.argv[1:])
