"""Sentences say what their figures say, and no more."""

from __future__ import annotations

import math

import pytest

from qcompare.core.comparison import FLOAT_SIDE, Side
from qcompare.core.engine import BY_DEFAULT, QAT, manual
from qcompare.core.statement import (
    Cause,
    Equality,
    Figure,
    Layer,
    OverSeeds,
    Place,
    Question,
    Share,
    Size,
    Worth,
)
from qcompare.report.answers import answer, answers

DEVICE = Side("qat", BY_DEFAULT)


def figure(value):
    return Figure(value=math.nan if value is None else value, file="f.csv", row=(), column="c")


def over(n=10, mean=None, low=None, high=None, least=None, most=None):
    values = {"n": n, "mean": mean, "low": low, "high": high, "min": least, "max": most}
    return OverSeeds(**{name: figure(value) for name, value in values.items()})


def equality(unequal, lsb=1, bound=None, error=None):
    return Equality(
        question=Question.TRAINED,
        a=Side("qat", QAT),
        b=DEVICE,
        unequal=unequal,
        lsb=over(most=lsb),
        bound=None if bound is None else figure(bound),
        error=error or over(n=unequal.n.value, most=0.25),
    )


def worth(difference, p=None, metric="top1_agreement"):
    a, b = Side("ptq", BY_DEFAULT), DEVICE
    return Worth(metric=metric, a=a, b=b, difference=difference, p=None if p is None else figure(p))


def text(statement):
    return answer(statement).text


def test_equal_integers_with_an_interval_from_ten_seeds_on():
    told = text(equality(over(10, 0.0009, 0.0002, 0.002, 0, 0.003)))
    assert told == (
        "interpreter:xnnpack on route qat equals the QAT network in 99.91 % of the integers [99.80, 99.98], "
        "at most 1 LSB apart, ten seeds."
    )
    told = text(equality(over(3, 0.0009, 0.0002, 0.002, 0, 0.003), lsb=2))
    assert "99.91 % of the integers (each seed from 99.70 % to 100.00 %), at most 2 LSB apart, three seeds." in told
    assert "99.91 % of the integers, at most 1 LSB apart, one seed." in text(equality(over(1, 0.0009, least=0, most=0)))


def test_a_rare_unequal_integer_is_never_none():
    assert ">99.99 % of the integers" in text(equality(over(1, 0.00001)))
    assert "<0.01 % of the integers" in text(equality(over(1, 0.99999)))


def test_no_unequal_integer_has_its_bound():
    told = text(equality(over(10, 0, least=0, most=0), bound=3 / 36000))
    assert "equals the QAT network in every integer: none of 36,000 is unequal, ten seeds" in told
    assert "fewer than 0.0083 % are; 95 %" in told


def test_what_has_no_figures_cannot_be_said():
    assert "cannot be said" in text(equality(over(0)))
    assert "gives floats, no integers: at most 0.25 (real units)" in text(
        equality(over(0), error=over(10, most=0.25))
    ).replace("Gives", "gives")
    assert "cannot be said" in text(worth(over(0)))


@pytest.mark.parametrize(
    ("low", "high", "p", "shown"),
    [(-0.002, 0.004, 0.5, False), (0.001, 0.004, 0.2, False), (0.001, 0.004, 0.004, True), (None, None, 1, False)],
)
def test_a_difference_is_shown_by_interval_and_test_or_not_at_all(low, high, p, shown):
    told = text(worth(over(10, 0.001, low, high, 0, 0.005), p))
    assert told.startswith("Accuracy of QAT on the device minus that of PTQ on the device: +0.10 points")
    assert ("QAT on the device is more accurate" in told) == shown
    assert ("no difference shown" in told) != shown
    assert "no difference " not in told.replace("no difference shown", "")


def test_few_seeds_show_no_difference():
    told = text(worth(over(3, 0.05, 0.04, 0.06, 0.04, 0.06)))
    assert "each seed from +4.00 to +6.00; three seeds are too few for an interval: no difference shown." in told
    assert "in one seed, too few for an interval: no difference shown" in text(worth(over(1, 0.05)))


def test_a_regression_has_its_error():
    told = text(worth(over(10, 0.001, 0.0005, 0.002, 0, 0.005), 0.004, "rmse"))
    assert told.startswith("RMSE of QAT on the device minus that of PTQ on the device: +0.001 (real units) [+0.0005,")
    assert "is less exact" in told


def cause(first, low, n=10):
    shares = (
        Share(rung="rounding", share=over(n, first, low, 0.9, low, 0.95)),
        Share(rung="weights", share=over(n, 1 - first, 0, 0, 0, 0)),
    )
    place = Place(tap="recurrent_0/h", lowest=figure(43.46), highest=figure(45.04))
    return Cause(route="ptq", kernels="xnnpack", shares=shares, rung="rounding", place=place)


def test_most_is_said_where_the_whole_interval_is_more_than_half():
    told = text(cause(0.72, 0.6))
    assert told == (
        "On route ptq most of the squared error from float to xnnpack comes from rounding activations (rounding): "
        "72 % [60, 90]; then rounding the weights (weights) 28 %; ten seeds. By itself rounding activations changes "
        "most, against the signal, at recurrent_0/h (SQNR 43.5 to 45.0 dB)."
    )
    assert "the largest part of the squared error, on average, from float" in text(cause(0.72, 0.3))
    assert "72 % (each seed from 60 % to 95 %)" in text(cause(0.72, 0.6, n=3))


def test_sizes_are_one_sentence_and_layers_have_their_figures():
    ends = {"ptq": 9912, "qat": 9920}
    sizes = [Size(route=route, smallest=figure(9912), largest=figure(end)) for route, end in ends.items()]
    assert [each.text for each in answers(sizes)] == ["The .tflite of ptq 9,912 bytes, of qat 9,912 to 9,920 bytes."]
    layer = Layer(tap="dense", weights=figure(6.04), sqnr=figure(None))
    assert text(layer) == "dense stands first: its weights are up to 6.0 LSB from the float model's."
    understood = Equality(
        question=Question.UNDERSTOOD,
        a=Side("qat", manual("xnnpack")),
        b=DEVICE,
        unequal=over(1, 0.5),
        lsb=over(1, most=3),
        bound=None,
        error=over(1),
    )
    assert "equals manual:xnnpack in 50.00 %" in text(understood)
    assert "the float network" in text(Worth(metric="rmse", a=FLOAT_SIDE, b=DEVICE, difference=over(1, 1), p=None))
