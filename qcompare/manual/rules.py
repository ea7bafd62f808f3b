"""Which kernel set follows which rule, for which operator and variant: the table.

Rows of operators that move integers, the same in all kernel sets but for a few that do not run them, follow from sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qcompare.core import lstm
from qcompare.manual.rule import Halves, Method, Precision, Rounding, Rule
from qcompare.manual.variant import Path, Variant, of

KERNEL_SETS = ("reference", "optimized", "xnnpack", "micro")


@dataclass(frozen=True)
class Row:
    """The rule of one operator and variant in each kernel set; None where it cannot run or gives no defined numbers."""

    op: str
    variant: Variant
    reference: Rule | None
    optimized: Rule | None
    xnnpack: Rule | None
    micro: Rule | None

    def rule(self, kernel_set: str) -> Rule | None:
        """The rule in one of KERNEL_SETS."""
        rules = {
            "reference": self.reference,
            "optimized": self.optimized,
            "xnnpack": self.xnnpack,
            "micro": self.micro,
        }
        return rules[kernel_set]


def rows(
    op: str,
    variants: tuple[Variant, ...],
    reference: Rule | None,
    optimized: Rule | None,
    xnnpack: Rule | None,
    micro: Rule | None,
) -> tuple[Row, ...]:
    """One line of the table: the same rules for some variants of an operator."""
    return tuple(Row(op, variant, reference, optimized, xnnpack, micro) for variant in variants)


def litert(op: str, variants: tuple[Variant, ...], rule: Rule | None, micro: Rule | None) -> tuple[Row, ...]:
    """One rule in all kernel sets of LiteRT, another in TensorFlow Lite Micro."""
    return rows(op, variants, rule, rule, rule, micro)


def everywhere(op: str, variants: tuple[Variant, ...], rule: Rule) -> tuple[Row, ...]:
    """One rule in all kernel sets."""
    return litert(op, variants, rule, rule)


INT8, INT16, INT32, INT64 = of("int8"), of("int16"), of("int32"), of("int64")
UINT8, BOOL = of("uint8"), of("bool")

CASTS = (
    *(of("int8", "float32"), of("int8", "int32"), of("int16", "float32"), of("int16", "int32")),
    *(of("int32", "int8"), of("int32", "int16"), of("int32", "uint32"), of("uint32", "int32")),
    *(of("bool", "float32"), of("bool", "int32")),
)

COPY = Method("COPY")
REAL = Method("REAL")
"""The rule on floats: of every kernel set, without a row in the table, but for what one does not run."""

COPIES: Mapping[tuple[Variant, ...], tuple[str, ...]] = MappingProxyType(
    {
        (INT8,): ("ARG_MAX", "ARG_MIN", "SPACE_TO_DEPTH"),
        (INT8, INT16): (
            *("BATCH_TO_SPACE_ND", "GATHER", "GATHER_ND", "MAXIMUM", "MINIMUM", "MIRROR_PAD"),
            *("PAD", "PADV2", "REDUCE_MAX", "REDUCE_MIN", "SLICE", "SPACE_TO_BATCH_ND"),
        ),
        (INT8, INT16, INT32): (
            *("BROADCAST_TO", "CONCATENATION", "EXPAND_DIMS", "FILL", "PACK", "RESHAPE", "SPLIT"),
            *("SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK"),
        ),
        (INT8, INT16, INT32, INT64, UINT8, BOOL): ("REVERSE_V2",),
        (INT8, INT16, INT32, INT64): ("SELECT_V2",),
        (INT32, INT64): ("SHAPE",),
        CASTS: ("CAST",),
    }
)
"""Variants -> the operators that copy integers of them."""

NOT_IN_MICRO = (
    *(("BATCH_TO_SPACE_ND", INT16), ("EXPAND_DIMS", INT32), ("GATHER", INT16), ("GATHER_ND", INT16)),
    ("MIRROR_PAD", INT16),
    *(("REDUCE_MAX", INT16), ("REDUCE_MIN", INT16), ("SELECT_V2", INT32), ("SELECT_V2", INT64)),
    ("SPACE_TO_BATCH_ND", INT16),
)
"""Copies that TensorFlow Lite Micro does not run."""


def blocks(op: str, path: Path) -> Iterator[Row]:
    """LiteRT's copies of what TensorFlow Lite Micro runs without defined numbers."""
    yield from litert(op, (of("float32", path=path),), REAL, micro=None)
    yield from litert(op, (of("int8", path=path), of("int16", path=path)), COPY, micro=None)


def comparisons() -> Iterator[Row]:
    for op in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
        yield from everywhere(op, (INT8,), Method("FIXED"))
        yield from everywhere(op, (INT32, INT64), Method("COMPARE"))
    for op in ("EQUAL", "NOT_EQUAL"):
        yield from everywhere(op, (BOOL,), Method("COMPARE"))


def copies() -> Iterator[Row]:
    for variants, operators in COPIES.items():
        for op in operators:
            for variant in variants:
                yield from litert(op, (variant,), COPY, micro=None if (op, variant) in NOT_IN_MICRO else COPY)


DOUBLE, UP, M64, F64, RNE32, Q8 = (rounding.by for rounding in Rounding)
FLOAT32, FLOAT64, MIXED = Precision
EVEN = Halves.EVEN
FIXED, FLOATS, INTERPOLATED = Method("FIXED"), Method("FLOAT32"), Method("INTERPOLATED")
NEAREST, NEAREST_BY_8 = Method("NEAREST"), Method("NEAREST", EVEN, blocks=8)

DYNAMIC_RANGE = of("float32", "int8")
POWER_OF_TWO = of("int16", path=Path.POWER_OF_TWO)
INT16_OF_64, INT16_OF_32 = of("int16", bias="int64"), of("int16", bias="int32", declared="int32")
INT16_OF_32_UNDECLARED = of("int16", bias="int32")
OUTGROWN = (of("int8", path=Path.OUTGROWN), of("int16", path=Path.OUTGROWN))
MIXED_SIGNS = (of("int8", "uint8"), of("uint8", "int8"))
CONVERSIONS = (
    *(of("int8", "int16"), of("int16", "int8"), of("int16", "int16")),
    *(of("int16", "int32"), of("int32", "int8"), of("int32", "int16")),
)

TABLE = (
    *copies(),
    # operator, variants, reference, optimized, xnnpack, micro
    *litert("ABS", (INT8, INT16), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *rows("ADD", (INT16,), DOUBLE(FLOAT64), Method("MERGED", blocks=16), Method("MERGED", blocks=16), DOUBLE(FLOAT64)),
    *rows("ADD", (INT8,), DOUBLE(FLOAT64), Method("MERGED", blocks=16), Method("SHIFT20"), DOUBLE(FLOAT64)),
    *everywhere("ADD", (INT32,), Method("WRAP")),
    *litert("ADD", OUTGROWN, None, micro=None),
    *everywhere("AVERAGE_POOL_2D", (INT8, INT16), Method("INTEGER_MEAN")),
    *rows("BATCH_MATMUL", (DYNAMIC_RANGE,), Method("DYNAMIC"), Method("DYNAMIC"), Method("DYNAMIC", EVEN), None),
    *litert("BATCH_MATMUL", (of("int16", "int16"),), M64(MIXED), micro=M64(FLOAT64)),
    *litert("BATCH_MATMUL", (of("int16", "int8"),), M64(MIXED), micro=None),
    *rows("BATCH_MATMUL", (of("int8", "int8"),), DOUBLE(MIXED), DOUBLE(MIXED), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *blocks("BATCH_TO_SPACE_ND", Path.RESIZED),
    *rows("CONV_2D", (DYNAMIC_RANGE,), Method("DYNAMIC"), Method("DYNAMIC"), Method("DYNAMIC", EVEN), None),
    *rows("CONV_2D", (INT16_OF_32,), DOUBLE(FLOAT64), UP(FLOAT64), UP(FLOAT64), DOUBLE(FLOAT64)),
    *litert("CONV_2D", (INT16_OF_32_UNDECLARED,), None, micro=DOUBLE(FLOAT64)),
    *everywhere("CONV_2D", (INT16_OF_64,), M64(FLOAT64)),
    *rows("CONV_2D", (INT8,), DOUBLE(FLOAT64), UP(FLOAT64), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *litert("DEPTHWISE_CONV_2D", (DYNAMIC_RANGE,), Method("DYNAMIC"), micro=None),
    *rows("DEPTH_TO_SPACE", (INT8,), None, COPY, COPY, COPY),
    *everywhere("DEPTHWISE_CONV_2D", (INT16_OF_64,), M64(FLOAT64)),
    *rows("DEPTHWISE_CONV_2D", (INT8,), DOUBLE(FLOAT64), UP(FLOAT64, 8), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *everywhere("DEQUANTIZE", (of("float16", "float32"),), Method("CAST")),
    *everywhere("DEQUANTIZE", (of("int16", "float32"), of("int32", "float32")), FLOATS),
    *rows(
        "DEQUANTIZE",
        (of("int8", "float32"), of("uint8", "float32")),
        FLOATS,
        Method("FLOAT32", blocks=8),
        FLOATS,
        FLOATS,
    ),
    *litert("DIV", (INT8,), Method("FIXED", precision=FLOAT32), micro=FIXED),
    *litert("DIV", (INT16,), Method("FIXED", precision=FLOAT32), micro=None),
    *rows("ELU", (INT8,), None, Method("TABLE"), Method("TABLE", EVEN), Method("EXP_TABLE")),
    *litert("EXP", (INT8,), Method("TABLE"), micro=None),
    *litert("EXP", (INT16,), Method("LUT", precision=FLOAT32), micro=None),
    *rows("FULLY_CONNECTED", (DYNAMIC_RANGE,), Method("DYNAMIC"), Method("DYNAMIC"), Method("DYNAMIC", EVEN), None),
    *rows("FULLY_CONNECTED", (INT16_OF_32,), F64(FLOAT64), UP(MIXED), UP(MIXED), DOUBLE(FLOAT64)),
    *rows("FULLY_CONNECTED", (INT16_OF_32_UNDECLARED,), None, UP(MIXED), UP(MIXED), DOUBLE(FLOAT64)),
    *litert("FULLY_CONNECTED", (INT16_OF_64, of("int16", declared="int64")), F64(FLOAT64), micro=M64(FLOAT64)),
    *rows("FULLY_CONNECTED", (INT16,), F64(FLOAT64), UP(MIXED), UP(MIXED), M64(FLOAT64)),
    *rows("FULLY_CONNECTED", (of("int16", declared="int32"),), F64(FLOAT64), UP(MIXED), UP(MIXED), DOUBLE(FLOAT64)),
    *rows("FULLY_CONNECTED", (INT8,), F64(FLOAT64), UP(MIXED), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *litert("GATHER", (INT32,), COPY, micro=None),
    *litert("GELU", (INT16,), Method("LUT", precision=FLOAT32), micro=None),
    *litert("GELU", (INT8,), Method("TABLE"), micro=None),
    *litert("HARD_SWISH", (INT8,), Method("FIXED16", precision=FLOAT32), micro=Method("FIXED16")),
    *everywhere("L2_NORMALIZATION", (INT8,), Method("FIXED")),
    *litert("LEAKY_RELU", (INT16,), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *rows("LEAKY_RELU", (INT8,), DOUBLE(FLOAT32), DOUBLE(FLOAT32), Q8(FLOAT32), DOUBLE(FLOAT64)),
    *comparisons(),
    *litert("LOG", (INT8,), Method("TABLE"), micro=None),
    *litert("LOG", (INT16,), Method("LUT", precision=FLOAT32), micro=None),
    *rows("LOG_SOFTMAX", (INT8,), FIXED, Method("TABLE"), Method("TABLE"), FIXED),
    *everywhere("LOGICAL_AND", (BOOL,), Method("COMPARE")),
    *everywhere("LOGICAL_NOT", (BOOL,), Method("COMPARE")),
    *everywhere("LOGICAL_OR", (BOOL,), Method("COMPARE")),
    *everywhere("LOGISTIC", (INT16,), INTERPOLATED),
    *rows("LOGISTIC", (POWER_OF_TWO,), INTERPOLATED, Method("FIXED16"), Method("FIXED16"), INTERPOLATED),
    *rows("LOGISTIC", (INT8,), Method("TABLE"), Method("TABLE"), Method("TABLE", EVEN), Method("FIXED32")),
    *everywhere("MAX_POOL_2D", (INT16,), Method("CLAMP")),
    *rows("MAX_POOL_2D", (INT8,), Method("CLAMP"), Method("CLAMP"), Method("CLAMP", EVEN), Method("CLAMP")),
    *everywhere("MEAN", (INT16,), DOUBLE(FLOAT64)),
    *rows("MEAN", (INT8,), DOUBLE(FLOAT64), UP(FLOAT32, 16), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *litert("MUL", (INT16,), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *rows("MUL", (INT8,), DOUBLE(FLOAT32), DOUBLE(FLOAT32), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *everywhere("MUL", (INT32,), Method("WRAP")),
    *litert("PRELU", (of("int8", "int8"), of("int16", "int8")), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *rows("QUANTIZE", (of("float32", "int16"),), NEAREST, NEAREST_BY_8, NEAREST_BY_8, NEAREST),
    *rows("QUANTIZE", (of("float32", "int8"),), NEAREST, NEAREST_BY_8, Method("NEAREST", EVEN), NEAREST),
    *rows("QUANTIZE", (of("float32", "uint8"),), NEAREST, NEAREST_BY_8, Method("NEAREST", EVEN), None),
    *everywhere("QUANTIZE", CONVERSIONS, DOUBLE(FLOAT64)),
    *litert("QUANTIZE", (of("uint8", "int16"),), DOUBLE(FLOAT64), micro=None),
    *rows("QUANTIZE", (of("int8", "int8"),), DOUBLE(FLOAT64), UP(FLOAT64, 16), Q8(FLOAT32), DOUBLE(FLOAT64)),
    *rows("QUANTIZE", MIXED_SIGNS, DOUBLE(FLOAT64), UP(FLOAT64, 16), UP(FLOAT64, 16), DOUBLE(FLOAT64)),
    *rows("QUANTIZE", (of("uint8", "uint8"),), DOUBLE(FLOAT64), UP(FLOAT64, 16), Q8(FLOAT32), None),
    *litert("RELU", (INT8, INT16), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *litert("RELU6", (INT8, INT16), DOUBLE(FLOAT32), micro=Method("CLAMP")),
    *everywhere("REDUCE_ALL", (BOOL,), COPY),
    *litert("REDUCE_ANY", (BOOL,), COPY, micro=None),
    *litert("REDUCE_PROD", (INT32,), Method("WRAP"), micro=None),
    *litert("RELU_0_TO_1", (INT8,), DOUBLE(FLOAT32), micro=None),
    *litert("RELU_N1_TO_1", (INT8,), DOUBLE(FLOAT32), micro=None),
    *litert("RESIZE_BILINEAR", (INT16,), Method("FIXED10"), micro=None),
    *rows("RESIZE_BILINEAR", (INT8,), Method("FIXED10"), Method("FIXED10"), Method("FIXED11"), Method("FIXED10")),
    *everywhere("RESIZE_NEAREST_NEIGHBOR", (INT16,), FLOATS),
    *rows("RESIZE_NEAREST_NEIGHBOR", (INT8,), FLOATS, Method("FIXED16"), Method("FIXED16"), FLOATS),
    *litert("RSQRT", (INT16,), Method("LUT", precision=FLOAT32), micro=DOUBLE(FLOAT64)),
    *litert("RSQRT", (INT8,), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *litert("SOFTMAX", (of("int16", "int16"),), Method("LUT"), micro=Method("LUT", precision=FLOAT32)),
    *rows("SOFTMAX", (of("int8", "int8"), of("int8", "int16")), FIXED, Method("TABLE"), Method("TABLE"), FIXED),
    *blocks("SPACE_TO_BATCH_ND", Path.PADDED),
    *blocks("SPACE_TO_BATCH_ND", Path.RESIZED),
    *litert("SQRT", (INT8, INT16), Method("TRUNCATED"), micro=None),
    *litert("SQUARED_DIFFERENCE", (INT16,), None, micro=DOUBLE(FLOAT64)),
    *everywhere("SQUARED_DIFFERENCE", (INT8,), DOUBLE(FLOAT64)),
    *everywhere("SUB", (INT16,), DOUBLE(FLOAT64)),
    *rows("SUB", (INT8,), DOUBLE(FLOAT64), DOUBLE(FLOAT64), Method("SHIFT20"), DOUBLE(FLOAT64)),
    *everywhere("SUB", (INT32,), Method("WRAP")),
    *litert("SUB", OUTGROWN, None, micro=None),
    *rows("SUM", (INT16,), None, Method("F32"), Method("F32"), DOUBLE(FLOAT64)),
    *rows("SUM", (INT8,), Method("BYTES"), Method("F32"), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *litert("SVDF", (of("int8", "int16"),), DOUBLE(FLOAT32), micro=DOUBLE(FLOAT64)),
    *litert("SVDF", (of("int8", "int8"),), None, micro=DOUBLE(FLOAT64)),
    *everywhere("TANH", (INT16,), INTERPOLATED),
    *rows("TANH", (POWER_OF_TWO,), INTERPOLATED, Method("FIXED16"), Method("FIXED16"), INTERPOLATED),
    *rows("TANH", (INT8,), Method("TABLE"), Method("TABLE"), Method("TABLE", EVEN), Method("FIXED32")),
    *rows("TILE", (INT8,), None, COPY, COPY, None),
    *litert("TILE", (INT32,), COPY, micro=None),
    *rows("TRANSPOSE_CONV", (DYNAMIC_RANGE,), Method("DYNAMIC"), Method("DYNAMIC"), Method("DYNAMIC", EVEN), None),
    *litert("TRANSPOSE_CONV", (of("int16", bias="int16"),), None, micro=M64(FLOAT64)),
    *rows("TRANSPOSE_CONV", (INT16_OF_32,), DOUBLE(FLOAT64), UP(FLOAT64, 8), UP(FLOAT64, 8), None),
    *everywhere("TRANSPOSE_CONV", (INT16, INT16_OF_64), M64(FLOAT64)),
    *rows(
        "TRANSPOSE_CONV",
        (of("int16", declared="int32"),),
        DOUBLE(FLOAT64),
        UP(FLOAT64, blocks=8),
        UP(FLOAT64, blocks=8),
        M64(FLOAT64),
    ),
    *rows("TRANSPOSE_CONV", (INT8,), DOUBLE(FLOAT64), UP(FLOAT64, 8), RNE32(FLOAT32), DOUBLE(FLOAT64)),
    *litert(lstm.OPERATOR, (DYNAMIC_RANGE,), Method("DYNAMIC"), micro=None),
    *litert(lstm.OPERATOR, (INT8,), Method("GEMMLOWP"), micro=INTERPOLATED),
    *everywhere("WHILE", (of(),), Method("LOOP")),
    *everywhere("ZEROS_LIKE", (INT32, INT64), COPY),
    *litert("WHILE", (of(path=Path.HANDED_ON),), None, micro=Method("LOOP")),
)

RULES: Mapping[tuple[str, Variant], Row] = MappingProxyType({(row.op, row.variant): row for row in TABLE})
