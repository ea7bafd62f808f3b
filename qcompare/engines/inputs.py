"""What of a dataset an artifact reads."""

from __future__ import annotations

from qcompare.data.dataset import Dataset, own_steps
from qcompare.engines.sequences import Inputs
from qcompare.tflite.artifact import Artifact
from qcompare.tflite.free_length import is_free


def held_back(artifact: Artifact, dataset: Dataset) -> Inputs:
    """x of the test set as an artifact reads it: sequences without the zeros in front where its model is free."""
    built = artifact.converted
    free = built is not None and is_free(built.model)
    return own_steps(dataset.x_test, dataset.lengths_test) if free else dataset.x_test
