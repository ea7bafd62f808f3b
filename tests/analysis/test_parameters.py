"""Which learned scale belongs to which tensor of a model, told by the tensors' names."""

import numpy as np
import pytest

from qcompare.analysis.parameters import (
    PARAMETERS_DTYPES,
    activation_role,
    compare_parameters,
    lstm_roles,
    parameters_frame,
    weight_roles,
)
from qcompare.core.graph import Graph, Operator, Tensor, model_of
from qcompare.core.grid import Grid


def scales(*values, zero_point=0):
    return Grid(
        scale=np.array(values, np.float32),
        zero_point=np.full(len(values), zero_point, np.int64),
        dtype=np.dtype(np.int8),
    )


class Model:
    """Collects tensors and operators by name."""

    def __init__(self):
        self.tensors, self.operators = [], []

    def tensor(self, name, grid=None, dtype=np.int8, data=None):
        shape = (1, 2) if data is None else data.shape
        self.tensors.append(
            Tensor(
                index=len(self.tensors),
                name=name,
                shape=shape,
                dtype=np.dtype(dtype),
                grid=grid,
                data=data,
            )
        )
        return len(self.tensors) - 1

    def operator(self, name, inputs, outputs, intermediates=()):
        self.operators.append(
            Operator(
                index=len(self.operators),
                name=name,
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                intermediates=tuple(intermediates),
            )
        )

    def graph(self, inputs=(0,)):
        outputs = self.operators[-1].outputs if self.operators else ()
        return Graph(
            tensors=tuple(self.tensors), operators=tuple(self.operators), inputs=tuple(inputs), outputs=outputs
        )


@pytest.fixture
def network():
    """A SimpleRNN step with TANH and a dense layer, as they are named in unrolled models."""
    model = Model()
    matrix = np.ones((2, 2), np.int8)
    x = model.tensor("serving_default_x:0", scales(0.1, zero_point=3))
    w = model.tensor("tfl.pseudo_qconst", scales(0.01, 0.02), data=matrix)
    bias = model.tensor("tfl.pseudo_qconst1", scales(0.001, 0.002), np.int32, np.ones(2, np.int32))
    from_input = model.tensor("recurrent_0/step_0/from_input/MatMul;other/add", scales(0.3, zero_point=-5))
    before = model.tensor("recurrent_0/step_0/h/Add", scales(0.4))
    h = model.tensor("recurrent_0/step_0/h_1/Tanh", scales(1 / 128))
    v = model.tensor("tfl.pseudo_qconst2", scales(0.05), data=matrix)
    out = model.tensor("dense_0/output/MatMul;dense_0/output/add", scales(0.5, zero_point=7))
    moved = model.tensor("split", scales(0.1))
    real = model.tensor("a float", dtype=np.float32)
    model.operator("SPLIT", [x], [moved])
    model.operator("FULLY_CONNECTED", [moved, w, bias], [from_input])
    model.operator("ADD", [from_input, from_input], [before])
    model.operator("TANH", [before], [h])
    model.operator("DEQUANTIZE", [h], [real])
    model.operator("FULLY_CONNECTED", [h, v, -1], [out])
    return model.graph()


WEIGHT_OF = {"recurrent_0/from_input": "recurrent_0/kernel", "dense_0/output": "dense_0/kernel"}


def rows_of(graph, learned):
    return {(row["role"], row["channel"]): row for row in compare_parameters(model_of(graph), learned, WEIGHT_OF)}


def test_every_int8_tensor_is_a_row_for_each_channel(network):
    rows = compare_parameters(model_of(network), {}, WEIGHT_OF)
    assert [(row["tensor"], row["role"], row["channel"]) for row in rows] == [
        ("serving_default_x:0", "x", None),
        ("tfl.pseudo_qconst", "recurrent_0/kernel", 0),
        ("tfl.pseudo_qconst", "recurrent_0/kernel", 1),
        ("recurrent_0/step_0/from_input/MatMul;other/add", "recurrent_0/from_input", None),
        ("recurrent_0/step_0/h/Add", "recurrent_0/h_before_activation", None),
        ("recurrent_0/step_0/h_1/Tanh", "recurrent_0/h", None),
        ("tfl.pseudo_qconst2", "dense_0/kernel", None),
        ("dense_0/output/MatMul;dense_0/output/add", "dense_0/output", None),
        ("split", "", None),
    ]
    assert not any("learned_scale" in row for row in rows)


def test_learned_scales_stand_beside_those_of_the_model(network):
    learned = {
        "x": scales(0.1, zero_point=3),
        "recurrent_0/kernel": scales(0.01, np.nextafter(np.float32(0.02), np.float32(1))),
        "recurrent_0/from_input": scales(0.3, zero_point=-4),
        "dense_0/kernel": scales(0.05),
    }
    rows = rows_of(network, learned)
    assert rows["x", None]["exact"] is True
    assert (rows["recurrent_0/kernel", 0]["scale_ulp"], rows["recurrent_0/kernel", 0]["exact"]) == (0, True)
    assert (rows["recurrent_0/kernel", 1]["scale_ulp"], rows["recurrent_0/kernel", 1]["exact"]) == (1, False)
    shifted = rows["recurrent_0/from_input", None]
    assert (shifted["scale_ulp"], shifted["exact"]) == (0, False)
    assert (shifted["learned_zero_point"], shifted["zero_point"]) == (-4, -5)
    assert rows["dense_0/kernel", None]["exact"] is True


def test_one_learned_scale_stands_beside_every_channel(network):
    rows = rows_of(network, {"recurrent_0/kernel": scales(0.02)})
    assert [rows["recurrent_0/kernel", channel]["exact"] for channel in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("recurrent_0/step_0/from_input/MatMul", "recurrent_0/from_input"),
        ("recurrent_1/step_12/h_3/Tanh", "recurrent_1/h"),
        ("recurrent_0/step_3/u_from_state/Add;recurrent_0/step_3/u/Add", "recurrent_0/u"),
        ("model/recurrent_0/step_3/gates/split:2", "recurrent_0/gates"),
        ("dense_0/output/MatMul;dense_0/output/add", "dense_0/output"),
        ("dense_12/output", "dense_12/output"),
        ("sequential/quant_dense_1/MatMul;sequential/quant_dense_1/BiasAdd", "dense_1/output"),
        ("StatefulPartitionedCall:0", ""),
        ("", ""),
    ],
)
def test_roles_in_names(name, role):
    model = Model()
    tensor = model.tensor(name, scales(1.0))
    assert activation_role(model.graph(inputs=()), model.tensors[tensor]) == role


def test_the_input_has_the_role_x_whatever_its_name():
    model = Model()
    model.tensor("dense_0/output/MatMul", scales(1.0))
    assert activation_role(model.graph(), model.tensors[0]) == "x"


def test_weights_are_told_by_the_product_that_reads_them(network):
    assert weight_roles(network, WEIGHT_OF) == {1: "recurrent_0/kernel", 6: "dense_0/kernel"}
    assert weight_roles(network, {}) == {}


def test_a_fused_lstms_tensors_are_told_by_their_places():
    model = Model()
    indices = [model.tensor(f"t{place}", scales(0.1)) for place in range(24)]
    h, h_again, last = (model.tensor(name, scales(0.2)) for name in ("h", "intermediate", "last"))
    axes = model.tensor("axes", dtype=np.int32, data=np.zeros(1, np.int32))
    model.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", indices, [h], [0, 0, 0, 0, h_again])
    model.operator("STRIDED_SLICE", [h, axes, axes, axes], [last])
    roles = lstm_roles(model.graph())
    assert {roles[place] for place in range(1, 5)} == {f"recurrent_0/kernel/{gate}" for gate in "ifgo"}
    assert [roles[place].rpartition("/")[2] for place in range(5, 9)] == ["i", "f", "g", "o"]
    assert roles[5] == "recurrent_0/recurrent_kernel/i"
    assert roles[19] == "recurrent_0/cell_state"
    assert {roles[index] for index in (18, h, h_again, last)} == {"recurrent_0/h"}


def test_the_frame_has_the_columns_and_dtypes_of_the_file(network):
    keys = {"model": "simple_rnn", "quant": "int8", "lowering": "unrolled", "seed": 3, "route": "qat"}
    rows = [keys | row for row in compare_parameters(model_of(network), {"x": scales(0.1, zero_point=3)}, WEIGHT_OF)]
    frame = parameters_frame(rows)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == PARAMETERS_DTYPES
    assert frame["learned_scale"].notna().sum() == 1
    assert frame["exact"].tolist()[0] is True
    assert parameters_frame([]).empty
