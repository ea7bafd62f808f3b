"""ADD and SUB, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from qcompare.manual.activation import activate, quantized_bounds, quantized_bounds_even, require_no_activation
from qcompare.manual.broadcast import runs
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, align
from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import multiply_double, quantize_multiplier, rdbp, srdhm
from qcompare.manual.tables import PAIRS, look_up_pair, pair_table

LEFT_SHIFT = {"int8": 20, "int16": 15}
"""L: how far the inputs are shifted before they are scaled."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A sum's integer parameters, as the kernels prepare them; (m, s) as in (6).

    sign: 1 for ADD, -1 for SUB.
    """

    sign: int
    zero_points: tuple[int, int, int]
    first: tuple[int, int]
    second: tuple[int, int]
    output: tuple[int, int]
    left: int
    low: int
    high: int


Sum = Callable[[Parameters, np.ndarray, np.ndarray], np.ndarray]


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [activate(a + b if call.operator.name == "ADD" else a - b, call)]


def parameters(call: Call) -> Parameters:
    """(18): TFLite `add::Prepare` (kernels/add.cc), `PrepareGeneralSubOp` (kernels/sub.cc)."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    dtype = output.dtype.name
    if dtype == "int16" and call.option("pot_scale_int16", True):
        scales = (a.scale, b.scale, output.scale)
        if all(checked_log2(scale)[1] for scale in scales):
            raise NotCoveredError(call.operator, "the int16 path for scales that are powers of two is")
    twice = 2.0 * float(max(a.scale, b.scale))
    left = LEFT_SHIFT[dtype]
    reals = (float(a.scale) / twice, float(b.scale) / twice, twice / float(np.float32(1 << left) * output.scale))
    first, second, third = ((int(m), int(s)) for m, s in map(quantize_multiplier, reals))
    low, high = quantized_bounds(call, output)
    return Parameters(
        sign=1 if call.operator.name == "ADD" else -1,
        zero_points=(a.zero_point, b.zero_point, output.zero_point),
        first=first,
        second=second,
        output=third,
        left=left,
        low=low,
        high=high,
    )


def _finish(p: Parameters, scaled: np.ndarray) -> np.ndarray:
    return np.clip(scaled + p.zero_points[2], p.low, p.high).astype(np.int8 if p.left == 20 else np.int16)


def sum_double(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(19) Every scaling is DOUBLE: TFLite `AddFunc` (reference/integer_ops/add.h), `SubElementwise`."""
    x = multiply_double((a - p.zero_points[0]) << p.left, *p.first)
    y = multiply_double((b - p.zero_points[1]) << p.left, *p.second)
    return _finish(p, multiply_double(x + p.sign * y, *p.output))


def sum_merged(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(20) One shift in place of two for each input: `AddElementwiseInt8`, `AddElementwiseInt16` (optimized)."""
    x = srdhm((a - p.zero_points[0]) << (p.left + p.first[1]), p.first[0])
    y = srdhm((b - p.zero_points[1]) << (p.left + p.second[1]), p.second[0])
    return _finish(p, rdbp(srdhm(x + p.sign * y, p.output[0]), -p.output[1]))


def sum_floor(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(21) The inputs' shifts after the product and rounded down: `AddScalarBroadcast` (optimized)."""
    x = srdhm((a - p.zero_points[0]) << p.left, p.first[0]) >> -p.first[1]
    y = srdhm((b - p.zero_points[1]) << p.left, p.second[0]) >> -p.second[1]
    return _finish(p, rdbp(srdhm(x + p.sign * y, p.output[0]), -p.output[1]))


@lru_cache(maxsize=256)
def _table(f: Sum, p: Parameters) -> np.ndarray:
    return pair_table(partial(f, p))


def _sum(f: Sum, p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if p.left == LEFT_SHIFT["int8"] and max(a.size, b.size) >= PAIRS:
        return look_up_pair(_table(f, p), a, b)
    return f(p, a.astype(np.int64), b.astype(np.int64))


def _double(call: Call) -> Outputs:
    return [_sum(sum_double, parameters(call), *align(call.input(0), call.input(1)))]


def _by_runs(call: Call, bodies: Mapping[str, tuple[Sum, int]]) -> Outputs:
    """For each kind of run a body over whole vectors of so many elements, (19) for the rest of the run."""
    walk = runs(call.input(0).shape, call.input(1).shape)
    if walk.kind not in bodies:
        return _double(call)
    p, (body, width) = parameters(call), bodies[walk.kind]
    a, b = np.broadcast_arrays(*align(call.input(0), call.input(1)))
    cut = walk.length // width * width
    rows = [np.ascontiguousarray(x).reshape(len(x), -1, walk.length) for x in (a, b)]
    if cut == walk.length:
        return [_sum(body, p, *rows).reshape(a.shape)]
    parts = [
        _sum(f, p, *(row[..., part] for row in rows))
        for f, part in ((body, slice(cut)), (sum_double, slice(cut, None)))
    ]
    return [np.concatenate(parts, axis=-1).reshape(a.shape)]


def _by_vectors(call: Call) -> Outputs:
    return _by_runs(call, {"elementwise": (sum_merged, 16), "scalar": (sum_floor, 8)})


def _by_16(call: Call) -> Outputs:
    """int16: the vector loop serves operands of equal shape only."""
    if call.input(0).shape != call.input(1).shape:
        return _double(call)
    return _by_runs(call, {"elementwise": (sum_merged, 16)})


def _shift20(call: Call) -> Outputs:
    """(22) One sum of products with 21-bit multipliers, half up: XNNPACK `xnn_init_qs8_add_minmax_scalar_params`."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    ratios = (a.scale / output.scale, b.scale / output.scale)
    shift = 20 - int(np.frexp(max(ratios))[1] - 1)
    m, n = (int(np.rint(np.ldexp(ratio, shift))) for ratio in ratios)
    n = n if call.operator.name == "ADD" else -n
    p = Products(
        m=m,
        n=n,
        bias=(1 << shift >> 1) - m * a.zero_point - n * b.zero_point,
        shift=shift,
        zero_point=output.zero_point,
        bounds=quantized_bounds_even(call, output),
    )
    x, y = align(call.input(0), call.input(1))
    if max(x.size, y.size) >= PAIRS:
        return [look_up_pair(_products_table(p), x, y)]
    return [p.sum(x.astype(np.int64), y.astype(np.int64))]


@dataclass(frozen=True, kw_only=True)
class Products:
    """The parameters of (22)."""

    m: int
    n: int
    bias: int
    shift: int
    zero_point: int
    bounds: tuple[int, int]

    def sum(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        y = ((a * self.m + b * self.n + self.bias) >> self.shift) + self.zero_point
        return np.clip(y, *self.bounds).astype(np.int8)


@lru_cache(maxsize=256)
def _products_table(p: Products) -> np.ndarray:
    return pair_table(p.sum)


def _wrap(call: Call) -> Outputs:
    """(104) int32: the plain sum, wrapped; scales are not looked at."""
    require_no_activation(call)
    a, b = align(call.input(0), call.input(1))
    return [a + b if call.operator.name == "ADD" else a - b]


def _delegated(call: Call) -> bool:
    """XNNPACK takes scales within 2^-10 to 2^8 of the output's, and no int32."""
    if call.outputs[0].dtype == np.int32:
        return False
    output = call.outputs[0].scale
    ratios = [call.input(i).tensor.scale / output for i in (0, 1)]
    return all(2.0**-10 <= ratio < 2.0**8 for ratio in ratios)


ADD = Op(
    real=_real,
    rules={
        "DOUBLE": _double,
        "MERGED_BY_16": _by_16,
        "MERGED_BY_16_FLOOR_BY_8": _by_vectors,
        "SHIFT20": _shift20,
        "WRAP": _wrap,
    },
    delegated=_delegated,
)
SUB = Op(real=_real, rules={"DOUBLE": _double, "SHIFT20": _shift20, "WRAP": _wrap}, delegated=_delegated)
