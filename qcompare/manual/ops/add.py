"""ADD and SUB, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from qcompare.manual import variant
from qcompare.manual.activation import activate, require_no_activation
from qcompare.manual.blocks import in_blocks
from qcompare.manual.broadcast import runs
from qcompare.manual.call import Call, Compute, NotCoveredError, Op, Outputs, align, equal_dtypes, of_main_input
from qcompare.manual.pipeline import Ending, ending, through
from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import multiply_double, quantize_multiplier, rdbp, srdhm
from qcompare.manual.rule import Halves, Method, Precision, Rounding, Rule
from qcompare.manual.tables import PAIRS, look_up_pair, pair_table
from qcompare.manual.variant import Path, Variant

LEFT_SHIFT = {np.dtype(np.int8): 20, np.dtype(np.int16): 15}
"""L: how far the inputs are shifted before they are scaled."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A sum's integer parameters, as the kernels prepare them; (m, s) as in (6).

    sign: 1 for ADD, -1 for SUB. zero_points: of the inputs.
    """

    sign: int
    zero_points: tuple[int, int]
    first: tuple[int, int]
    second: tuple[int, int]
    output: tuple[int, int]
    left: int
    ending: Ending


Sum = Callable[[Parameters, np.ndarray, np.ndarray], np.ndarray]


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [activate(a + b if call.operator.name == "ADD" else a - b, call)]


def parameters(call: Call) -> Parameters:
    """(18): TFLite `add::Prepare` (kernels/add.cc), `PrepareGeneralSubOp` (kernels/sub.cc)."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    if output.dtype == np.int16 and call.option("pot_scale_int16", True):
        scales = (a.scale, b.scale, output.scale)
        if all(checked_log2(scale)[1] for scale in scales):
            raise NotCoveredError(call.operator, "the int16 path for scales that are powers of two is")
    twice = 2.0 * float(max(a.scale, b.scale))
    left = LEFT_SHIFT[output.dtype]
    reals = (float(a.scale) / twice, float(b.scale) / twice, _last(call))
    first, second, third = ((int(m), int(s)) for m, s in map(quantize_multiplier, reals))
    return Parameters(
        sign=1 if call.operator.name == "ADD" else -1,
        zero_points=(a.zero_point, b.zero_point),
        first=first,
        second=second,
        output=third,
        left=left,
        ending=ending(call),
    )


def _last(call: Call) -> float:
    """t / (2^L s_out) of (18)."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    return 2.0 * float(max(a.scale, b.scale)) / float(np.float32(1 << LEFT_SHIFT[output.dtype]) * output.scale)


def sum_double(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(19) Every scaling is DOUBLE: TFLite `AddFunc` (reference/integer_ops/add.h), `SubElementwise`."""
    x = multiply_double((a - p.zero_points[0]) << p.left, *p.first)
    y = multiply_double((b - p.zero_points[1]) << p.left, *p.second)
    return through(multiply_double(x + p.sign * y, *p.output), *p.ending)


def sum_merged(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(20) One shift in place of two for each input: `AddElementwiseInt8`, `AddElementwiseInt16` (optimized)."""
    x = srdhm((a - p.zero_points[0]) << (p.left + p.first[1]), p.first[0])
    y = srdhm((b - p.zero_points[1]) << (p.left + p.second[1]), p.second[0])
    return through(rdbp(srdhm(x + p.sign * y, p.output[0]), -p.output[1]), *p.ending)


def sum_floor(p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(21) The inputs' shifts after the product and rounded down: `AddScalarBroadcast` (optimized)."""
    x = srdhm((a - p.zero_points[0]) << p.left, p.first[0]) >> -p.first[1]
    y = srdhm((b - p.zero_points[1]) << p.left, p.second[0]) >> -p.second[1]
    return through(rdbp(srdhm(x + p.sign * y, p.output[0]), -p.output[1]), *p.ending)


@lru_cache(maxsize=256)
def _table(f: Sum, p: Parameters) -> np.ndarray:
    return pair_table(partial(f, p))


def _sum(f: Sum, p: Parameters, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype == np.int8 and max(a.size, b.size) >= PAIRS:
        return look_up_pair(_table(f, p), a, b)
    return f(p, a.astype(np.int64), b.astype(np.int64))


def _double(call: Call) -> Outputs:
    return [_sum(sum_double, parameters(call), *align(call.input(0), call.input(1)))]


@dataclass(frozen=True, kw_only=True)
class Body:
    """A vector loop: what it computes, and how many elements it takes at once."""

    sum: Sum
    width: int


ELEMENTWISE, BROADCAST = Body(sum=sum_merged, width=16), Body(sum=sum_floor, width=8)


def _merged(call: Call) -> Outputs:
    """A vector loop over whole blocks of each run, (19) for the rest and for runs that no loop takes.

    In int16 a vector loop serves operands of equal shape only.
    """
    shapes = call.input(0).shape, call.input(1).shape
    walk = runs(*shapes)
    bodies = {"elementwise": ELEMENTWISE, "scalar": BROADCAST}
    if walk.kind not in bodies or (call.outputs[0].dtype == np.int16 and shapes[0] != shapes[1]):
        return _double(call)
    p, body = parameters(call), bodies[walk.kind]
    a, b = np.broadcast_arrays(*align(call.input(0), call.input(1)))
    rows = [np.ascontiguousarray(x).reshape(len(x), -1, walk.length) for x in (a, b)]
    whole, rest = partial(_sum, body.sum, p), partial(_sum, sum_double, p)
    return [in_blocks(body.width, whole, rest, *rows).reshape(a.shape)]


def _shift20(call: Call) -> Outputs:
    """(22) One sum of products with 21-bit multipliers, half up: XNNPACK `xnn_init_qs8_add_minmax_scalar_params`."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    if output.dtype != np.int8:
        raise NotCoveredError(call.operator, f"{output.dtype} by XNNPACK is")
    ratios = (a.scale / output.scale, b.scale / output.scale)
    shift = 20 - int(np.frexp(max(ratios))[1] - 1)
    m, n = (int(np.rint(np.ldexp(ratio, shift))) for ratio in ratios)
    n = n if call.operator.name == "ADD" else -n
    p = Products(
        m=m,
        n=n,
        bias=(1 << shift >> 1) - m * a.zero_point - n * b.zero_point,
        shift=shift,
        ending=ending(call, Halves.EVEN),
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
    ending: Ending

    def sum(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return through((a * self.m + b * self.n + self.bias) >> self.shift, *self.ending)


@lru_cache(maxsize=256)
def _products_table(p: Products) -> np.ndarray:
    return pair_table(p.sum)


def _wrap(call: Call) -> Outputs:
    """(104) int32: the plain sum, wrapped; scales are not looked at."""
    require_no_activation(call)
    a, b = align(call.input(0), call.input(1))
    return [a + b if call.operator.name == "ADD" else a - b]


def _variant(call: Call) -> Variant:
    """The dtype, and whether the last multiplier is below one: otherwise the kernels shift by a negative number."""
    dtype = call.outputs[0].dtype
    return variant.of(dtype, path=Path.OUTGROWN) if dtype in LEFT_SHIFT and _last(call) >= 1 else of_main_input(call)


def _delegated(call: Call) -> bool:
    """XNNPACK takes scales within 2^-10 to 2^8 of the output's, and no int32."""
    if call.outputs[0].dtype == np.int32:
        return False
    output = call.outputs[0].scale
    ratios = [call.input(i).tensor.scale / output for i in (0, 1)]
    return all(2.0**-10 <= ratio < 2.0**8 for ratio in ratios)


_RULES: Mapping[Rule, Compute] = {
    Rounding.DOUBLE.by(Precision.FLOAT64): _double,
    Method("SHIFT20"): _shift20,
    Method("WRAP"): _wrap,
}

ADD = Op(
    real=_real,
    rules={**_RULES, Method("MERGED", blocks=16): _merged},
    variant=_variant,
    delegated=_delegated,
    dtypes=equal_dtypes(),
)
SUB = Op(real=_real, rules=_RULES, variant=_variant, delegated=_delegated, dtypes=equal_dtypes())
