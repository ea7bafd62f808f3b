"""Files appear whole or not at all."""

import os

import pytest

from qcompare.core.files import replace_whole, write_whole


@pytest.fixture
def full(monkeypatch):
    """A disk on which two bytes of a file have room."""

    def fail(self, content):
        with open(self, "wb") as file:
            file.write(content[:2])
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)


@pytest.mark.parametrize("write", [write_whole, replace_whole])
def test_a_file_is_written_and_its_folder_made(write, tmp_path):
    path = tmp_path / "made" / "here" / "file"
    write(path, b"before")
    write(path, b"after")
    assert path.read_bytes() == b"after"
    assert [item.name for item in path.parent.iterdir()] == ["file"]


def test_a_file_appears_whole_or_not_at_all(tmp_path, full):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.write(b"before")
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_what_was_left_beside_a_file_is_written_over(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace_whole(path, b"before")
    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            replace_whole(path, b"after")
    assert path.read_bytes() == b"before"
    replace_whole(path, b"later")
    assert path.read_bytes() == b"later"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_file_that_has_the_content_already_is_left_alone(tmp_path):
    path = tmp_path / "file"
    replace_whole(path, b"same")
    os.utime(path, ns=(5, 5))
    replace_whole(path, b"same")
    assert path.stat().st_mtime_ns == 5
    replace_whole(path, b"size")
    assert path.stat().st_mtime_ns != 5
    assert path.read_bytes() == b"size"
