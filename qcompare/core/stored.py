"""Taps, findings and grids as plain data for JSON, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from qcompare.core.finding import Finding, Severity
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap


def plain_tap(tap: Tap) -> list[Any]:
    return [tap.role, tap.step]


def tap_of(plain: Sequence[Any]) -> Tap:
    return Tap(*plain)


def plain_findings(findings: Iterable[Finding]) -> list[list[str]]:
    return [[finding.severity.value, finding.where, finding.text] for finding in findings]


def findings_of(plain: Iterable[Sequence[str]]) -> tuple[Finding, ...]:
    return tuple(Finding(Severity(severity), where, text) for severity, where, text in plain)


def grid_arrays(prefix: str, grid: Grid) -> dict[str, np.ndarray]:
    """A grid as arrays whose names start with the prefix."""
    return {
        f"{prefix}.scale": grid.scale,
        f"{prefix}.zero_point": grid.zero_point,
        f"{prefix}.kind": np.array([grid.dtype.name, str(grid.axis)]),
    }


def grid_of(prefix: str, arrays: Mapping[str, np.ndarray]) -> Grid:
    """The grid of `grid_arrays`."""
    dtype, axis = arrays[f"{prefix}.kind"].tolist()
    return Grid(
        scale=arrays[f"{prefix}.scale"],
        zero_point=arrays[f"{prefix}.zero_point"],
        dtype=np.dtype(dtype),
        axis=int(axis),
    )
