"""What of an explanation is worth telling: the layer that stands out, if one does, and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qcompare.core.explanation import Suggestion, Suspect, Trial

NOTICED_DB = 3.0
"""What undoing a cause at a layer has to gain at the output: half of the difference's energy."""

COARSE_DB = 33.0
"""And how little the layer's signal then is above what the cause does there. Layers of healthy models have more."""

WORTH_DB = 1.0
"""What a suggestion has to gain at the output."""

OFFERED = 3
"""Suggestions."""


def culprit(suspects: Iterable[Suspect]) -> Suspect | None:
    """The suspect that stands out: of those that do, the one whose undoing gains most."""
    found = [each for each in suspects if each.trial is not None and _stands_out(each, each.trial)]
    return min(found, key=lambda each: each.trial.after / each.trial.before if each.trial else 1.0, default=None)


def _stands_out(suspect: Suspect, trial: Trial) -> bool:
    gain, local = trial.gain_db, suspect.sqnr_db
    coarse = local is None or local < COARSE_DB
    return gain is not None and gain >= NOTICED_DB and coarse


def offered(suggestions: Sequence[Suggestion], found: Suspect | None) -> tuple[Suggestion, ...]:
    """The best suggestions that gain enough; none where no layer stands out."""
    if found is None:
        return ()
    worth = [each for each in suggestions if (each.trial.gain_db or 0.0) >= WORTH_DB]
    own = [each for each in worth if each.layer == found.layer]
    return tuple([*own, *(each for each in worth if each.layer != found.layer)][:OFFERED])
