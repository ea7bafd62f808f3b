"""SVDF: a low-rank layer with a memory of its own past features."""

from __future__ import annotations

import numpy as np

from qcompare.manual.activation import activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs
from qcompare.manual.rounding import multiply_double, quantize_multiplier, saturate, wrap32

INPUT, FEATURE_WEIGHTS, TIME_WEIGHTS, BIAS, STATE = range(5)


def _remembered(call: Call, features: np.ndarray) -> np.ndarray:
    """The state with the newest features behind it, shape [samples, batch, filters, memory]."""
    memory = call.parameter(TIME_WEIGHTS).shape[1]
    state = call.input(STATE).value.reshape(*features.shape, memory)
    return np.concatenate([state[..., 1:], features[..., None].astype(state.dtype)], axis=-1)


def _over_ranks(call: Call, filters: np.ndarray) -> np.ndarray:
    """Filters [samples, batch, filters] added up to units [samples, batch, units], bias included."""
    total = filters.reshape(*filters.shape[:-1], -1, int(call.option("rank", 1))).sum(axis=-1)
    bias = call.optional(BIAS)
    return total if bias is None else total + bias.value


def _real(call: Call) -> Outputs:
    features = call.input(INPUT).value @ call.parameter(FEATURE_WEIGHTS).T
    memory = _remembered(call, features)
    return [activate(_over_ranks(call, (memory * call.parameter(TIME_WEIGHTS)).sum(axis=-1)), call)]


def _double(call: Call) -> Outputs:
    """(69), (70) with multipliers formed in float32: TFLite `svdf::Prepare`."""
    return _multiplied(call, np.float32)


def _double64(call: Call) -> Outputs:
    """(69), (70) with multipliers formed in float64: TFLite Micro as built."""
    return _multiplied(call, np.float64)


def _multiplied(call: Call, dtype: type[np.floating]) -> Outputs:
    """(69), (70) Two matrix products, each scaled by DOUBLE; the state between them int16 or int8."""
    if call.option("fused_activation_function") != "RELU":
        raise NotCoveredError(call.operator, "another fused activation than RELU is")
    x, feature, time, state = (call.input(i) for i in (INPUT, FEATURE_WEIGHTS, TIME_WEIGHTS, STATE))
    output = call.outputs[0]
    if not feature.constant or not time.constant:
        raise NotCoveredError(call.operator, "computed weights are")
    scales = [dtype(tensor.scale) for tensor in (x.tensor, feature.tensor, state.tensor, time.tensor, output)]
    into = float(scales[0] * scales[1] / scales[2])
    out_of = float(scales[2] * scales[3] / scales[4])
    centred = x.value.astype(np.int64) - x.tensor.zero_point
    products = wrap32((centred.astype(np.float64) @ feature.value.T.astype(np.float64)).astype(np.int64))
    features = saturate(multiply_double(products, *quantize_multiplier(into)), state.tensor.dtype)
    zero_point = state.tensor.zero_point
    features = (features.astype(np.int64) + zero_point).astype(state.tensor.dtype)
    memory = _remembered(call, features).astype(np.int64) - zero_point
    filters = wrap32((memory * time.value.astype(np.int64)).sum(axis=-1))
    # The activation is the output's range alone: the kernel does not clamp at zero.
    units = multiply_double(wrap32(_over_ranks(call, filters)), *quantize_multiplier(out_of))
    return [saturate(units + output.zero_point, output.dtype)]


def _variant(call: Call) -> str:
    """The dtypes of the input and of the state, or of floats and their weights; one name where all are floats."""
    weights = call.input(FEATURE_WEIGHTS).tensor.dtype
    if call.input(INPUT).tensor.dtype == np.float32:
        return "float32" if weights == np.float32 else f"float32-{weights.name}"
    return f"{call.input(INPUT).tensor.dtype.name}-{call.input(STATE).tensor.dtype.name}"


SVDF = Op(real=_real, rules={"DOUBLE": _double, "DOUBLE_64": _double64}, variant=_variant)
