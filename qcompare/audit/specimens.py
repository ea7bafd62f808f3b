"""Models of one operator on which its rules differ, with what each rule makes of them; no runtime is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qcompare.audit.one_op import Case
from qcompare.core.graph import Graph, model_of
from qcompare.data.inputs import random_inputs
from qcompare.manual.arithmetic import OPS
from qcompare.manual.executor import run_operator

SAMPLES = 32
DRAWS = 200
"""Models drawn at most for one case."""

APART = 5
"""Values in which two rules have to differ over a case's models before no more are drawn for their sake."""

Values = Mapping[str, np.ndarray]
"""Output's name -> [samples, ...]."""

Inputs = Mapping[int, np.ndarray]
"""Tensor index -> [samples, *shape]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Specimen:
    """One model with its inputs, and what each rule makes of them. by_rule: rule -> values."""

    graph: Graph
    inputs: Inputs
    by_rule: Mapping[str, Values]

    def apart(self) -> dict[tuple[str, str], int]:
        """In how many values each two rules differ."""
        pairs = combinations(sorted(self.by_rule), 2)
        return {(a, b): count_unequal(self.by_rule[a], self.by_rule[b]) for a, b in pairs}


def specimens(case: Case) -> list[Specimen]:
    """Models on which the operator's rules differ as far as they can be told apart, two at least.

    Always the same ones: the generator's seed is fixed.
    """
    kept: list[Specimen] = []
    differing: dict[tuple[str, str], int] = {}
    for specimen in _drawn(case):
        apart = specimen.apart()
        if len(kept) < 2 or any(count and differing.get(pair, 0) < APART for pair, count in apart.items()):
            kept.append(specimen)
            for pair, count in apart.items():
                differing[pair] = differing.get(pair, 0) + count
        if len(kept) >= 2 and all(differing.get(pair, 0) >= APART for pair in apart):
            break
    return kept


def by_rule(graph: Graph, inputs: Inputs, rule: str) -> Values:
    """The operator computed by a rule."""
    return run_operator(model_of(graph), graph.operators[0], inputs, "reference", rule=rule).tensors


def count_unequal(a: Values, b: Values) -> int:
    return sum(int(np.count_nonzero(unequal(a[name], b[name]))) for name in a)


def unequal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which values differ; floats by their bits, but for the sign of zero and NaN, which equals itself."""
    return np.logical_and(a != b, (a == a) | (b == b))


def _drawn(case: Case) -> Iterator[Specimen]:
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        yield _specimen(case.draw(rng), rng)


def _specimen(graph: Graph, rng: np.random.Generator) -> Specimen:
    inputs = random_inputs(graph, SAMPLES, int(rng.integers(1 << 30)))
    inputs = {index: _halves(graph, rng, array) for index, array in inputs.items()}
    found = {}
    for rule in OPS[graph.operators[0].name].by_name:
        try:
            found[rule] = by_rule(graph, inputs, rule)
        except Exception:
            # A rule for other dtypes or options; whatever it stumbles on, it is no candidate.
            continue
    return Specimen(graph=graph, inputs=inputs, by_rule=found)


def _halves(graph: Graph, rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Floats that will be quantized: half-way between two of the output's integers. Integers as they are."""
    grid = graph.tensors[graph.outputs[0]].grid
    if array.dtype.kind != "f" or grid is None:
        return array
    twice = rng.integers(2 * grid.smallest, 2 * grid.largest, array.shape)
    return (twice * 0.5).astype(np.float32) * grid.lsb
