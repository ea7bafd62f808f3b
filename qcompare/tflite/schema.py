"""A `.tflite` flatbuffer read into a Model and a Model written as one, through LiteRT's own schema module."""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from qcompare.core.graph import Graph, Model, Operator, Tensor
from qcompare.core.grid import Grid

DTYPES: dict[str, np.dtype] = {
    "FLOAT32": np.dtype(np.float32),
    "FLOAT16": np.dtype(np.float16),
    "FLOAT64": np.dtype(np.float64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "BOOL": np.dtype(np.bool_),
}
"""The schema's tensor types that NumPy holds as they are; any other is read as `object`."""

FILE_IDENTIFIER = b"TFL3"

KEPT = 4
"""How many models a process keeps as it read them: each engine of a trial asks for the same ones."""


class NotAModelError(ValueError):
    """The bytes are no readable `.tflite` model; the message is one line."""


def names_of(enumeration: type) -> dict[int, str]:
    """Value -> name of one of the schema's enumerations."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


TENSOR_TYPES = names_of(schema.TensorType)
OPERATORS = names_of(schema.BuiltinOperator)
ENUMERATED_OPTIONS = {
    "fused_activation_function": names_of(schema.ActivationFunctionType),
    "padding": names_of(schema.Padding),
    "weights_format": names_of(schema.FullyConnectedOptionsWeightsFormat),
    "mode": names_of(schema.MirrorPadMode),
    "kernel_type": names_of(schema.LSTMKernelType),
    "in_data_type": TENSOR_TYPES,
    "out_data_type": TENSOR_TYPES,
    "quantized_bias_type": TENSOR_TYPES,
}


def unpack(model: bytes) -> schema.ModelT:
    """The schema's own mutable object of a model. Raises NotAModelError."""
    if len(model) < 8 or model[4:8] != FILE_IDENTIFIER:
        raise NotAModelError("no TFLite model: the file identifier TFL3 is missing")
    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(model), 0))
    except (struct.error, IndexError, TypeError, ValueError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        raise NotAModelError(f"a damaged TFLite model: {error}") from error


def pack(model: schema.ModelT) -> bytes:
    """The flatbuffer of a mutable model object."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def without_leftovers(model: bytes) -> bytes:
    """The same file with zeros in each buffer that neither a tensor nor metadata names: no runtime reads it.

    The converter leaves two behind for each fused LSTM, of whatever its memory held.
    """
    cleaned = bytearray(model)
    root = schema.Model.GetRootAs(cleaned, 0)
    subgraphs = [root.Subgraphs(index) for index in range(root.SubgraphsLength())]
    named = {part.Tensors(index).Buffer() for part in subgraphs for index in range(part.TensorsLength())}
    named |= {root.Metadata(index).Buffer() for index in range(root.MetadataLength())}
    named |= {root.MetadataBuffer(index) for index in range(root.MetadataBufferLength())}
    for index in set(range(root.BuffersLength())) - named:
        if root.Buffers(index).DataLength():
            root.Buffers(index).DataAsNumpy()[:] = 0
    return bytes(cleaned)


@lru_cache(maxsize=KEPT)
def read(model: bytes) -> Model:
    """All graphs of a model. Raises NotAModelError."""
    return to_model(unpack(model))


def to_model(unpacked: schema.ModelT) -> Model:
    """All graphs of an unpacked model. Raises NotAModelError when its parts do not fit each other."""
    try:
        if not unpacked.subgraphs:
            raise ValueError("no subgraph")
        model = Model(
            graphs=tuple(_graph(unpacked, subgraph) for subgraph in unpacked.subgraphs), signature=_signature(unpacked)
        )
        for name, index in model.signature.items():
            if index not in range(len(model.main.tensors)):
                raise ValueError(f"output {name}: tensor {index} does not exist")
        return model
    except (IndexError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise NotAModelError(f"a damaged TFLite model: {error}") from error


def _graph(model: schema.ModelT, subgraph: schema.SubGraphT) -> Graph:
    names: set[str] = set()
    tensors = []
    for index, stored in enumerate(subgraph.tensors):
        tensor = _tensor(model, index, stored, names)
        names.add(tensor.name)
        tensors.append(tensor)
    graph = Graph(
        tensors=tuple(tensors),
        operators=tuple(_operator(model, index, op) for index, op in enumerate(_listed(subgraph.operators))),
        inputs=tuple(int(i) for i in _listed(subgraph.inputs)),
        outputs=tuple(int(i) for i in _listed(subgraph.outputs)),
    )
    _check_indices(graph)
    return graph


def _signature(model: schema.ModelT) -> dict[str, int]:
    """The outputs of the first signature of the graph that runs."""
    of_main = [each for each in _listed(model.signatureDefs) if each.subgraphIndex == 0]
    outputs = _listed(of_main[0].outputs) if of_main else ()
    return {output.name.decode("utf-8", "replace"): int(output.tensorIndex) for output in outputs}


def _check_indices(graph: Graph) -> None:
    """Raises ValueError when the graph names a tensor that it does not have."""
    present, absent_or_present = range(len(graph.tensors)), range(-1, len(graph.tensors))
    named = [("input", graph.inputs, present), ("output", graph.outputs, present)]
    for operator in graph.operators:
        place = f"operator {operator.index} {operator.name}"
        named += [(place, operator.inputs, absent_or_present), (place, operator.outputs, present)]
        named += [(place, operator.intermediates, absent_or_present)]
    for place, indices, allowed in named:
        for index in indices:
            if index not in allowed:
                raise ValueError(f"{place}: tensor {index} does not exist")


def _tensor(model: schema.ModelT, index: int, stored: schema.TensorT, taken: set[str]) -> Tensor:
    name = (stored.name or b"").decode("utf-8", "replace")
    if not name or name in taken:
        name = f"{name}#{index}"
    dtype: np.dtype = DTYPES.get(TENSOR_TYPES.get(stored.type, ""), np.dtype(object))
    shape = tuple(int(size) for size in _listed(stored.shape))
    return Tensor(
        index=index,
        name=name,
        shape=shape,
        dtype=dtype,
        grid=_grid(index, stored.quantization, dtype, shape),
        data=_constant(model.buffers[stored.buffer].data, dtype, shape),
        variable=bool(stored.isVariable),
        free=tuple(
            axis
            for axis, (size, stated) in enumerate(zip(shape, _listed(stored.shapeSignature), strict=False))
            if size == 1 and stated == -1
        ),
    )


def _constant(data: Any, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray | None:
    if data is None or len(data) == 0 or dtype == np.dtype(object):
        return None
    if any(size < 0 for size in shape):
        raise ValueError(f"a constant has shape {shape}")
    return np.frombuffer(bytes(bytearray(data)), dtype=dtype).reshape(shape)


def _grid(
    index: int, stored: schema.QuantizationParametersT | None, dtype: np.dtype, shape: tuple[int, ...]
) -> Grid | None:
    if stored is None or len(_listed(stored.scale)) == 0:
        return None
    scale = np.asarray(stored.scale, np.float32)
    zero_point = np.asarray(_listed(stored.zeroPoint), np.int64)
    if zero_point.size == 0:
        zero_point = np.zeros(scale.shape, np.int64)
    axis = int(stored.quantizedDimension)
    if len(shape) == 1:
        # Older converters wrote the filter's dimension at its bias too; TensorFlow Lite Micro runs such models.
        axis = 0
    if zero_point.size != scale.size:
        raise ValueError(f"tensor {index} has {scale.size} scales and {zero_point.size} zero points")
    if scale.size > 1 and (axis not in range(len(shape)) or shape[axis] != scale.size):
        raise ValueError(f"tensor {index} of shape {shape} has {scale.size} scales along dimension {axis}")
    return Grid(scale=scale, zero_point=zero_point, dtype=dtype, axis=axis)


def _operator(model: schema.ModelT, index: int, stored: schema.OperatorT) -> Operator:
    code = model.operatorCodes[stored.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = OPERATORS[builtin]
    if name == "CUSTOM":
        name = (code.customCode or b"CUSTOM").decode("utf-8", "replace")
    return Operator(
        index=index,
        name=name,
        inputs=tuple(int(i) for i in _listed(stored.inputs)),
        outputs=tuple(int(i) for i in _listed(stored.outputs)),
        intermediates=tuple(int(i) for i in _listed(stored.intermediates)),
        options=_options(stored.builtinOptions),
        options_type=type(stored.builtinOptions).__name__.removesuffix("T") if stored.builtinOptions else "",
        version=int(code.version),
    )


def _options(stored: Any) -> dict[str, Any]:
    options = {}
    for field, value in vars(stored).items() if stored is not None else ():
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower()
        enumeration = ENUMERATED_OPTIONS.get(name)
        options[name] = enumeration.get(value, value) if enumeration and isinstance(value, int) else value
    return options


def write(model: Model) -> bytes:
    """The flatbuffer of a model's graphs: tensors, constants and operators. Each constant has a buffer of its own.

    Reading the result gives the same graphs. ValueError for an operator that the schema does not know.
    """
    stored = schema.ModelT()
    stored.version = 3
    stored.description = "qcompare"
    stored.operatorCodes = []
    stored.buffers = [schema.BufferT()]
    stored.subgraphs = [
        _stored_subgraph(stored, graph, f"subgraph_{index}" if index else "main")
        for index, graph in enumerate(model.graphs)
    ]
    return pack(stored)


def _stored_subgraph(model: schema.ModelT, graph: Graph, name: str) -> schema.SubGraphT:
    stored = schema.SubGraphT()
    stored.name = name
    stored.tensors = [_stored_tensor(model, tensor) for tensor in graph.tensors]
    stored.operators = [_stored_operator(model, operator) for operator in graph.operators]
    stored.inputs = list(graph.inputs)
    stored.outputs = list(graph.outputs)
    return stored


def _stored_tensor(model: schema.ModelT, tensor: Tensor) -> schema.TensorT:
    stored = schema.TensorT()
    stored.name = tensor.name
    stored.shape = list(tensor.shape)
    stored.hasRank = True
    stored.isVariable = tensor.variable
    if tensor.free:
        stored.shapeSignature = [-1 if axis in tensor.free else size for axis, size in enumerate(tensor.shape)]
    stored.type = getattr(schema.TensorType, next(name for name, dtype in DTYPES.items() if dtype == tensor.dtype))
    if tensor.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
        model.buffers.append(buffer)
        stored.buffer = len(model.buffers) - 1
    if tensor.grid is not None:
        quantization = schema.QuantizationParametersT()
        quantization.scale = tensor.grid.scale.astype(np.float32)
        quantization.zeroPoint = tensor.grid.zero_point.astype(np.int64)
        quantization.quantizedDimension = tensor.grid.axis
        stored.quantization = quantization
    return stored


def _stored_operator(model: schema.ModelT, operator: Operator) -> schema.OperatorT:
    builtin = next((value for value, name in OPERATORS.items() if name == operator.name), None)
    if builtin is None:
        raise ValueError(f"operator {operator.name}: not in the schema")
    code = schema.OperatorCodeT()
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
    code.version = operator.version
    model.operatorCodes.append(code)
    stored = schema.OperatorT()
    stored.opcodeIndex = len(model.operatorCodes) - 1
    stored.inputs = list(operator.inputs)
    stored.outputs = list(operator.outputs)
    stored.intermediates = list(operator.intermediates)
    if operator.options_type:
        stored.builtinOptionsType = getattr(schema.BuiltinOptions, operator.options_type)
        stored.builtinOptions = _stored_options(operator)
    return stored


def _stored_options(operator: Operator) -> Any:
    options = getattr(schema, operator.options_type + "T")()
    for name, value in operator.options.items():
        enumeration = ENUMERATED_OPTIONS.get(name)
        if enumeration and isinstance(value, str):
            value = next(number for number, text in enumeration.items() if text == value)
        setattr(options, re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name), value)
    return options


def _listed(values: Any) -> Any:
    return () if values is None else values
