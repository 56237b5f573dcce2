"""데이터 모듈들이 `TF_STUDY_DATA=real`일 때 부르는 원본: 어디서 받고, 무엇으로 확인하고, 어떻게 읽는가."""

from __future__ import annotations

import csv
import gzip
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_study.course.data import _download, _source

Split = tuple[np.ndarray, np.ndarray]

KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
NSMC = "https://raw.githubusercontent.com/e9t/nsmc/cc0670e872d4ac27bfe36c87456783004b39ef6c"

GLOVE_DIMENSIONS = (50, 100, 200, 300)


@dataclass(frozen=True)
class RemoteFile:
    """One file: its address, its published checksum ('sha256:…' or 'md5:…') and its size in bytes."""

    url: str
    checksum: str
    size: int

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Original:
    """A published data set: its files, its licence and what to cite."""

    name: str
    files: tuple[RemoteFile, ...]
    licence: str
    citation: str

    @property
    def bytes(self) -> int:
        """Size of the download."""
        return sum(file.size for file in self.files)

    def path(self) -> Path:
        """Return the folder of its files."""
        return _source.home() / "original" / self.name

    def is_cached(self) -> bool:
        """Return whether every file is there in its size; `fetch` also verifies the checksum."""
        paths = [(self.path() / file.name, file.size) for file in self.files]
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)

    def fetch(self) -> list[Path]:
        """Return the paths of its verified files, downloading what is missing.

        Raises:
            DownloadError: see `_download.fetch`.
        """
        return [_download.fetch(file.url, self.path() / file.name, file.checksum, file.size) for file in self.files]


# 체크섬마다 그것을 공개한 소스를 적는다. 크기는 같은 소스에 있거나, 없으면 Keras의 진행 막대가 보이는 값이다.
_ALL = (
    Original(
        "mnist",
        # keras/src/datasets/mnist.py
        (RemoteFile(f"{KERAS}/mnist.npz",
                    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", 11_490_434),),
        "CC BY-SA 3.0",
        "LeCun, Cortes & Burges, The MNIST database of handwritten digits, 1998",
    ),
    Original(
        "fashion_mnist",
        # tensorflow/datasets: tensorflow_datasets/url_checksums/fashion_mnist.txt
        (RemoteFile(f"{FASHION}/train-images-idx3-ubyte.gz",
                    "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
         RemoteFile(f"{FASHION}/train-labels-idx1-ubyte.gz",
                    "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
         RemoteFile(f"{FASHION}/t10k-images-idx3-ubyte.gz",
                    "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
         RemoteFile(f"{FASHION}/t10k-labels-idx1-ubyte.gz",
                    "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148)),
        "MIT",
        "Xiao, Rasul & Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747",
    ),
    Original(
        "cifar10",
        # 피클이 아닌 이진판. tensorflow/datasets: tensorflow_datasets/url_checksums/cifar10.txt
        (RemoteFile("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170_052_171),),
        "명시된 라이선스 없음(연구용으로 공개)",
        "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    ),
    Original(
        "flowers",
        # tensorflow/datasets: tensorflow_datasets/url_checksums/tf_flowers.txt
        (RemoteFile("https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
                    "sha256:4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c", 228_813_984),),
        "CC BY 2.0(사진마다 지은이가 LICENSE.txt에 있다)",
        "The TensorFlow Team, Flowers, 2019",
    ),
    Original(
        "imdb",
        # keras/src/datasets/imdb.py. 단어 색인은 그곳에 MD5만 공개되어 있다.
        (RemoteFile(f"{KERAS}/imdb.npz",
                    "sha256:69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f", 17_464_789),
         RemoteFile(f"{KERAS}/imdb_word_index.json", "md5:bfafd718b763782e994055a2d397834f", 1_641_221)),
        "명시된 라이선스 없음(연구용으로 공개)",
        "Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011",
    ),
    Original(
        "nsmc",
        # huggingface/datasets: datasets/nsmc/dataset_infos.json, jeongukjae/tfds-korean: tfds_korean/nsmc/checksums.tsv
        (RemoteFile(f"{NSMC}/ratings_train.txt",
                    "sha256:e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940", 14_628_807),
         RemoteFile(f"{NSMC}/ratings_test.txt",
                    "sha256:8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda", 4_893_335)),
        "CC0 1.0",
        "Park, Naver Sentiment Movie Corpus, 2016",
    ),
    Original(
        "glove",
        # JuliaText/Embeddings.jl: src/glove.jl
        (RemoteFile("https://nlp.stanford.edu/data/glove.6B.zip",
                    "sha256:617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb", 862_182_613),),
        "PDDL 1.0",
        "Pennington, Socher & Manning, GloVe: Global Vectors for Word Representation, EMNLP 2014",
    ),
    Original(
        "moving_mnist",
        # tensorflow/datasets: tensorflow_datasets/url_checksums/moving_mnist.txt
        (RemoteFile("https://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy",
                    "sha256:c2a3e8d3939c001ab77bf543f130157424efa486bb4d0974d2cebb773b13f8b3", 819_200_096),),
        "명시된 라이선스 없음(MNIST에서 만들었다)",
        "Srivastava, Mansimov & Salakhutdinov, Unsupervised Learning of Video Representations using LSTMs, "
        "2015, arXiv:1502.04681",
    ),
)

ORIGINALS: dict[str, Original] = {original.name: original for original in _ALL}


def mnist() -> tuple[Split, Split]:
    """Return ((x_train, y_train), (x_test, y_test)): x uint8 (N, 28, 28), y uint8 (N,); 60,000 and 10,000."""
    (path,) = ORIGINALS["mnist"].fetch()
    with np.load(path) as stored:
        return (stored["x_train"], stored["y_train"]), (stored["x_test"], stored["y_test"])


def fashion_mnist() -> tuple[Split, Split]:
    """Return ((x_train, y_train), (x_test, y_test)): x uint8 (N, 28, 28), y uint8 (N,); 60,000 and 10,000."""
    x_train, y_train, x_test, y_test = map(_read_idx, ORIGINALS["fashion_mnist"].fetch())
    return (x_train, y_train), (x_test, y_test)


def cifar10() -> tuple[Split, Split]:
    """Return ((x_train, y_train), (x_test, y_test)): x uint8 (N, 32, 32, 3), y uint8 (N, 1); 50,000 and 10,000."""
    (path,) = ORIGINALS["cifar10"].fetch()
    with tarfile.open(path) as archive:
        train = [_read_cifar_batch(archive, f"data_batch_{i}.bin") for i in range(1, 6)]
        test = _read_cifar_batch(archive, "test_batch.bin")
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train))
    return (x_train, y_train), test


def flowers_directory() -> Path:
    """Return the folder with one sub-folder of JPEGs per class: daisy, dandelion, roses, sunflowers, tulips."""
    (path,) = ORIGINALS["flowers"].fetch()
    return _download.extract(path, path.parent / "extracted") / "flower_photos"


def imdb() -> dict[str, np.ndarray]:
    """Return x_train, y_train, x_test, y_test of imdb.npz.

    x: object (25000,) of lists of word ranks; y: int64 (25000,) of 0 or 1, in the order of the file.
    """
    path, _ = ORIGINALS["imdb"].fetch()
    with np.load(path, allow_pickle=True) as stored:  # 피클은 체크섬이 맞은 뒤에만 연다
        return dict(stored)


def imdb_word_index() -> dict[str, int]:
    """Return the rank of each word, 1 for the most frequent."""
    _, path = ORIGINALS["imdb"].fetch()
    return json.loads(path.read_text(encoding="utf-8"))


def nsmc() -> tuple[Split, Split]:
    """Return ((texts, labels), (texts, labels)): str objects, uint8 0 or 1; 150,000 and 50,000, some texts empty."""
    train, test = map(_read_nsmc, ORIGINALS["nsmc"].fetch())
    return train, test


def glove(dimension: int = 50) -> Path:
    """Return the text file of the vectors: 400,000 lines 'word v1 v2 …'.

    Raises:
        ValueError: the archive has no vectors of this dimension.
    """
    if dimension not in GLOVE_DIMENSIONS:
        raise ValueError(f"GloVe의 차원은 {GLOVE_DIMENSIONS} 가운데 하나여야 한다. 받은 값: {dimension}")
    (archive,) = ORIGINALS["glove"].fetch()
    member = f"glove.6B.{dimension}d.txt"
    return _download.extract_member(archive, member, archive.parent / member)


def moving_mnist() -> np.ndarray:
    """Return uint8 (20, 10000, 64, 64), mapped from disk: writing into it changes the copy in memory only."""
    (path,) = ORIGINALS["moving_mnist"].fetch()
    return np.load(path, mmap_mode="c")


def _read_idx(path: Path) -> np.ndarray:
    """Read the IDX format: two zeros, type 8 (uint8), rank, the shape as big-endian int32, the values."""
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    shape = np.frombuffer(data, ">i4", count=rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def _read_cifar_batch(archive: tarfile.TarFile, name: str) -> Split:
    """Read records of 1 label byte and 3,072 pixel bytes: the red plane, the green, the blue."""
    data = archive.extractfile(f"cifar-10-batches-bin/{name}").read()
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, :1].copy()


def _read_nsmc(path: Path) -> Split:
    """Read lines 'id TAB document TAB label' under one heading; quotes are ordinary characters."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = np.array([row["document"] for row in rows], dtype=object)
    return texts, np.array([int(row["label"]) for row in rows], dtype=np.uint8)
