"""MUL, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qcompare.manual.activation import activate, quantized_bounds, quantized_bounds_even, require_no_activation
from qcompare.manual.call import Call, Op, Outputs, align
from qcompare.manual.rounding import Requantize, double, rne32
from qcompare.manual.tables import PAIRS, look_up_pair, pair_table


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product's parameters; multiplier: of the product of the centred integers, in the rule's own float."""

    rule: Requantize
    multiplier: np.floating
    zero_points: tuple[int, int, int]
    bounds: tuple[int, int]
    dtype: np.dtype

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        products = (a - self.zero_points[0]) * (b - self.zero_points[1])
        scaled = self.rule(products, np.asarray(self.multiplier)) + self.zero_points[2]
        return np.clip(scaled, *self.bounds).astype(self.dtype)


@lru_cache(maxsize=256)
def _table(product: Product) -> np.ndarray:
    return pair_table(product.compute)


def _compute(call: Call, rule: Requantize, multiplier: np.floating, bounds: tuple[int, int]) -> Outputs:
    output = call.outputs[0]
    product = Product(
        rule=rule,
        multiplier=multiplier,
        zero_points=(call.input(0).tensor.zero_point, call.input(1).tensor.zero_point, output.zero_point),
        bounds=bounds,
        dtype=output.dtype,
    )
    a, b = align(call.input(0), call.input(1))
    if a.dtype == np.int8 and max(a.size, b.size) >= PAIRS:
        return [look_up_pair(_table(product), a, b)]
    return [product.compute(a.astype(np.int64), b.astype(np.int64))]


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [activate(a * b, call)]


def _multiplier32(call: Call) -> np.float32:
    """(23) f32(s_a * s_b / s_out)."""
    return np.float32(call.input(0).tensor.scale * call.input(1).tensor.scale / call.outputs[0].scale)


def _double(call: Call) -> Outputs:
    """DOUBLE with (23): TFLite `mul::Prepare` (kernels/mul.cc), `MulElementwise` (reference/integer_ops/mul.h)."""
    return _compute(call, double, np.float64(_multiplier32(call)), quantized_bounds(call, call.outputs[0]))


def _double_64(call: Call) -> Outputs:
    """(24) DOUBLE with f64(s_a) * f64(s_b) / f64(s_out): TFLite Micro `CalculateOpDataMul` (kernels/mul_common.cc)."""
    a, b, output = (np.float64(t.scale) for t in (call.input(0).tensor, call.input(1).tensor, call.outputs[0]))
    return _compute(call, double, a * b / output, quantized_bounds(call, call.outputs[0]))


def _rne32(call: Call) -> Outputs:
    """RNE32 with (23): XNNPACK `xnn_init_qs8_mul_minmax_scalar_params`."""
    return _compute(call, rne32, _multiplier32(call), quantized_bounds_even(call, call.outputs[0]))


def _wrap(call: Call) -> Outputs:
    """(104) int32: the plain product, wrapped; scales are not looked at."""
    require_no_activation(call)
    a, b = align(call.input(0), call.input(1))
    return [a * b]


def _delegated(call: Call) -> bool:
    """XNNPACK takes multipliers in [2^-16, 2^8), and no int32."""
    if call.outputs[0].dtype == np.int32:
        return False
    return bool(2.0**-16 <= _multiplier32(call) < 2.0**8)


MUL = Op(
    real=_real,
    rules={"DOUBLE": _double, "DOUBLE_64": _double_64, "RNE32": _rne32, "WRAP": _wrap},
    delegated=_delegated,
)
