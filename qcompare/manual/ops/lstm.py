"""UNIDIRECTIONAL_SEQUENCE_LSTM: in real numbers, and in int8 with 16-bit gates and cell.

The time loop runs once for all samples. `core/lstm.py` says which input is which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qcompare.core.lstm import (
    BIASES,
    CELL,
    CELL_ADVICE,
    CELL_EXPONENTS,
    GATES,
    H_WEIGHTS,
    HIDDEN,
    HIDDEN_INTERMEDIATE,
    NORMALIZATION,
    PEEPHOLES,
    PROJECTION,
    X_WEIGHTS,
    X,
    of_gates,
)
from qcompare.manual import gemmlowp16
from qcompare.manual.call import Call, NotCoveredError, Op, Operand, Outputs, of_weights
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import OnGrids, by_options, float_weights
from qcompare.manual.ops.activations import logistic
from qcompare.manual.ops.filters import layer_dtypes
from qcompare.manual.pipeline import AddZeroPoint, Clamp, Ending, through
from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import multiply_double, quantize_multiplier, rdbp, saturate16
from qcompare.manual.rule import Method
from qcompare.manual.sigmoid16 import table_logistic, table_tanh
from qcompare.manual.tables import arguments, look_up
from qcompare.manual.variant import Variant

UNCOVERED = {PEEPHOLES: "a peephole", PROJECTION: "a projection", NORMALIZATION: "layer normalization"}

GEMMLOWP, INTERPOLATED = Method("GEMMLOWP"), Method("INTERPOLATED")
"""The int8 kernels of TFLite and of TFLite Micro, by how they evaluate their functions."""


def _require_plain(call: Call) -> None:
    for positions, name in UNCOVERED.items():
        if any(call.optional(position) is not None for position in positions):
            raise NotCoveredError(call.operator, f"{name} is")
    if call.optional(X_WEIGHTS) is None:
        raise NotCoveredError(call.operator, "a coupled input and forget gate is")
    if call.option("fused_activation_function", "TANH") != "TANH":
        raise NotCoveredError(call.operator, f"the activation {call.option('fused_activation_function')} is")
    if len(call.input(X).shape) != 3:
        raise NotCoveredError(call.operator, "an input that is not [batch, time, features] is")
    for position in (*of_gates(X_WEIGHTS), *of_gates(H_WEIGHTS)):
        if not call.input(position).constant:
            raise NotCoveredError(call.operator, "computed weights are")


def _steps(call: Call) -> np.ndarray:
    """The input as [time, samples * batch, features]."""
    value = call.input(X).value
    order = (1, 0, 2, 3) if call.option("time_major", False) else (2, 0, 1, 3)
    steps = value.transpose(order)
    return steps.reshape(steps.shape[0], -1, steps.shape[3])


def _outputs(call: Call, h: np.ndarray) -> Outputs:
    """[time, samples * batch, units] in the output's order."""
    h = h.reshape(len(h), call.samples, -1, h.shape[2])
    return [np.ascontiguousarray(h.transpose((1, 0, 2, 3) if call.option("time_major", False) else (1, 2, 0, 3)))]


def _state(operand: Operand) -> np.ndarray:
    return operand.value.reshape(-1, operand.shape[-1])


def _real(call: Call) -> Outputs:
    return _floats(call, lambda rows: rows)


def _dynamic(call: Call) -> Outputs:
    """Each row of x and h on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybrid`."""
    return _floats(float_weights(call, (*of_gates(X_WEIGHTS), *of_gates(H_WEIGHTS))), by_options(call))


def _floats(call: Call, rounding: OnGrids) -> Outputs:
    """The op in real numbers; rounding: of the rows of x and h before they meet the weights."""
    _require_plain(call)
    steps = _steps(call)
    if steps.dtype.kind != "f":
        raise NotCoveredError(call.operator, "an input without a scale is")
    w_x, w_h = (
        np.concatenate([call.input(position).value for position in of_gates(first)]).T.astype(steps.dtype)
        for first in (X_WEIGHTS, H_WEIGHTS)
    )
    units = w_h.shape[0]
    b = _biases(call, units).astype(steps.dtype)
    h, c = _state(call.input(HIDDEN)), _state(call.input(CELL))
    clip = float(call.option("cell_clip", 0.0))
    results = np.empty((len(steps), steps.shape[1], units), steps.dtype)
    for t, x in enumerate(steps):
        i, f, g, o = np.split(rounding(x) @ w_x + rounding(h) @ w_h + b, len(GATES), axis=1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        if clip > 0:
            c = np.clip(c, -clip, clip)
        h = logistic(o) * np.tanh(c)
        results[t] = h
    return _outputs(call, results)


def _biases(call: Call, units: int) -> np.ndarray:
    operands = [call.optional(position) for position in of_gates(BIASES)]
    return np.concatenate([np.zeros(units, np.int64) if bias is None else bias.value for bias in operands])


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """What a kernel set prepares for the int8 op; multipliers as (m, s) of (6).

    gate: (term of x, term of h) in int32's range -> the gate's 16-bit argument.
    sigmoid, tanh, cell_tanh: int16 tables for `look_up`; of the gates, the candidate and the cell.
    keep: (f, c) int16 -> what is kept of the cell; add: (i, g) int16 -> what is added to it.
    hidden: the multiplier of o * tanh(c); ending: what makes h of the result.
    clip: the largest magnitude of c, or 0.
    """

    x_multipliers: tuple[tuple[int, int], ...]
    h_multipliers: tuple[tuple[int, int], ...]
    gate: Callable[[np.ndarray, np.ndarray], np.ndarray]
    sigmoid: np.ndarray
    tanh: np.ndarray
    cell_tanh: np.ndarray
    keep: Callable[[np.ndarray, np.ndarray], np.ndarray]
    add: Callable[[np.ndarray, np.ndarray], np.ndarray]
    hidden: tuple[int, int]
    ending: Ending
    clip: int


def _ending(zero_point: int) -> Ending:
    return AddZeroPoint(zero_point), Clamp(-128, 127, np.dtype(np.int8))


def _multiplier(real: float | np.floating) -> tuple[int, int]:
    m, s = quantize_multiplier(float(real))
    return int(m), int(s)


def _reference_gate(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    return saturate16(h + saturate16(x))


def _micro_gate(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    return saturate16(saturate16(h) + saturate16(x))


Tables = tuple[np.ndarray, np.ndarray, np.ndarray]
"""int16, for `look_up`: the logistic function and tanh of the gates, tanh of the cell."""


@lru_cache(maxsize=16)
def gemmlowp_tables(cell_log2: int) -> Tables:
    values = arguments(np.int16)
    cell = gemmlowp16.tanh(values, 15 + cell_log2)
    return _int16(gemmlowp16.logistic(values, 3)), _int16(gemmlowp16.tanh(values, 3)), _int16(cell)


@lru_cache(maxsize=16)
def interpolated_tables(cell_log2: int) -> Tables:
    values, left = arguments(np.int16), 12 + cell_log2
    cell = table_tanh(values, *((3 << left, 0) if left >= 0 else (3, -left)))
    return _int16(table_logistic(values, 3, 0)), _int16(table_tanh(values, 3, 0)), _int16(cell)


def _int16(table: np.ndarray) -> np.ndarray:
    return table.astype(np.int16)


def _scales(call: Call, first: int) -> list[np.float32]:
    return [call.input(position).tensor.scale for position in of_gates(first)]


def _cell_log2(call: Call) -> int:
    log2, exact = checked_log2(call.input(CELL).tensor.scale)
    if not exact or log2 not in CELL_EXPONENTS:
        scale = f"the cell scale {float(call.input(CELL).tensor.scale):g}"
        raise NotCoveredError(
            call.operator, f"{scale}, with which the kernel gives meaningless numbers ({CELL_ADVICE}), is"
        )
    return log2


def _reference(call: Call) -> Outputs:
    """(97) to (100): TFLite `PopulateQuantizedLstmParams8x8_16` (unidirectional_sequence_lstm.cc), `lstm_eval.cc`."""
    _require_plain(call)
    x, h, c = (call.input(i).tensor for i in (X, HIDDEN, CELL))
    log2 = _cell_log2(call)
    unit = np.float32(2.0**-12)
    if not len(call.intermediates) > HIDDEN_INTERMEDIATE:
        raise NotCoveredError(call.operator, "a model without the hidden intermediate is")
    hidden = call.intermediates[HIDDEN_INTERMEDIATE]
    sigmoid, tanh, cell_tanh = gemmlowp_tables(log2)

    def keep(f: np.ndarray, state: np.ndarray) -> np.ndarray:
        return rdbp(f * state, 15)

    def add(i: np.ndarray, g: np.ndarray) -> np.ndarray:
        return rdbp(i * g, 30 + log2)

    return _run(
        call,
        Cell(
            x_multipliers=tuple(_multiplier(s * x.scale / unit) for s in _scales(call, X_WEIGHTS)),
            h_multipliers=tuple(_multiplier(s * h.scale / unit) for s in _scales(call, H_WEIGHTS)),
            gate=_reference_gate,
            sigmoid=sigmoid,
            tanh=tanh,
            cell_tanh=cell_tanh,
            keep=keep,
            add=add,
            hidden=_multiplier(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)),
            ending=_ending(hidden.zero_point),
            clip=_clip(call, np.float32(call.option("cell_clip", 0.0)) / c.scale),
        ),
    )


def _micro(call: Call) -> Outputs:
    """(101): TFLite Micro `CreateGateParams`, `PrepareGateParametersInteger` (lstm_eval_common.cc), `lstm_eval.h`."""
    _require_plain(call)
    x, h, c = (call.input(i).tensor for i in (X, HIDDEN, CELL))
    sigmoid, tanh, cell_tanh = interpolated_tables(_cell_log2(call))
    kept = _multiplier(2.0**-15)
    added = _multiplier(2.0**-30 / float(c.scale))

    def keep(f: np.ndarray, state: np.ndarray) -> np.ndarray:
        return saturate16(multiply_double(f * state, *kept))

    def add(i: np.ndarray, g: np.ndarray) -> np.ndarray:
        return saturate16(multiply_double(i * g, *added))

    return _run(
        call,
        Cell(
            x_multipliers=tuple(_multiplier(float(s) * float(x.scale) * 2.0**12) for s in _scales(call, X_WEIGHTS)),
            h_multipliers=tuple(_multiplier(float(s) * float(h.scale) * 2.0**12) for s in _scales(call, H_WEIGHTS)),
            gate=_micro_gate,
            sigmoid=sigmoid,
            tanh=tanh,
            cell_tanh=cell_tanh,
            keep=keep,
            add=add,
            hidden=_multiplier(2.0**-30 / float(h.scale)),
            ending=_ending(h.zero_point),
            clip=_clip(call, float(np.float32(call.option("cell_clip", 0.0))) / float(c.scale)),
        ),
    )


def _clip(call: Call, quantized: float | np.floating) -> int:
    return int(min(float(quantized), 32767.0)) if call.option("cell_clip", 0.0) > 0 else 0


def _matrix(call: Call, first: int, zero_point: int, bias: bool) -> tuple[np.ndarray, np.ndarray]:
    """The four gates' weights side by side [features, 4 * units] in an exact float, and what is added to the sums."""
    weights = np.concatenate([call.input(position).value for position in of_gates(first)])
    if weights.dtype != np.int8:
        raise NotCoveredError(call.operator, f"{weights.dtype} weights are")
    offset = -zero_point * weights.sum(axis=1, dtype=np.int64)
    if bias:
        offset += _biases(call, len(weights) // len(GATES)).astype(np.int64)
    return weights.T.astype(float_for(weights.shape[1], 128, largest(weights))), offset


def _run(call: Call, cell: Cell) -> Outputs:
    """The time loop; every integer of (97) to (101) is exact."""
    steps = _steps(call)
    w_x, b_x = _matrix(call, X_WEIGHTS, call.input(X).tensor.zero_point, bias=True)
    w_h, b_h = _matrix(call, H_WEIGHTS, call.input(HIDDEN).tensor.zero_point, bias=False)
    units = w_h.shape[0]
    h, c = _state(call.input(HIDDEN)), _state(call.input(CELL))
    results = np.empty((len(steps), len(h), units), np.int8)
    parts = [slice(start, start + units) for start in range(0, len(GATES) * units, units)]
    for t, x in enumerate(steps):
        from_x, from_h = x.astype(w_x.dtype) @ w_x, h.astype(w_h.dtype) @ w_h
        gates = []
        for gate, part, by_x, by_h in zip(GATES, parts, cell.x_multipliers, cell.h_multipliers, strict=True):
            x_term = multiply_double(from_x[:, part].astype(np.int64) + b_x[part], *by_x)
            h_term = multiply_double(from_h[:, part].astype(np.int64) + b_h[part], *by_h)
            argument = cell.gate(x_term, h_term).astype(np.int16)
            gates.append(look_up(cell.tanh if gate == "g" else cell.sigmoid, argument).astype(np.int32))
        i, f, g, o = gates
        new = saturate16(cell.keep(f, c.astype(np.int32)) + cell.add(i, g))
        if cell.clip:
            new = np.clip(new, -cell.clip, cell.clip)
        c = new.astype(np.int16)
        scaled = multiply_double(o * look_up(cell.cell_tanh, c).astype(np.int32), *cell.hidden)
        h = through(scaled, *cell.ending)
        results[t] = h
    return _outputs(call, results)


def _variant(call: Call) -> Variant:
    x, weights = call.input(X).tensor, call.optional(X_WEIGHTS)
    return of_weights(x, x if weights is None else weights.tensor)


UNIDIRECTIONAL_SEQUENCE_LSTM = Op(
    real=_real,
    rules={Method("DYNAMIC"): _dynamic, GEMMLOWP: _reference, INTERPOLATED: _micro},
    variant=_variant,
    dtypes=layer_dtypes(X, (*of_gates(X_WEIGHTS), *of_gates(H_WEIGHTS)), of_gates(BIASES)),
)
