"""노트북 첫 셀의 한 번의 호출: 시드, 결정론, 로그, 그림."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import NoReturn, TypeVar

T = TypeVar("T")

SCALES = ("quick", "full")


class SkipCell(Exception):
    """셀에 필요한 하드웨어나 엔진이 없어 그 셀만 건너뛴다는 신호."""


def setup(seed: int = 0, deterministic: bool = True) -> None:
    """Seed everything, make ops deterministic, silence logs and set the plot style.

    Call it before `import tensorflow`: the import itself writes to stderr. It prints nothing.

    Args:
        seed: seed of Python's `random`, of NumPy's legacy generator and of Keras/TensorFlow.
        deterministic: turn on op determinism. Keras then ignores `compile(jit_compile=True)`, so
            notebooks that measure XLA pass False.

    Raises:
        RuntimeError: `KERAS_BACKEND` names another backend than TensorFlow, or determinism was
            switched on earlier in this process and cannot be taken back.
    """
    _require_tensorflow_backend()
    with silent_stderr():
        import keras
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        keras.utils.set_random_seed(seed)
        _set_determinism(tf, deterministic)
        # Ampere부터의 GPU가 쓰는 TF32는 맞는 행렬 곱도 1e-3만큼 어긋나게 한다
        tf.config.experimental.enable_tensor_float_32_execution(False)
        tf.constant(0.0) + 1.0  # 첫 연산이 내는 로그까지 여기서 삼킨다
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    _set_plot_style()
    _install_skip_handler()


def scale(quick: T, full: T) -> T:
    """Return `quick`, or `full` when `TF_STUDY_SCALE=full`.

    >>> epochs = scale(quick=3, full=30)

    Raises:
        ValueError: `TF_STUDY_SCALE` is neither 'quick' nor 'full'.
    """
    chosen = os.environ.get("TF_STUDY_SCALE", "quick")
    if chosen not in SCALES:
        raise ValueError(f"TF_STUDY_SCALE은 {' 또는 '.join(SCALES)}이어야 한다. 받은 값: {chosen!r}")
    return full if chosen == "full" else quick


def device() -> str:
    """Return the device that TensorFlow prefers here: '/GPU:0' if one is visible, else '/CPU:0'."""
    import tensorflow as tf

    return "/GPU:0" if tf.config.list_logical_devices("GPU") else "/CPU:0"


def skip(reason: str) -> NoReturn:
    """End the running cell without an error and print why.

    >>> if not shutil.which("nvcc"):
    ...     course.skip("nvcc가 없다. CUDA Toolkit을 설치하면 이 셀이 돈다.")
    """
    raise SkipCell(reason)


def _require_tensorflow_backend() -> None:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise RuntimeError(
            f"이 강의는 KERAS_BACKEND=tensorflow에서 돈다. 지금 값: {backend!r}. "
            "`unset KERAS_BACKEND` 후 커널을 다시 시작한다."
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"  # ~/.keras/keras.json보다 앞선다
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # C++의 오류는 파이썬 예외로도 온다
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _set_determinism(tf, deterministic: bool) -> None:
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    elif _determinism_is_on():
        raise RuntimeError("결정론은 한 번 켜면 끌 수 없다. 커널을 다시 시작하고 deterministic=False로 부른다.")


def _determinism_is_on() -> bool:
    from tensorflow.python.framework import config

    return config.is_op_determinism_enabled()


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to /dev/null: C++ writes there past `sys.stderr`."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _set_plot_style() -> None:
    from tf_study.course import plot

    plot.set_style()


def _install_skip_handler() -> None:
    """Teach the running IPython that `SkipCell` is a line of output, not a failure."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    shell.set_custom_exc((SkipCell,), _print_skip)
    if _forgive_skip not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _forgive_skip)


def _print_skip(shell, kind, error, traceback, tb_offset=None) -> None:
    print(f"건너뜀: {error}")


def _forgive_skip(result) -> None:
    if isinstance(result.error_in_exec, SkipCell):
        result.error_in_exec = None
