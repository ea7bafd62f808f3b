"""The heights of a model that leaves them free behind a RESHAPE, against what LiteRT makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from qcompare.core.graph import Graph, model_of
from qcompare.manual.executor import run
from qcompare.tflite.builder import Builder
from qcompare.tflite.free_batch import settled
from qcompare.tflite.schema import read, write

FLOAT32 = np.dtype(np.float32)
SETTLED = {
    "tall": (1, 12, 2, 2),
    "filtered": (1, 5, 2, 3),
    "deep": (1, 3, 2, 3),
    "pooled": (1, 2, 2, 3),
    "padded": (1, 5, 2, 3),
    "both": (1, 7, 2, 3),
    "wide": (1, 5, 2, 6),
    "sum": (1, 5, 2, 6),
    "up": (1, 10, 2, 4),
    "spread": (1, 11, 2, 4),
    "flat": (1, 11, 8),
    "raised": (1, 11, 1, 8),
    "turned": (1, 1, 11, 8),
}
"""What the file stores with a height of 1."""


def open_height() -> Graph:
    builder = Builder()
    x = builder.activation("x", (1, 6, 4, 2), FLOAT32)
    at = {
        name: builder.activation(name, (1, 1, *shape[2:]) if name != "turned" else (1, 1, 1, 8), FLOAT32)
        for name, shape in SETTLED.items()
    }

    def constant(name: str, data: np.ndarray) -> int:
        return builder.constant(name, data)

    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(4, 3, 1, 6)).astype(np.float32)
    squeezed = builder.activation("squeezed", (1, 1, 8), FLOAT32)
    shape = constant("shape", np.array([1, 12, 2, 2], np.int32))
    builder.operator("RESHAPE", [x, shape], [at["tall"]], "ReshapeOptions", {"new_shape": [1, 12, 2, 2]})
    filters = constant("filters", rng.normal(size=(3, 3, 1, 2)).astype(np.float32))
    bias = constant("bias", np.zeros(3, np.float32))
    conv = {"padding": "VALID", "stride_h": 2, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
    conv["fused_activation_function"] = "NONE"
    builder.operator("CONV_2D", [at["tall"], filters, bias], [at["filtered"]], "Conv2DOptions", conv)
    each = constant("each", rng.normal(size=(1, 2, 1, 3)).astype(np.float32))
    depthwise = {**conv, "stride_h": 1, "dilation_h_factor": 2, "depth_multiplier": 1}
    inputs = [at["filtered"], each, bias]
    builder.operator("DEPTHWISE_CONV_2D", inputs, [at["deep"]], "DepthwiseConv2DOptions", depthwise)
    pool = {"padding": "SAME", "stride_h": 2, "stride_w": 1, "filter_height": 3, "filter_width": 1}
    pool["fused_activation_function"] = "NONE"
    builder.operator("MAX_POOL_2D", [at["deep"]], [at["pooled"]], "Pool2DOptions", pool)
    around = constant("around", np.array([[0, 0], [1, 2], [0, 0], [0, 0]], np.int32))
    builder.operator("PAD", [at["pooled"], around], [at["padded"]], "PadOptions", {})
    along = {"axis": 1, "fused_activation_function": "NONE"}
    builder.operator("CONCATENATION", [at["padded"], at["pooled"]], [at["both"]], "ConcatenationOptions", along)
    across = {**along, "axis": -1}
    builder.operator("CONCATENATION", [at["padded"]] * 2, [at["wide"]], "ConcatenationOptions", across)
    row = constant("row", np.ones((1, 1, 1, 6), np.float32))
    builder.operator("ADD", [row, at["wide"]], [at["sum"]], "AddOptions", {"fused_activation_function": "NONE"})
    for name, padding, size in (("up", "SAME", 10), ("spread", "VALID", 11)):
        options = {"padding": padding, "stride_h": 2, "stride_w": 1, "fused_activation_function": "NONE"}
        inputs = [constant(f"{name} size", np.array([1, size, 2, 4], np.int32)), constant(f"{name} filter", kernel)]
        builder.operator("TRANSPOSE_CONV", [*inputs, at["sum"]], [at[name]], "TransposeConvOptions", options)
    flat = constant("flat shape", np.array([1, 11, 8], np.int32))
    builder.operator("RESHAPE", [at["spread"], flat], [at["flat"]], "ReshapeOptions", {"new_shape": [1, 11, 8]})
    builder.operator("EXPAND_DIMS", [at["flat"], constant("at", np.array(2, np.int32))], [at["raised"]])
    order = constant("order", np.array([0, 2, 1, 3], np.int32))
    builder.operator("TRANSPOSE", [at["raised"], order], [at["turned"]], "TransposeOptions", {})
    builder.operator("SQUEEZE", [at["raised"]], [squeezed], "SqueezeOptions", {"squeeze_dims": [2]})
    graph = builder.graph([x], [at["both"], at["up"], at["turned"], squeezed])
    free = {"x": (0,)} | dict.fromkeys((*SETTLED, "squeezed"), (0, 1)) | {"turned": (0, 2)}
    return replace(graph, tensors=tuple(replace(each, free=free.get(each.name, ())) for each in graph.tensors))


@pytest.mark.runtime
def test_the_heights_are_those_that_litert_allocates() -> None:
    content = write(model_of(open_height()))
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    allocated = {each["name"]: tuple(map(int, each["shape"])) for each in interpreter.get_tensor_details()}
    model = settled(read(content))
    found = {tensor.name: tensor.shape for tensor in model.main.tensors}
    assert {name: found[name] for name in SETTLED} == SETTLED
    assert {name: allocated[name] for name in found} == found
    assert found["squeezed"] == SETTLED["flat"]
    x = np.random.default_rng(1).normal(size=(3, 6, 4, 2)).astype(np.float32)
    assert run(model, {0: x}, "optimized").result.shape == (3, *SETTLED["both"][1:])


def test_two_open_dimensions_of_a_reshape_stay_as_they_are_stored() -> None:
    model = read(write(model_of(open_height())))
    tensors = [replace(each, free=(0, 1, 2)) if each.name == "tall" else each for each in model.main.tensors]
    found = settled(model.with_main(replace(model.main, tensors=tuple(tensors))))
    assert next(each.shape for each in found.main.tensors if each.name == "tall") == (1, 1, 2, 2)


def dense_on_a_sequence() -> Graph:
    builder, names = Builder(), ("rows", "found")
    x = builder.activation("x", (1, 6, 4), FLOAT32)
    rows, found = (builder.activation(name, (1, size), FLOAT32) for name, size in zip(names, (1, 5), strict=True))
    back = builder.activation("back", (1, 6, 5), FLOAT32)
    shapes = [builder.constant(f"shape {i}", np.array(each, np.int32)) for i, each in enumerate(((6, 4), (1, 6, 5)))]
    weights = builder.constant("weights", np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    builder.operator("RESHAPE", [x, shapes[0]], [rows], "ReshapeOptions", {"new_shape": [6, 4]})
    options = {"fused_activation_function": "NONE", "keep_num_dims": False}
    builder.operator("FULLY_CONNECTED", [rows, weights, -1], [found], "FullyConnectedOptions", options)
    builder.operator("RESHAPE", [found, shapes[1]], [back], "ReshapeOptions", {"new_shape": [1, 6, 5]})
    graph = builder.graph([x], [back])
    free = {"x": (0,), "rows": (0, 1), "found": (0,), "back": (0,)}
    return replace(graph, tensors=tuple(replace(each, free=free.get(each.name, ())) for each in graph.tensors))


def test_a_dense_layer_reads_a_row_for_every_step() -> None:
    model = settled(read(write(model_of(dense_on_a_sequence()))))
    found = {tensor.name: tensor.shape for tensor in model.main.tensors}
    assert (found["rows"], found["found"], found["back"]) == ((6, 4), (6, 5), (1, 6, 5))
    assert run(model, {0: np.ones((3, 6, 4), np.float32)}, "reference").result.shape == (3, 6, 5)
