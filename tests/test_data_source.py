"""내장 데이터의 캐시와 데이터의 출처."""

from __future__ import annotations


import numpy as np
import pytest

from tf_study.course.data import _source


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """A cached builder in a fresh cache folder, and the list of its calls."""
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path))
    calls = []

    @_source.cached
    def build():
        calls.append(1)
        return {"x": np.arange(4)}

    return build, calls


def test_a_built_set_is_kept_in_memory_and_on_disk(counted, tmp_path):
    build, calls = counted
    for _ in range(2):
        np.testing.assert_array_equal(build()["x"], np.arange(4))
    build.cache_clear()
    np.testing.assert_array_equal(build()["x"], np.arange(4))
    assert len(calls) == 1 and len(list(tmp_path.glob("embedded/*.npz"))) == 1


def test_a_caller_who_changes_his_arrays_changes_no_others(counted):
    build, _ = counted
    build()["x"][:] = -1
    np.testing.assert_array_equal(build()["x"], np.arange(4))


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_a_damaged_file_is_built_again(counted, tmp_path, damage):
    build, calls = counted
    build()
    (path,) = tmp_path.glob("embedded/*.npz")
    path.write_bytes(path.read_bytes()[:50] if damage is None else damage)
    build.cache_clear()
    np.testing.assert_array_equal(build()["x"], np.arange(4))
    assert len(calls) == 2 and np.load(path)["x"].sum() == 6


def test_a_folder_that_cannot_be_written_only_costs_time(counted, tmp_path, monkeypatch):
    build, calls = counted
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TF_STUDY_HOME", str(tmp_path / "file"))
    np.testing.assert_array_equal(build()["x"], np.arange(4))
    assert calls == [1]


def test_other_sources_have_another_fingerprint(monkeypatch, tmp_path):
    (tmp_path / "_source.py").write_text("x = 1")
    monkeypatch.setattr(_source, "__file__", str(tmp_path / "_source.py"))
    before = _source.fingerprint.__wrapped__()
    (tmp_path / "_lexicon.py").write_text("words = ()")
    assert _source.fingerprint.__wrapped__() != before


@pytest.mark.parametrize(("value", "real"), [("embedded", False), ("real", True)])
def test_the_source_is_chosen_by_the_environment(monkeypatch, value, real):
    monkeypatch.setenv("TF_STUDY_DATA", value)
    assert _source.use_real() is real


def test_an_unknown_source_is_refused(monkeypatch):
    monkeypatch.setenv("TF_STUDY_DATA", "original")
    with pytest.raises(ValueError, match="embedded 또는 real이어야 한다. 받은 값: 'original'"):
        _source.use_real()
