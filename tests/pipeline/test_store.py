"""Results whole or not at all."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from qcompare.core.files import write_whole
from qcompare.pipeline import store


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def a_dead_process():
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_folder_appears_whole(tmp_path):
    folder = tmp_path / "deep" / "seed=0"
    with store.whole_folder(folder) as results:
        (results / "a.csv").write_text("1")
        assert not folder.exists()
        (results / "b.csv").write_text("2")
    assert contents(tmp_path) == {"deep/seed=0/a.csv": "1", "deep/seed=0/b.csv": "2"}
    assert [path.name for path in folder.parent.iterdir()] == ["seed=0"]


def test_a_block_that_raises_leaves_nothing(tmp_path):
    def fail():
        with store.whole_folder(tmp_path / "seed=0") as results:
            (results / "a.csv").write_text("1")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_raises_leaves_what_was_there(tmp_path):
    folder = tmp_path / "seed=0"
    folder.mkdir()
    (folder / "a.csv").write_text("old")

    def fail():
        with store.whole_folder(folder) as results:
            (results / "a.csv").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path) == {"seed=0/a.csv": "old"}


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "seed=0"
    for files in ({"a.csv": "old", "gone.csv": "old"}, {"a.csv": "new"}):
        with store.whole_folder(folder) as results:
            for name, text in files.items():
                (results / name).write_text(text)
    assert contents(tmp_path) == {"seed=0/a.csv": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["seed=0"]


def test_a_folder_that_another_process_finished_meanwhile_is_replaced(tmp_path):
    folder = tmp_path / "seed=0"
    with store.whole_folder(folder) as results:
        (results / "a.csv").write_text("mine")
        folder.mkdir()
        (folder / "a.csv").write_text("theirs")
    assert contents(tmp_path) == {"seed=0/a.csv": "mine"}


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead, living = a_dead_process(), os.getpid()
    for process in (dead, living):
        for end in ("partial", "old"):
            folder = tmp_path / f".seed=0.{process}.{end}"
            folder.mkdir()
            (folder / "a.csv").write_text("")
        (tmp_path / f".errors.csv.{process}").write_text("half")
    (tmp_path / "seed=0").mkdir()
    (tmp_path / ".hidden").write_text("the user's")
    (tmp_path / ".hidden.d").mkdir()
    store.remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "seed=0",
        ".hidden",
        ".hidden.d",
        f".seed=0.{living}.partial",
        f".seed=0.{living}.old",
        f".errors.csv.{living}",
    }


def test_a_stored_trial_is_known_by_its_key(tmp_path):
    store.write_json({"key": "k", "seed": 0}, tmp_path / store.RECORD)
    assert store.is_stored(tmp_path, "k")
    assert not store.is_stored(tmp_path, "another")
    assert not store.is_stored(tmp_path / "nowhere", "k")
    store.write_json({"key": "k", "seed": 0, "crashed": "killed"}, tmp_path / store.RECORD)
    assert not store.is_stored(tmp_path, "k")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "7", '"k"'])
def test_a_damaged_record_is_no_stored_trial(text, tmp_path):
    (tmp_path / store.RECORD).write_text(text)
    assert not store.is_stored(tmp_path, "k")


def test_digests_do_not_depend_on_the_order_of_keys():
    assert store.digest({"a": 1, "b": {"c": 2, "d": 3}}) == store.digest({"b": {"d": 3, "c": 2}, "a": 1})
    values = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": [1]}, {"a": "1"}, {"a": None}, {"a": 1.5}, [], {}]
    assert len({store.digest(value) for value in values}) == len(values)


def test_keys_depend_on_configuration_seed_and_environment(monkeypatch):
    key = store.key({"a": 1}, 0)
    assert key == store.key({"a": 1}, 0)
    assert len({key, store.key({"a": 2}, 0), store.key({"a": 1}, 1)}) == 3
    environment = store.environment() | {"packages": {"numpy": "0"}}
    monkeypatch.setattr(store, "environment", lambda: environment)
    assert store.key({"a": 1}, 0) != key


def test_the_environment_names_versions_and_cpu():
    environment = store.environment()
    assert environment["packages"]["numpy"] == np.__version__
    assert environment["cpu"]
    assert len(environment["qcompare_source"]) == 64
    json.dumps(environment)


def test_arrays_and_json_read_back(tmp_path):
    arrays = {"a/b": np.arange(6, dtype=np.int8).reshape(2, 3), "c": np.float32([0.1])}
    store.write_arrays(arrays, tmp_path / "arrays.npz")
    with np.load(tmp_path / "arrays.npz") as stored:
        assert {name: (stored[name].dtype, stored[name].tolist()) for name in stored.files} == {
            name: (value.dtype, value.tolist()) for name, value in arrays.items()
        }
    store.write_json({"b": 1, "a": [None, 0.1]}, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": [None, 0.1], "b": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays.npz", "x.json"]


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        store.write_arrays({"a": np.arange(3.0)}, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write_whole(path, b"old")

    def full(self, content):
        with open(self, "wb") as file:
            file.write(content[:1])
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        write_whole(path, b"new")
    assert contents(tmp_path) == {"a.csv": "old"}
