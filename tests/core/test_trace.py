"""A trace comes back from its files as it was."""

import numpy as np
import pytest

from qcompare.core.engine import LABELS, MICRO, EngineId
from qcompare.core.finding import failure, remark, warning
from qcompare.core.grid import Grid
from qcompare.core.tap import OUTPUT, Tap
from qcompare.core.trace import Trace, dump, load

PER_TENSOR = Grid.single(0.1, -3, np.int8)
PER_CHANNEL = Grid(
    scale=np.array([0.1, np.nextafter(np.float32(0.2), np.float32(1)), 3e-39], np.float32),
    zero_point=np.array([0, -7, 120], np.int64),
    dtype=np.dtype(np.int16),
    axis=1,
)
STEPS = tuple(Tap("recurrent_0/h", step) for step in (0, 11))
RANDOM = np.random.default_rng(3)
FULL = Trace(
    engine=EngineId.parse("interpreter:reference@aarch64"),
    values={
        STEPS[1]: RANDOM.integers(-32768, 32768, (5, 2, 3)).astype(np.int16),
        Tap("recurrent_0/h"): np.array([[0.1, -0.0], [np.nan, np.inf]], np.float32),
        STEPS[0]: RANDOM.integers(-128, 128, (5, 3)).astype(np.int8),
        OUTPUT: RANDOM.integers(-128, 128, (5, 4)).astype(np.int8),
    },
    grids={OUTPUT: PER_TENSOR, STEPS[1]: PER_CHANNEL, STEPS[0]: PER_TENSOR},
    findings=(failure("micro", "arena: 3 < 4"), warning("", 'says "so"'), remark("recurrent_0", "naïve\ntwo lines")),
)
TRACES = {
    "full": FULL,
    "labels": Trace(engine=LABELS, values={OUTPUT: np.array([3, 1, 2], np.int32)}),
    "none": Trace(engine=MICRO, findings=(failure("micro", "crashed"),)),
    "empty": Trace(engine=MICRO),
    "arena": Trace(engine=MICRO, arena_bytes=3312),
    "no samples": Trace(engine=MICRO, values={OUTPUT: np.zeros((0, 4), np.int8)}, grids={OUTPUT: PER_TENSOR}),
}


def same(a, b):
    """Whether two arrays have the same dtype, shape and bits."""
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def same_grid(a, b):
    return same(a.scale, b.scale) and same(a.zero_point, b.zero_point) and (a.dtype, a.axis) == (b.dtype, b.axis)


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_comes_back_as_it_was(name):
    trace = TRACES[name]
    back = load(dump(trace))
    assert (back.engine, back.findings, back.arena_bytes) == (trace.engine, trace.findings, trace.arena_bytes)
    assert list(back.values) == list(trace.values)
    assert all(same(back.values[tap], values) for tap, values in trace.values.items())
    assert set(back.grids) == set(trace.grids)
    assert all(same_grid(back.grids[tap], grid) for tap, grid in trace.grids.items())


@pytest.mark.parametrize("name", TRACES)
def test_the_same_trace_has_the_same_bytes(name):
    files = dump(TRACES[name])
    assert dump(load(files)) == files
    assert all(isinstance(content, bytes) for content in files.values())


def test_a_grid_per_channel_reads_values_as_before():
    back = load(dump(FULL))
    expected = PER_CHANNEL.dequantize(FULL.values[STEPS[1]], rank=2)
    assert same(back.grids[STEPS[1]].dequantize(back.values[STEPS[1]], rank=2), expected)


def test_taps_of_one_role_are_told_by_their_steps():
    back = load(dump(FULL))
    assert [tap.step for tap in back.values if tap.role == "recurrent_0/h"] == [11, None, 0]
    assert not same(back.values[STEPS[0]], back.values[STEPS[1]])
    assert Tap("recurrent_0/h") not in back.grids
