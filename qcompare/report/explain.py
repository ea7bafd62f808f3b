"""An explanation as tables and sentences for a terminal, as JSON, and as an overlay of Model Explorer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcompare.core.explanation import Explanation, Layer, Suggestion, Suspect, Trial, decibels
from qcompare.core.finding import Finding
from qcompare.core.ladder import Climb, Difference, Fed
from qcompare.report.terminal import WIDE, finding, line, short

VERSION = 1
"""Of the JSON."""

SHOWN, LEAST_SHOWN = 6, 0.05
"""Suspects in the terminal, and the decibels that they gain."""

MEANING = {
    "operators": "the graph's operators, float constants",
    "weights": "quantized weights",
    "clipping": "activations within their ranges",
    "rounding": "activations rounded",
    "bias": "biases rounded",
    "accumulation": "integers, multiplied exactly",
    "multiplier": "multipliers as the kernels hold them",
    "kernel_rounding": "the kernels' own rounding",
    "lstm_gates": "16-bit arguments of an LSTM's gates",
    "functions": "tables of activation functions",
    "lstm_cell": "an LSTM's cell as the kernel rounds it",
    "lstm_output": "an LSTM's output likewise",
    "runtime": "the runtime",
}

PHRASES = {
    "weights": "the rounded weights of {}",
    "clipping": "values of {} clipped to its range",
    "rounding": "the rounded values of {}",
    "bias": "the rounded bias of {}",
    "integers": "the integer arithmetic of {}",
}


EVERYWHERE = {"weights": "rounding weights", "clipping": "clipping", "rounding": "rounding", "bias": "rounding biases"}


def show(console: Console, explanation: Explanation) -> None:
    """The ladder of the output, where the difference arises, and three sentences."""
    line(console, f"{explanation.path} against {explanation.float_path}: {_samples(explanation)}, {explanation.source}")
    line(console, "\nFrom the float model's output to the integer model's:")
    console.print(ladder_table(explanation.output, narrow=console.width < WIDE))
    if any(each.trial is not None for each in explanation.suspects):
        line(console, "\nWhere it arises; undone at one layer alone, the output gains:")
        console.print(suspects_table(explanation))
    console.print()
    for each in explanation.findings:
        _finding(console, each)
    for sentence in sentences(explanation):
        line(console, sentence)


def _finding(console: Console, each: Finding) -> None:
    finding(console, each.severity.value, each.where, each.text)


def _samples(explanation: Explanation) -> str:
    if explanation.layer_samples == explanation.samples:
        return f"{explanation.samples} samples"
    return f"{explanation.samples} samples, layers on the first {explanation.layer_samples}"


def ladder_table(output: Climb, *, narrow: bool = False) -> Table:
    """One line a cause: what it changes at the output, and its share of the squared difference; shares add up.

    narrow: for 60 columns instead of 80.
    """
    table = _table()
    for heading in ("cause",) if narrow else ("cause", "what changes"):
        table.add_column(heading, no_wrap=True)
    for heading in ("RMS", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, rung in output.rungs.items():
        table.add_row(
            *((name,) if narrow else (name, MEANING[name])), _real(_rms(rung)), _share(_part(rung, output.whole))
        )
    table.add_section()
    table.add_row(
        *(("all",) if narrow else ("all", "")), _real(_rms(output.whole)), _share(1.0 if output.whole.squares else 0.0)
    )
    return table


def suspects_table(explanation: Explanation) -> Table:
    """The causes at layers whose undoing gains most at the output."""
    table = _table()
    table.add_column("layer", overflow="fold")
    table.add_column("cause", no_wrap=True)
    for heading in ("there\nSQNR dB", "output\ngains dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for suspect in _shown(explanation.suspects):
        gain = None if suspect.trial is None else suspect.trial.gain_db
        table.add_row(escape(named(suspect.layer)), suspect.cause, _number(suspect.sqnr_db), _number(gain))
    return table


def _shown(suspects: Sequence[Suspect]) -> list[Suspect]:
    """Those that gain something, the first in any case."""
    tried = [each for each in suspects if each.trial is not None]
    return [*tried[:1], *(each for each in tried[1:SHOWN] if each.trial and (each.trial.gain_db or 0) >= LEAST_SHOWN)]


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))


def sentences(explanation: Explanation) -> tuple[str, str, str]:
    """How much, where and why, what to try."""
    return _how_much(explanation), _where(explanation), _what(explanation)


def _how_much(explanation: Explanation) -> str:
    output = explanation.output
    if not output.whole.squares:
        return "How much: the integer model's output is the float model's."
    above = decibels(output.signal, output.whole.squares)
    text = f"How much: the output differs by {_real(_rms(output.whole))} RMS"
    text += "" if above is None else f", {above:.1f} dB below the signal"
    flips = output.whole.flips
    if flips is not None:
        text += f"; the largest output is another in {flips} of {explanation.samples} samples"
    return f"{text}."


def _where(explanation: Explanation) -> str:
    found = explanation.culprit
    if found is not None and found.trial is not None:
        before, after = _sqnrs(found.trial)
        return f"Where and why: {_cause(found)}: without that, the output's SQNR is {after} dB, not {before}."
    best = next((each for each in explanation.suspects if each.trial is not None), None)
    if best is None or best.trial is None or not best.trial.gain_db:
        return "Where and why: no layer stands out."
    text = f"no layer stands out; first come {_cause(best)}, worth {_number(best.trial.gain_db)} dB"
    whole = [each for each in explanation.suggestions if each.layer is None]
    if whole:
        _, after = _sqnrs(explanation.everywhere[whole[0].cause])
        text += f"; without {EVERYWHERE[whole[0].cause]} in all layers together, the output's SQNR is {after} dB"
    return f"Where and why: {text}."


def _cause(suspect: Suspect) -> str:
    return PHRASES[suspect.cause].format(named(suspect.layer))


def _what(explanation: Explanation) -> str:
    if not explanation.suggestions:
        if explanation.culprit is None:
            return "What to try: nothing at one layer; all of them round, as 8 bits do."
        return "What to try: nothing that was tried gains 1 dB."
    tried = "; or ".join(f"{_suggested(each)} ({_from_to(each.trial)})" for each in explanation.suggestions)
    return f"What to try: {tried}."


def _suggested(each: Suggestion) -> str:
    return each.text if each.layer is None else f"{named(each.layer)}: {each.text}"


def _from_to(trial: Trial) -> str:
    before, after = _sqnrs(trial)
    return f"{before} -> {after} dB"


def _sqnrs(trial: Trial) -> tuple[str, str]:
    """Of the output, before and after."""
    before, after = (decibels(trial.signal, noise) for noise in (trial.before, trial.after))
    return _number(before), _number(after)


def named(layer: Layer) -> str:
    """Such as `CONV_2D 4 (conv2d_1/Relu)` or `FULLY_CONNECTED 2 and 5 more (gru/MatMul)`."""
    if not layer.operators:
        return "the input"
    more = f" and {len(layer.operators) - 1} more" if len(layer.operators) > 1 else ""
    return f"{layer.op} {layer.operators[0]}{more} ({short(layer.name)})"


def _rms(difference: Difference) -> float:
    return math.sqrt(difference.squares / difference.n)


def _part(rung: Difference, whole: Difference) -> float:
    """The rung's share of the squared difference; those of all rungs add up to one."""
    return (rung.squares + rung.cross) / whole.squares if whole.squares else 0.0


def _real(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{100 * value + 0:.1f} %".replace("-0.0 %", "0.0 %")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}".replace("-0.0", "0.0")


def as_json(explanation: Explanation) -> str:
    """All of it, as docs/explain.md has it."""
    return json.dumps(plain(explanation), indent=2, allow_nan=False) + "\n"


def plain(explanation: Explanation) -> dict[str, Any]:
    """As plain data; an undefined figure is None."""
    much, where, what = sentences(explanation)
    return {
        "version": VERSION,
        "float": explanation.float_path,
        "integer": explanation.path,
        "kernels": explanation.kernels,
        "inputs": {
            "source": explanation.source,
            "samples": explanation.samples,
            "layer_samples": explanation.layer_samples,
        },
        "output": _climb(explanation.output),
        "everywhere": {cause: _trial(trial) for cause, trial in explanation.everywhere.items()},
        "layers": [_climb(climb) for climb in explanation.climbs],
        "culprit": None if explanation.culprit is None else _suspect(explanation.culprit),
        "suspects": [_suspect(each) for each in explanation.suspects],
        "suggestions": [_suggestion(each) for each in explanation.suggestions],
        "findings": [
            {"severity": each.severity.value, "where": each.where, "text": each.text} for each in explanation.findings
        ],
        "sentences": {"how_much": much, "where_and_why": where, "what_to_try": what},
    }


def _climb(climb: Climb) -> dict[str, Any]:
    whole = climb.whole
    return {
        "tap": climb.tap.role,
        "step": climb.tap.step,
        "fed": climb.fed.value,
        "op": climb.op,
        "operator": climb.index,
        "lsb": climb.lsb,
        "n": whole.n,
        "signal_rms": math.sqrt(climb.signal / whole.n),
        "rms": _rms(whole),
        "sqnr_db": decibels(climb.signal, whole.squares),
        "flips": whole.flips,
        "causes": {
            name: {
                "rms": _rms(rung),
                "share": _part(rung, whole) if whole.squares else None,
                "mean": rung.total / rung.n,
                "changed": rung.changed,
                "flips": rung.flips,
            }
            for name, rung in climb.rungs.items()
        },
    }


def _suspect(suspect: Suspect) -> dict[str, Any]:
    return {
        **_layer(suspect.layer),
        "cause": suspect.cause,
        "local_sqnr_db": suspect.sqnr_db,
        "trial": None if suspect.trial is None else _trial(suspect.trial),
    }


def _suggestion(each: Suggestion) -> dict[str, Any]:
    layer = {"op": None, "operators": [], "tensor": None, "name": None} if each.layer is None else _layer(each.layer)
    return {
        "kind": each.kind,
        **layer,
        "cause": each.cause,
        "text": each.text,
        "values": dict(each.values),
        "trial": _trial(each.trial),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {"op": layer.op, "operators": list(layer.operators), "tensor": layer.tensor, "name": layer.name}


def _trial(trial: Trial) -> dict[str, Any]:
    before, after = trial.rms
    gain = trial.gain_db
    return {
        "rms_before": before,
        "rms_after": after,
        "sqnr_db_before": decibels(trial.signal, trial.before),
        "sqnr_db_after": decibels(trial.signal, trial.after),
        "gain_db": None if gain is None or math.isinf(gain) else gain,
    }


COLOURS = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d73027"})
"""From the layer with the least noise to that with the most."""


def overlay(explanation: Explanation) -> str:
    """Node data of Model Explorer (its GraphNodeData) for the graph that is open: each operator's own noise, in percent
    of its signal (RMS), the operator fed the float model's values. A node's key is the operator's number."""
    results = {str(index): {"value": value} for index, value in _noise(explanation).items()}
    return json.dumps({"results": results, "gradient": list(COLOURS)}, indent=2, allow_nan=False) + "\n"


def _noise(explanation: Explanation) -> Mapping[int, float]:
    found: dict[int, list[float]] = {}
    for climb in _local(explanation):
        if climb.index is not None and climb.signal > 0:
            found.setdefault(climb.index, []).append(100 * math.sqrt(climb.whole.squares / climb.signal))
    return {index: max(values) for index, values in sorted(found.items())}


def _local(explanation: Explanation) -> Iterator[Climb]:
    return (climb for climb in explanation.climbs if climb.fed is Fed.REFERENCE)
