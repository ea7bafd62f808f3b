"""Gates: bounds that every seed of some pairs is held to, judged from the rows of errors.csv alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qcompare.analysis.comparisons import TRUTH
from qcompare.core.comparison import FLOAT_ROUTE, FLOAT_SIDE, PAIRS, Side
from qcompare.core.engine import EngineId
from qcompare.core.tap import OUTPUT

Rows = Sequence[Mapping[str, str]]
"""The rows of a CSV file as text, by column."""

Sides = tuple[Side, Side]

Of = Mapping[Sides, Mapping[int, Mapping[str, str]]]
"""a and b -> seed -> the row of the output."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a gate holds of one pair of sides in every seed.

    gate, bound: such as max_lsb, 1. pair: its name. a, b: None where there are no such sides; there: which pairs there
        are, then.
    seeds, failing: in all, and those that do not hold.
    worst: the first seed whose figure is undefined, else that with the worst figure. figure: its own; None where it is
        undefined.
    """

    gate: str
    bound: float
    pair: str
    a: Side | None = None
    b: Side | None = None
    there: tuple[str, ...] = ()
    seeds: int = 0
    failing: tuple[int, ...] = ()
    worst: int | None = None
    figure: float | None = None

    @property
    def held(self) -> bool:
        """A gate that nothing was held to does not hold."""
        return self.a is not None and not self.failing


class State(Enum):
    """What came of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNDEFINED = "undefined"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a gate over all pairs of sides that were held to it.

    state: `undefined` where no defined figure fails it. worst: the verdict with the worst figure; with an undefined one
        where the state is that. pairs, failing: how many pairs in all, and how many do not hold.
    """

    state: State
    worst: Verdict
    pairs: int
    failing: int


@dataclass(frozen=True)
class Gate:
    """figure: in one seed, of a and b; None where it is undefined. unit: of the figure. least: whether the bound is the
    smallest figure that holds, else the largest. of_b: whether it is the same whatever a is."""

    figure: Callable[[Of, Sides, int], float | None]
    unit: str = ""
    least: bool = False
    of_b: bool = False

    def holds(self, figure: float | None, bound: float) -> bool:
        return figure is not None and (figure >= bound if self.least else figure <= bound)

    def badness(self, figure: float | None) -> float:
        """The larger the worse."""
        if figure is None:
            return float("inf")
        return -figure if self.least else figure

    def number(self, value: float) -> str:
        """A figure or a bound with its unit."""
        return f"{value:.6g} {self.unit}".rstrip()


def _column(name: str) -> Callable[[Of, Sides, int], float | None]:
    """A figure that errors.csv has. One that leaves values out, which are not finite, is none of them all."""

    def figure(of: Of, sides: Sides, seed: int) -> float | None:
        row = of[sides][seed]
        return float(row[name]) if row[name] and row["non_finite"] == "0" else None

    return figure


def _sqnr(of: Of, sides: Sides, seed: int) -> float | None:
    """Without noise, which leaves the SQNR empty, it is above any bound."""
    if (noise := _column("max_abs_error")(of, sides, seed)) is None:
        return None
    return float("inf") if noise == 0 else _column("sqnr_db")(of, sides, seed)


def _accuracy_drop(of: Of, sides: Sides, seed: int) -> float | None:
    """The accuracy of the float network less that of b. A float `.tflite` of the user's is evaluated by b's engine."""
    b = sides[1]
    own = FLOAT_SIDE if (TRUTH, FLOAT_SIDE) in of else Side(FLOAT_ROUTE, b.engine)
    found = [_accuracy(of, side, seed) for side in (own, b)]
    # Of shares: a drop of 0.97 to 0.96 is one of 0.01, to the last bit.
    return None if found[0] is None or found[1] is None else round(found[0] - found[1], 12)


def _accuracy(of: Of, side: Side, seed: int) -> float | None:
    sides = (TRUTH, side)
    return _column("top1_agreement")(of, sides, seed) if seed in of.get(sides, {}) else None


GATES = {
    "max_lsb": Gate(_column("max_lsb"), unit="LSB"),
    "mismatch_rate": Gate(_column("mismatch_rate")),
    "accuracy_drop": Gate(_accuracy_drop, of_b=True),
    "sqnr_db": Gate(_sqnr, unit="dB", least=True),
    "tolerance": Gate(_column("max_abs_error")),
}
"""By the names of their options."""


def judge(errors: Rows, bounds: Mapping[str, float], pairs: Sequence[str]) -> Iterator[Verdict]:
    """The verdict on each gate for each pair of sides that bears one of the names; one for a name that none bears.

    errors: the rows of errors.csv of one configuration. bounds: of the gates that are set. pairs: names of `PAIRS`.
    """
    of = _outputs(errors)
    for gate, bound in bounds.items():
        known: set[Sides | Side] = set()
        for pair in pairs:
            named = [sides for sides in of if PAIRS[pair](*sides)]
            for sides in named:
                what = sides[1] if GATES[gate].of_b else sides
                if what not in known:
                    yield _verdict(of, sides, gate, bound, pair)
                known.add(what)
            if not named:
                there = tuple(name for name, test in PAIRS.items() if any(test(*sides) for sides in of))
                yield Verdict(gate=gate, bound=bound, pair=pair, there=there)


def _verdict(of: Of, sides: Sides, gate: str, bound: float, pair: str) -> Verdict:
    kind = GATES[gate]
    figures = {seed: kind.figure(of, sides, seed) for seed in sorted(of[sides])}
    worst = max(figures, key=lambda seed: kind.badness(figures[seed]))
    return Verdict(
        gate=gate,
        bound=bound,
        pair=pair,
        a=sides[0],
        b=sides[1],
        seeds=len(figures),
        failing=tuple(seed for seed, figure in figures.items() if not kind.holds(figure, bound)),
        worst=worst,
        figure=figures[worst],
    )


def _outputs(errors: Rows) -> dict[Sides, dict[int, Mapping[str, str]]]:
    found: dict[Sides, dict[int, Mapping[str, str]]] = {}
    for row in errors:
        if row["tap"] == OUTPUT.role and not row["step"]:
            sides = tuple(Side(row[f"route_{side}"], EngineId.parse(row[f"engine_{side}"])) for side in "ab")
            found.setdefault((sides[0], sides[1]), {})[int(row["seed"])] = row
    return found


def told(verdict: Verdict) -> str:
    """A failing verdict in one line: option, pair, route, figure, bound and the worst seed."""
    option = f"check.{verdict.gate}={verdict.bound:g}"
    if verdict.a is None or verdict.b is None:
        return f"{option}: {verdict.pair}: undefined, {_not_there(verdict)}"
    gate = GATES[verdict.gate]
    if verdict.figure is None:
        found = "undefined, does not hold"
    else:
        found = f"{gate.number(verdict.figure)}, {'below' if gate.least else 'above'} {verdict.bound:g}"
    many = f"; {len(verdict.failing)} of {verdict.seeds} seeds fail" if verdict.seeds > 1 else ""
    place = _place(verdict.a, verdict.b, gate)
    return f"{option}: {verdict.pair}, {place}: {found}, in seed {verdict.worst}{many}"


def _not_there(verdict: Verdict) -> str:
    there = f"there are {', '.join(verdict.there)}" if verdict.there else "there is none"
    return f"no such pair here; {there}"


def _place(a: Side, b: Side, gate: Gate) -> str:
    beside = f" of route {a.route}" if a.engine.measured and a.route != b.route else ""
    return ("" if gate.of_b else f"{a.engine}{beside} to ") + f"{b.engine} on route {b.route}"


def outcomes(verdicts: Sequence[Verdict]) -> Iterator[Outcome]:
    """One for each gate, in the order of the verdicts."""
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.gate == gate]
        failing = [verdict for verdict in own if not verdict.held]
        beyond = [verdict for verdict in failing if verdict.figure is not None]
        state = State.FAILED if beyond else State.UNDEFINED if failing else State.PASSED
        worst = max(beyond or failing or own, key=lambda verdict: GATES[verdict.gate].badness(verdict.figure))
        yield Outcome(state=state, worst=worst, pairs=len(own), failing=len(failing))


def outcome_told(outcome: Outcome) -> str:
    """What came of a gate in one line, but for its state: option, bound, the worst figure, its pair and its seed, and
    how many pairs hold."""
    worst = outcome.worst
    gate = GATES[worst.gate]
    bound = f"check.{worst.gate}={worst.bound:g}, at {'least' if gate.least else 'most'} {gate.number(worst.bound)}"
    hold = f"{'all' if not outcome.failing else f'{outcome.pairs - outcome.failing} of'} {outcome.pairs} pairs hold"
    many = f"; {hold}" if outcome.pairs > 1 else ""
    if worst.a is None or worst.b is None:
        return f"{bound}: {worst.pair}: {_not_there(worst)}{many}."
    place = _place(worst.a, worst.b, gate)
    if worst.figure is None:
        return f"{bound}: {place} has no figure in seed {worst.worst}{many}."
    of = f" of {worst.seeds} seeds" if worst.seeds > 1 else ""
    return f"{bound}: the worst{of} is {gate.number(worst.figure)}, {place}, in seed {worst.worst}{many}."
