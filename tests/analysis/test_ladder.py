"""The rows that are made of ladders, from figures made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis import drawn_ladder
from qcompare.analysis.findings import FINDINGS
from qcompare.analysis.ladder import LADDER
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.ladder_tensors import LADDER_TENSORS
from qcompare.analysis.result import Result, fallen
from qcompare.core.finding import failure, warning
from qcompare.core.function import Function
from qcompare.core.ladder import Climb, Difference, Fed, Ladder, Ladders
from qcompare.core.network import Network
from qcompare.core.tap import OUTPUT, Tap
from qcompare.tflite.artifact import Artifact

N = 4


def difference(total: float, squares: float, cross: float = 0.0, changed: int | None = 0) -> Difference:
    return Difference(n=N, changed=changed, total=total, squares=squares, cross=cross)


def climb(tap: Tap, squares: float, changed: int = 1, fed: Fed = Fed.OWN, **others: Any) -> Climb:
    """Two rungs, of which the second takes a quarter of the first one's squares back."""
    rungs = {"weights": difference(2.0, squares, 0.0, changed), "rounding": difference(-1.0, squares, -1.25 * squares)}
    whole = difference(1.0, 0.75 * squares, changed=changed)
    described: dict[str, Any] = {"op": "MUL", "index": 7, "lsb": 0.5, "signal": 100.0} | others
    return Climb(tap=tap, fed=fed, rungs=rungs, whole=whole, **described)


def h(step: int, squares: float, changed: int, fed: Fed = Fed.OWN) -> Climb:
    by_unit = np.array([squares, 0.0]) if fed is Fed.OWN else None
    return climb(Tap("recurrent_0/h", step), squares, changed, fed, by_unit=by_unit)


CLIMBS = (
    climb(Tap("x"), 1.0, index=None, op=""),
    *(h(step, squares, changed) for step, squares, changed in ((0, 0.0, 0), (1, 4.0, 2), (2, 16.0, 3))),
    climb(OUTPUT, 8.0),
    climb(Tap("x"), 0.0, fed=Fed.REFERENCE),
    *(h(step, 1.0, 1, Fed.REFERENCE) for step in range(3)),
    climb(OUTPUT, 2.0, fed=Fed.REFERENCE),
)


def result(*kernel_sets: str, route: str = "ptq", **artifact: Any) -> Result:
    ladders = tuple(
        Ladder(kernels=kernels, climbs=CLIMBS, alone={"weights": 3.0}, last={"weights": 5.0}) for kernels in kernel_sets
    )
    told = (warning("ladder", "not computed in the arithmetic of micro: operator 3 TANH"),)
    return Result(
        configuration="lstm-int8",
        seed=4,
        classification=True,
        comparisons=(),
        artifacts={route: Artifact(route=route, **artifact)},
        traces={},
        ladders={route: Ladders(ladders=ladders, findings=told)},
    )


def rows(**chosen: Any) -> pd.DataFrame:
    frame = LADDER.made(result("reference", "xnnpack"))
    for column, value in chosen.items():
        frame = frame[frame[column].isna() if value is None else frame[column] == value]
    return frame


def test_a_row_is_what_a_rung_changes():
    (row,) = rows(kernels="xnnpack", tap="output", fed="own", rung="rounding").to_dict("records")
    assert (row["engine_a"], row["engine_b"], row["route_b"]) == ("float", "manual:xnnpack", "ptq")
    assert (row["n"], row["changed_integers"], row["mean"]) == (N, 0, -0.25)
    assert row["rms"] == pytest.approx(math.sqrt(2.0))
    assert (row["cross"], row["added"]) == (-2.5, -0.5)
    assert row["sqnr_db"] == pytest.approx(10 * math.log10(100 / 8))


def test_time_steps_together_are_the_sum_of_theirs():
    together = rows(kernels="reference", tap="recurrent_0/h", fed="own", rung="whole", step=None)
    assert (together["n"].item(), together["changed_integers"].item()) == (3 * N, 5)
    assert together["rms"].item() == pytest.approx(math.sqrt(0.75 * 20 / (3 * N)))


def test_steps_are_told_of_states_and_of_what_accumulates():
    stepped = rows(kernels="reference")
    stepped = stepped[stepped["step"].notna()]
    assert stepped[["tap", "fed"]].drop_duplicates().to_numpy().tolist() == [["recurrent_0/h", "own"]]
    assert sorted(set(stepped["step"])) == [0, 1, 2]


def test_orders_are_told_of_the_output_and_its_rungs_of_real_numbers():
    known = rows(kernels="reference")
    known = known[known["rms_alone"].notna()]
    assert known[["tap", "fed", "rung", "rms_alone", "rms_last"]].to_numpy().tolist() == [
        ["output", "own", "weights", 3.0, 5.0]
    ]


def test_no_noise_has_no_ratio_to_the_signal():
    assert rows(kernels="reference", tap="recurrent_0/h", step=0)["sqnr_db"].isna().all()


def test_within_a_trained_model_a_ladder_begins_at_its_own_weights():
    own = Network(model={}, steps=3, features=1, outputs=2, evaluate=Function("", ""), weights={})
    frame = LADDER.made(result("xnnpack", route="qat", network=own))
    sides = frame[["route_a", "tap", "fed"]].drop_duplicates()
    float_sides = sides[sides["route_a"] == "float"]
    assert float_sides.to_numpy().tolist() == [["float", "output", "own"]]
    assert set(sides["route_a"]) == {"float", "qat"}
    assert set(frame["engine_a"]) == {"float"}


def tensors(tap: str) -> pd.DataFrame:
    frame = LADDER_TENSORS.made(result("xnnpack"))
    return frame[frame["tap"] == tap]


def test_a_tensor_has_what_arises_there_and_what_accumulates():
    whole, *steps = tensors("recurrent_0/h").to_dict("records")
    assert [row["step"] for row in steps] == [0, 1, 2]
    assert whole["rmse"] == pytest.approx(math.sqrt(15 / 12))
    assert whole["local_rmse"] == pytest.approx(math.sqrt(0.75 / 4))
    assert (whole["mismatch_rate"], whole["local_mismatch_rate"]) == (5 / 12, 3 / 12)
    assert steps[2]["mean_error"] == 0.25


def test_growth_is_from_step_to_step_and_none_after_nothing():
    growth = tensors("recurrent_0/h")["growth"]
    assert growth.isna().tolist() == [True, True, True, False]
    assert growth.iloc[3] == pytest.approx(2.0)


def test_the_first_step_is_that_of_the_first_unequal_integer():
    first = tensors("recurrent_0/h")["first_step"]
    assert first.iloc[0] == 1
    assert first.isna().tolist() == [False, True, True, True]
    assert tensors("output")["first_step"].isna().all()


def test_a_trial_that_fell_has_no_rows_and_what_is_not_covered_is_told():
    fell = fallen("lstm-int8", 4, (), failure("trial", "crashed"))
    assert not list(LADDER.rows(fell))
    assert not list(LADDER_TENSORS.rows(fell))
    assert drawn_ladder.of_trial(fell, "digits").ladders == ()
    (told,) = FINDINGS.rows(result("xnnpack"))
    assert (told.route, told.where) == ("ptq", "ladder")


def test_the_summary_is_of_the_seeds_at_the_output():
    frame = LADDER.made(result("xnnpack"))
    other = frame.assign(seed=5, added=frame["added"] + 2)
    found = LADDER_SUMMARY.made(pd.concat([other, frame], ignore_index=True))
    assert set(found["tap"]) == {"output"}
    row = found[(found["rung"] == "weights") & (found["metric"] == "added")]
    assert (row["n"].item(), row["mean"].item()) == (2, 3.0)
    assert not len(LADDER_SUMMARY.made(frame[:0]))


def test_what_is_drawn_of_the_default_kernels():
    drawn = drawn_ladder.of_trial(result("reference", "xnnpack"), "digits")
    (ladder,) = drawn.ladders
    assert (ladder.kernels, ladder.rungs) == ("xnnpack", ("weights", "rounding"))
    assert ladder.added.tolist() == [[2.0, -0.5]]
    (state,) = drawn.states
    assert state.role == "recurrent_0/h"
    assert state.rms.tolist() == [[0, 0], [math.sqrt(2), 0], [math.sqrt(8), 0]]
    (over,) = drawn_ladder.over_seeds(LADDER.made(result("reference", "xnnpack")))
    assert (over.rungs, over.added.tolist()) == (ladder.rungs, ladder.added.tolist())
    (first,) = drawn_ladder.of_trial(result("reference", "micro"), "digits").ladders
    assert first.kernels == "reference"


def test_a_state_is_known_by_its_role_or_its_operator():
    assert CLIMBS[1].of_state
    assert not replace(CLIMBS[1], tap=Tap("recurrent_0/h")).of_state
    assert not replace(CLIMBS[1], tap=Tap("recurrent_0/gates", 1)).of_state
    fused = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert replace(CLIMBS[1], tap=Tap("sequential/lstm", 1), op=fused).of_state
