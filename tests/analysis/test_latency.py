"""The rows of latency.csv, of seconds made up."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.analysis.latency import LATENCY, Timed, typical
from qcompare.core.engine import interpreter


def timed(seed: int, seconds: list[float], route: str = "ptq", kernels: str = "xnnpack") -> Timed:
    return Timed(
        configuration="dense-int8", seed=seed, route=route, engine=interpreter(kernels), seconds=np.array(seconds)
    )


def test_a_row_has_median_and_quartiles_in_microseconds() -> None:
    (row,) = LATENCY.rows([timed(3, [5e-6, 1e-6, 2e-6, 4e-6, 3e-6])])
    assert (row.configuration, row.seed, row.route, row.engine, row.n) == (
        "dense-int8", 3, "ptq", "interpreter:xnnpack", 5
    )  # fmt: skip
    assert (row.quartile1_us, row.median_us, row.quartile3_us) == pytest.approx((2, 3, 4))


def test_a_model_over_its_seeds_has_the_median_of_all_measurements() -> None:
    source = [
        timed(0, [1e-6, 2e-6, 9e-6]),
        timed(0, [7e-6], kernels="reference"),
        timed(1, [3e-6, 4e-6]),
        timed(0, [8e-6], route="qat"),
    ]
    ptq, qat = typical(source)
    assert (ptq.route, qat.route) == ("ptq", "qat")
    assert ptq.microseconds == pytest.approx({interpreter("xnnpack"): 3.0, interpreter("reference"): 7.0})
    assert qat.microseconds == pytest.approx({interpreter("xnnpack"): 8.0})
