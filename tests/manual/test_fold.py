"""What follows from constants alone is told apart and computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from qcompare.core.graph import Graph, Operator
from qcompare.manual.fold import Folding, Values, fold
from qcompare.tflite.builder import Builder


def chain() -> Graph:
    """c -> A -> B, and c and the shape s -> C; x and the result of B -> D. Tensors: x, c, s, A, B, C, D."""
    build = Builder()
    x = build.activation("x", (2,), np.float32)
    c = build.constant("c", np.array([1, 2], np.float32))
    s = build.constant("s", np.array([2], np.int32))
    a, b, c_, d = (build.activation(name, (2,), np.float32) for name in "ABCD")
    build.operator("A", (c,), (a,))
    build.operator("B", (a, -1), (b,))
    build.operator("C", (s, c), (c_,))
    build.operator("D", (x, b), (d,))
    return build.graph((x,), (d,))


def folded(broken: str = "") -> tuple[Folding, list[tuple[str, list[int], list[int]]]]:
    """Each operator adds one. The calls too: name, activations, constants."""
    calls = []

    def evaluate(operator: Operator, live: Values, constants: Values) -> Sequence[np.ndarray]:
        calls.append((operator.name, list(live), list(constants)))
        if operator.name == broken:
            raise NotImplementedError(broken)
        (value,) = live.values()
        assert value.shape == (1, 2)
        return [value + 1]

    return fold(chain(), evaluate, tolerated=(NotImplementedError,)), calls


def test_operators_on_constants_are_computed_in_their_order() -> None:
    folding, calls = folded()
    assert [operator.name for operator in folding.folded] == ["A", "B", "C"]
    assert [operator.name for operator in folding.left] == ["D"]
    assert {index: value.tolist() for index, value in folding.constants.items() if index > 2} == {
        3: [2, 3],
        4: [3, 4],
        5: [2, 3],
    }
    # The input that carries numbers is the activation, wherever it stands.
    assert calls == [("A", [1], []), ("B", [3], []), ("C", [1], [2])]


def test_what_depends_on_a_failure_has_no_results_either() -> None:
    folding, calls = folded("A")
    assert [operator.name for operator in folding.folded] == ["A", "B", "C"]
    assert sorted(folding.constants) == [1, 2, 5]
    assert {index: str(error) for index, error in folding.failed.items()} == {0: "A"}
    assert [name for name, *_ in calls] == ["A", "C"]


def test_an_error_that_is_not_tolerated_is_passed_on() -> None:
    def evaluate(operator: Operator, live: Values, constants: Values) -> Sequence[np.ndarray]:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        fold(chain(), evaluate)
