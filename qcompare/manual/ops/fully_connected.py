"""FULLY_CONNECTED: `y = x W^T + b`, weights [units, features]."""

from __future__ import annotations

import numpy as np

from qcompare.manual.activation import activate, clamp, clamp_even
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import asymmetric, asymmetric_even, rounded, symmetric
from qcompare.manual.rounding import double, f64, m64, rne32, up, wrap32


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
    if bound >= 1 << 31 and not variant(call).endswith("int64"):
        sums = wrap32(sums)
    return sums.reshape(call.samples, -1, len(weights))


def variant(call: Call) -> str:
    """int8, or int16 with the accumulator's dtype: `int16-int32`, `int16-int64`, `int16-none` without a bias.

    Floats by integer weights are a variant of their own.
    """
    x, bias = call.input(0).tensor.dtype.name, call.optional(2)
    if x == "float32" and call.input(1).tensor.dtype != np.float32:
        return f"float32-{call.input(1).tensor.dtype.name}"
    if x != "int16":
        return x
    declared = call.option("quantized_bias_type", "FLOAT32")
    if bias is None:
        return f"int16-none-{declared.lower()}" if declared in ("INT32", "INT64") else "int16-none"
    if bias.tensor.dtype == np.int32 and declared != "INT32":
        return "int16-int32-undeclared"
    return f"int16-{bias.tensor.dtype.name}"


def _scales(call: Call) -> tuple[np.float32, np.ndarray, np.float32]:
    parameters = call.input(1).tensor.grid
    assert parameters is not None
    return call.input(0).tensor.scale, parameters.scale, call.outputs[0].scale


def multiplier64(call: Call) -> np.ndarray:
    """(26) f64(s_x) * f64(s_w) / f64(s_out), for each unit or one for all."""
    x, weights, output = _scales(call)
    return np.float64(x) * weights.astype(np.float64) / np.float64(output)


def multiplier32(call: Call) -> np.ndarray:
    """(27) As (26), per tensor with the product in float32: `GetQuantizedConvolutionMultipler` (kernel_util.cc)."""
    x, weights, output = _scales(call)
    if len(weights) > 1:
        return multiplier64(call)
    return (x * weights).astype(np.float64) / np.float64(output)


def multiplier_xnnpack(call: Call) -> np.ndarray:
    """(28) s_x * s_w / s_out in float32, from left to right: XNNPACK `create_fully_connected_nc_qx8_f32_qc4w`."""
    x, weights, output = _scales(call)
    return x * weights / output


def _finish(call: Call, scaled: np.ndarray) -> Outputs:
    output = call.outputs[0]
    scaled += output.zero_point
    return [clamp(scaled, call, output).reshape(call.samples, *output.shape)]


def _f64(call: Call) -> Outputs:
    """F64 with (26): TFLite `FullyConnected` with float scales (reference/integer_ops/fully_connected.h)."""
    return _finish(call, f64(accumulators(call), multiplier64(call)))


def _up(call: Call) -> Outputs:
    """UP with (27): TFLite `optimized_integer_ops::FullyConnected` through ruy's x86 kernels."""
    return _finish(call, up(accumulators(call), multiplier32(call)))


def _double(call: Call) -> Outputs:
    """DOUBLE with (26): TFLite Micro `FullyConnectedEval` (kernels/fully_connected.cc)."""
    return _finish(call, double(accumulators(call), multiplier64(call)))


def _m64(call: Call) -> Outputs:
    """M64 with (26): TFLite Micro, int16 with an int64 accumulator."""
    return _finish(call, m64(accumulators(call), multiplier64(call)))


def _rne32(call: Call) -> Outputs:
    """RNE32 with (28): XNNPACK qs8 and qc8w GEMM, `fp32` requantization."""
    output = call.outputs[0]
    scaled = rne32(accumulators(call), multiplier_xnnpack(call)) + output.zero_point
    return [clamp_even(scaled, call, output).reshape(call.samples, *output.shape)]


def _dynamic(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybridDense`."""
    rounding = asymmetric if call.option("asymmetric_quantize_inputs") else symmetric
    return _real(rounded(call, 0, (1,), call.input(1).shape[1], rounding))


def _dynamic_even(call: Call) -> Outputs:
    """Each row on an 8-bit grid of its own: (84)."""
    return _real(rounded(call, 0, (1,), call.input(1).shape[1], asymmetric_even))


FULLY_CONNECTED = Op(
    real=_real,
    rules={
        "DOUBLE": _double,
        "DYNAMIC": _dynamic,
        "DYNAMIC_EVEN": _dynamic_even,
        "F64": _f64,
        "M64": _m64,
        "RNE32": _rne32,
        "UP": _up,
    },
    variant=variant,
)
