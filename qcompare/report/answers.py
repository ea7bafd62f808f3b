"""The answer of a run in plain English: the sentences of the terminal's last lines and of the report's first screen.

Every number is a figure of the statement that it is made of, so that it stands in a CSV file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qcompare.core.comparison import FLOAT_ROUTE, Side
from qcompare.core.engine import Family
from qcompare.core.statement import Cause, Equality, Layer, OverSeeds, Question, Share, Size, Statement, Worth

FEWEST_FOR_INTERVALS = 10
"""Seeds; of fewer the smallest and the largest figure are told, and no difference is shown."""

RUNGS = {
    "operators": "the same operators in real numbers",
    "qat_weights": "the weights that training moved",
    "tfmot_weights": "the weights that training moved",
    "weights": "rounding the weights",
    "clipping": "clipping activations to their ranges",
    "rounding": "rounding activations",
    "bias": "rounding biases",
    "accumulation": "integer accumulators",
    "multiplier": "fixed-point multipliers",
    "kernel_rounding": "the kernels' own rounding",
    "lstm_gates": "16-bit arguments of the LSTM's gates",
    "functions": "tables of activation functions",
    "lstm_cell": "rounding of the LSTM's cell",
    "lstm_output": "rounding of the LSTM's products",
    "runtime": "what the runtime does beyond what is understood",
}
"""Names of rungs in words."""

METRICS = {"top1_agreement": "accuracy", "rmse": "RMSE"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is asked, and the answer."""

    question: str
    text: str


def answers(statements: Sequence[Statement]) -> list[Answer]:
    """One for each statement but sizes, which are one together."""
    sizes = [statement for statement in statements if isinstance(statement, Size)]
    told = [answer(statement) for statement in statements if not isinstance(statement, Size)]
    return told + ([_sizes(sizes)] if sizes else [])


def answer(statement: Equality | Worth | Cause | Layer) -> Answer:
    """The sentence of one statement."""
    match statement:
        case Equality():
            return _equality(statement)
        case Worth():
            return _worth(statement)
        case Cause():
            return _cause(statement)
        case Layer():
            return _layer(statement)


QUESTIONS = {
    Question.TRAINED: "Does the device give what was trained?",
    Question.UNDERSTOOD: "Is the device's arithmetic understood?",
    Question.CHANGED: "How far is the device from the float network?",
}


def side(of: Side) -> str:
    """A side of a comparison as sentences call it."""
    match of.engine.family:
        case Family.FLOAT:
            return "the float network" if of.route == FLOAT_ROUTE else f"the float network of route {of.route}"
        case Family.QAT:
            return "the QAT network"
        case _:
            return f"{of.engine} on route {of.route}"


def _equality(said: Equality) -> Answer:
    question, unequal = QUESTIONS[said.question], said.unequal
    b, a = side(said.b), side(said.a) if said.question is not Question.UNDERSTOOD else str(said.a.engine)
    pair = f"{b} and {a}"
    if not unequal.n.value:
        if not said.error.n.value:
            return Answer(question=question, text=f"It cannot be said of {pair}: no seed has figures.")
        form = f"{said.error.max.value:.3g}"
        text = f"{b} gives floats, no integers: at most {form} (real units) from {a}, {of_seeds(said.error)}."
        return Answer(question=question, text=_begun(text))
    if said.bound is not None:
        elements = f"{3 / said.bound.value:,.0f}"
        text = (
            f"{b} equals {a} in every integer: none of {elements} is unequal, {of_seeds(unequal)} "
            f"(taken as independent, fewer than {_small_percent(said.bound.value)} are; 95 %)."
        )
        return Answer(question=question, text=_begun(text))
    equal = _complement(unequal.mean.value)
    text = f"{b} equals {a} in {equal} of the integers{_interval_of_complement(unequal)}, "
    text += f"at most {said.lsb.max.value:.0f} LSB apart, {of_seeds(unequal)}."
    return Answer(question=question, text=_begun(text))


def _interval_of_complement(unequal: OverSeeds) -> str:
    if unequal.seeds >= FEWEST_FOR_INTERVALS and unequal.low.defined:
        return f" [{_complement_ends(unequal.high.value, unequal.low.value)}]"
    if unequal.seeds > 1:
        return f" (each seed from {_complement(unequal.max.value)} to {_complement(unequal.min.value)})"
    return ""


def _complement_ends(most: float, least: float) -> str:
    return f"{_complement(most)}, {_complement(least)}".replace(" %", "")


def _complement(share: float) -> str:
    """1 less a share in percent; what is rare is never none, nor what is common all."""
    if 0 < share < 0.0001:
        return ">99.99 %"
    if 0.9999 < share < 1:
        return "<0.01 %"
    return f"{100 * (1 - share):.2f} %"


def _small_percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _worth(said: Worth) -> Answer:
    """b less a."""
    difference, b, a = said.difference, _named(said.b), _named(said.a)
    accuracy = said.metric == "top1_agreement"
    question = f"Is {b} {'as accurate as' if accuracy else 'as exact as'} {a}?"
    subject = f"{METRICS[said.metric]} of {b} minus that of {a}"
    if not difference.n.value:
        return Answer(question=question, text=f"It cannot be said: no seed has the {METRICS[said.metric]} of both.")
    mean = _signed(difference.mean.value, accuracy)
    unit = " points" if accuracy else " (real units)"
    if difference.seeds == 1:
        text = f"{subject}: {mean}{unit} in one seed, too few for an interval: no difference shown."
    elif difference.seeds < FEWEST_FOR_INTERVALS:
        ends = f"{_signed(difference.min.value, accuracy)} to {_signed(difference.max.value, accuracy)}"
        text = (
            f"{subject}: {mean}{unit}, each seed from {ends}; {counted(difference.seeds)} are too few for an "
            "interval: no difference shown."
        )
    else:
        text = f"{subject}: {mean}{unit}{_signed_interval(difference, accuracy)}, {of_seeds(difference)}: "
        text += _verdict(said, b, accuracy)
    return Answer(question=question, text=_begun(text))


def _verdict(said: Worth, b: str, accuracy: bool) -> str:
    test = f" (p = {said.p.value:.2g}, Holm)" if said.p is not None else ""
    if not said.shown:
        return f"no difference shown{test}."
    more = said.difference.mean.value > 0
    return f"{b} is {'more' if more == accuracy else 'less'} {'accurate' if accuracy else 'exact'}{test}."


def _named(of: Side) -> str:
    """A side of a comparison of what routes are worth."""
    if of.engine.family is Family.FLOAT:
        return "the float network"
    return {"qat": "QAT on the device", "ptq": "PTQ on the device"}.get(of.route, f"route {of.route} on the device")


def _signed(value: float, accuracy: bool) -> str:
    """An accuracy in points, percent of the samples; an error as it is."""
    return f"{100 * value + 0.0:+.2f}" if accuracy else f"{value + 0.0:+.3g}"


def _signed_interval(over: OverSeeds, accuracy: bool) -> str:
    if not over.low.defined or not over.high.defined:
        return ""
    return f" [{_signed(over.low.value, accuracy)}, {_signed(over.high.value, accuracy)}]"


def _cause(said: Cause) -> Answer:
    question = f"Where does the difference from float to {said.kernels} come from on route {said.route}?"
    first, *others = said.shares
    share = first.share
    least = share.low if share.seeds >= FEWEST_FOR_INTERVALS and share.low.defined else share.min
    much = "most of the squared error" if least.value > 0.5 else "the largest part of the squared error, on average,"
    text = f"On route {said.route} {much} from float to {said.kernels} comes from {_rung(first)}: "
    text += _share_over_seeds(share)
    more = [f"{_rung(each)} {_share(each.share.mean.value)}" for each in others[:MOST_CAUSES] if _speaks(each)]
    if more:
        text += f"; then {', '.join(more)}"
    text += f"; {of_seeds(share)}."
    if said.place is not None:
        low, high = (f"{each.value:.1f}" for each in (said.place.lowest, said.place.highest))
        between = f"{low} dB" if low == high else f"{low} to {high} dB"
        what = RUNGS.get(said.rung, said.rung)
        text += f" By itself {what} changes most, against the signal, at {said.place.tap} (SQNR {between})."
    return Answer(question=question, text=text)


MOST_CAUSES, LEAST_SHARE = 2, 0.01
"""How many rungs are named after the first, and the least share of one."""


def _speaks(share: Share) -> bool:
    return share.share.mean.value >= LEAST_SHARE


def _rung(share: Share) -> str:
    return f"{RUNGS[share.rung]} ({share.rung})" if share.rung in RUNGS else share.rung


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _share_over_seeds(share: OverSeeds) -> str:
    text = _share(share.mean.value)
    if share.seeds >= FEWEST_FOR_INTERVALS and share.low.defined:
        return f"{text} [{100 * share.low.value:.0f}, {100 * share.high.value:.0f}]"
    if share.seeds > 1:
        return f"{text} (each seed from {_share(share.min.value)} to {_share(share.max.value)})"
    return text


def _layer(said: Layer) -> Answer:
    text = f"{said.tap} stands first: "
    weights = (
        f"its weights are up to {said.weights.value:.1f} LSB from the float model's" if said.weights.defined else ""
    )
    alone = f"alone it has an SQNR of {said.sqnr.value:.1f} dB" if said.sqnr.defined else ""
    told = ", ".join(filter(None, [weights, alone]))
    return Answer(
        question="Which layer is the furthest from the float model's?", text=f"{text}{told or 'without figures'}."
    )


def _sizes(sizes: Sequence[Size]) -> Answer:
    told = []
    for size in sizes:
        low, high = (f"{each.value:,.0f}" for each in (size.smallest, size.largest))
        told.append(f"{size.route} {low if low == high else f'{low} to {high}'} bytes")
    return Answer(question="What do the models take?", text=f"The .tflite of {', of '.join(told)}.")


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def of_seeds(over: OverSeeds) -> str:
    """`ten seeds`."""
    return counted(over.seeds)


def counted(seeds: int) -> str:
    """`ten seeds`."""
    return f"{NUMBERS[seeds] if seeds < len(NUMBERS) else seeds} {'seed' if seeds == 1 else 'seeds'}"


def _begun(text: str) -> str:
    """With a capital, where it does not begin with a name of an engine."""
    first = text.partition(" ")[0]
    return text if ":" in first or first in {family.value for family in Family} else text[0].upper() + text[1:]
