"""SVDF: a low-rank layer with a memory of its own past features."""

from __future__ import annotations

import numpy as np

from qcompare.manual import variant
from qcompare.manual.activation import NO_BOUNDS, activate
from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, of_weights, requantizations
from qcompare.manual.ops.filters import layer_dtypes
from qcompare.manual.pipeline import Requantize, clamp_to, saturating, through
from qcompare.manual.rounding import wrap32
from qcompare.manual.rule import Precision, Requantization, Rounding
from qcompare.manual.variant import Variant

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
    biased: np.ndarray = total if bias is None else total + bias.value
    return biased


def _real(call: Call) -> Outputs:
    features = call.input(INPUT).value @ call.parameter(FEATURE_WEIGHTS).T
    memory = _remembered(call, features)
    return [activate(_over_ranks(call, (memory * call.parameter(TIME_WEIGHTS)).sum(axis=-1)), call)]


def _compute(call: Call, rule: Requantization) -> Outputs:
    """(69), (70) Two matrix products, each requantized; the state between them int16 or int8."""
    if call.option("fused_activation_function") != "RELU":
        raise NotCoveredError(call.operator, "another fused activation than RELU is")
    x, feature, time, state = (call.input(i) for i in (INPUT, FEATURE_WEIGHTS, TIME_WEIGHTS, STATE))
    output = call.outputs[0]
    if not feature.constant or not time.constant:
        raise NotCoveredError(call.operator, "computed weights are")
    ratio = rule.multiplier.ratio
    into = ratio((x.tensor.scale, feature.tensor.scale), state.tensor.scale)
    out_of = ratio((state.tensor.scale, time.tensor.scale), output.scale)
    centred = x.value.astype(np.int64) - x.tensor.zero_point
    products = wrap32((centred.astype(np.float64) @ feature.value.T.astype(np.float64)).astype(np.int64))
    features = through(products, Requantize(rule, into), clamp_to(state.tensor, *NO_BOUNDS))
    zero_point = state.tensor.zero_point
    features = (features.astype(np.int64) + zero_point).astype(state.tensor.dtype)
    memory = _remembered(call, features).astype(np.int64) - zero_point
    filters = wrap32((memory * time.value.astype(np.int64)).sum(axis=-1))
    # The activation is the output's range alone: the kernel does not clamp at zero.
    return [through(wrap32(_over_ranks(call, filters)), Requantize(rule, out_of), *saturating(output))]


def _variant(call: Call) -> Variant:
    """The dtypes of the input and of the state, or of floats and their weights; one where all are floats."""
    x = call.input(INPUT).tensor
    if x.dtype == np.float32:
        return of_weights(x, call.input(FEATURE_WEIGHTS).tensor)
    return variant.of(x.dtype, call.input(STATE).tensor.dtype)


SVDF = Op(
    real=_real,
    rules=requantizations(
        _compute,
        # TFLite `svdf::Prepare`.
        Rounding.DOUBLE.by(Precision.FLOAT32),
        # TFLite Micro as built.
        Rounding.DOUBLE.by(Precision.FLOAT64),
    ),
    variant=_variant,
    dtypes=layer_dtypes(INPUT, (FEATURE_WEIGHTS,), (BIAS,)),
)
