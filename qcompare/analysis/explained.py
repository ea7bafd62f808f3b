"""What of an explanation is worth telling: the layer that stands out, if one does, and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qcompare.core.explanation import KERNELS, NARROWER, REPAIRS, WIDER, Suggestion, Suspect, Trial, decibels

REPAIRED_DB = 2.0
"""What undoing a cause at a layer gains at the output, and a repair of it nearly as much, where the layer stands out:
healthy layers have nothing to repair."""

NOTICED_DB, SURE_DB = 3.0, 6.0
"""Without a repair, what undoing the cause has to gain: half of the difference's energy where the layer is COARSE_DB as
well, three quarters of it anywhere."""

COARSE_DB = 33.0
"""How little a layer's signal is above what the cause does there. Layers of healthy models have more."""

FINE_DB = 40.0
"""An output that is as far above its difference is as good as 8 bits make it: nothing stands out."""

ROUGH_DB = 30.0
"""An output that is less above its difference is worth a change of all layers."""

WORTH_DB = 1.0
"""What a suggestion has to gain at the output."""

OFFERED = 3
"""Suggestions."""


def culprit(suspects: Iterable[Suspect], suggestions: Sequence[Suggestion]) -> Suspect | None:
    """The suspect that stands out: of those that do, the one whose undoing gains most."""
    standing = [each for each in suspects if _stands_out(each, [one for one in suggestions if _is_of(one, each)])]
    return max(standing, key=_gain, default=None)


def _is_of(suggestion: Suggestion, suspect: Suspect) -> bool:
    return (suggestion.layer, suggestion.cause) == (suspect.layer, suspect.cause)


def _stands_out(suspect: Suspect, own: Sequence[Suggestion]) -> bool:
    trial, there = suspect.trial, suspect.sqnr_db
    if trial is None or not trial.before:
        return False
    output = decibels(trial.signal, trial.before)
    if output is not None and output >= FINE_DB:
        return False
    repaired = max((gain(each.trial) for each in own if each.kind in REPAIRS), default=0.0)
    needed = NOTICED_DB if there is None or there < COARSE_DB else SURE_DB
    return _gain(suspect) >= needed or min(repaired, _gain(suspect)) >= REPAIRED_DB


def _gain(suspect: Suspect) -> float:
    return 0.0 if suspect.trial is None else gain(suspect.trial)


def gain(trial: Trial) -> float:
    """In decibels; none where there was no difference."""
    return trial.gain_db or 0.0


def offered(suggestions: Sequence[Suggestion], found: Suspect | None) -> tuple[Suggestion, ...]:
    """The best suggestions that gain enough, those for the layer that stands out first.

    Of what concerns all layers there are other ranges where they gain NOTICED_DB more than any one layer does, and
    the rest of an output that is less than ROUGH_DB above its difference.
    """
    worth = sorted((each for each in suggestions if gain(each.trial) >= WORTH_DB), key=lambda each: -gain(each.trial))
    whole = [each for each in worth if each.layer is None and each.kind != KERNELS]
    of_layers = [each for each in worth if each not in whole] if found is not None else []
    own = [each for each in of_layers if found is not None and _is_of(each, found)]
    least = NOTICED_DB + max((gain(each.trial) for each in of_layers), default=0.0)
    whole = [each for each in whole if gain(each.trial) >= least and _is_called_for(each)]
    whole.sort(key=lambda each: each.kind not in REPAIRS)
    return tuple([*own[:1], *whole, *own[1:], *(each for each in of_layers if each not in own)][:OFFERED])


def _is_called_for(suggestion: Suggestion) -> bool:
    """Whether the output is bad enough for what changes all layers."""
    output = decibels(suggestion.trial.signal, suggestion.trial.before)
    return output is not None and output < (FINE_DB if suggestion.kind in (WIDER, NARROWER) else ROUGH_DB)
