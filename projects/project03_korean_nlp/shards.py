"""글과 형태소를 TFRecord 샤드로: 다 쓴 샤드만 이름을 얻고, 무엇에서 만들었는지를 옆에 적는다."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from projects.common.files import write_whole
from projects.project03_korean_nlp.text import BadLine, Document, bucket
from tf_study.data_pipeline.tfrecord import shard_paths

BATCH = 512

SPEC = {
    "file": tf.io.FixedLenFeature([], tf.string),
    "line": tf.io.FixedLenFeature([], tf.int64),
    "id": tf.io.FixedLenFeature([], tf.string),
    "text": tf.io.FixedLenFeature([], tf.string),
    "topic": tf.io.FixedLenFeature([], tf.string),
    "bucket": tf.io.FixedLenFeature([], tf.int64),
    "morphemes": tf.io.RaggedFeature(tf.string),
}


def to_record(document: Document, morphemes: list[str]) -> bytes:
    """Serialise a document; the same document always gives the same bytes."""
    values = {
        "file": [document.file],
        "line": [document.line],
        "id": [document.id],
        "text": [document.text],
        "topic": [document.topic],
        "bucket": [bucket(document.text)],
        "morphemes": morphemes,
    }
    features = tf.train.Features(feature={name: _feature(value) for name, value in values.items()})
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


def _feature(values: list) -> tf.train.Feature:
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))


def write_json(path: Path, value) -> None:
    """Write the file as a whole or not at all."""
    content = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    write_whole(path, lambda part: part.write_text(content, encoding="utf-8"))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Shard:
    """One TFRecord file and its manifest, written by one process.

    Args:
        folder: of the data set.
        index, count: which of how many.
        source: hash of everything that the content depends on.
    """

    def __init__(self, folder: Path, index: int, count: int, source: str):
        self.source = source
        self._name = f"{index:05d}-of-{count:05d}.tfrecord"
        self._path = folder / self._name
        self._manifest = folder / f"{index:05d}.json"
        self._part = folder / "unfinished.part"  # write_whole의 이름은 shard_paths의 무늬에 걸린다

    def finished(self) -> bool:
        """Return whether the shard is there, whole, and made of the same source."""
        try:
            manifest = self.manifest()
            return manifest["source"] == self.source and manifest["tfrecord"] == digest(self._path)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def manifest(self) -> dict:
        return json.loads(self._manifest.read_text(encoding="utf-8"))

    def write(self, rows: Iterable[tuple[Document, list[str]] | BadLine]) -> None:
        """Write the documents, then the manifest with the bad lines."""
        counts: dict[str, int] = {}
        bad, morphemes = [], 0
        with tf.io.TFRecordWriter(str(self._part)) as writer:
            for row in rows:
                if isinstance(row, BadLine):
                    bad.append(row._asdict())
                else:
                    writer.write(to_record(*row))
                    counts[row[0].topic] = counts.get(row[0].topic, 0) + 1
                    morphemes += len(row[1])
        os.replace(self._part, self._path)
        manifest = {"source": self.source, "tfrecord": digest(self._path), "morphemes": morphemes}
        manifest |= {"topics": dict(sorted(counts.items())), "bad": bad}
        write_json(self._manifest, manifest)  # 이것이 있어야 끝난 샤드이다


def read_batches(folder: Path | str, size: int = BATCH) -> Iterator[dict]:
    """Yield the records of a prepared folder in their order, as dicts of (B,) and (B, None) tensors.

    Raises:
        FileNotFoundError: a shard is missing.
    """
    paths = [str(path) for path in shard_paths(folder)]
    yield from tf.data.TFRecordDataset(paths).batch(size).map(lambda batch: tf.io.parse_example(batch, SPEC))
