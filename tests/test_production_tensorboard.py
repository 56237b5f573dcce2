"""8.2가 내보내는 것: 이벤트 파일의 스칼라와 트레이스의 연산."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_study.production.tensorboard import _self_times, read_scalars, read_trace, top_operations


def write(folder, points, tag="loss"):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step, value in points:
            tf.summary.scalar(tag, value, step=step)
    writer.close()


def test_scalars_come_back_by_run_and_tag_in_the_order_of_writing(tmp_path):
    write(tmp_path, [(3, 1.0), (1, 2.0), (1, 3.0)])
    write(tmp_path / "deep" / "er", [(s, s / 3) for s in range(25)], tag="accuracy")
    with tf.summary.create_file_writer(str(tmp_path / "other")).as_default() as writer:
        tf.summary.histogram("weights", [1.0, 2.0], step=0)
        tf.summary.text("note", "scalar", step=0)
    writer.close()
    scalars = read_scalars(str(tmp_path))
    assert set(scalars) == {".", "deep/er", "other"} and scalars["other"] == {}
    steps, values = scalars["."]["loss"]
    assert steps.tolist() == [3, 1, 1] and values.tolist() == [1.0, 2.0, 3.0]
    steps, values = scalars["deep/er"]["accuracy"]
    assert (steps.dtype, values.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(values, np.arange(25, dtype=np.float32) / np.float32(3))


def test_two_files_of_one_run_are_read_one_after_the_other(tmp_path):
    write(tmp_path / "run", [(0, 1.0), (1, 2.0)])
    write(tmp_path / "run", [(1, 5.0), (2, 6.0)])
    steps, values = read_scalars(tmp_path)["run"]["loss"]
    assert steps.tolist() == [0, 1, 1, 2] and values.tolist() == [1.0, 2.0, 5.0, 6.0]


def test_a_killed_writers_last_record_is_left_out(tmp_path):
    write(tmp_path, [(s, float(s)) for s in range(10)])
    (path,) = tmp_path.glob("*tfevents*")
    path.write_bytes(path.read_bytes()[:-5])
    assert read_scalars(tmp_path)["."]["loss"][0].tolist() == list(range(9))


@pytest.mark.parametrize("read", [read_scalars, read_trace, top_operations])
def test_a_folder_without_files_is_refused(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="있어야 한다. 찾은 곳"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere")


def test_self_times_take_away_direct_children_only():
    spans = [(40, 10), (0, 100), (30, 40), (100, 5), (80, 20), (80, 20)]
    assert _self_times(spans) == [10, 40, 30, 5, 0, 20]
    assert _self_times([]) == []


def profile(folder, product, times):
    tf.profiler.experimental.start(str(folder))
    for _ in range(times):
        product(tf.ones([64, 64])).numpy()
    tf.profiler.experimental.stop()


def test_operations_of_the_newest_trace_are_counted(tmp_path):
    with tf.device("/CPU:0"):
        product = tf.function(lambda x: tf.linalg.det(tf.nn.relu(x @ x)))
        product(tf.ones([64, 64]))
        profile(tmp_path / "old", product, 2)
        profile(tmp_path / "new", product, 5)
    rows = {row.type: row for row in top_operations(tmp_path, n=100)}
    assert rows["MatrixDeterminant"].count == 5
    assert all(0 <= row.self_ms <= row.total_ms + 1e-9 for row in rows.values())
    own = [row.self_ms for row in top_operations(tmp_path, n=2)]
    assert len(own) == 2 and own == sorted((row.self_ms for row in rows.values()), reverse=True)[:2]
    assert any(plane.name == "/host:CPU" for plane in read_trace(tmp_path).planes)
