"""The runtimes by kernel set: each is asked in the same way, here and in a child process."""

import pickle

import numpy as np
import pytest

from qcompare.core.graph import model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines import micro
from qcompare.engines.runtimes import RUNTIMES
from qcompare.manual.executor import run as run_by_hand
from qcompare.manual.rules import KERNEL_SETS
from qcompare.tflite.schema import write
from tests.audit.models import dense_tanh_mul, float16_weights

pytestmark = pytest.mark.runtime


def test_there_is_one_for_each_kernel_set_of_the_manual_engine():
    assert tuple(RUNTIMES) == KERNEL_SETS
    assert all(runtime.kernels == kernels for kernels, runtime in RUNTIMES.items())


@pytest.mark.parametrize("kernels", RUNTIMES)
def test_each_runs_its_kernel_set(kernels):
    graph = dense_tanh_mul()
    inputs = random_inputs(graph, 40, 0)
    runtime = pickle.loads(pickle.dumps(RUNTIMES[kernels]))
    trace = runtime.run(write(model_of(graph)), inputs, keep=(3, 5))
    assert set(trace.tensors) == {"t3", "t5"}
    by_hand = run_by_hand(model_of(graph), inputs, kernels, keep=("t3", "t5"))
    assert all(np.array_equal(trace.tensors[name], by_hand.tensors[name]) for name in by_hand.tensors)


@pytest.mark.parametrize("kernels", RUNTIMES)
def test_what_each_leaves_unwritten(kernels):
    graph = float16_weights()
    first = {index: array[0] for index, array in random_inputs(graph, 1, 0).items()}
    found = RUNTIMES[kernels].unwritten(write(model_of(graph)), first, activations=(2, 3), constant={2: None})
    assert found == ({2} if kernels == "xnnpack" else set())


def test_an_optional_package_that_is_missing(monkeypatch):
    assert all(runtime.installed() for runtime in RUNTIMES.values())
    monkeypatch.setattr(micro, "installed", lambda: False)
    assert [runtime.kernels for runtime in RUNTIMES.values() if not runtime.installed()] == ["micro"]
