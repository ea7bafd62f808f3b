"""What came of the gates of configurations, told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from qcompare.analysis.gates import Verdict, told
from qcompare.report import terminal


def tell(verdicts: Mapping[str, Sequence[Verdict]], console: Console) -> bool:
    """A line for each gate that fails, and one for those that hold. Returns whether any failed. verdicts: by the name
    of the configuration."""
    failing = [
        (f"{name}: " if len(verdicts) > 1 else "") + told(verdict)
        for name, own in verdicts.items()
        for verdict in own
        if not verdict.held
    ]
    terminal.gates(console, failing, sum(map(len, verdicts.values())))
    return bool(failing)
