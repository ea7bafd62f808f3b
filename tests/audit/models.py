"""Small models of several operators, for what looks at models from outside."""

import numpy as np

from qcompare.audit.one_op import FLOAT32, INT8, activation, add, constant, one_op
from qcompare.tflite.builder import Builder


def joined(*sides, operators, inputs, outputs):
    """A graph of several operators over listed tensors; operators: (name, inputs, outputs, options, options_type)."""
    builder = Builder()
    for side in sides:
        add(builder, side)
    for name, into, out_of, options, options_type in operators:
        builder.operator(name, into, out_of, options_type, options)
    return builder.graph(inputs, outputs)


DENSE = ({"fused_activation_function": "NONE", "keep_num_dims": False}, "FullyConnectedOptions")


def dense_tanh_mul():
    """int8: t0 -> FULLY_CONNECTED t3 -> TANH t4 -> MUL with t3: t5."""
    rng = np.random.default_rng(5)
    return joined(
        activation((1, 12), INT8, 0.02, -3),
        constant(rng.integers(-127, 128, (9, 12)).astype(np.int8), 0.011),
        constant(rng.integers(-900, 900, 9).astype(np.int32), 0.02 * 0.011),
        activation((1, 9), INT8, 0.02, 4),
        activation((1, 9), INT8, 2.0**-7, 0),
        activation((1, 9), INT8, 0.02, 1),
        operators=(
            ("FULLY_CONNECTED", (0, 1, 2), (3,), *DENSE),
            ("TANH", (3,), (4,), {}, ""),
            ("MUL", (4, 3), (5,), {"fused_activation_function": "NONE"}, "MulOptions"),
        ),
        inputs=(0,),
        outputs=(5,),
    )


def flattened():
    """float32: t0 [1, 2, 3] reshaped to [its own first dimension, -1], as Keras 3 has it for a free batch, and TANH t9.

    t1 = SHAPE, t5 = its first element, t7 = PACK of that and -1.
    """
    return joined(
        activation((1, 2, 3), FLOAT32),
        activation((3,), np.int32),
        *(constant(np.array([at], np.int32)) for at in (0, 1, 1)),
        activation((), np.int32),
        constant(np.array(-1, np.int32)),
        activation((2,), np.int32),
        activation((1, 6), FLOAT32),
        activation((1, 6), FLOAT32),
        operators=(
            ("SHAPE", (0,), (1,), {"out_type": 2}, "ShapeOptions"),
            ("STRIDED_SLICE", (1, 2, 3, 4), (5,), {"shrink_axis_mask": 1}, "StridedSliceOptions"),
            ("PACK", (5, 6), (7,), {"values_count": 2, "axis": 0}, "PackOptions"),
            ("RESHAPE", (0, 7), (8,), {}, ""),
            ("TANH", (8,), (9,), {}, ""),
        ),
        inputs=(0,),
        outputs=(9,),
    )


def float16_weights():
    """float32: t3 = FULLY_CONNECTED of t0 by the float16 constant t1 through DEQUANTIZE t2."""
    rng = np.random.default_rng(5)
    return joined(
        activation((1, 12), FLOAT32),
        constant(rng.normal(size=(9, 12)).astype(np.float16)),
        activation((9, 12), FLOAT32),
        activation((1, 9), FLOAT32),
        operators=(
            ("DEQUANTIZE", (1,), (2,), {}, "DequantizeOptions"),
            ("FULLY_CONNECTED", (0, 2, -1), (3,), *DENSE),
        ),
        inputs=(0,),
        outputs=(3,),
    )


def tanh_by_integers():
    """float32: t3 = FULLY_CONNECTED of t1 = TANH of t0 by the int8 constant t2: t1 is rounded to 8 bits on the way."""
    rng = np.random.default_rng(5)
    return joined(
        activation((1, 40), FLOAT32),
        activation((1, 40), FLOAT32),
        constant(rng.integers(-127, 128, (30, 40)).astype(np.int8), 0.011),
        activation((1, 30), FLOAT32),
        operators=(("TANH", (0,), (1,), {}, ""), ("FULLY_CONNECTED", (1, 2, -1), (3,), *DENSE)),
        inputs=(0,),
        outputs=(3,),
    )


def crashing_softmax():
    """int8 SOFTMAX over so many values that equal ones overflow the reference kernel's sum: it ends the process."""
    return one_op(
        "SOFTMAX",
        [activation((1, 2000), INT8, 0.1, 0)],
        [activation((1, 2000), INT8, 2.0**-8, -128)],
        {"beta": 1.0},
        "SoftmaxOptions",
    )
