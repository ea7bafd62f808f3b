"""MUL, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qcompare.manual.activation import activate, require_no_activation
from qcompare.manual.call import Call, Op, Outputs, align, equal_dtypes, requantizations
from qcompare.manual.pipeline import Ending, Requantize, ending, through
from qcompare.manual.rule import Method, Precision, Requantization, Rounding
from qcompare.manual.tables import PAIRS, look_up_pair, pair_table


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product's parameters. zero_points: of the inputs; multiplier: of the product of the centred integers."""

    rule: Requantization
    multiplier: float
    zero_points: tuple[int, int]
    ending: Ending

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        products = (a - self.zero_points[0]) * (b - self.zero_points[1])
        return through(products, Requantize(self.rule, self.multiplier), *self.ending)


@lru_cache(maxsize=256)
def _table(product: Product) -> np.ndarray:
    return pair_table(product.compute)


def multiplier(call: Call, precision: Precision) -> float:
    """(23), (24) s_a s_b / s_out; a float32 is a float64 too."""
    a, b, output = call.input(0).tensor, call.input(1).tensor, call.outputs[0]
    return float(precision.ratio((a.scale, b.scale), output.scale))


def _compute(call: Call, rule: Requantization) -> Outputs:
    product = Product(
        rule=rule,
        multiplier=multiplier(call, rule.multiplier),
        zero_points=(call.input(0).tensor.zero_point, call.input(1).tensor.zero_point),
        ending=ending(call, rule.bounds),
    )
    a, b = align(call.input(0), call.input(1))
    if a.dtype == np.int8 and max(a.size, b.size) >= PAIRS:
        return [look_up_pair(_table(product), a, b)]
    return [product.compute(a.astype(np.int64), b.astype(np.int64))]


def _real(call: Call) -> Outputs:
    a, b = align(call.input(0), call.input(1))
    return [activate(a * b, call)]


def _wrap(call: Call) -> Outputs:
    """(104) int32: the plain product, wrapped; scales are not looked at."""
    require_no_activation(call)
    a, b = align(call.input(0), call.input(1))
    return [a * b]


def _delegated(call: Call) -> bool:
    """XNNPACK takes multipliers in [2^-16, 2^8), and no int32."""
    if call.outputs[0].dtype == np.int32:
        return False
    return bool(2.0**-16 <= multiplier(call, Precision.FLOAT32) < 2.0**8)


MUL = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            # TFLite `mul::Prepare` (kernels/mul.cc), `MulElementwise` (reference/integer_ops/mul.h).
            Rounding.DOUBLE.by(Precision.FLOAT32),
            # TFLite Micro `CalculateOpDataMul` (kernels/mul_common.cc).
            Rounding.DOUBLE.by(Precision.FLOAT64),
            # XNNPACK `xnn_init_qs8_mul_minmax_scalar_params`.
            Rounding.RNE32.by(Precision.FLOAT32),
        ),
        Method("WRAP"): _wrap,
    },
    delegated=_delegated,
    dtypes=equal_dtypes(),
)
