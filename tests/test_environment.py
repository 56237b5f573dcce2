"""`python main.py`: 성한 환경을 성하다고, 나쁜 환경을 무엇이 나쁜지 한 줄로 말한다.

점검을 흉내 내지 않고 환경을 실제로 나쁘게 한다. 서로 얽히지 않는 나쁨은 한 번의 실행에 모아 시간을 아낀다.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from sandbox import ROOT, environment, other_python, run, unshared

from tf_study.course import plot
from tf_study.environment import checks, numerics
from tf_study.environment.probe import Probe

TENSORFLOW = checks.pins()["tensorflow"]
METAL = """
class NotFoundError(Exception): pass
raise NotFoundError("dlopen(libmetal_plugin.dylib, 0x0006): Library not loaded: @rpath/_pywrap_tensorflow_internal.so")
"""


def _stub(folder: Path, name: str, version: str, code: str | None = None) -> None:
    """Put a distribution, and a module of that name if there is code, where PYTHONPATH finds it first."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if code is not None:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(code)


def _register_kernel(home: Path) -> None:
    command = [sys.executable, "-m", "ipykernel", "install", "--user", "--name", "tf_study"]
    subprocess.run(command, env=environment(home), check=True, capture_output=True)


def _by_name(result: subprocess.CompletedProcess) -> dict[str, dict]:
    assert "Traceback" not in result.stderr, result.stderr
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project without `.venv`, so that the interpreter that runs it is the one under check."""
    root = tmp_path_factory.mktemp("project")
    for name in ("main.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    for package in ("environment", "course"):
        shutil.copytree(ROOT / "tf_study" / package, root / "tf_study" / package)
    return root


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> subprocess.CompletedProcess:
    """The report as text in this environment, with the kernel registered in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    _register_kernel(home)
    return run([sys.executable, "main.py"], environment(home))


@pytest.fixture(scope="module")
def bad(tmp_path_factory, project) -> dict[str, dict]:
    """Everything wrong at once, as JSON."""
    folder = tmp_path_factory.mktemp("bad")
    stubs, home, disk, bin_ = folder / "stubs", folder / "home", folder / "disk", folder / "bin"
    for path in (home, disk, bin_):
        path.mkdir()
    _stub(stubs, "tensorflow", "2.16.1", "__version__ = '2.16.1'")
    _stub(stubs, "keras", "2.15.0")
    _stub(stubs, "torch", "2.0.0")
    kernel = home / "jupyter" / "kernels" / "tf_study"
    kernel.mkdir(parents=True)
    argv = [str(folder / "gone/bin/python"), "-m", "ipykernel_launcher"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    without_korean = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    copy = folder / "project"
    shutil.copytree(project, copy)
    shutil.copy(without_korean, copy / "tf_study/course/fonts" / plot.FONT.name)

    script = f"""
        for folder in /usr/lib/jvm /usr/java /opt/sun; do
            if [ -d $folder ]; then mount -t tmpfs tmpfs $folder; fi
        done
        mount -t tmpfs -o size=16m tmpfs {disk}
        PATH={bin_} exec {sys.executable} main.py --json
    """
    env = environment(home, PYTHONPATH=str(stubs), KERAS_BACKEND="torch", TF_STUDY_HOME=str(disk))
    env["JUPYTER_DATA_DIR"] = str(kernel.parents[1])
    result = run([*unshared("--mount"), "sh", "-c", script], env, copy)
    assert result.returncode == 1 and not json.loads(result.stdout)["ok"]
    return _by_name(result)


def test_a_healthy_environment(healthy):
    lines = healthy.stdout.splitlines()
    assert lines[0] == f"tensorflow_version : {TENSORFLOW}"
    assert all(line.startswith(("✅ ", "⚠️ ")) for line in lines[1:]), healthy.stdout
    assert healthy.returncode == 0 and healthy.stderr == ""
    for name in ("TensorFlow", "keras", "keras-hub", "tensorflow-text", "Jupyter 커널 tf_study", "수치 점검 CPU:0", "한글 글꼴"):
        assert any(line.startswith(f"✅ {name}: ") for line in lines), name


def test_what_is_only_a_warning_says_how_to_mend_it(healthy):
    for line in healthy.stdout.splitlines():
        assert not line.startswith("⚠️") or " → " in line


@pytest.mark.parametrize(
    "name, status, found, fix",
    [
        ("TensorFlow", "failed", "2.16.1 (", "pip install -r requirements.txt"),
        ("KERAS_BACKEND", "failed", "'torch', tensorflow여야 한다", "unset KERAS_BACKEND"),
        ("keras", "failed", "2.15.0, 3.15.1이어야 한다", "pip install -r requirements.txt"),
        ("Jupyter 커널 tf_study", "failed", "없는 인터프리터를 가리킨다", "ipykernel install --user --name tf_study"),
        ("한글 글꼴", "failed", "빈 상자", "git checkout"),
        ("KoNLPy와 Java", "warning", "Java가 없다", "openjdk" if sys.platform == "darwin" else "jre"),
        ("디스크 여유", "warning", "0.0 GiB", "du -h"),
        ("수치 점검 CPU", "failed", "AttributeError", "pip install -r requirements.txt"),
        ("torch", "warning", "2.0.0, 2.13.0이어야 한다", "pip install -r requirements-test.txt"),
        ("nvcc", "warning", "없음 (11장)", "CUDA Toolkit"),
        ("c++", "warning", "없음 (10·11장)", "install"),
    ],
)
def test_what_is_wrong_is_named_with_the_command_that_mends_it(bad, name, status, found, fix):
    assert bad[name]["status"] == status
    assert found in bad[name]["found"] and fix in bad[name]["fix"]


@pytest.mark.parametrize(
    "code, found",
    [
        ("import subprocess\nraise subprocess.CalledProcessError(1, ['/usr/libexec/java_home'])", "Java가 없다"),
        ("raise RuntimeError('the JVM is too old')", "JVM이 돌지 않는다: RuntimeError: the JVM is too old"),
    ],
    ids=["no Java on macOS", "a Java that does not run"],
)
def test_a_java_that_konlpy_cannot_start(code, found, monkeypatch, tmp_path):
    _stub(tmp_path, "konlpy", "0.6.0", code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = checks.java(list(Probe("korean").answers()))
    assert check.status == "warning" and check.found.startswith(found) and check.fix


@pytest.mark.parametrize(
    "code, found",
    [
        (METAL, "tensorflow-metal 1.2.0은 TensorFlow 2.20부터"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)", "SIGILL 신호로 죽었다"),
    ],
    ids=["metal with TensorFlow 2.21", "a processor without AVX"],
)
def test_a_tensorflow_that_cannot_be_imported(code, found, project, tmp_path):
    _stub(tmp_path / "stubs", "tensorflow", "2.21.0", code)
    if "metal" in found:
        _stub(tmp_path / "stubs", "tensorflow-metal", "1.2.0")
    result = run([sys.executable, "main.py"], environment(tmp_path, PYTHONPATH=str(tmp_path / "stubs")), project)
    first, *lines = result.stdout.splitlines()
    assert result.returncode == 1 and result.stderr == ""
    assert first == "tensorflow_version : 2.21.0"
    assert any(line.startswith("❌ TensorFlow: ") and found in line and "pip install" in line for line in lines)


def test_without_tensorflow_there_is_one_line_about_it(project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(project, root)
    run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], environment(tmp_path))
    result = run([sys.executable, "main.py"], environment(tmp_path, PATH=""), root)
    assert result.returncode == 1 and result.stderr == ""
    assert result.stdout.splitlines()[0] == "tensorflow_version : 없음"
    assert result.stdout.splitlines()[-1].startswith("❌ TensorFlow: 없음")


@pytest.mark.parametrize("minor", ["3.8", "3.10", "3.13", "3.14"])
def test_an_environment_of_another_python(minor, project, tmp_path):
    _stub(tmp_path / "stubs", "tensorflow", "2.21.0", "")
    env = environment(tmp_path, PYTHONPATH=str(tmp_path / "stubs"))
    result = run([other_python(minor), "main.py"], env, project)
    first, line = result.stdout.splitlines()
    assert result.returncode == 1 and result.stderr == ""
    assert line.startswith(f"❌ Python: {minor}.") and "python3 main.py start" in line


def test_another_python_enters_the_environment_by_itself(project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(project, root)
    (root / ".venv").symlink_to(sys.prefix)
    env = environment(tmp_path, TF_STUDY_HOME=str(tmp_path))
    inside = run([root / ".venv/bin/python", "main.py", "progress"], env, root)
    outside = run([other_python("3.13"), "main.py", "progress"], env, root)
    assert inside.returncode == outside.returncode == 0, outside.stderr
    assert inside.stdout == outside.stdout != ""


def test_half_precision_in_the_learners_keras_json_is_found_by_its_numbers(tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"floatx": "float16"}')
    result = run([sys.executable, "-m", "tf_study.environment.numerics"], environment(tmp_path))
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    _, numbers, *_ = checks.devices(answers[1:])
    assert numbers.status == "failed" and "틀린 수" in numbers.found


def test_a_gpu_with_wrong_numbers_is_left_in_favour_of_the_cpu():
    names = ["/device:CPU:0", "/device:GPU:0"]
    answers = [{"devices": names}, *({"device": name, "difference": d} for name, d in zip(names, (1e-6, 0.3)))]
    _, cpu, gpu = checks.devices(answers)
    assert cpu.status == "ok"
    assert gpu.status == "warning" and 'tf.config.set_visible_devices([], "GPU")' in gpu.fix


def test_the_reference_gradients_are_those_of_finite_differences():
    x, y, weights = numerics.problem()
    _, gradients = numerics.loss_and_gradients(weights, x, y)
    step = 1e-6
    for weight, gradient in zip(weights, gradients):
        for index in [(0,) * weight.ndim, tuple(size - 1 for size in weight.shape)]:
            kept = weight[index]
            losses = []
            for weight[index] in (kept + step, kept - step):
                losses.append(numerics.loss_and_gradients(weights, x, y)[0])
            weight[index] = kept
            assert np.isclose((losses[0] - losses[1]) / (2 * step), gradient[index], atol=1e-8)


def test_the_comparison_sees_every_loss_and_weight():
    reference = numerics.train_in_numpy()
    assert reference.losses[-1] < 0.8 * reference.losses[0]
    for i in range(len(reference.weights)):
        weights = [w.copy() for w in reference.weights]
        weights[i].flat[-1] += 0.01
        assert numerics.largest_difference(numerics.Training(reference.losses, weights), reference) > numerics.TOLERANCE
    losses = np.where(np.arange(numerics.STEPS) == 3, np.nan, reference.losses)
    assert numerics.largest_difference(numerics.Training(losses, reference.weights), reference) == float("inf")
