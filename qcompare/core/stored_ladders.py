"""Ladders as files, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from qcompare.core.archive import Files, arrays_packed, arrays_unpacked
from qcompare.core.ladder import Climb, Difference, Fed, Ladder, Ladders
from qcompare.core.stored import findings_of, plain_findings, plain_tap, tap_of

WHOLE = ""
"""In place of a rung's name."""


def dump(ladders: Ladders) -> Files:
    """Ladders as files: what is text in JSON, the figures of all taps and rungs in arrays, NaN where there is none."""
    arrays: dict[str, np.ndarray] = {}
    for number, ladder in enumerate(ladders.ladders):
        names = _names(ladder)
        arrays[f"{number}.differences"] = np.array(
            [[_figures(_at(climb, name)) for name in names] for climb in ladder.climbs], np.float64
        ).reshape(len(ladder.climbs), len(names), len(FIGURES))
        arrays[f"{number}.scales"] = np.array(
            [[math.nan if climb.lsb is None else climb.lsb, climb.signal] for climb in ladder.climbs], np.float64
        ).reshape(len(ladder.climbs), 2)
        units = [climb.by_unit for climb in ladder.climbs]
        arrays[f"{number}.sizes"] = np.array([-1 if each is None else len(each) for each in units], np.int64)
        arrays[f"{number}.by_unit"] = np.concatenate([np.zeros(0), *(each for each in units if each is not None)])
    described = {
        "ladders": [_plain(ladder) for ladder in ladders.ladders],
        "findings": plain_findings(ladders.findings),
    }
    return {"ladders.json": json.dumps(described).encode(), "ladders.npz": arrays_packed(arrays)}


def load(files: Files) -> Ladders:
    """The ladders of `dump`."""
    described, arrays = json.loads(files["ladders.json"]), arrays_unpacked(files["ladders.npz"])
    return Ladders(
        ladders=tuple(_ladder(plain, str(number), arrays) for number, plain in enumerate(described["ladders"])),
        findings=findings_of(described["findings"]),
    )


FIGURES = ("n", "changed", "total", "squares", "cross", "flips")


def _names(ladder: Ladder) -> list[str]:
    """Of all rungs of any tap, in their order, and WHOLE. The output has every one that another tap has."""
    most: Sequence[str] = max((list(climb.rungs) for climb in ladder.climbs), key=len, default=[])
    return [*most, WHOLE]


def _at(climb: Climb, name: str) -> Difference | None:
    return climb.whole if name == WHOLE else climb.rungs.get(name)


def _figures(difference: Difference | None) -> list[float]:
    values = [None if difference is None else getattr(difference, name) for name in FIGURES]
    return [math.nan if value is None else float(value) for value in values]


def _difference(figures: Sequence[float]) -> Difference | None:
    """None where there is none: every one has n."""
    n, changed, total, squares, cross, flips = figures
    if math.isnan(n):
        return None
    return Difference(n=int(n), changed=_count(changed), total=total, squares=squares, cross=cross, flips=_count(flips))


def _count(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def _plain(ladder: Ladder) -> dict[str, Any]:
    return {
        "kernels": ladder.kernels,
        "rungs": _names(ladder),
        "climbs": [[plain_tap(climb.tap), climb.fed.value, climb.op, climb.index] for climb in ladder.climbs],
        "alone": dict(ladder.alone),
        "last": dict(ladder.last),
    }


def _ladder(plain: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Ladder:
    return Ladder(
        kernels=plain["kernels"],
        climbs=tuple(_climbs(plain, prefix, arrays)),
        alone=plain["alone"],
        last=plain["last"],
    )


def _climbs(plain: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Iterator[Climb]:
    differences = arrays[f"{prefix}.differences"].tolist()
    scales = arrays[f"{prefix}.scales"].tolist()
    sizes = arrays[f"{prefix}.sizes"]
    units = np.split(arrays[f"{prefix}.by_unit"], np.cumsum(np.maximum(sizes, 0))[:-1])[: len(sizes)]
    for (tap, fed, op, index), own, (lsb, signal), size, by_unit in zip(
        plain["climbs"], differences, scales, sizes.tolist(), units, strict=True
    ):
        found = {name: each for name, row in zip(plain["rungs"], own, strict=True) if (each := _difference(row))}
        whole = found.pop(WHOLE)
        yield Climb(
            tap=tap_of(tap),
            fed=Fed(fed),
            op=op,
            index=index,
            lsb=None if math.isnan(lsb) else lsb,
            signal=signal,
            rungs=found,
            whole=whole,
            by_unit=None if size < 0 else by_unit,
        )
