"""The text of a seed option, read into the seeds it names."""

from __future__ import annotations

import re
from collections.abc import Sequence

LARGEST_SEED = 2**31 - 1
MOST_SEEDS = 10_000
FORMS = "a seed is 7, a range 0..9 (both ends in) or a list [0,3,5]"


def parse(value: int | str | Sequence[int]) -> tuple[int, ...]:
    """The seeds that `7`, `"0..9"` or `[0, 3, 5]` name, in the order given.

    Raises ValueError, in one line, for anything else: an empty or backward range, a repeated seed,
    a seed outside [0, 2^31 - 1], more than MOST_SEEDS seeds.
    """
    if isinstance(value, str):
        seeds = _parse_text(value.strip())
    elif isinstance(value, Sequence):
        seeds = tuple(_parse_one(item) for item in value)
    else:
        seeds = (_parse_one(value),)
    if not seeds:
        raise ValueError(f"seed={value}: no seed named; {FORMS}")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seed={value}: a seed stands twice; name each seed once")
    return seeds


def _parse_text(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r"(\d+)\.\.(\d+)", text)
    if match is None:
        return (_parse_one(text),)
    first, last = (_parse_one(end) for end in match.groups())
    if last < first:
        raise ValueError(f"seed={text}: the range runs backwards; write seed={last}..{first}")
    if last - first >= MOST_SEEDS:
        raise ValueError(f"seed={text}: {last - first + 1} seeds; name {MOST_SEEDS} seeds at most")
    return tuple(range(first, last + 1))


def _parse_one(item: object) -> int:
    text = str(item).strip()
    if isinstance(item, bool) or not re.fullmatch(r"\d+", text):
        raise ValueError(f"seed={item}: not a seed; {FORMS}")
    seed = int(text)
    if seed > LARGEST_SEED:
        raise ValueError(f"seed={item}: larger than {LARGEST_SEED}, the largest seed")
    return seed
