"""Work in a child process: what it returns, raises, and dies of."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from tests import commands

pytestmark = pytest.mark.slow


def double(value):
    return value * 2


def process_id():
    return os.getpid()


def variable(name):
    return os.environ.get(name)


def die(number):
    os.kill(os.getpid(), number)
    time.sleep(60)


def crash_in_native_code():
    ctypes.string_at(0)


def leave(status):
    os._exit(status)


def ask_to_leave():
    sys.exit(4)


def fail(message):
    raise ValueError(message)


def fail_without_words():
    raise KeyError


def unpicklable():
    return lambda: None


def print_and_return(descriptor):
    os.write(descriptor, b"noise")
    return "quiet"


def count(upto, notify):
    for number in range(upto):
        notify(number)
    return "done"


def count_then_die(upto, notify):
    count(upto, notify)
    die(signal.SIGKILL)


def sleep_after(path):
    """Leave the process's id, then work for long."""
    beside = Path(f"{path}.new")
    beside.write_text(str(os.getpid()))
    beside.rename(path)
    time.sleep(120)


def parent_of_a_child(path):
    """A process whose child works for long."""
    with Child() as own:
        own.call(sleep_after, path)


@pytest.fixture(scope="module")
def child():
    with Child() as started:
        yield started


def alive(process):
    """Whether a process or a thread of it runs; one that has ended and was not waited for does not."""
    try:
        state = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0]
        threads = len(list(Path("/proc", str(process), "task").iterdir()))
    except OSError:
        return False
    return state != "Z" or threads > 1


def wait_until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came true")


def test_results_come_back_from_another_process(child):
    np.testing.assert_array_equal(child.call(double, np.arange(3)), [0, 2, 4])
    assert child.call(process_id) != os.getpid()
    assert child.call(process_id) == child.call(process_id)


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (die, (signal.SIGKILL,), r"killed by signal 9 \(SIGKILL\)"),
        (die, (signal.SIGTERM,), r"killed by signal 15 \(SIGTERM\)"),
        (die, (signal.SIGABRT,), r"killed by signal 6 \(SIGABRT\)"),
        (crash_in_native_code, (), r"killed by signal 11 \(SIGSEGV\)"),
        (leave, (0,), "ended with exit status 0"),
        (leave, (3,), "ended with exit status 3"),
        (ask_to_leave, (), "ended with exit status 4"),
    ],
)
def test_a_crash_is_an_error_that_says_of_what_and_the_next_call_works(child, function, arguments, says):
    with pytest.raises(ChildCrashedError, match=f"^{says}$"):
        child.call(function, *arguments)
    assert child.call(double, 4) == 8


def test_an_exception_is_an_error_with_its_traceback_and_the_process_goes_on(child):
    process = child.call(process_id)
    with pytest.raises(ChildFailedError, match=r"^ValueError: first line$") as caught:
        child.call(fail, "first line\nsecond line")
    assert "second line" in caught.value.details
    assert "in fail" in caught.value.details
    with pytest.raises(ChildFailedError, match=r"^KeyError$"):
        child.call(fail_without_words)
    assert child.call(process_id) == process


def test_a_result_that_cannot_be_sent_is_an_error_of_that_call_alone(child):
    with pytest.raises(ChildFailedError, match=r"Can't .*pickle"):
        child.call(unpicklable)
    assert child.call(double, 1) == 2


def test_an_argument_that_cannot_be_sent_is_an_error_of_that_call_alone(child):
    with pytest.raises(Exception, match=r"Can't .*pickle"):
        child.call(double, lambda: None)
    assert child.call(double, 1) == 2


def test_a_child_that_died_between_calls_is_started_again(child):
    process = child.call(process_id)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not alive(process))
    assert child.call(process_id) != process


def test_notify_receives_what_the_function_sends_in_order(child):
    received: list[object] = []
    assert child.call(count, 3, notify=received.append) == "done"
    assert received == [0, 1, 2]
    with pytest.raises(ChildCrashedError):
        child.call(count_then_die, 2, notify=received.append)
    assert received == [0, 1, 2, 0, 1]


def test_what_an_abandoned_call_sends_does_not_reach_the_next(child):
    def give_up(number):
        raise LookupError(number)

    with pytest.raises(LookupError):
        child.call(count, 3, notify=give_up)
    assert child.call(double, 5) == 10


def test_the_environment_is_the_childs_alone():
    with Child(environment={"QCOMPARE_TESTED": "yes"}) as other:
        assert other.call(variable, "QCOMPARE_TESTED") == "yes"
    assert "QCOMPARE_TESTED" not in os.environ


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_childs_terminal_output_is_dropped(child, descriptor, capfd):
    assert child.call(print_and_return, descriptor) == "quiet"
    assert "noise" not in "".join(capfd.readouterr())


def test_an_interrupt_in_the_terminal_does_not_reach_the_child(child):
    process = child.call(process_id)
    os.kill(process, signal.SIGINT)
    assert child.call(process_id) == process


def test_a_call_of_a_child_that_is_killed_from_another_thread_raises(tmp_path):
    with Child() as other, ThreadPoolExecutor(1) as pool:
        call = pool.submit(other.call, sleep_after, tmp_path / "id")
        wait_until((tmp_path / "id").exists)
        other.kill()
        with pytest.raises(ChildCrashedError, match="SIGKILL"):
            call.result()


def test_the_process_ends_with_the_context():
    with Child() as other:
        process = other.call(process_id)
        assert alive(process)
    assert not alive(process)
    other.stop()


def test_a_child_whose_parent_is_killed_ends_in_the_middle_of_its_work(tmp_path):
    code = f"from tests.core.test_child import parent_of_a_child; parent_of_a_child({str(tmp_path / 'id')!r})"
    parent = subprocess.Popen([sys.executable, "-c", code], env=commands.environment(), cwd=commands.ROOT)
    wait_until((tmp_path / "id").exists)
    process = int((tmp_path / "id").read_text())
    assert alive(process)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(process))
