"""The arithmetics of the manual engine, by which an operator is computed.

`dequantized` computes each operator in real numbers (float64) and quantizes the result (15, 16). The other four follow
the integers of a runtime's kernel set. An operator on floats is computed in its inputs' own float dtype in all of them.

To add a rule: write it in the operator's file of `ops/`, among the rules of its `Op`, and in the table of `rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np

from qcompare.manual.affine import dequantize, quantize
from qcompare.manual.call import Call, NotCoveredError, Op, Operand, Outputs, UndefinedError
from qcompare.manual.ops import (
    activations,
    add,
    batch_matmul,
    cast,
    comparison,
    conv,
    depth,
    div,
    elementwise,
    elu,
    extremum,
    fully_connected,
    gelu,
    hard_swish,
    indexing,
    leaky_relu,
    log_softmax,
    loop,
    lstm,
    movement,
    mul,
    neg,
    pad,
    pooling,
    prelu,
    reduce,
    resize,
    roots,
    select,
    shape,
    softmax,
    space_to_batch,
    squared_difference,
    svdf,
    transpose_conv,
)
from qcompare.manual.ops import quantize as quantize_ops
from qcompare.manual.rule import Rule
from qcompare.manual.rules import KERNEL_SETS, REAL, RULES

ARITHMETICS = ("dequantized", *KERNEL_SETS)

Arithmetic = Callable[[Call], tuple[np.ndarray, ...]]
"""What computes a call: its outputs, each [samples, *shape] in the output's dtype. Raises NotCoveredError."""

OPS: Mapping[str, Op] = MappingProxyType(
    {
        "ABS": elementwise.ABS,
        "ADD": add.ADD,
        "ADD_N": elementwise.ADD_N,
        "ARG_MAX": cast.ARG_MAX,
        "ARG_MIN": cast.ARG_MIN,
        "AVERAGE_POOL_2D": pooling.AVERAGE_POOL_2D,
        "BATCH_MATMUL": batch_matmul.BATCH_MATMUL,
        "BATCH_TO_SPACE_ND": space_to_batch.BATCH_TO_SPACE_ND,
        "BROADCAST_TO": shape.BROADCAST_TO,
        "CAST": cast.CAST,
        "CEIL": elementwise.CEIL,
        "CONCATENATION": movement.CONCATENATION,
        "CONV_2D": conv.CONV_2D,
        "COS": elementwise.COS,
        "DEPTH_TO_SPACE": depth.DEPTH_TO_SPACE,
        "CUMSUM": elementwise.CUMSUM,
        "DEPTHWISE_CONV_2D": conv.DEPTHWISE_CONV_2D,
        "DEQUANTIZE": quantize_ops.DEQUANTIZE,
        "DIV": div.DIV,
        "ELU": elu.ELU,
        "EQUAL": comparison.EQUAL,
        "EXP": elementwise.EXP,
        "EXPAND_DIMS": shape.EXPAND_DIMS,
        "FILL": shape.FILL,
        "FLOOR": elementwise.FLOOR,
        "FULLY_CONNECTED": fully_connected.FULLY_CONNECTED,
        "GATHER": indexing.GATHER,
        "GATHER_ND": indexing.GATHER_ND,
        "GELU": gelu.GELU,
        "GREATER": comparison.GREATER,
        "GREATER_EQUAL": comparison.GREATER_EQUAL,
        "HARD_SWISH": hard_swish.HARD_SWISH,
        "L2_NORMALIZATION": roots.L2_NORMALIZATION,
        "LEAKY_RELU": leaky_relu.LEAKY_RELU,
        "LESS": comparison.LESS,
        "LESS_EQUAL": comparison.LESS_EQUAL,
        "LOG": elementwise.LOG,
        "LOGICAL_AND": comparison.LOGICAL_AND,
        "LOGICAL_NOT": comparison.LOGICAL_NOT,
        "LOGICAL_OR": comparison.LOGICAL_OR,
        "LOGISTIC": activations.LOGISTIC,
        "LOG_SOFTMAX": log_softmax.LOG_SOFTMAX,
        "MAXIMUM": extremum.MAXIMUM,
        "MAX_POOL_2D": pooling.MAX_POOL_2D,
        "MEAN": reduce.MEAN,
        "MINIMUM": extremum.MINIMUM,
        "MIRROR_PAD": pad.MIRROR_PAD,
        "MUL": mul.MUL,
        "NEG": neg.NEG,
        "NOT_EQUAL": comparison.NOT_EQUAL,
        "PACK": movement.PACK,
        "PAD": pad.PAD,
        "PADV2": pad.PAD,
        "POW": elementwise.POW,
        "PRELU": prelu.PRELU,
        "QUANTIZE": quantize_ops.QUANTIZE,
        "REDUCE_ALL": reduce.REDUCE_ALL,
        "REDUCE_ANY": reduce.REDUCE_ANY,
        "REDUCE_MAX": reduce.REDUCE_MAX,
        "REDUCE_MIN": reduce.REDUCE_MIN,
        "REDUCE_PROD": reduce.REDUCE_PROD,
        "RELU": activations.RELU,
        "RELU6": activations.RELU6,
        "RELU_0_TO_1": activations.RELU_0_TO_1,
        "RELU_N1_TO_1": activations.RELU_N1_TO_1,
        "RESHAPE": movement.RESHAPE,
        "RESIZE_BILINEAR": resize.RESIZE_BILINEAR,
        "RESIZE_NEAREST_NEIGHBOR": resize.RESIZE_NEAREST_NEIGHBOR,
        "REVERSE_V2": movement.REVERSE_V2,
        "ROUND": elementwise.ROUND,
        "RSQRT": roots.RSQRT,
        "SELECT_V2": select.SELECT_V2,
        "SHAPE": shape.SHAPE,
        "SIGN": elementwise.SIGN,
        "SIN": elementwise.SIN,
        "SLICE": indexing.SLICE,
        "SOFTMAX": softmax.SOFTMAX,
        "SPACE_TO_BATCH_ND": space_to_batch.SPACE_TO_BATCH_ND,
        "SPACE_TO_DEPTH": depth.SPACE_TO_DEPTH,
        "SPLIT": movement.SPLIT,
        "SPLIT_V": movement.SPLIT_V,
        "SQRT": elementwise.SQRT,
        "SQUARE": elementwise.SQUARE,
        "SQUARED_DIFFERENCE": squared_difference.SQUARED_DIFFERENCE,
        "SQUEEZE": shape.SQUEEZE,
        "STRIDED_SLICE": movement.STRIDED_SLICE,
        "SUB": add.SUB,
        "SUM": reduce.SUM,
        "SVDF": svdf.SVDF,
        "TANH": activations.TANH,
        "TILE": shape.TILE,
        "TRANSPOSE": movement.TRANSPOSE,
        "TRANSPOSE_CONV": transpose_conv.TRANSPOSE_CONV,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.UNIDIRECTIONAL_SEQUENCE_LSTM,
        "UNPACK": movement.UNPACK,
        "WHILE": loop.WHILE,
        "ZEROS_LIKE": shape.ZEROS_LIKE,
    }
)


def op_of(call: Call) -> Op:
    """What is known of the call's operator. Raises NotCoveredError, also for dtypes that do not go together."""
    if call.operator.name not in OPS:
        raise NotCoveredError(call.operator, "this operator is")
    op = OPS[call.operator.name]
    op.dtypes(call)
    return op


IEEE = partial(np.errstate, all="ignore")
"""NaN and infinities go through an operator as they do through a kernel; of that NumPy need not warn."""


def rule_of(call: Call, kernel_set: str) -> Rule:
    """The rule that a kernel set follows for a call; REAL on floats. Raises NotCoveredError."""
    op = op_of(call)
    variant = op.variant(call)
    if variant.real:
        return REAL
    row, missing = RULES.get((call.operator.name, variant)), f"{variant} under {kernel_set} kernels is"
    if kernel_set == "xnnpack" and row is not None and not op.delegated(call):
        kernel_set = "optimized"
    if row is None:
        raise NotCoveredError(call.operator, missing)
    rule = row.rule(kernel_set)
    if rule is None:
        raise UndefinedError(call.operator, missing)
    return rule


def rule_named(call: Call, name: str) -> Rule:
    """The rule of that name of the call's operator. Raises NotCoveredError."""
    rules = {REAL.name: REAL, **op_of(call).by_name}
    if name not in rules:
        raise NotCoveredError(call.operator, f"the rule {name} is")
    return rules[name]


def compute(call: Call, arithmetic: str) -> tuple[np.ndarray, ...]:
    """The call's outputs, each [samples, *shape] in the output's dtype. Raises NotCoveredError."""
    if arithmetic == "dequantized":
        return compute_real(call)
    return compute_rule(call, rule_of(call, arithmetic))


def compute_rule(call: Call, rule: Rule) -> tuple[np.ndarray, ...]:
    """The call's outputs by one rule of its operator. Raises NotCoveredError."""
    if rule == REAL:
        return compute_real(call)
    op = op_of(call)
    with IEEE():
        results = op.rules[rule](call)
    return _checked(call, results)


def compute_real(call: Call) -> tuple[np.ndarray, ...]:
    """The call's outputs computed in real numbers, then quantized (15, 16). Raises NotCoveredError."""
    op = op_of(call)
    if op.real is None:
        (rule,) = op.rules
        return compute_rule(call, rule)
    with IEEE():
        results = op.real(replace(call, inputs=tuple(operand and _real(operand) for operand in call.inputs)))
        stored = [quantize(value, tensor) for value, tensor in zip(results, call.outputs, strict=True)]
    return _checked(call, stored)


def _real(operand: Operand) -> Operand:
    return replace(operand, value=dequantize(operand.value, operand.tensor))


def _checked(call: Call, results: Outputs) -> tuple[np.ndarray, ...]:
    """The results as they are, or NotCoveredError: a shape that is not the model's must not reach the next operator."""
    for result, tensor in zip(results, call.outputs, strict=True):
        if result.shape != (call.samples, *tensor.shape) or result.dtype != tensor.dtype:
            got, stored = f"{result.dtype}{list(result.shape[1:])}", f"{tensor.dtype}{list(tensor.shape)}"
            raise NotCoveredError(call.operator, f"a result {got} for '{tensor.name}', stored as {stored}, is")
    return tuple(results)
