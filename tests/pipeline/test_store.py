"""Results are computed once and read back, whole or not at all, whoever else is at work and whatever is killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass

import numpy as np
import pytest

from qcompare.core.archive import arrays_packed, arrays_unpacked, packed, unpacked
from qcompare.core.child import Child
from qcompare.core.function import Function
from qcompare.core.stage import Codec, Stage
from qcompare.pipeline.store import NotStoredError, Store
from tests import commands

TEXT = Codec(
    dump=lambda value: {"value.json": json.dumps(value).encode()}, load=lambda files: json.loads(files["value.json"])
)
CALLS: list[object] = []


def doubled(number, log=""):
    """A result, and a line in a file for each time that it was computed."""
    CALLS.append(number)
    if log:
        with open(log, "a") as file:
            file.write(f"{number}\n")
    return 2 * number


def total(parts):
    return sum(parts)


def listed(names):
    return list(names)


def die(number):
    os.kill(os.getpid(), signal.SIGSEGV)


def fail(number):
    raise ValueError("no such luck")


def stage(number, *, compute=doubled, codec=TEXT, **options):
    return Stage(name="doubling", compute=compute, inputs={"number": number}, codec=codec, **options)


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_result_is_computed_once_and_then_read(tmp_path):
    for _ in range(2):
        store = Store(root=tmp_path)
        assert store.value(stage(3)) == 6
        assert store.value(stage(3)) == 6
    assert CALLS == [3]
    assert Store(root=tmp_path).has(stage(3))
    assert not Store(root=tmp_path).has(stage(4))


def test_what_is_handed_on_is_what_a_later_process_reads(tmp_path):
    """A mapping read back has its names in the file's order; what is made of it must not depend on who computed it."""
    by_name = Codec(dump=lambda value: dict.fromkeys(sorted(value), b""), load=list)
    whole = Stage(name="names", compute=listed, inputs={"names": ("b", "a")}, codec=by_name)
    assert [Store(root=tmp_path).value(whole) for _ in range(2)] == [["a", "b"], ["a", "b"]]


def test_what_others_need_is_computed_first_and_stored_by_itself(tmp_path):
    whole = Stage(name="sum", compute=total, inputs={"parts": (stage(1), stage(2), 5)}, codec=TEXT)
    announced: list[object] = []
    assert Store(root=tmp_path, announce=announced.append).value(whole) == 11
    assert announced == ["doubling", "doubling", "sum"]
    assert [inner.name for inner in whole.walk()] == announced
    announced.clear()
    assert Store(root=tmp_path, announce=announced.append).value(whole) == 11
    assert announced == []


def test_an_unstored_stage_leaves_no_file(tmp_path):
    assert Store(root=tmp_path).value(stage(3, codec=None)) == 6
    assert files(tmp_path) == []


def test_fresh_computes_anew_and_replaces(tmp_path):
    Store(root=tmp_path).value(stage(3))
    store = Store(root=tmp_path, fresh=True)
    assert not store.has(stage(3))
    store.value(stage(3))
    assert store.has(stage(3))
    assert CALLS == [3, 3]


@dataclass(frozen=True)
class Multiplier:
    by: int

    def apply(self, number):
        return self.by * number


def test_keys_tell_functions_inputs_and_objects_apart():
    stages = [
        stage(1),
        stage(2),
        stage("1"),
        stage(1, compute=die),
        stage(1, compute=Multiplier(2).apply),
        stage(1, compute=Multiplier(3).apply),
        stage(1, compute=Function("tests.pipeline.test_store", "fail")),
        stage(stage(1)),
        stage(stage(2)),
        stage((1, 2)),
    ]
    assert len({each.key for each in stages}) == len(stages)
    assert stage(1).key == stage(1, isolated=True).key == stage(1, codec=None).key
    assert stage(1, compute=Multiplier(2).apply).key == stage(1, compute=Multiplier(2).apply).key


@pytest.mark.slow
def test_a_crash_in_the_other_process_takes_one_result_and_is_tried_again(tmp_path):
    with Child() as child:
        store = Store(root=tmp_path, child=child)
        fallen = stage(1, compute=die, isolated=True, fallen=lambda text: text)
        assert store.value(fallen) == "crashed: killed by signal 11 (SIGSEGV)"
        assert store.value(stage(3, isolated=True)) == 6
    assert CALLS == []
    assert not Store(root=tmp_path).has(fallen)
    assert Store(root=tmp_path).has(stage(3))


def test_a_failure_in_the_other_process_is_a_result_like_any_other(tmp_path):
    with Child() as child:
        failed = stage(1, compute=fail, isolated=True, fallen=lambda text: text)
        assert Store(root=tmp_path, child=child).value(failed) == "failed: ValueError: no such luck"
    assert Store(root=tmp_path).has(failed)


def test_a_failure_in_this_process_is_raised_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="no such luck"):
        Store(root=tmp_path).value(stage(1, compute=fail))
    assert not [name for name in files(tmp_path) if name.endswith((".zip", ".partial"))]


@pytest.mark.parametrize("damage", [b"", b"PK", b"half"])
def test_a_damaged_result_is_computed_anew(damage, tmp_path):
    store = Store(root=tmp_path)
    store.value(stage(3))
    store.path(stage(3)).write_bytes(damage)
    assert Store(root=tmp_path).value(stage(3)) == 6
    assert CALLS == [3, 3]
    assert Store(root=tmp_path).value(stage(3)) == 6
    assert CALLS == [3, 3]


def test_what_is_recorded_is_read_under_its_old_key_and_never_computed(tmp_path):
    store = Store(root=tmp_path)
    store.value(stage(3))
    old = {stage(4).key: stage(3).key}
    again = Store(root=tmp_path, recorded=old, keeps=False)
    assert again.value(stage(4)) == 6
    whole = Stage(name="sum", compute=total, inputs={"parts": (stage(4),)}, codec=TEXT)
    assert again.value(whole) == 6
    assert not Store(root=tmp_path).has(whole)
    with pytest.raises(NotStoredError, match="doubling is no longer stored"):
        Store(root=tmp_path, recorded={stage(5).key: "nowhere"}).value(stage(5))
    assert CALLS == [3]


def test_results_have_a_size_and_a_cost(tmp_path):
    store = Store(root=tmp_path)
    assert store.size() == (0, 0)
    store.value(stage(3))
    count, size = store.size()
    assert count == 1
    assert size == store.path(stage(3)).stat().st_size
    assert set(store.cost(stage(3))) == {"seconds", "peak_bytes"}
    assert store.cost(stage(4)) == {}


WORK = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from qcompare.pipeline.store import Store
    from tests.pipeline import test_store
    store = Store(root=Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        store.value(test_store.slow(number, sys.argv[2]))
""")


def slowly(number, log):
    time.sleep(0.02)
    return doubled(number, log)


def slow(number, log):
    return Stage(name="doubling", compute=slowly, inputs={"number": number, "log": log}, codec=TEXT)


def process(root, log, count=10):
    return subprocess.Popen([sys.executable, "-c", WORK, root, log, str(count)], env=commands.environment())


@pytest.mark.slow
def test_processes_at_once_neither_repeat_nor_disturb_each_other(tmp_path):
    root, log = tmp_path / "store", tmp_path / "log"
    working = [process(root, log) for _ in range(3)]
    assert [each.wait() for each in working] == [0, 0, 0]
    assert sorted(map(int, log.read_text().split())) == list(range(10))
    assert not [name for name in files(root) if ".partial" in name]


@pytest.mark.slow
def test_a_killed_process_leaves_what_the_next_one_turns_into_the_same_files(tmp_path):
    (tmp_path / "log").touch()
    undisturbed = tmp_path / "undisturbed"
    assert process(undisturbed, tmp_path / "log").wait() == 0
    root = tmp_path / "store"
    for delay in (0.15, 0.2, 0.25, 0.3):
        killed = process(root, tmp_path / "log")
        time.sleep(delay)
        killed.kill()
        killed.wait()
    assert process(root, tmp_path / "log").wait() == 0
    assert files(root) == files(undisturbed)
    for name in files(root):
        if not name.endswith(".json"):
            assert (root / name).read_bytes() == (undisturbed / name).read_bytes()


def test_archives_and_arrays_read_back_and_have_one_form(tmp_path):
    content = {"b": b"1", "a": b""}
    assert unpacked(packed(content)) == content
    assert packed(content) == packed(dict(content))
    arrays: dict[str, np.ndarray] = {"a/b": np.arange(6, dtype=np.int8).reshape(2, 3), "c": np.array([0.1], np.float32)}
    back = arrays_unpacked(arrays_packed(arrays))
    assert {name: (value.dtype, value.tolist()) for name, value in back.items()} == {
        name: (value.dtype, value.tolist()) for name, value in arrays.items()
    }
    assert arrays_packed(arrays) == arrays_packed(arrays)
