"""What a user's model takes and gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ends:
    """shape: of a sample. outputs: the width of its output, where that is known."""

    shape: tuple[int, ...]
    outputs: int | None
