"""UNIDIRECTIONAL_SEQUENCE_LSTM: in real numbers, and in int8 with 16-bit gates and cell.

The time loop runs once for all samples. `core/lstm.py` says which input is which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol, final

import numpy as np

from qcompare.core.graph import Tensor
from qcompare.core.grid import Grid
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
from qcompare.core.rung import Rung
from qcompare.manual import gemmlowp16
from qcompare.manual.call import Call, Compute, NotCoveredError, Op, Operand, Outputs, of_weights
from qcompare.manual.exact import float_for, largest
from qcompare.manual.hybrid import OnGrids, by_options, float_weights
from qcompare.manual.ops.activations import logistic
from qcompare.manual.ops.filters import layer_dtypes
from qcompare.manual.pipeline import AddZeroPoint, Clamp, Ending, through
from qcompare.manual.power_of_two import checked_log2
from qcompare.manual.rounding import multiply_double, quantize_multiplier, rdbp, saturate16
from qcompare.manual.rule import Method, Rule
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


def outputs(call: Call, h: np.ndarray) -> Outputs:
    """[time, samples * batch, units] in the output's order."""
    h = h.reshape(len(h), call.samples, -1, h.shape[2])
    return [np.ascontiguousarray(h.transpose((1, 0, 2, 3) if call.option("time_major", False) else (1, 2, 0, 3)))]


def _state(operand: Operand) -> np.ndarray:
    return operand.value.reshape(-1, operand.shape[-1])


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class States:
    """The states after each time step, [steps, samples * batch, units]: integers of a kernel, or reals."""

    h: np.ndarray
    c: np.ndarray


Store = Callable[[np.ndarray, Tensor], np.ndarray]
"""(reals [..., *shape of the tensor], tensor) -> the reals that it holds of them."""


def _real(call: Call) -> Outputs:
    return outputs(call, in_reals(call).h)


def _dynamic(call: Call) -> Outputs:
    """Each row of x and h on an 8-bit grid of its own: (83) if the options say so, else (82); TFLite `EvalHybrid`."""
    whole = float_weights(call, (*of_gates(X_WEIGHTS), *of_gates(H_WEIGHTS)))
    return outputs(call, in_reals(whole, rounding=by_options(call)).h)


def in_reals(
    call: Call,
    *,
    rounding: OnGrids = lambda rows: rows,
    store: Store = lambda reals, tensor: reals,
    instead: States | None = None,
) -> States:
    """The op in real numbers. rounding: of the rows of x and h before they meet the weights. store: of h and c.

    instead: states that the next time step starts from in place of its own.
    """
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
    states = States(h=np.empty((*steps.shape[:2], units), steps.dtype), c=np.empty((*steps.shape[:2], units), c.dtype))
    for t, x in enumerate(steps):
        i, f, g, o = np.split(rounding(x) @ w_x + rounding(h) @ w_h + b, len(GATES), axis=1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        if clip > 0:
            c = np.clip(c, -clip, clip)
        c = store(c, call.input(CELL).tensor)
        h = store(logistic(o) * np.tanh(c), call.input(HIDDEN).tensor)
        states.h[t], states.c[t] = h, c
        if instead is not None:
            h, c = instead.h[t], instead.c[t]
    return states


def _biases(call: Call, units: int) -> np.ndarray:
    operands = [call.optional(position) for position in of_gates(BIASES)]
    return np.concatenate([np.zeros(units, np.int64) if bias is None else bias.value for bias in operands])


class Parts(Protocol):
    """What one time step of the int8 op is made of, for a kernel or in real numbers.

    argument: a gate's, by its place in GATES, from its sums of products of x and of h, int64. function: its value.
    new: the next cell from the four gates and the cell, int16. output: the next h from gate o and the cell, int8.
    """

    def argument(self, gate: int, from_x: np.ndarray, from_h: np.ndarray) -> np.ndarray: ...
    def function(self, gate: int, argument: np.ndarray) -> np.ndarray: ...
    def new(self, gates: Sequence[np.ndarray], c: np.ndarray) -> np.ndarray: ...
    def output(self, o: np.ndarray, c: np.ndarray) -> np.ndarray: ...


@final
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

    def argument(self, gate: int, from_x: np.ndarray, from_h: np.ndarray) -> np.ndarray:
        """int16 with 12 fraction bits."""
        terms = multiply_double(from_x, *self.x_multipliers[gate]), multiply_double(from_h, *self.h_multipliers[gate])
        return self.gate(*terms).astype(np.int16)

    def function(self, gate: int, argument: np.ndarray) -> np.ndarray:
        """With 15 fraction bits."""
        return look_up(self.tanh if GATES[gate] == "g" else self.sigmoid, argument).astype(np.int32)

    def new(self, gates: Sequence[np.ndarray], c: np.ndarray) -> np.ndarray:
        i, f, g, _ = gates
        new = saturate16(self.keep(f, c.astype(np.int32)) + self.add(i, g))
        return (np.clip(new, -self.clip, self.clip) if self.clip else new).astype(np.int16)

    def output(self, o: np.ndarray, c: np.ndarray) -> np.ndarray:
        scaled = multiply_double(o * look_up(self.cell_tanh, c).astype(np.int32), *self.hidden)
        return through(scaled, *self.ending)


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


def _reference(call: Call) -> Cell:
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

    return Cell(
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
    )


def _micro(call: Call) -> Cell:
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

    return Cell(
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


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Exactly:
    """The four parts of the op in real numbers (float64), on the grids of the kernel's states.

    x_scales, h_scales: of the products of input and weight, one a gate.
    """

    x_scales: Sequence[float]
    h_scales: Sequence[float]
    cell: Grid
    hidden: Grid
    cell_tanh: np.ndarray
    clip: int

    def argument(self, gate: int, from_x: np.ndarray, from_h: np.ndarray) -> np.ndarray:
        return from_x * self.x_scales[gate] + from_h * self.h_scales[gate]

    def function(self, gate: int, argument: np.ndarray) -> np.ndarray:
        real = argument * 2.0**-12 if argument.dtype == np.int16 else argument
        return np.tanh(real) if GATES[gate] == "g" else logistic(real)

    def new(self, gates: Sequence[np.ndarray], c: np.ndarray) -> np.ndarray:
        i, f, g, _ = map(_unit, gates)
        new = self.cell.quantize(f * self.cell.dequantize(c) + i * g)
        return np.clip(new, -self.clip, self.clip) if self.clip else new

    def output(self, o: np.ndarray, c: np.ndarray) -> np.ndarray:
        tables = o.dtype.kind == "i"
        tanh = _unit(look_up(self.cell_tanh, c).astype(np.int32)) if tables else np.tanh(self.cell.dequantize(c))
        return self.hidden.quantize(_unit(o) * tanh)


def _unit(value: np.ndarray) -> np.ndarray:
    """A function's value in real numbers, from its 15 fraction bits if it is an integer."""
    return value * 2.0**-15 if value.dtype.kind == "i" else value


KERNELS: Mapping[Rule, Callable[[Call], Cell]] = MappingProxyType({GEMMLOWP: _reference, INTERPOLATED: _micro})

WHOLE = frozenset({Rung.LSTM_GATES, Rung.FUNCTIONS, Rung.LSTM_CELL, Rung.LSTM_OUTPUT})
"""The parts of the int8 kernels."""


def by_parts(call: Call, rule: Rule, parts: Collection[Rung], instead: States | None = None) -> States:
    """The int8 op, of which some parts are the kernel's and the others real numbers; integers h and c.

    rule: one of KERNELS. parts: of WHOLE, each with all that stand before it in the ladder. instead: as of `in_reals`,
    in integers. Sums of products are exact in either case; every integer of (97) to (101) is exact where all parts are
    the kernel's.
    """
    cell = KERNELS[rule](call)
    real = _exactly(call, cell)
    by: dict[Rung, Parts] = {part: cell if part in parts else real for part in WHOLE}
    steps = _steps(call)
    w_x, b_x = _matrix(call, X_WEIGHTS, call.input(X).tensor.zero_point, bias=True)
    w_h, b_h = _matrix(call, H_WEIGHTS, call.input(HIDDEN).tensor.zero_point, bias=False)
    units = w_h.shape[0]
    h, c = _state(call.input(HIDDEN)), _state(call.input(CELL))
    states = States(h=np.empty((*steps.shape[:2], units), np.int8), c=np.empty((*steps.shape[:2], units), np.int16))
    columns = [slice(start, start + units) for start in range(0, len(GATES) * units, units)]
    for t, x in enumerate(steps):
        from_x, from_h = x.astype(w_x.dtype) @ w_x, h.astype(w_h.dtype) @ w_h
        gates = []
        for gate, part in enumerate(columns):
            sums = from_x[:, part].astype(np.int64) + b_x[part], from_h[:, part].astype(np.int64) + b_h[part]
            argument = by[Rung.LSTM_GATES].argument(gate, *sums)
            gates.append(by[Rung.FUNCTIONS].function(gate, argument))
        c = by[Rung.LSTM_CELL].new(gates, c)
        h = by[Rung.LSTM_OUTPUT].output(gates[GATES.index("o")], c)
        states.h[t], states.c[t] = h, c
        if instead is not None:
            h, c = instead.h[t], instead.c[t]
    return states


def _exactly(call: Call, cell: Cell) -> Exactly:
    x, hidden, c = (call.input(position).tensor for position in (X, HIDDEN, CELL))
    assert hidden.grid is not None
    assert c.grid is not None
    return Exactly(
        x_scales=[float(s) * float(x.scale) for s in _scales(call, X_WEIGHTS)],
        h_scales=[float(s) * float(hidden.scale) for s in _scales(call, H_WEIGHTS)],
        cell=c.grid,
        hidden=hidden.grid,
        cell_tanh=cell.cell_tanh,
        clip=cell.clip,
    )


def _by(rule: Rule) -> Compute:
    return lambda call: outputs(call, by_parts(call, rule, WHOLE).h)


def _variant(call: Call) -> Variant:
    x, weights = call.input(X).tensor, call.optional(X_WEIGHTS)
    return of_weights(x, x if weights is None else weights.tensor)


UNIDIRECTIONAL_SEQUENCE_LSTM = Op(
    real=_real,
    rules={Method("DYNAMIC"): _dynamic, **{rule: _by(rule) for rule in KERNELS}},
    variant=_variant,
    dtypes=layer_dtypes(X, (*of_gates(X_WEIGHTS), *of_gates(H_WEIGHTS)), of_gates(BIASES)),
)
