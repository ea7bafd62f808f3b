"""What the builder knows of a graph by itself."""

import numpy as np

from qcompare.tflite.builder import ABSENT, Builder


def test_the_inputs_are_what_nothing_within_gives():
    build = Builder()
    first, second, between, result = (build.activation(name, (1, 2), np.float32) for name in "abcd")
    weight = build.constant("w", np.zeros((2, 2), np.float32))
    state = build.activation("s", (1, 2), np.float32, variable=True)
    build.operator("A", (second, weight, ABSENT, state), (between,))
    build.operator("B", (between, first, second), (result,))
    assert build.open_inputs() == (second, first)
