"""Findings that several seeds have in common, told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finding. place: its seeds, its route and where."""

    severity: str
    place: str
    text: str


def alike(findings: Sequence[Mapping[str, str]]) -> list[Told]:
    """The findings in the order of the rows of findings.csv."""
    found: dict[tuple[str, ...], list[int]] = {}
    for row in findings:
        found.setdefault(tuple(row[name] for name in ("severity", "route", "where", "text")), []).append(
            int(row["seed"])
        )
    return [
        Told(
            severity=severity, place=", ".join(filter(None, [seeds(own), route and f"route {route}", where])), text=text
        )
        for (severity, route, where, text), own in found.items()
    ]


def seeds(numbers: Sequence[int]) -> str:
    """`seed 7`, `seeds 0..9`, `seeds 0, 3, 5` or, of many, `seeds 0, 3, 5 and 7 more`."""
    if len(numbers) == 1:
        return f"seed {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"seeds {numbers[0]}..{numbers[-1]}"
    shown = ", ".join(map(str, numbers[:MOST_SEEDS]))
    return f"seeds {shown}" + (f" and {len(numbers) - MOST_SEEDS} more" if len(numbers) > MOST_SEEDS else "")


MOST_SEEDS = 8
"""Seeds that are named in a line."""
