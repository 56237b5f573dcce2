"""이름이 붙은 파일은 언제나 온전하다."""

from __future__ import annotations

import pytest

from projects.common.files import write_whole


def test_a_new_folder_and_a_whole_file(tmp_path):
    path = tmp_path / "a" / "b.keras"
    write_whole(path, lambda part: part.write_text(part.suffix))
    assert path.read_text() == ".keras"
    assert [p.name for p in path.parent.iterdir()] == ["b.keras"]


def test_a_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("old")

    def fail(part):
        part.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError):
        write_whole(path, fail)
    assert path.read_text() == "old"
