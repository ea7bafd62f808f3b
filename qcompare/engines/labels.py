"""The true answers of the test set, as if an engine had given them."""

from __future__ import annotations

from qcompare.core.engine import LABELS
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.data.dataset import Dataset


def labels(dataset: Dataset) -> Trace:
    """Classes, int32 [samples], or reals, float32 [samples, outputs]."""
    return Trace(engine=LABELS, values={OUTPUT: dataset.y_test})
