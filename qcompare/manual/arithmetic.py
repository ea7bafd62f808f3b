"""The arithmetics of the manual engine: which kernel set follows which named rule, for which operator and dtype.

`dequantized` computes each operator in real numbers (float64) and quantizes the result (15, 16). The other four follow
the integers of a runtime's kernel set. An operator on floats is computed in its inputs' own float dtype in all of them.

To add a rule: write it in the operator's file of `ops/`, name it in that `Op`'s `rules`, and put the name in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from qcompare.manual.affine import dequantize, quantize
from qcompare.manual.call import Call, NotCoveredError, Op, Operand, Outputs
from qcompare.manual.ops import (
    activations,
    add,
    batch_matmul,
    cast,
    comparison,
    conv,
    extremum,
    fully_connected,
    hard_swish,
    indexing,
    leaky_relu,
    loop,
    lstm,
    movement,
    mul,
    pad,
    pooling,
    reduce,
    roots,
    shape,
    softmax,
    squared_difference,
    svdf,
    transpose_conv,
)
from qcompare.manual.ops import quantize as quantize_ops

KERNEL_SETS = ("reference", "optimized", "xnnpack", "micro")
ARITHMETICS = ("dequantized", *KERNEL_SETS)

OPS: Mapping[str, Op] = MappingProxyType(
    {
        "ADD": add.ADD,
        "ARG_MAX": cast.ARG_MAX,
        "ARG_MIN": cast.ARG_MIN,
        "AVERAGE_POOL_2D": pooling.AVERAGE_POOL_2D,
        "BATCH_MATMUL": batch_matmul.BATCH_MATMUL,
        "CAST": cast.CAST,
        "CONCATENATION": movement.CONCATENATION,
        "CONV_2D": conv.CONV_2D,
        "DEPTHWISE_CONV_2D": conv.DEPTHWISE_CONV_2D,
        "DEQUANTIZE": quantize_ops.DEQUANTIZE,
        "EXPAND_DIMS": shape.EXPAND_DIMS,
        "FILL": shape.FILL,
        "FULLY_CONNECTED": fully_connected.FULLY_CONNECTED,
        "GATHER": indexing.GATHER,
        "HARD_SWISH": hard_swish.HARD_SWISH,
        "L2_NORMALIZATION": roots.L2_NORMALIZATION,
        "LEAKY_RELU": leaky_relu.LEAKY_RELU,
        "LESS": comparison.LESS,
        "LOGISTIC": activations.LOGISTIC,
        "MAXIMUM": extremum.MAXIMUM,
        "MAX_POOL_2D": pooling.MAX_POOL_2D,
        "MEAN": reduce.MEAN,
        "MINIMUM": extremum.MINIMUM,
        "MIRROR_PAD": pad.MIRROR_PAD,
        "MUL": mul.MUL,
        "PACK": movement.PACK,
        "PAD": pad.PAD,
        "PADV2": pad.PAD,
        "QUANTIZE": quantize_ops.QUANTIZE,
        "RELU": activations.RELU,
        "RELU6": activations.RELU6,
        "RESHAPE": movement.RESHAPE,
        "RSQRT": roots.RSQRT,
        "SHAPE": shape.SHAPE,
        "SLICE": indexing.SLICE,
        "SOFTMAX": softmax.SOFTMAX,
        "SPLIT": movement.SPLIT,
        "SPLIT_V": movement.SPLIT_V,
        "SQUARED_DIFFERENCE": squared_difference.SQUARED_DIFFERENCE,
        "SQUEEZE": shape.SQUEEZE,
        "STRIDED_SLICE": movement.STRIDED_SLICE,
        "SUB": add.SUB,
        "SUM": reduce.SUM,
        "SVDF": svdf.SVDF,
        "TANH": activations.TANH,
        "TRANSPOSE": movement.TRANSPOSE,
        "TRANSPOSE_CONV": transpose_conv.TRANSPOSE_CONV,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.UNIDIRECTIONAL_SEQUENCE_LSTM,
        "UNPACK": movement.UNPACK,
        "WHILE": loop.WHILE,
    }
)


@dataclass(frozen=True)
class Row:
    """The rule of one operator and variant in each kernel set; "-" where it cannot run or gives no defined numbers."""

    op: str
    variant: str
    reference: str
    optimized: str
    xnnpack: str
    micro: str


TABLE = (
    #   operator, variant, reference, optimized, xnnpack, micro
    Row("ADD", "int16", "DOUBLE", "MERGED_BY_16", "MERGED_BY_16", "DOUBLE"),
    Row("ADD", "int32", "WRAP", "WRAP", "WRAP", "WRAP"),
    Row("ADD", "int8", "DOUBLE", "MERGED_BY_16_FLOOR_BY_8", "SHIFT20", "DOUBLE"),
    Row("ARG_MAX", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("ARG_MIN", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("AVERAGE_POOL_2D", "int16", "INTEGER_MEAN", "INTEGER_MEAN", "INTEGER_MEAN", "INTEGER_MEAN"),
    Row("AVERAGE_POOL_2D", "int8", "INTEGER_MEAN", "INTEGER_MEAN", "INTEGER_MEAN", "INTEGER_MEAN"),
    Row("BATCH_MATMUL", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC_EVEN", "-"),
    Row("BATCH_MATMUL", "int16-int16", "M64", "M64", "M64", "M64_64"),
    Row("BATCH_MATMUL", "int16-int8", "M64", "M64", "M64", "-"),
    Row("BATCH_MATMUL", "int8-int8", "DOUBLE", "DOUBLE", "RNE32", "DOUBLE_64"),
    Row("CAST", "int16-float32", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int16-int32", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int32-int16", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int32-int8", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int32-uint32", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int8-float32", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "int8-int32", "COPY", "COPY", "COPY", "COPY"),
    Row("CAST", "uint32-int32", "COPY", "COPY", "COPY", "COPY"),
    Row("CONCATENATION", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("CONCATENATION", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("CONCATENATION", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("CONV_2D", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC_EVEN", "-"),
    Row("CONV_2D", "int16-int32", "DOUBLE", "UP", "UP", "DOUBLE"),
    Row("CONV_2D", "int16-int32-undeclared", "-", "-", "-", "DOUBLE"),
    Row("CONV_2D", "int16-int64", "M64", "M64", "M64", "M64"),
    Row("CONV_2D", "int8", "DOUBLE", "UP", "RNE32", "DOUBLE"),
    Row("DEPTHWISE_CONV_2D", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC", "-"),
    Row("DEPTHWISE_CONV_2D", "int16-int64", "M64", "M64", "M64", "M64"),
    Row("DEPTHWISE_CONV_2D", "int8", "DOUBLE", "UP_BY_8", "RNE32", "DOUBLE"),
    Row("DEQUANTIZE", "float16-float32", "CAST", "CAST", "CAST", "CAST"),
    Row("DEQUANTIZE", "int16-float32", "FLOAT32", "FLOAT32", "FLOAT32", "FLOAT32"),
    Row("DEQUANTIZE", "int32-float32", "FLOAT32", "FLOAT32", "FLOAT32", "FLOAT32"),
    Row("DEQUANTIZE", "int8-float32", "FLOAT32", "FLOAT32_BY_8", "FLOAT32", "FLOAT32"),
    Row("EXPAND_DIMS", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("EXPAND_DIMS", "int32", "COPY", "COPY", "COPY", "-"),
    Row("EXPAND_DIMS", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("FILL", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("FILL", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("FILL", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("FULLY_CONNECTED", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC_EVEN", "-"),
    Row("FULLY_CONNECTED", "int16-int32", "F64", "UP", "UP", "DOUBLE"),
    Row("FULLY_CONNECTED", "int16-int32-undeclared", "-", "UP", "UP", "DOUBLE"),
    Row("FULLY_CONNECTED", "int16-int64", "F64", "F64", "F64", "M64"),
    Row("FULLY_CONNECTED", "int16-none", "F64", "UP", "UP", "M64"),
    Row("FULLY_CONNECTED", "int16-none-int32", "F64", "UP", "UP", "DOUBLE"),
    Row("FULLY_CONNECTED", "int16-none-int64", "F64", "F64", "F64", "M64"),
    Row("FULLY_CONNECTED", "int8", "F64", "UP", "RNE32", "DOUBLE"),
    Row("GATHER", "int16", "COPY", "COPY", "COPY", "-"),
    Row("GATHER", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("HARD_SWISH", "int8", "FIXED16", "FIXED16", "FIXED16", "FIXED16_64"),
    Row("L2_NORMALIZATION", "int8", "FIXED", "FIXED", "FIXED", "FIXED"),
    Row("LEAKY_RELU", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("LEAKY_RELU", "int8", "DOUBLE", "DOUBLE", "Q8", "DOUBLE_64"),
    Row("LESS", "int32", "COMPARE", "COMPARE", "COMPARE", "COMPARE"),
    Row("LOGISTIC", "int16", "INTERPOLATED", "INTERPOLATED", "INTERPOLATED", "INTERPOLATED"),
    Row("LOGISTIC", "int16-pot", "INTERPOLATED", "FIXED16", "FIXED16", "INTERPOLATED"),
    Row("LOGISTIC", "int8", "TABLE", "TABLE", "TABLE_EVEN", "FIXED32"),
    Row("MAXIMUM", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("MAXIMUM", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("MAX_POOL_2D", "int16", "CLAMP", "CLAMP", "CLAMP", "CLAMP"),
    Row("MAX_POOL_2D", "int8", "CLAMP", "CLAMP", "CLAMP_EVEN", "CLAMP"),
    Row("MEAN", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("MEAN", "int8", "DOUBLE", "SPATIAL", "RNE32", "DOUBLE"),
    Row("MINIMUM", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("MINIMUM", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("MIRROR_PAD", "int16", "COPY", "COPY", "COPY", "-"),
    Row("MIRROR_PAD", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("MUL", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("MUL", "int32", "WRAP", "WRAP", "WRAP", "WRAP"),
    Row("MUL", "int8", "DOUBLE", "DOUBLE", "RNE32", "DOUBLE_64"),
    Row("PACK", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("PACK", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("PACK", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("PAD", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("PAD", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("PADV2", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("PADV2", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("QUANTIZE", "float32-int16", "AWAY", "EVEN_BY_8", "EVEN_BY_8", "AWAY"),
    Row("QUANTIZE", "float32-int8", "AWAY", "EVEN_BY_8", "EVEN", "AWAY"),
    Row("QUANTIZE", "int16-int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int16-int32", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int16-int8", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int32-int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int32-int8", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int8-int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("QUANTIZE", "int8-int8", "DOUBLE", "UP_BY_16", "Q8", "DOUBLE"),
    Row("RELU", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("RELU", "int8", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("RELU6", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "CLAMP"),
    Row("RELU6", "int8", "DOUBLE", "DOUBLE", "DOUBLE", "CLAMP"),
    Row("RESHAPE", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("RESHAPE", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("RESHAPE", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("RSQRT", "int16", "LUT32", "LUT32", "LUT32", "DOUBLE_64"),
    Row("RSQRT", "int8", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("SHAPE", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("SHAPE", "int64", "COPY", "COPY", "COPY", "COPY"),
    Row("SLICE", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("SLICE", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("SOFTMAX", "int16-int16", "LUT64", "LUT64", "LUT64", "LUT32"),
    Row("SOFTMAX", "int8-int16", "FIXED", "TABLE", "TABLE", "FIXED"),
    Row("SOFTMAX", "int8-int8", "FIXED", "TABLE", "TABLE", "FIXED"),
    Row("SPLIT", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("SPLIT", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("SPLIT", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("SPLIT_V", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("SPLIT_V", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("SPLIT_V", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("SQUARED_DIFFERENCE", "int16", "-", "-", "-", "DOUBLE"),
    Row("SQUARED_DIFFERENCE", "int8", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("SQUEEZE", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("SQUEEZE", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("SQUEEZE", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("STRIDED_SLICE", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("STRIDED_SLICE", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("STRIDED_SLICE", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("SUB", "int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
    Row("SUB", "int32", "WRAP", "WRAP", "WRAP", "WRAP"),
    Row("SUB", "int8", "DOUBLE", "DOUBLE", "SHIFT20", "DOUBLE"),
    Row("SUM", "int16", "-", "F32", "F32", "DOUBLE"),
    Row("SUM", "int8", "BYTES", "F32", "RNE32", "DOUBLE"),
    Row("SVDF", "int8-int16", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE_64"),
    Row("SVDF", "int8-int8", "-", "-", "-", "DOUBLE_64"),
    Row("TANH", "int16", "INTERPOLATED", "INTERPOLATED", "INTERPOLATED", "INTERPOLATED"),
    Row("TANH", "int16-pot", "INTERPOLATED", "FIXED16", "FIXED16", "INTERPOLATED"),
    Row("TANH", "int8", "TABLE", "TABLE", "TABLE_EVEN", "FIXED32"),
    Row("TRANSPOSE", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("TRANSPOSE", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("TRANSPOSE", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("TRANSPOSE_CONV", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC_EVEN", "-"),
    Row("TRANSPOSE_CONV", "int16-int16", "-", "-", "-", "M64"),
    Row("TRANSPOSE_CONV", "int16-int32", "DOUBLE", "UP_BY_8", "UP_BY_8", "-"),
    Row("TRANSPOSE_CONV", "int16-int64", "M64", "M64", "M64", "M64"),
    Row("TRANSPOSE_CONV", "int16-none-int32", "DOUBLE", "UP_BY_8", "UP_BY_8", "M64"),
    Row("TRANSPOSE_CONV", "int8", "DOUBLE", "UP_BY_8", "RNE32", "DOUBLE"),
    Row("UNIDIRECTIONAL_SEQUENCE_LSTM", "float32-int8", "DYNAMIC", "DYNAMIC", "DYNAMIC", "-"),
    Row("UNIDIRECTIONAL_SEQUENCE_LSTM", "int8", "GEMMLOWP", "GEMMLOWP", "GEMMLOWP", "INTERPOLATED"),
    Row("UNPACK", "int16", "COPY", "COPY", "COPY", "COPY"),
    Row("UNPACK", "int32", "COPY", "COPY", "COPY", "COPY"),
    Row("UNPACK", "int8", "COPY", "COPY", "COPY", "COPY"),
    Row("WHILE", "any", "LOOP", "LOOP", "LOOP", "LOOP"),
    Row("WHILE", "input-handed-on-in-a-later-place", "-", "-", "-", "LOOP"),
)


RULES = MappingProxyType({(row.op, row.variant): row for row in TABLE})


def op_of(call: Call) -> Op:
    """What is known of the call's operator. Raises NotCoveredError."""
    if call.operator.name not in OPS:
        raise NotCoveredError(call.operator, "this operator is")
    return OPS[call.operator.name]


def rule_of(call: Call, kernel_set: str) -> str:
    """The name of the rule that a kernel set follows for a call; "REAL" on floats. Raises NotCoveredError."""
    op = op_of(call)
    variant = op.variant(call)
    if variant in ("float16", "float32", "float64"):
        return "REAL"
    row = RULES.get((call.operator.name, variant))
    if row is None:
        raise NotCoveredError(call.operator, f"{variant} under {kernel_set} kernels is")
    if kernel_set == "xnnpack" and not op.delegated(call):
        kernel_set = "optimized"
    rule = str(getattr(row, kernel_set))
    if rule == "-":
        raise NotCoveredError(call.operator, f"{variant} under {kernel_set} kernels is")
    return rule


def compute(call: Call, arithmetic: str) -> tuple[np.ndarray, ...]:
    """The call's outputs, each [samples, *shape] in the output's dtype. Raises NotCoveredError."""
    if arithmetic == "dequantized":
        return compute_real(call)
    return compute_rule(call, rule_of(call, arithmetic))


def compute_rule(call: Call, rule: str) -> tuple[np.ndarray, ...]:
    """The call's outputs by one named rule of its operator. Raises NotCoveredError."""
    if rule == "REAL":
        return compute_real(call)
    op = op_of(call)
    if rule not in op.rules:
        raise NotCoveredError(call.operator, f"the rule {rule} is")
    return _checked(call, op.rules[rule](call))


def compute_real(call: Call) -> tuple[np.ndarray, ...]:
    """The call's outputs computed in real numbers, then quantized (15, 16). Raises NotCoveredError."""
    op = op_of(call)
    if op.real is None:
        (rule,) = op.rules
        return compute_rule(call, rule)
    results = op.real(replace(call, inputs=tuple(operand and _real(operand) for operand in call.inputs)))
    return _checked(call, [quantize(value, tensor) for value, tensor in zip(results, call.outputs, strict=True)])


def _real(operand: Operand) -> Operand:
    return replace(operand, value=dequantize(operand.value, operand.tensor))


def _checked(call: Call, results: Outputs) -> tuple[np.ndarray, ...]:
    """The results as they are, or NotCoveredError: a shape that is not the model's must not reach the next operator."""
    for result, tensor in zip(results, call.outputs, strict=True):
        if result.shape != (call.samples, *tensor.shape) or result.dtype != tensor.dtype:
            got, stored = f"{result.dtype}{list(result.shape[1:])}", f"{tensor.dtype}{list(tensor.shape)}"
            raise NotCoveredError(call.operator, f"a result {got} for '{tensor.name}', stored as {stored}, is")
    return tuple(results)
