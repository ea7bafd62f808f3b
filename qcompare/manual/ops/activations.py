"""Activations that are operators of their own: TANH, LOGISTIC, RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from qcompare.manual import c_library, gemmlowp16, gemmlowp32, variant
from qcompare.manual.call import Call, Compute, Op, Outputs, of_main_input, requantizations
from qcompare.manual.pipeline import AddZeroPoint, Clamp, Ending, Requantize, clamp_to, through
from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import multiply_double, quantize_multiplier, rdbp, round_half_away, saturate
from qcompare.manual.rule import Halves, Method, Precision, Requantization, Rounding, Rule
from qcompare.manual.sigmoid16 import scaling, table_logistic, table_tanh
from qcompare.manual.tables import arguments, look_up
from qcompare.manual.variant import Path, Variant

T = TypeVar("T")


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, in the dtype of x."""
    e = np.exp(-np.abs(x))
    logistic: np.ndarray = np.where(x >= 0, 1, e) / (1 + e)
    return logistic


def _real_tanh(call: Call) -> Outputs:
    return [np.tanh(call.input(0).value)]


def _real_logistic(call: Call) -> Outputs:
    return [logistic(call.input(0).value)]


def _real_relu(call: Call) -> Outputs:
    return [np.clip(call.input(0).value, *LIMITS[call.operator.name])]


def _tanh32(x: np.ndarray) -> np.ndarray:
    return c_library.apply("tanhf", x)


def _logistic32(x: np.ndarray) -> np.ndarray:
    return np.float32(1) / (np.float32(1) + c_library.apply("expf", -x))


def _logistic64(x: np.ndarray) -> np.ndarray:
    return logistic(x.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Scales and zero points of an int8 function's input and output."""

    x_scale: np.float32
    x_zero_point: int
    y_scale: np.float32
    y_zero_point: int

    @property
    def ending(self) -> Ending:
        return AddZeroPoint(self.y_zero_point), Clamp(-128, 127, np.dtype(np.int8))

    def centred(self) -> np.ndarray:
        """Every int8 less the zero point, int64, in the order of a table."""
        return arguments(np.int8) - self.x_zero_point

    def reals(self) -> np.ndarray:
        """Every int8 as a float32 real number, in the order of a table."""
        return self.x_scale * self.centred().astype(np.float32)


Function = Callable[[np.ndarray], np.ndarray]
"""From and to float32 arrays; a table is filled with it."""


@lru_cache(maxsize=256)
def table_away(f: Function, scaling: Scaling) -> np.ndarray:
    """(36) round_half_away(f(s (q - z)) * (1 / s_out)) + z_out in float32: TFLite `LUTPopulateInt8`."""
    values = f(scaling.reals())
    return through(round_half_away(values * (np.float32(1) / scaling.y_scale)), *scaling.ending)


@lru_cache(maxsize=256)
def table_even(f: Function, scaling: Scaling) -> np.ndarray:
    """(90) rint(f(s (q - z)) * (1 / s_out) + z_out) in float32: XNNPACK reference/unary-elementwise.cc."""
    values = f(scaling.reals())
    return saturate(np.rint(values * (np.float32(1) / scaling.y_scale) + np.float32(scaling.y_zero_point)), np.int8)


@lru_cache(maxsize=256)
def _table_fixed(name: str, scaling: Scaling) -> np.ndarray:
    """(91) gemmlowp in 32 bits with four integer bits: TFLite `Tanh`, `Logistic` (reference/integer_ops)."""
    x = scaling.centred()
    m, shift = quantize_multiplier(float(scaling.x_scale) * 2.0**27)
    radius = int(15 * 2.0**27 / 2.0 ** int(shift))
    scaled = multiply_double(np.clip(x, -radius, radius), m, shift)
    y = rdbp(gemmlowp32.tanh(scaled, 4), 24) if name == "TANH" else rdbp(gemmlowp32.logistic(scaled, 4), 23) - 128
    return saturate(np.where(x >= radius, 127, np.where(x <= -radius, -128, y)), np.int8)


def by_table(build: Callable[[T, Scaling], np.ndarray], of: T) -> Compute:
    """An int8 operator by the table of one of the functions above. of: what it is told the function by."""

    def compute(call: Call) -> Outputs:
        x, y = call.input(0), call.outputs[0]
        scaling = Scaling(
            x_scale=x.tensor.scale,
            x_zero_point=x.tensor.zero_point,
            y_scale=y.scale,
            y_zero_point=y.zero_point,
        )
        return [look_up(build(of, scaling), x.value)]

    return compute


@lru_cache(maxsize=256)
def _interpolated16(name: str, scale: np.float32) -> np.ndarray:
    """(37) to (39) of every int16: TFLite `Tanh`, `Logistic` (reference/integer_ops)."""
    function = table_tanh if name == "TANH" else table_logistic
    return function(arguments(np.int16), *scaling(scale, _shifts(name))).astype(np.int16)


@lru_cache(maxsize=256)
def _fixed16(name: str, scale: np.float32) -> np.ndarray:
    """(34), (35) of every int16, three integer bits: gemmlowp."""
    x = gemmlowp16.saturating_shift(arguments(np.int16), 12 + checked_log2(scale)[0])
    return (gemmlowp16.tanh if name == "TANH" else gemmlowp16.logistic)(x, 3).astype(np.int16)


def _interpolated(call: Call) -> Outputs:
    x = call.input(0)
    return [look_up(_interpolated16(call.operator.name, x.tensor.scale), x.value)]


def _fixed(call: Call) -> Outputs:
    x = call.input(0)
    return [look_up(_fixed16(call.operator.name, x.tensor.scale), x.value)]


def _shifts(name: str) -> tuple[int, ...]:
    """The exponents s for which an input scale of 2^(s - 12) takes the path for powers of two."""
    return (0, 1) if name == "TANH" else (0,)


def _variant(call: Call) -> Variant:
    """The dtype, and whether an int16 input's scale is on the path for powers of two."""
    main = of_main_input(call)
    if main != variant.of(np.int16):
        return main
    log2, exact = checked_log2(call.input(0).tensor.scale)
    return variant.of(np.int16, path=Path.POWER_OF_TWO) if exact and log2 + 12 in _shifts(call.operator.name) else main


LIMITS = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
"""The smallest and the largest real number that each lets through."""


@lru_cache(maxsize=256)
def _relu_table(rule: Requantization, multiplier: float, zero_point: int, ending: Ending) -> np.ndarray:
    centred = arguments(ending[1].dtype) - zero_point
    return through(centred, Requantize(rule, multiplier), *ending)


def _relu(call: Call, rule: Requantization) -> Outputs:
    """(29) by s_in / s_out, within (17)."""
    x, y = call.input(0), call.outputs[0]
    multiplier = float(rule.multiplier.ratio((x.tensor.scale,), y.scale))
    ending = AddZeroPoint(y.zero_point), clamp_to(y, *LIMITS[call.operator.name])
    return [look_up(_relu_table(rule, multiplier, x.tensor.zero_point, ending), x.value)]


def _relu_clamp(call: Call) -> Outputs:
    """(103) Between the input's own zero and six, the output's scale ignored: TFLite Micro `Relu6Quantized`."""
    x = call.input(0)
    return [clamp_to(x.tensor, *LIMITS[call.operator.name])(x.value)]


def _function(name: str, real: Compute, away: Function, even: Function) -> Op:
    """TANH or LOGISTIC. away, even: what their int8 tables (36) and (90) are filled with."""
    rules: Mapping[Rule, Compute] = {
        Method("FIXED16"): _fixed,
        Method("FIXED32"): by_table(_table_fixed, name),
        Method("INTERPOLATED"): _interpolated,
        Method("TABLE"): by_table(table_away, away),
        Method("TABLE", Halves.EVEN): by_table(table_even, even),
    }
    return Op(real=real, rules=rules, variant=_variant)


# TFLite `QuantizedReluX` (kernels/activations.cc).
_RELU_RULES = requantizations(_relu, Rounding.DOUBLE.by(Precision.FLOAT32))

LOGISTIC = _function("LOGISTIC", _real_logistic, _logistic32, _logistic64)
RELU = Op(
    real=_real_relu,
    rules={
        **_RELU_RULES,
        # TFLite Micro `CalculateReluOpData` (activations_common.cc).
        **requantizations(_relu, Rounding.DOUBLE.by(Precision.FLOAT64)),
    },
)
RELU6 = Op(real=_real_relu, rules={**_RELU_RULES, Method("CLAMP"): _relu_clamp})
RELU_0_TO_1 = Op(real=_real_relu, rules=_RELU_RULES)
RELU_N1_TO_1 = Op(real=_real_relu, rules=_RELU_RULES)
TANH = _function("TANH", _real_tanh, _tanh32, _tanh32)
