"""What one engine computed at the taps that were asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from qcompare.core.archive import Files, arrays_packed, arrays_unpacked
from qcompare.core.engine import EngineId
from qcompare.core.finding import Finding
from qcompare.core.grid import Grid
from qcompare.core.stored import findings_of, grid_arrays, grid_of, plain_findings, plain_tap, tap_of
from qcompare.core.tap import Tap


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """The values of one engine.

    values: by tap, shape [samples, ...]: integers of an engine that runs the converted model, else float32. Taps that
        the engine does not have are absent.
    grids: of the values that are integers.
    findings: why there are no values, or what is to be told of them.
    arena_bytes: what the runtime says its arena takes, where it has one.
    """

    engine: EngineId
    values: Mapping[Tap, np.ndarray] = field(default_factory=dict)
    grids: Mapping[Tap, Grid] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    arena_bytes: int | None = None


def dump(trace: Trace) -> Files:
    """A trace as files."""
    taps = list(trace.values)
    arrays = {f"value_{number}": trace.values[tap] for number, tap in enumerate(taps)}
    for number, tap in enumerate(taps):
        if tap in trace.grids:
            arrays |= grid_arrays(f"grid_{number}", trace.grids[tap])
    described = {
        "engine": str(trace.engine),
        "taps": [plain_tap(tap) for tap in taps],
        "findings": plain_findings(trace.findings),
        "arena_bytes": trace.arena_bytes,
    }
    return {"trace.json": json.dumps(described).encode(), "trace.npz": arrays_packed(arrays)}


def load(files: Files) -> Trace:
    """The trace of `dump`."""
    described, arrays = json.loads(files["trace.json"]), arrays_unpacked(files["trace.npz"])
    taps = [tap_of(tap) for tap in described["taps"]]
    grids = {
        tap: grid_of(f"grid_{number}", arrays) for number, tap in enumerate(taps) if f"grid_{number}.scale" in arrays
    }
    return Trace(
        engine=EngineId.parse(described["engine"]),
        values={tap: arrays[f"value_{number}"] for number, tap in enumerate(taps)},
        grids=grids,
        findings=findings_of(described["findings"]),
        arena_bytes=described["arena_bytes"],
    )
