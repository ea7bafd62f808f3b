"""techniques.csv: the methods of a command side by side, over the seeds, with what people ask of a technique.

Techniques, the data that they need and the hardware that they are for are those of TensorFlow's guide to model
optimization, "Types of quantization" (tensorflow.org/lite/performance/model_optimization).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qcompare.analysis.intervals import SHARES
from qcompare.analysis.methods import METHODS as METHODS_CSV
from qcompare.analysis.statistics import reals, spread
from qcompare.analysis.told_apart import Called, called
from qcompare.core.method import DYNAMIC, FLOAT16, FLOAT32, INT8, INT16X8, METHODS
from qcompare.core.table import Table
from qcompare.report import csv

if TYPE_CHECKING:
    import pandas as pd

NOTHING, UNLABELLED, LABELLED = "none", "unlabelled samples", "labelled training data"
"""Data that a technique needs."""

INTEGERS = ("EdgeTPU", "Hexagon")
"""Hardware that takes no weights in float."""


@dataclass(frozen=True, kw_only=True)
class Technique:
    """What is known of a technique, whatever the model."""

    name: str
    data: str
    hardware: tuple[str, ...]


KNOWN = {
    (method, trained): Technique(name=name, data=data, hardware=hardware)
    for method, trained, name, data, hardware in (
        (FLOAT32, False, "no quantization", NOTHING, ("CPU", "GPU")),
        (FLOAT16, False, "post-training float16", NOTHING, ("CPU", "GPU")),
        (DYNAMIC, False, "post-training dynamic range", NOTHING, ("CPU", "GPU (Android)")),
        (INT8, False, "post-training integer", UNLABELLED, ("CPU", "GPU (Android)", *INTEGERS)),
        (INT16X8, False, "post-training integer, 16-bit activations", UNLABELLED, ("CPU",)),
        (INT8, True, "quantization-aware training", LABELLED, ("CPU", "GPU (Android)", *INTEGERS)),
        (INT16X8, True, "quantization-aware training, 16-bit activations", LABELLED, ("CPU",)),
    )
}
"""(method, whether the network is trained for it) -> the technique."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Models:
    """What techniques are compared on. methods: the rows of methods.csv of several configurations. options: of each
    configuration, by dotted names."""

    methods: pd.DataFrame
    options: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TechniquesRow:
    """One method on one model over the seeds; figures of sizes are means.

    model, method: what tells them from the others of the command. on_micro: whether TensorFlow Lite Micro ran the model
        of every seed. hardware: what the technique is for, in the guide's words; that is not tried.
    size_reduction, compressed_reduction: shares by which the file is smaller than that of float32 of the same model;
        None where float32 is not among the configurations.
    weights_in_float32: their share.
    metric: accuracy, or mae for a regression: mean and 95 % interval, and less that of the float network in the same
        seed (minus_float).
    """

    configuration: str
    route: str
    model: str
    method: str
    technique: str
    data_needed: str
    hardware: str
    on_micro: bool | None
    file_bytes: float | None
    size_reduction: float | None
    compressed_bytes: float | None
    compressed_reduction: float | None
    arena_bytes: float | None
    weights_in_float32: float | None
    metric: str
    n: int
    mean: float | None
    ci95_low: float | None
    ci95_high: float | None
    minus_float: float | None
    minus_float_ci95_low: float | None
    minus_float_ci95_high: float | None


def models(methods: str, options: Mapping[str, Mapping[str, Any]]) -> Models:
    """methods: methods.csv as text. options: as those of Models."""
    return Models(methods=csv.read(methods.encode(), METHODS_CSV.dtypes), options=options)


def rows(source: Models) -> Iterator[TechniquesRow]:
    """A row for each configuration and route; those of a model together, in the order in which methods are listed."""
    names = called(source.options)
    for model in dict.fromkeys(each.model for each in names.values()):
        own = source.methods[[names[name].model == model for name in source.methods["configuration"]]]
        groups = [group for _, group in own.groupby(["configuration", "route"], sort=False)]
        for group in sorted(groups, key=_place):
            configuration = group["configuration"].iloc[0]
            yield _row(names[configuration], group, own)


def _place(group: pd.DataFrame) -> tuple[int, bool]:
    return METHODS.index(group["method"].iloc[0]), bool(group["trained"].iloc[0])


def _row(name: Called, group: pd.DataFrame, of_model: pd.DataFrame) -> TechniquesRow:
    """group: the seeds of one configuration and route. of_model: all rows about the same model."""
    configuration, route, method, trained = group[["configuration", "route", "method", "trained"]].iloc[0]
    known = KNOWN[method, bool(trained)]
    share = _mean(group["weights_in_float32"] / group["weights"])
    metric = "mae" if group["accuracy"].isna().all() and group["mae"].notna().any() else "accuracy"
    worth = spread(reals(group[metric]), SHARES if metric == "accuracy" else (0.0, np.inf))
    change = spread(reals(group[metric] - group[f"{metric}_of_float"]))
    on_micro = group["on_micro"].dropna()
    return TechniquesRow(
        configuration=configuration,
        route=route,
        model=name.model,
        method=_method(name, group, of_model),
        technique=known.name,
        data_needed=known.data,
        hardware=", ".join(_hardware(known, share)),
        on_micro=bool(on_micro.all()) if len(on_micro) else None,
        file_bytes=_mean(group["file_bytes"]),
        size_reduction=_reduction("file_bytes", group, of_model),
        compressed_bytes=_mean(group["compressed_bytes"]),
        compressed_reduction=_reduction("compressed_bytes", group, of_model),
        arena_bytes=_mean(group["arena_bytes"]),
        weights_in_float32=share,
        metric=metric,
        n=worth.n,
        mean=worth.mean,
        ci95_low=worth.ci95_low,
        ci95_high=worth.ci95_high,
        minus_float=change.mean,
        minus_float_ci95_low=change.ci95_low,
        minus_float_ci95_high=change.ci95_high,
    )


def _hardware(known: Technique, share: float | None) -> Iterator[str]:
    """What takes a model of a technique. share: of its weights in float32; with all of them it is that of float32."""
    if share == 1:
        yield from KNOWN[FLOAT32, False].hardware
        return
    yield from (each for each in known.hardware if each not in INTEGERS or not share)


def _method(name: Called, group: pd.DataFrame, of_model: pd.DataFrame) -> str:
    """Such as `int8 QAT, optimizations=DEFAULT`; with its route where another one of the configuration is alike."""
    first = group.iloc[0]
    alike = of_model[(of_model["configuration"] == first["configuration"]) & (of_model["trained"] == first["trained"])]
    words = [name.method, *(["QAT"] if first["trained"] else [])]
    if alike["route"].nunique() > 1:
        words.append(f"({first['route']})")
    return ", ".join([" ".join(words), *name.differing])


def _reduction(column: str, group: pd.DataFrame, of_model: pd.DataFrame) -> float | None:
    """By which share a size is smaller than that of float32 in the same seed, on the same route if that has any."""
    plain = of_model[of_model["method"] == FLOAT32]
    same = plain[plain["route"] == group["route"].iloc[0]]
    chosen = (same if len(same) else plain).drop_duplicates("seed").set_index("seed")[column]
    return _mean(1 - group.set_index("seed")[column] / chosen)


def _mean(column: pd.Series) -> float | None:
    """Of what is defined."""
    return spread(reals(column)).mean


TECHNIQUES = Table(file="techniques.csv", row=TechniquesRow, rows=rows)
