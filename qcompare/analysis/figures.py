"""How far two engines' outputs are apart: the figures of one row of errors.csv.

Two outputs are compared in two ways at once. *On the grid*: as the integers of the model's output tensor, in
LSB; an engine that computes reals is put on the grid first, the way the QUANTIZE kernel does it. *In real units*:
`b - a`, an engine that computes integers read as `(q - zero_point) * scale`.

An element that is NaN or infinite in either output is counted in `non_finite` and left out of every other figure;
`n` counts the elements that remain, so that `n + non_finite` is the size of the output. A figure that is not
defined is None (an empty cell), never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from qcompare.core.grid import Grid


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one comparison of b against a. `Figures()` has none: a comparison that could not be made.

    n: elements compared; against the labels of a classification, samples compared.
    mismatches, mismatch_rate: unequal integers, and their share of n.
    max_lsb, mean_lsb: of |b - a| over integers, in LSB.
    max_abs_error, mean_abs_error, mean_error, rmse: of b - a in real units; mean_error keeps its sign.
    max_relative_error: largest |b - a| / |a| where that is finite; None where it is nowhere, as of an a of zeros.
    outside_tolerance: share of elements with |b - a| > TOLERANCE.
    sqnr_db: 10 log10(sum a^2 / sum (b - a)^2) in dB; None when signal or noise is zero. Integers that a side stores as
        their float32 products are compared as integers: where none is unequal there is no noise.
    cosine_similarity: of the outputs of all samples as one vector each; None when one of them is zero.
    saturation_rate: share of b's integers that are the smallest or the largest of the dtype.
    top1_agreement: share of samples in which the largest output stands at the same place; the first one wins a tie.
    non_finite: elements that are NaN or infinite in a or b, counted and left out of all else.
    """

    n: int | None = None
    mismatches: int | None = None
    mismatch_rate: float | None = None
    max_lsb: int | None = None
    mean_lsb: float | None = None
    max_abs_error: float | None = None
    mean_abs_error: float | None = None
    mean_error: float | None = None
    rmse: float | None = None
    max_relative_error: float | None = None
    outside_tolerance: float | None = None
    sqnr_db: float | None = None
    cosine_similarity: float | None = None
    saturation_rate: float | None = None
    top1_agreement: float | None = None
    non_finite: int | None = None


TOLERANCE = 1e-2
"""In real units, whatever they are: the `atol` that scripts compare outputs with."""

FIGURES = tuple(field.name for field in fields(Figures))


def to_integers(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Values as int64 on the grid, any shape: integers as they are; finite reals as a model's input is quantized."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    return grid.quantize(values.astype(np.float32)).astype(np.int64)


def to_reals(values: np.ndarray, grid: Grid | None) -> np.ndarray:
    """Values as float64 in real units, any shape: reals as they are; integers as `(q - zero_point) * scale`."""
    if grid is None or not np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float64)
    return grid.dequantize(values)


def comparable(values: np.ndarray, own: Grid | None, grid: Grid | None) -> np.ndarray:
    """Values that can be compared on a grid: integers of another grid, `own`, become the reals that they stand for."""
    if own is None or grid is None or own.same(grid) or not np.issubdtype(values.dtype, np.integer):
        return values
    return own.dequantize(values)


def _products_exact(values: np.ndarray, grid: Grid | None) -> np.ndarray:
    """As `to_reals`, but reals that are all integers of the grid, times a scale in float32, are those integers.

    A network that computes in integers hands on their float32 products, which round: by half a unit in the last place,
    or a few of the grid's largest real where a smallest real is added to. That is no error of what it computed.
    """
    reals = to_reals(values, grid)
    if grid is None or np.issubdtype(values.dtype, np.integer):
        return reals
    exact = grid.dequantize(to_integers(values, grid))
    furthest = max(abs(float(grid.dequantize(np.array([end]))[0])) for end in (grid.smallest, grid.largest))
    return exact if bool((np.abs(reals - exact) <= FLOAT32_ROUNDINGS * furthest).all()) else reals


FLOAT32_ROUNDINGS = 2.0**-22
"""Four roundings of a float32, relative."""


def lsb_histogram(a: np.ndarray, b: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """How often each difference `b - a` in LSB occurs: differences (ascending, int64) and their counts (int64).

    a, b: as for `compare`. Elements that are not finite are left out.
    """
    _check(a, b, grid)
    finite = np.isfinite(a) & np.isfinite(b)
    return np.unique(to_integers(b[finite], grid) - to_integers(a[finite], grid), return_counts=True)


def compare(a: np.ndarray, b: np.ndarray, grid: Grid | None, *, classification: bool) -> Figures:
    """The figures of b against a.

    a, b: shape [samples, ...], equal shapes, each either integers of the grid's dtype or float reals.
    grid: that of the model's output; None when the model's output is float, which leaves the figures over integers
        undefined.
    classification: whether the largest of the last axis is the answer, which defines top1_agreement; each engine
        answers with its own values, integers or reals.
    Raises ValueError when shapes or dtypes do not fit.
    """
    _check(a, b, grid)
    finite = np.isfinite(a) & np.isfinite(b)
    figures: dict[str, Any] = {"n": int(finite.sum()), "non_finite": int((~finite).sum())}
    if figures["n"]:
        if grid is not None:
            figures |= _on_grid(to_integers(a[finite], grid), to_integers(b[finite], grid), grid)
        figures |= _in_reals(_products_exact(a[finite], grid), _products_exact(b[finite], grid))
        if classification:
            whole = finite.all(axis=-1)
            figures["top1_agreement"] = _share(a[whole].argmax(axis=-1) == b[whole].argmax(axis=-1))
    return Figures(**figures)


def compare_with_labels(labels: np.ndarray, b: np.ndarray, grid: Grid | None, *, classification: bool) -> Figures:
    """The figures of an engine's output b, shape [samples, ...], against what is true.

    Classification: labels are class indices, shape `b.shape[:-1]`. top1_agreement is the accuracy and n the number
    of samples whose outputs are all finite; nothing else but non_finite is defined.
    Regression: labels are reals, shape of b (a last axis of one may be missing). The errors in real units are
    defined, and n and non_finite; labels lie on no grid.
    Raises ValueError when shapes or dtypes do not fit.
    """
    if classification:
        if labels.shape != b.shape[:-1] or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"labels {labels.dtype}{labels.shape} are no classes of outputs of shape {b.shape}")
        finite = np.isfinite(b)
        whole = finite.all(axis=-1)
        agreement = _share(b[whole].argmax(axis=-1) == labels[whole])
        return Figures(n=int(whole.sum()), top1_agreement=agreement, non_finite=int((~finite).sum()))
    if labels.shape == b.shape[:-1] and b.shape[-1] == 1:
        labels = labels[..., np.newaxis]
    labels = labels.astype(np.float64)
    _check(labels, b, grid)
    finite = np.isfinite(labels) & np.isfinite(b)
    figures: dict[str, Any] = {"n": int(finite.sum()), "non_finite": int((~finite).sum())}
    if figures["n"]:
        figures |= _errors(labels[finite], to_reals(b[finite], grid))
    return Figures(**figures)


def ulp_distance(a: np.ndarray | np.float32, b: np.ndarray | np.float32) -> np.ndarray:
    """How many float32 steps lie between a and b, exact, int64, of their common shape; +0 and -0 are 0 apart.

    Raises TypeError for another dtype, which would have to be rounded first, and ValueError for NaN.
    """
    steps: np.ndarray = np.abs(_float32_ordinal(a) - _float32_ordinal(b))
    return steps


def _check(a: np.ndarray, b: np.ndarray, grid: Grid | None) -> None:
    if a.shape != b.shape:
        raise ValueError(f"outputs of shapes {a.shape} and {b.shape} cannot be compared")
    for values in (a, b):
        on_grid = grid is not None and values.dtype == grid.dtype
        if not on_grid and not np.issubdtype(values.dtype, np.floating):
            expected = "floats" if grid is None else f"floats or {grid.dtype}"
            raise ValueError(f"an output of dtype {values.dtype}, where {expected} was expected")


def _on_grid(a: np.ndarray, b: np.ndarray, grid: Grid) -> dict[str, int | float]:
    distance = np.abs(b - a)
    mismatches = int(np.count_nonzero(distance))
    return {
        "mismatches": mismatches,
        "mismatch_rate": mismatches / distance.size,
        "max_lsb": int(distance.max()),
        "mean_lsb": int(distance.sum()) / distance.size,
        "saturation_rate": int(np.count_nonzero((b == grid.smallest) | (b == grid.largest))) / b.size,
    }


def _in_reals(a: np.ndarray, b: np.ndarray) -> dict[str, float | None]:
    figures = _errors(a, b)
    # Plain sums rather than a BLAS dot product, whose order of addition depends on its threads.
    signal, power, product, noise = (float(np.sum(v)) for v in (a * a, b * b, a * b, (b - a) ** 2))
    if signal > 0 and noise > 0:
        figures["sqnr_db"] = 10 * (math.log10(signal) - math.log10(noise))
    if signal > 0 and power > 0:
        # One square root of the product: exactly 1 when a equals b.
        figures["cosine_similarity"] = min(1.0, max(-1.0, product / math.sqrt(signal * power)))
    return figures


def _errors(a: np.ndarray, b: np.ndarray) -> dict[str, float | None]:
    error = b - a
    magnitude = np.abs(error)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = magnitude / np.abs(a)
    relative = relative[np.isfinite(relative)]
    return {
        "max_abs_error": float(magnitude.max()),
        "mean_abs_error": float(magnitude.mean()),
        "mean_error": float(error.mean()),
        "rmse": math.sqrt(float(np.mean(error**2))),
        "max_relative_error": float(relative.max()) if relative.size else None,
        "outside_tolerance": _share(magnitude > TOLERANCE),
    }


def _share(hits: np.ndarray) -> float | None:
    return int(np.count_nonzero(hits)) / hits.size if hits.size else None


def _float32_ordinal(values: np.ndarray | np.float32) -> np.ndarray:
    """The place of each float32 in the order of all float32, int64, with both zeros at 0."""
    if values.dtype != np.float32:
        raise TypeError(f"a ULP distance is between float32 values, not {values.dtype}")
    if np.isnan(values).any():
        raise ValueError("NaN has no ULP distance")
    bits = np.asarray(values).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
