"""FULLY_CONNECTED: `y = x W^T + b`, weights [units, features]."""

from __future__ import annotations

import numpy as np

from qcompare.manual import variant
from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, of_weights, requantizations
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import asymmetric_even, by_options, rounded
from qcompare.manual.ops.filters import declared, layer_dtypes
from qcompare.manual.pipeline import requantized
from qcompare.manual.rounding import wrap32
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding, Scale
from qcompare.manual.variant import Variant


def _real(call: Call) -> Outputs:
    x, weights, bias = call.input(0), call.input(1), call.optional(2)
    _require_plain_weights(call)
    rows = x.value.reshape(call.samples, -1, weights.value.shape[1])
    y = rows @ weights.value.T.astype(x.value.dtype)
    if bias is not None:
        if bias.value.dtype.kind != "f":
            raise NotCoveredError(call.operator, "a bias without a scale is")
        y = y + bias.value
    return [activate(y, call).reshape(call.samples, *call.outputs[0].shape)]


def _require_plain_weights(call: Call) -> None:
    if not call.input(1).constant:
        raise NotCoveredError(call.operator, "computed weights are")
    if call.option("weights_format", "DEFAULT") != "DEFAULT":
        raise NotCoveredError(call.operator, "shuffled weights are")


def accumulators(call: Call) -> np.ndarray:
    """(25) `x W^T + (b - z_x sum(W))` exactly, int64 [samples, rows, units].

    The accumulator of int8, and of int16 with an int32 bias, has 32 bits and wraps.
    """
    _require_plain_weights(call)
    x, weights, bias = call.input(0), call.input(1).value, call.optional(2)
    parameters = call.input(1).tensor.grid
    if weights.dtype != np.int8 or parameters is None or parameters.zero_point.any():
        raise NotCoveredError(call.operator, f"{weights.dtype} weights or ones with a zero point are")
    if bias is not None and not bias.constant:
        raise NotCoveredError(call.operator, "a computed bias is")
    offset = -x.tensor.zero_point * weights.sum(axis=1, dtype=np.int64)
    if bias is not None:
        offset = offset + bias.value.reshape(-1)
    rows = x.value.reshape(-1, weights.shape[1])
    float_ = float_for(weights.shape[1], largest(rows), largest(weights))
    sums = (rows.astype(float_) @ weights.T.astype(float_)).astype(np.int64)
    sums += offset
    bound = weights.shape[1] * largest(rows) * largest(weights) + int(np.abs(offset).max(initial=0))
    if bound >= 1 << 31 and not variant_of(call).wide:
        sums = wrap32(sums)
    return sums.reshape(call.samples, -1, len(weights))


def variant_of(call: Call) -> Variant:
    """The input's dtype; in int16 with the bias's and, unless that is int64, the accumulator's that is declared."""
    x, bias = call.input(0).tensor, call.optional(2)
    if x.dtype != np.int16:
        return of_weights(x, call.input(1).tensor)
    if bias is None:
        return variant.of(np.int16, declared=declared(call))
    stored = bias.tensor.dtype
    return variant.of(np.int16, bias=stored, declared=stored if stored == declared(call) == np.int32 else None)


def multiplier(call: Call, precision: Precision) -> Scale:
    """(26), (27), (28) s_x s_w / s_out, for each unit or one for all."""
    grid = call.input(1).tensor.grid
    assert grid is not None
    return precision.ratio((call.input(0).tensor.scale, grid.scale), call.outputs[0].scale)


def _compute(call: Call, rule: Requantization) -> Outputs:
    return [requantized(call, accumulators(call), rule, multiplier(call, rule.multiplier))]


def _dynamic(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybridDense`."""
    return _real(rounded(call, 0, (1,), call.input(1).shape[1], by_options(call)))


def _dynamic_even(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (84)."""
    return _real(rounded(call, 0, (1,), call.input(1).shape[1], asymmetric_even))


FULLY_CONNECTED = Op(
    real=_real,
    rules={
        **requantizations(
            _compute,
            # TFLite `FullyConnected` with scales in float (reference/integer_ops/fully_connected.h).
            Rounding.F64.by(Precision.FLOAT64),
            # TFLite `optimized_integer_ops::FullyConnected` through ruy's x86 kernels.
            Rounding.UP.by(Precision.MIXED),
            # XNNPACK qs8 and qc8w GEMM (`create_fully_connected_nc_qx8_f32_qc4w`).
            Rounding.RNE32.by(Precision.FLOAT32),
            # TFLite Micro `FullyConnectedEval` (kernels/fully_connected.cc), and its int16 with 64-bit accumulators.
            Rounding.DOUBLE.by(Precision.FLOAT64),
            Rounding.M64.by(Precision.FLOAT64),
        ),
        Method("DYNAMIC"): _dynamic,
        Method("DYNAMIC", Halves.EVEN): _dynamic_even,
    },
    variant=variant_of,
    dtypes=layer_dtypes(0, (1,), (2,)),
)
