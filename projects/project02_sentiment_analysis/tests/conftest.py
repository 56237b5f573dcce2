"""시험들이 함께 쓰는 작은 모델: 400문장으로 짧게 학습한 버전과, 그 가중치를 흔든 버전."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from projects.project02_sentiment_analysis.registry import Registry

PACKAGE = "projects.project02_sentiment_analysis"
SMALL = ("--texts", "400", "--epochs", "2", "--pretraining-epochs", "1")


def run(command: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run a command of the project in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"{PACKAGE}.{command}", *map(str, arguments)], capture_output=True, text=True, **options
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """`--out` of a small training. v1 is current; v2 has other weights, which do not answer all texts alike."""
    out = tmp_path_factory.mktemp("project02")
    train_here(out)
    publish_lively(Registry(out / "models"))
    return out


def train_here(out: Path) -> None:
    """What the command `train` does, without another start of TensorFlow."""
    import keras

    from projects.project02_sentiment_analysis import train

    keras.backend.clear_session()  # 층의 이름이 파일에 적히므로 번호를 처음부터 매긴다
    train.run(train.parse(["--out", str(out), *SMALL]))


def publish_lively(registry: Registry) -> None:
    import keras_hub

    from projects.project02_sentiment_analysis.train import save

    classifier = keras_hub.models.BertTextClassifier.from_preset(str(registry.model_folder("v1")))
    rng = np.random.RandomState(0)
    classifier.set_weights([weight + rng.uniform(-0.2, 0.2, weight.shape) for weight in classifier.get_weights()])
    registry.publish(lambda folder: save(classifier, folder), registry.manifest("v1"))
