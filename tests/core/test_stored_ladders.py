"""Ladders come back from their files, to the bit."""

import math
from dataclasses import replace

import numpy as np

from qcompare.core.finding import remark
from qcompare.core.ladder import Climb, Difference, Fed, Ladder, Ladders
from qcompare.core.stored_ladders import dump, load
from qcompare.core.tap import OUTPUT, Tap

STEP = Difference(n=6, changed=2, total=0.1 + 0.2, squares=1 / 3, cross=-1e-300)
LAST = replace(STEP, changed=None, flips=1)
H = Climb(
    tap=Tap("recurrent_0/h", 3),
    fed=Fed.OWN,
    op="MUL",
    index=4,
    lsb=0.1,
    signal=math.pi,
    rungs={"weights": STEP, "rounding": replace(STEP, n=7)},
    whole=replace(STEP, total=-0.0),
    by_unit=np.array([1 / 3, 2.0]),
)
X = replace(H, tap=Tap("x"), fed=Fed.REFERENCE, op="", index=None, lsb=None, by_unit=None)
END = replace(H, tap=OUTPUT, rungs={"operators": LAST, **H.rungs, "runtime": LAST}, by_unit=None)
LADDERS = Ladders(
    ladders=(
        Ladder(kernels="reference", climbs=(H, X, END), alone={"weights": 0.1}, last={"weights": 1 / 3}),
        Ladder(kernels="micro", climbs=()),
    ),
    findings=(remark("ladder", "a word"),),
)


def test_ladders_come_back_as_they_were():
    found = load(dump(LADDERS))
    assert found.findings == LADDERS.findings
    for one, other in zip(found.ladders, LADDERS.ladders, strict=True):
        assert (one.kernels, one.alone, one.last) == (other.kernels, other.alone, other.last)
        for a, b in zip(one.climbs, other.climbs, strict=True):
            assert (a.by_unit is None) == (b.by_unit is None)
            assert a.by_unit is None or np.array_equal(a.by_unit, b.by_unit)
            assert repr(replace(a, by_unit=b.by_unit)) == repr(b)
            assert list(a.rungs) == list(b.rungs)


def test_no_ladders_come_back_too():
    assert load(dump(Ladders())).ladders == ()
