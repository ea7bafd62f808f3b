"""What the constants of a model take."""

from __future__ import annotations

import numpy as np

from qcompare.core.graph import model_of
from qcompare.tflite import schema
from qcompare.tflite.builder import Builder
from qcompare.tflite.weights import constants, weights
from tests.tflite.graphs import network


def test_constants_are_those_of_the_file_with_their_bytes() -> None:
    found = constants(schema.write(model_of(network())))
    assert [(each.dtype, each.shape, each.bytes) for each in found] == [("int8", (3, 4), 12), ("int32", (3,), 12)]
    stored = [tensor.data for tensor in network().tensors if tensor.data is not None]
    for constant, data in zip(found, stored, strict=True):
        np.testing.assert_array_equal(constant.values, np.ravel(data))
    assert [constant.elements for constant in found] == [12, 3]


def test_weights_are_matrices_of_floats_or_int8() -> None:
    build = Builder()
    dtypes = (np.float32, np.float16, np.int8, np.int32, np.int64)
    for dtype in dtypes:
        build.constant(f"matrix {np.dtype(dtype)}", np.ones((2, 3), dtype))
        build.constant(f"bias {np.dtype(dtype)}", np.ones(3, dtype))
    build.constant("filter", np.ones((2, 3, 3, 1), np.int8))
    build.activation("x", (1, 4), np.float32)
    content = schema.write(model_of(build.graph((), ())))
    assert len(constants(content)) == 2 * len(dtypes) + 1
    found = weights(content)
    assert [(weight.dtype, weight.elements, weight.bytes) for weight in found] == [
        ("float32", 6, 24),
        ("float16", 6, 12),
        ("int8", 6, 6),
        ("int8", 18, 18),
    ]
    assert [weight.in_float32 for weight in found] == [True, False, False, False]


def test_a_buffer_counts_once_however_many_tensors_and_graphs_share_it() -> None:
    stored = schema.unpack(schema.write(model_of(network(), network())))
    first, second = stored.subgraphs
    for mine, other in zip(first.tensors, second.tensors, strict=True):
        other.buffer = mine.buffer
    first.tensors[0].buffer = first.tensors[1].buffer
    shared = constants(schema.pack(stored))
    assert [constant.bytes for constant in shared] == [12, 12]


def test_a_buffer_that_no_tensor_names_is_no_constant() -> None:
    stored = schema.unpack(schema.write(model_of(network())))
    stored.buffers.append(schema.schema.BufferT())
    stored.buffers[-1].data = np.ones(1000, np.uint8)
    assert len(constants(schema.pack(stored))) == 2
