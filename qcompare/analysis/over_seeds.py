"""Rows of many seeds put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def together(frames: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """The rows of all frames, in their order."""
    import pandas as pd

    return pd.concat(frames, ignore_index=True)
