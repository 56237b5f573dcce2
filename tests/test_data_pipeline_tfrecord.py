"""4.3이 내보내는 것: 샤드 쓰기, 읽기, 건지기."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tensorflow as tf

from tf_study.data_pipeline.tfrecord import masked_crc, read_intact, read_shards, shard_paths, write_shards

RECORDS = [bytes(np.random.RandomState(i).randint(0, 256, 20 + 7 * i, dtype=np.uint8)) for i in range(23)]


def read(dataset):
    return [record.numpy() for record in dataset]


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)


def start(shard, shards, index):
    return sum(len(record) + 16 for record in RECORDS[shard::shards][:index])


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shards", [1, 4, 40])
def test_what_is_written_comes_back_in_order(tmp_path, shards, compress):
    paths = write_shards(iter(RECORDS), tmp_path / "new" / "data", shards, compress)
    assert paths == shard_paths(tmp_path / "new" / "data") and len(paths) == shards
    assert read(read_shards(tmp_path / "new" / "data")) == RECORDS
    bad = []
    in_files = [record for i in range(shards) for record in RECORDS[i::shards]]
    assert read(read_intact(tmp_path / "new" / "data", bad.append)) == in_files and not bad


def test_masked_crc_is_tensorflows(tmp_path):
    write_shards(RECORDS[:1], tmp_path / "data", 1)
    data = shard_paths(tmp_path / "data")[0].read_bytes()
    assert struct.unpack("<I", data[8:12])[0] == masked_crc(data[:8])
    assert struct.unpack("<I", data[-4:])[0] == masked_crc(RECORDS[0])


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def records():
        yield RECORDS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(records(), tmp_path / "data", 2)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path):
    write_shards(RECORDS, tmp_path / "data", 2)
    with pytest.raises(FileExistsError, match="이미 있는 폴더에는 쓰지 않는다"):
        write_shards(RECORDS[:1], tmp_path / "data", 2)
    assert read(read_shards(tmp_path / "data")) == RECORDS


@pytest.mark.parametrize("shards", [0, -1, 100000])
def test_the_number_of_shards_is_bounded(tmp_path, shards):
    with pytest.raises(ValueError, match=f"1–99999여야 한다. 받은 값: {shards}"):
        write_shards(RECORDS, tmp_path / "data", shards)


@pytest.mark.parametrize("reader", [read_shards, lambda folder: read_intact(folder, print)])
def test_missing_shards_are_named(tmp_path, reader):
    with pytest.raises(FileNotFoundError, match="샤드가 없다"):
        reader(tmp_path)
    write_shards(RECORDS, tmp_path / "data", 3)[1].unlink()
    with pytest.raises(FileNotFoundError, match="샤드가 3개여야 한다"):
        reader(tmp_path / "data")


@pytest.mark.parametrize(
    ("byte", "reason"), [(0, "길이가"), (7, "길이가"), (9, "길이가"), (12, "데이터가"), (-1, "데이터가")]
)
def test_a_flipped_bit_costs_one_record(tmp_path, byte, reason):
    paths = write_shards(RECORDS, tmp_path / "data", 2)
    position = start(1, 2, 3 if byte >= 0 else 4) + byte
    flip(paths[1], position)
    with pytest.raises(tf.errors.DataLossError):
        read(read_shards(tmp_path / "data"))
    bad = []
    found = read(read_intact(tmp_path / "data", bad.append))
    assert found == RECORDS[0::2] + RECORDS[1::2][:3] + RECORDS[1::2][4:]
    assert [(b.path, b.offset) for b in bad] == [(paths[1], start(1, 2, 3))] and bad[0].reason.startswith(reason)


@pytest.mark.parametrize("keep", [1, 11, 12, 30])
def test_a_cut_file_gives_what_is_before_the_cut(tmp_path, keep):
    path = write_shards(RECORDS, tmp_path / "data", 1)[0]
    path.write_bytes(path.read_bytes()[: start(0, 1, 10) + keep])
    bad = []
    assert read(read_intact(tmp_path / "data", bad.append)) == RECORDS[:10]
    assert [(b.offset, b.reason) for b in bad] == [(start(0, 1, 10), "레코드가 잘렸다")]


def test_damage_of_a_compressed_file_is_counted_and_no_garbage_comes_out(tmp_path):
    path = write_shards(RECORDS * 20, tmp_path / "data", 1, compress=True)[0]
    whole = path.read_bytes()
    for position in np.linspace(20, len(whole) - 20, 15).astype(int):
        path.write_bytes(whole)
        flip(path, position)
        bad = []
        assert set(read(read_intact(tmp_path / "data", bad.append))) <= set(RECORDS) and bad
    path.write_bytes(whole[:-4])
    bad = []
    assert read(read_intact(tmp_path / "data", bad.append)) == RECORDS * 20
    assert [b.reason for b in bad] == ["압축이 깨졌다"]


def test_every_iteration_reports(tmp_path):
    flip(write_shards(RECORDS, tmp_path / "data", 1)[0], 13)
    bad = []
    dataset = read_intact(tmp_path / "data", bad.append)
    assert read(dataset) == read(dataset) == RECORDS[1:] and len(bad) == 2
