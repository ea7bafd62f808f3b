"""Models as flatbuffers: read, written, and refused when they are damaged."""

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as flat
from ai_edge_litert.interpreter import Interpreter

from qcompare.audit.one_op import cases
from qcompare.core.graph import model_of
from qcompare.tflite import schema
from qcompare.tflite.builder import Builder
from qcompare.tflite.schema import NotAModelError, pack, read, unpack, write
from tests.loops import recurrent
from tests.tflite.graphs import bare, network, per_tensor


def described(part):
    """Anything of a Model as plain data that compares by value."""
    if isinstance(part, np.ndarray):
        return part.dtype.name, part.shape, part.tobytes()
    if isinstance(part, dict):
        return {name: described(value) for name, value in part.items()}
    if hasattr(part, "__dataclass_fields__"):
        return {name: described(getattr(part, name)) for name in part.__dataclass_fields__}
    if isinstance(part, tuple | list):
        return [described(item) for item in part]
    return part


def test_what_was_written_reads_back():
    whole = model_of(network())
    assert described(read(write(whole))) == described(whole)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.op}-{case.dtype}-{case.granularity}")
def test_every_kind_of_operator_reads_back(case):
    once = read(write(model_of(case.draw(np.random.default_rng(0)))))
    assert described(read(write(once))) == described(once)
    assert once.main.operators[0].name == case.op


@pytest.mark.runtime
def test_the_runtime_runs_what_was_written():
    interpreter = Interpreter(model_content=write(model_of(network())))
    interpreter.allocate_tensors()
    assert [detail["name"] for detail in interpreter.get_input_details()] == ["x"]
    interpreter.set_tensor(0, np.zeros((1, 4), np.int8))
    interpreter.invoke()
    assert np.isfinite(interpreter.get_tensor(5)).all()


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64, np.bool_]
)
def test_constants_of_every_dtype(dtype):
    data = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    build = Builder()
    constant, empty = build.constant("c", data), build.activation("empty", (0,), dtype)
    build.activation("state", (1, 2), dtype, variable=True)
    build.constant("scalar", np.array(data[1, 0]))
    whole = model_of(build.graph((empty,), (constant,)))
    assert described(read(write(whole))) == described(whole)


def test_names_are_made_unique():
    graph = bare(*((name, (1,), np.int8) for name in ("a", "a", "", "a#1")))
    names = [tensor.name for tensor in read(write(model_of(graph))).main.tensors]
    assert names[0] == "a"
    assert len(set(names)) == 4


def test_absent_inputs_stay_absent():
    tensors = ((name, (1, 2), np.float32) for name in "xwy")
    graph = bare(*tensors, operators=[("FULLY_CONNECTED", (0, 1, -1), (2,))], inputs=(0, 1), outputs=(2,))
    assert read(write(model_of(graph))).main.operators[0].inputs == (0, 1, -1)


def test_zero_points_that_are_left_out_are_zero():
    model = unpack(write(model_of(network())))
    model.subgraphs[0].tensors[0].quantization.zeroPoint = None
    assert read(pack(model)).main.tensors[0].zero_point == 0


def test_a_tensor_without_scales_is_not_quantized():
    model = unpack(write(model_of(network())))
    model.subgraphs[0].tensors[0].quantization.scale = None
    assert read(pack(model)).main.tensors[0].grid is None


def test_types_that_numpy_does_not_hold_have_no_constant():
    model = unpack(write(model_of(network())))
    model.subgraphs[0].tensors[1].type = flat.TensorType.INT4
    tensor = read(pack(model)).main.tensors[1]
    assert (tensor.dtype, tensor.data) == (np.dtype(object), None)


def test_custom_operators_have_their_own_name():
    model = unpack(write(model_of(network())))
    code = model.operatorCodes[1]
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = flat.BuiltinOperator.CUSTOM, 32, b"MyOwn"
    assert read(pack(model)).main.operators[1].name == "MyOwn"


def test_operators_from_before_and_after_the_wide_code():
    model = unpack(write(model_of(network())))
    for code in model.operatorCodes:
        code.builtinCode = 0
    assert [operator.name for operator in read(pack(model)).main.operators] == ["FULLY_CONNECTED", "TANH", "DEQUANTIZE"]


def test_an_unknown_operator_is_not_written():
    whole = model_of(bare(operators=[("NO_SUCH", (), ())], inputs=(), outputs=()))
    with pytest.raises(ValueError, match="NO_SUCH: not in the schema"):
        write(whole)


def test_subgraphs_are_at_hand():
    model = unpack(write(model_of(network())))
    model.subgraphs = [*model.subgraphs, unpack(write(model_of(bare(inputs=(), outputs=())))).subgraphs[0]]
    whole = read(pack(model))
    assert [len(each.operators) for each in whole.graphs] == [3, 0]
    assert whole.main is whole.graphs[0]


def test_a_loop_reads_back():
    whole = recurrent(classes=3)
    once = read(write(whole))
    assert len(once.graphs) == 3
    assert described(once) == described(whole)
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    loop = once.main.operators[0]
    assert (loop.options_type, loop.options) == ("WhileOptions", options)
    assert described(read(write(once))) == described(once)


def test_the_main_graph_stands_for_the_first_subgraph():
    whole = recurrent()
    outputs = whole.main.operators[0].outputs
    assert outputs != whole.main.outputs
    once = read(write(whole.with_main(replace(whole.main, outputs=outputs))))
    assert once.main.outputs == once.graphs[0].outputs == outputs
    assert [described(each) for each in once.graphs[1:]] == [described(each) for each in whole.graphs[1:]]


def test_no_two_constants_share_a_buffer():
    model = unpack(write(recurrent(classes=3)))
    buffers = [tensor.buffer for graph in model.subgraphs for tensor in graph.tensors if tensor.buffer]
    assert len(set(buffers)) == len(buffers) == len(model.buffers) - 1
    assert model.buffers[0].data is None


def test_buffers_that_nothing_names_are_zeroed():
    model = unpack(write(model_of(network())))
    for content in (b"left", b"min"):
        buffer = flat.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        model.buffers.append(buffer)
    metadata = flat.MetadataT()
    metadata.name, metadata.buffer = "min_runtime_version", len(model.buffers) - 1
    model.metadata = [metadata]
    before = pack(model)
    after = schema.without_leftovers(before)
    assert after == before.replace(b"left", bytes(4))
    assert after != before


def refused(model):
    """Whether a model is refused, in one line; any other exception fails the test."""
    try:
        read(model)
    except NotAModelError as error:
        message = str(error)
        return len(message.splitlines()) == 1 and len(message) < 400
    return False


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\0" * 64, b"a,b\n1,2\n", b"\x1c\0\0\0TFL3", b"PK\x03\x04TFL3" + b"\0" * 40]
)
def test_what_is_no_model_is_refused(content):
    assert refused(content)


def test_every_truncated_model_is_refused_or_read():
    model = write(model_of(network()))
    results = [refused(model[:length]) for length in range(len(model))]
    assert all(results[: len(model) // 2])


def test_flipped_bytes_raise_nothing_else():
    model = write(model_of(network()))
    generator = np.random.default_rng(7)
    refusals = 0
    for at in range(len(model)):
        damaged = bytearray(model)
        damaged[at] ^= 1 << generator.integers(0, 8)
        refusals += refused(bytes(damaged))
    assert refusals > 100


def test_garbled_bytes_raise_nothing_else():
    model = write(model_of(network()))
    generator = np.random.default_rng(8)
    for _ in range(1500):
        damaged = np.frombuffer(model, np.uint8).copy()
        places = generator.integers(8, len(damaged), generator.integers(1, 6))
        damaged[places] = generator.choice([0, 1, 127, 128, 255, *generator.integers(0, 256, 3)], len(places))
        refused(damaged.tobytes())


def changed(change):
    """The bytes of the network with something in it changed."""
    model = unpack(write(model_of(network())))
    change(model)
    return pack(model)


def at_operator(name, value):
    return lambda model: setattr(model.subgraphs[0].operators[0], name, value)


def at_weight(name, value):
    return lambda model: setattr(model.subgraphs[0].tensors[1], name, value)


def at_scales(name, value):
    return lambda model: setattr(model.subgraphs[0].tensors[1].quantization, name, value)


def without_scales_of_shape(shape):
    def change(model):
        tensor = model.subgraphs[0].tensors[1]
        tensor.shape, tensor.quantization = shape, None

    return change


def scales(count):
    def change(model):
        quantization = model.subgraphs[0].tensors[1].quantization
        quantization.scale = np.ones(count, np.float32)
        quantization.zeroPoint = np.zeros(count, np.int64)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (at_operator("inputs", [0, 1, 6]), "operator 0 FULLY_CONNECTED: tensor 6 does not exist"),
        (at_operator("inputs", [0, -2, 2]), "operator 0 FULLY_CONNECTED: tensor -2 does not exist"),
        (at_operator("outputs", [-1]), "operator 0 FULLY_CONNECTED: tensor -1 does not exist"),
        (at_operator("intermediates", [99]), "operator 0 FULLY_CONNECTED: tensor 99 does not exist"),
        (lambda model: setattr(model.subgraphs[0], "inputs", [8]), "input: tensor 8 does not exist"),
        (lambda model: setattr(model.subgraphs[0], "outputs", [-1]), "output: tensor -1 does not exist"),
        (at_operator("opcodeIndex", 9), "list index out of range"),
        (at_weight("buffer", 70), "list index out of range"),
        (at_weight("shape", [3, 5]), "cannot reshape array of size 12 into shape (3,5)"),
        (without_scales_of_shape([-3, -4]), "a constant has shape (-3, -4)"),
        (scales(2), "tensor 1 of shape (3, 4) has 2 scales along dimension 0"),
        (at_scales("quantizedDimension", 1), "tensor 1 of shape (3, 4) has 3 scales along dimension 1"),
        (at_scales("quantizedDimension", 2), "tensor 1 of shape (3, 4) has 3 scales along dimension 2"),
        (at_scales("zeroPoint", [0, 0]), "tensor 1 has 3 scales and 2 zero points"),
        (lambda model: setattr(model, "subgraphs", []), "no subgraph"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(change, says):
    with pytest.raises(NotAModelError) as caught:
        read(changed(change))
    assert str(caught.value).startswith("a damaged TFLite model: ")
    assert says in str(caught.value)


def test_a_dimension_that_is_only_known_at_run_time_is_kept():
    graph = bare(("x", (-1, 4), np.int8, per_tensor(0.1)))
    assert read(write(model_of(graph))).main.tensors[0].shape == (-1, 4)


def test_enumerations_have_the_schemas_names():
    assert schema.TENSOR_TYPES[flat.TensorType.INT8] == "INT8"
    assert schema.OPERATORS[flat.BuiltinOperator.ADD] == "ADD"
