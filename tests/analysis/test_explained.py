"""Which layer stands out, and which suggestions are made, from figures made by hand."""

import math

import pytest

from qcompare.analysis.explained import culprit, offered
from qcompare.core.explanation import (
    NARROWER,
    PER_CHANNEL,
    WEIGHTS,
    WIDE_ACTIVATIONS,
    WIDE_WEIGHTS,
    WIDER,
    Layer,
    Suggestion,
    Suspect,
    Trial,
)

FIRST, SECOND = (Layer(op="CONV_2D", operators=(n,), tensor=f"t{n}", name=f"t{n}") for n in (0, 1))


def trial(gain_db, output_db=20.0):
    """One that raises the output's SQNR from what it is by so many dB."""
    before = 10 ** (-output_db / 10)
    return Trial(n=1, signal=1.0, before=before, after=before * 10 ** (-gain_db / 10))


def suspect(gain_db, there_db=45.0, output_db=20.0, layer=FIRST):
    noise = 10 ** (-there_db / 10)
    return Suspect(layer=layer, cause=WEIGHTS, signal=1.0, noise=noise, trial=trial(gain_db, output_db))


def suggestion(kind, gain_db, layer=FIRST, output_db=20.0):
    return Suggestion(kind=kind, layer=layer, cause=WEIGHTS, text="", values={}, trial=trial(gain_db, output_db))


@pytest.mark.parametrize(
    ("gain", "there", "output", "stands_out"),
    [
        (5.9, 45, 20, False),
        (6.1, 45, 20, True),
        (2.9, 32, 20, False),
        (3.1, 32, 20, True),
        (3.1, 34, 20, False),
        (20, 10, 39, True),
        (20, 10, 41, False),
    ],
)
def test_without_a_repair_a_layer_stands_out_by_what_it_costs(gain, there, output, stands_out):
    one = suspect(gain, there, output)
    assert culprit([one], [suggestion(WIDE_WEIGHTS, gain, output_db=output)]) == (one if stands_out else None)


@pytest.mark.parametrize(("gain", "repaired", "stands_out"), [(2.5, 2.1, True), (2.5, 1.9, False), (1.9, 2.5, False)])
def test_a_repair_makes_a_layer_stand_out_earlier(gain, repaired, stands_out):
    one = suspect(gain)
    assert culprit([one], [suggestion(PER_CHANNEL, repaired)]) == (one if stands_out else None)
    # That of another layer does not.
    assert culprit([one], [suggestion(PER_CHANNEL, repaired, SECOND)]) is None


def test_the_largest_gain_is_the_culprits():
    small, large = suspect(7), suspect(12, layer=SECOND)
    assert culprit([small, large], []) == large
    untried = Suspect(layer=FIRST, cause=WEIGHTS, signal=1.0, noise=1.0)
    assert culprit([untried], []) is None


def test_an_equal_output_has_no_culprit():
    equal = Suspect(
        layer=FIRST, cause=WEIGHTS, signal=1.0, noise=0.1, trial=Trial(n=1, signal=1.0, before=0.0, after=0.0)
    )
    assert culprit([equal], []) is None
    assert equal.trial is not None
    assert equal.trial.gain_db is None


def test_a_trial_has_its_figures():
    found = Trial(n=4, signal=100.0, before=4.0, after=1.0)
    assert found.rms == (1.0, 0.5)
    assert found.gain_db == pytest.approx(10 * math.log10(4))
    assert Trial(n=4, signal=1.0, before=4.0, after=0.0).gain_db == math.inf


def test_suggestions_that_gain_little_are_kept_back_and_the_culprits_come_first():
    own, other, little = suggestion(PER_CHANNEL, 4), suggestion(WIDER, 5, SECOND), suggestion(NARROWER, 0.9)
    assert offered([other, little, own], suspect(7)) == (own, other)
    assert offered([other, own], None) == ()


def test_all_layers_are_changed_only_where_that_is_called_for():
    one = suggestion(WIDER, 5)
    assert offered([one, suggestion(WIDER, 7.9, None)], suspect(7)) == (one,)
    whole = suggestion(WIDER, 8.1, None)
    assert offered([one, whole], suspect(7)) == (one, whole)
    # Where no layer stands out, ranges are looked at up to 40 dB, wider integers up to 30.
    assert offered([suggestion(WIDER, 8, None, 35)], None) != ()
    assert offered([suggestion(WIDE_ACTIVATIONS, 8, None, 35)], None) == ()
    assert offered([suggestion(WIDE_ACTIVATIONS, 8, None, 25)], None) != ()
    wide, narrow = suggestion(WIDE_ACTIVATIONS, 20, None), suggestion(NARROWER, 10, None)
    assert offered([wide, narrow], None) == (narrow, wide)
