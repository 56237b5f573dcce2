"""환경 점검의 항목 하나하나: 무엇을 찾았는가, 괜찮은가, 아니면 무엇으로 고치는가."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tf_study.environment import ROOT
from tf_study.environment.python import machine

OK, WARNING, FAILED = "ok", "warning", "failed"

USE_CPU = 'import tensorflow as tf; tf.config.set_visible_devices([], "GPU")'
UNASSIGNED = "\u0378"  # 유니코드가 아무 글자에도 주지 않은 자리: 어떤 글꼴도 상자로 그린다

# 엔진 → 그것을 쓰는 곳
ENGINES = {
    "torch": "10·11·15장, 참조 테스트",
    "transformers": "15장, 참조 테스트",
    "trl": "15장",
    "peft": "15장",
    "triton": "11장",
    "deepspeed": "10장",
}
COMPILERS = {
    "nvcc": ("11장", "CUDA Toolkit을 설치한다: https://developer.nvidia.com/cuda-downloads"),
    "c++": ("10·11장", "xcode-select --install" if sys.platform == "darwin" else "sudo apt install g++"),
}


@dataclass(frozen=True)
class Check:
    """One line of the report: what was looked at, how it is, what was found, the command that mends it."""

    name: str
    status: str
    found: str
    fix: str = ""


def python_here(*arguments: str) -> str:
    """Return a command line for the interpreter under check, as short as it can be typed in the current folder."""
    executable = Path(sys.executable)
    if executable.is_relative_to(Path.cwd()):
        executable = executable.relative_to(Path.cwd())
    return shlex.join([str(executable), *arguments])


def pins(extra: str = "") -> dict[str, str]:
    """Return the versions that pyproject.toml pins on this platform, {distribution: version}."""
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    wanted = [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate()]
    return {r.name: s.version for r in wanted for s in r.specifier if s.operator == "=="}


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python() -> Check:
    """The course runs on Python 3.11 only: TensorFlow 2.18 has wheels up to 3.12, tensorflow-text up to 3.11."""
    version = platform.python_version()
    if sys.version_info[:2] == (3, 11):
        return Check("Python", OK, f"{version} ({sys.executable})")
    return Check("Python", FAILED, f"{version}, 3.11이어야 한다", "python3 main.py start")


def tensorflow_missing() -> Check:
    """What is said where there is no TensorFlow at all."""
    return Check("TensorFlow", FAILED, "없음. 나머지는 설치한 뒤에 점검한다", _install_command())


def tensorflow(imported: dict) -> Check:
    """Judge the first answer of the numerics probe: the version, or why the import failed."""
    pin, metal = pins()["tensorflow"], installed_version("tensorflow-metal")
    mend = _install_command()
    if "error" not in imported:
        good = imported["version"] == pin
        where = "" if good else f" ({Path(imported['path']).parent}), {pin}이어야 한다"
        return Check("TensorFlow", OK if good else FAILED, imported["version"] + where, "" if good else mend)
    found = f"import가 실패한다: {imported['error']}"
    version = installed_version("tensorflow")
    if metal and version and tuple(map(int, version.split(".")[:2])) >= (2, 20):
        found = f"tensorflow-metal {metal}은 TensorFlow 2.20부터 import를 깨뜨린다 (지금 {version})"
    return Check("TensorFlow", FAILED, found, mend)


def libraries() -> Iterator[Check]:
    """Compare the other pinned TensorFlow packages with what is installed."""
    for name, pin in pins().items():
        if name in {"keras", "keras-hub", "tensorflow-text", "tensorflow-metal"}:
            yield _version(name, pin, FAILED, _install_command())


def backend() -> Check:
    """KERAS_BACKEND must be absent or 'tensorflow'."""
    chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
    if chosen == "tensorflow":
        return Check("KERAS_BACKEND", OK, chosen)
    return Check("KERAS_BACKEND", FAILED, f"{chosen!r}, tensorflow여야 한다", "unset KERAS_BACKEND")


def kernel() -> Check:
    """The Jupyter kernel tf_study must start this interpreter."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = python_here(*"-m ipykernel install --user --name tf_study --display-name".split(), "Python (tf_study)")
    try:
        started = Path(KernelSpecManager().get_kernel_spec("tf_study").argv[0])
    except NoSuchKernel:
        return Check("Jupyter 커널 tf_study", FAILED, "등록되지 않았다", mend)
    if not started.exists():
        return Check("Jupyter 커널 tf_study", FAILED, f"없는 인터프리터를 가리킨다: {started}", mend)
    if started.parent.resolve() != Path(sys.executable).parent.resolve():  # 파일까지 풀면 바탕 Python이 된다
        return Check("Jupyter 커널 tf_study", FAILED, f"다른 인터프리터를 가리킨다: {started}", mend)
    return Check("Jupyter 커널 tf_study", OK, str(started))


def devices(answers: list[dict]) -> Iterator[Check]:
    """Judge the other answers of the numerics probe: the visible devices and the numbers of each."""
    names = next((answer["devices"] for answer in answers if "devices" in answer), [])
    yield _accelerators([name for name in names if "GPU" in name])
    measured = {answer["device"]: answer["difference"] for answer in answers if "device" in answer}
    error = next((answer["error"] for answer in answers if "error" in answer), "앞 장치에서 멈췄다")
    for name in names or ["CPU"]:
        yield _numbers(name, measured.get(name), error)


def korean_font() -> Check:
    """Draw two syllables and an unassigned code point; where the font lacks Korean they come out as equal boxes."""
    from tf_study.course import plot

    try:
        plot.set_style()
    except OSError as error:
        return Check("한글 글꼴", FAILED, f"{plot.FONT.name}를 읽지 못한다: {error}", f"git checkout -- {plot.FONT}")
    pictures = {_draw(character) for character in ("가", "힣", UNASSIGNED)}
    if len(pictures) == 3:
        return Check("한글 글꼴", OK, f"{plot.FONT.name}로 한글이 그려진다")
    return Check("한글 글꼴", FAILED, "한글이 빈 상자로 그려진다", f"git checkout -- {plot.FONT}")


def java(answers: list[dict]) -> Check:
    """Judge the Korean probe: KoNLPy needs a JVM of the machine's own architecture."""
    *_, last = answers
    if "error" not in last:
        built_for = {"amd64": "x86_64", "aarch64": "arm64"}.get(last["machine"], last["machine"])
        status = OK if built_for == machine() else WARNING
        found = f"Java {last['version']} ({last['machine']}), Okt: {' / '.join(answers[0]['morphs'])}"
        return Check("KoNLPy와 Java", status, found, "" if status == OK else _install_java())
    # jpype가 JVM을 못 찾았다는 두 가지 말: macOS에서는 마지막에 부르는 java_home의 실패가 그대로 나온다
    missing = any(sign in last["error"] for sign in ("JVMNotFoundException", "/usr/libexec/java_home"))
    found = "Java가 없다 (Okt, Komoran 등 형태소 분석기에만 필요하다)" if missing else f"JVM이 돌지 않는다: {last['error']}"
    return Check("KoNLPy와 Java", WARNING, found, _install_java())


def disk() -> Check:
    """Caches, checkpoints and the original data sets need some room."""
    from tf_study.course.data import _source

    folder = next(path for path in (_source.home(), *_source.home().parents) if path.exists())
    free = min(shutil.disk_usage(path).free for path in (ROOT, folder)) / 2**30
    if free >= 3:
        return Check("디스크 여유", OK, f"{free:.1f} GiB")
    return Check("디스크 여유", WARNING, f"{free:.1f} GiB, 3 GiB 이상이 좋다", "du -h -d 1 ~ | sort -h 로 큰 것을 찾아 지운다")


def originals() -> Check:
    """Say which original data sets are in the cache; the course does not need them."""
    from tf_study.course.data.originals import ORIGINALS

    there = [name for name, original in ORIGINALS.items() if original.is_cached()]
    cached = ", ".join(there) if there else "없음 (내장 데이터를 쓴다. TF_STUDY_DATA=real이 원본을 받는다)"
    return Check("받아 둔 원본 데이터", OK, cached)


def engines() -> Iterator[Check]:
    """The optional PyTorch-side engines and compilers, with the chapters that use them."""
    wanted = pins("torch")
    for name, used_in in ENGINES.items():
        if name in wanted:
            yield _version(name, wanted[name], WARNING, _install_command("requirements-test.txt"), f" ({used_in})")
        else:
            yield Check(name, WARNING, f"이 운영체제용 배포 파일이 없다 ({used_in}: 강의의 구현으로 대신한다)")
    for name, (used_in, mend) in COMPILERS.items():
        yield _compiler(name, used_in, mend)


def _version(name: str, pin: str, otherwise: str, mend: str, note: str = "") -> Check:
    found = installed_version(name)
    if found == pin or (found and found.split("+")[0] == pin):  # torch의 CPU 빌드는 2.13.0+cpu라고 답한다
        return Check(name, OK, found + note)
    return Check(name, otherwise, (f"{found}, {pin}이어야 한다" if found else "없음") + note, mend)


def _install_command(requirements: str = "requirements.txt") -> str:
    return python_here("-m", "pip", "install", "-r", requirements)


def _accelerators(gpus: list[str]) -> Check:
    if gpus:
        return Check("GPU", OK, ", ".join(gpus))
    if sys.platform == "linux" and shutil.which("nvidia-smi"):
        return Check("GPU", WARNING, "NVIDIA GPU가 있으나 TensorFlow에 보이지 않는다", "python3 main.py start --cuda")
    if sys.platform == "darwin":
        return Check("GPU", WARNING, "Metal 장치가 보이지 않는다", _install_command())
    return Check("GPU", OK, "없음 (모든 노트북이 CPU에서 돈다)")


def _numbers(device: str, difference: float | None, error: str) -> Check:
    from tf_study.environment import numerics

    name = f"수치 점검 {device.removeprefix('/device:')}"
    wrong = FAILED if "CPU" in device else WARNING
    mend = _install_command() if "CPU" in device else f"CPU를 쓴다. 노트북 첫 셀의 course.setup 앞에 적는다: {USE_CPU}"
    if difference is None:
        return Check(name, wrong, error, mend)
    if difference > numerics.TOLERANCE:
        return Check(name, wrong, f"틀린 수가 나온다 (NumPy float64와의 차이 {difference:.1e})", mend)
    return Check(name, OK, f"{numerics.STEPS}걸음 학습이 NumPy float64와 같다 (차이 {difference:.0e})")


def _draw(character: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Matplotlib의 마지막 대비 글꼴은 문자 블록마다 다른 상자를 그려 빠진 글자를 있는 것처럼 보이게 한다
    with warnings.catch_warnings(), matplotlib.rc_context({"font.enable_last_resort": False}):
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(1, 1))
        figure.text(0.2, 0.2, character, fontsize=30)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return bytes(canvas.buffer_rgba())


def _install_java() -> str:
    if sys.platform == "darwin":
        return 'brew install openjdk && export JAVA_HOME="$(brew --prefix openjdk)"'
    if Path(sys.prefix, "conda-meta").is_dir():
        return "conda install -c conda-forge openjdk"
    if shutil.which("dnf"):
        return "sudo dnf install java-latest-openjdk-headless"
    return "sudo apt install default-jre-headless"


def _compiler(name: str, used_in: str, mend: str) -> Check:
    try:
        answer = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return Check(name, WARNING, f"없음 ({used_in})", mend)
    version = re.search(r"(?:release|version) (\d[\d.]*)", answer.stdout) or re.search(r"\) (\d[\d.]*)", answer.stdout)
    return Check(name, OK, f"{version[1] if version else answer.stdout.splitlines()[0]} ({used_in})")
