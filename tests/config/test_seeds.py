"""The text of a seed option."""

import pytest

from qcompare.config.seeds import LARGEST_SEED, MOST_SEEDS, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, (7,)),
        ("7", (7,)),
        (" 7 ", (7,)),
        (0, (0,)),
        ("0..9", tuple(range(10))),
        ("3..3", (3,)),
        ("08..11", (8, 9, 10, 11)),
        ([0, 3, 5], (0, 3, 5)),
        ([5, 0, 3], (5, 0, 3)),
        ((1, "2"), (1, 2)),
        (LARGEST_SEED, (LARGEST_SEED,)),
        (f"1..{MOST_SEEDS}", tuple(range(1, MOST_SEEDS + 1))),
        (f"{LARGEST_SEED - 1}..{LARGEST_SEED}", (LARGEST_SEED - 1, LARGEST_SEED)),
    ],
)
def test_seeds_in_the_order_given(value, expected):
    assert parse(value) == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("9..0", "write seed=0..9"),
        ("x", "not a seed"),
        ("", "not a seed"),
        ("0..", "not a seed"),
        ("..9", "not a seed"),
        ("0...9", "not a seed"),
        ("0..9..2", "not a seed"),
        ("0-9", "not a seed"),
        ("1.5", "not a seed"),
        (1.5, "not a seed"),
        (-1, "not a seed"),
        ("-1..3", "not a seed"),
        (True, "not a seed"),
        (None, "not a seed"),
        ([0, None], "not a seed"),
        ([0, [1]], "not a seed"),
        ([0, True], "not a seed"),
        ([], "no seed named"),
        ([1, 2, 1], "stands twice"),
        (["1", 1], "stands twice"),
        (LARGEST_SEED + 1, "larger than"),
        (f"0..{LARGEST_SEED + 1}", "larger than"),
        (f"0..{MOST_SEEDS}", "seeds at most"),
        (f"0..{LARGEST_SEED}", "seeds at most"),
    ],
)
def test_anything_else_is_refused_in_one_line_that_shows_it(value, says):
    with pytest.raises(ValueError, match=says) as caught:
        parse(value)
    message = str(caught.value)
    assert message.startswith("seed=")
    assert "\n" not in message
