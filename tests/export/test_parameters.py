"""What training learned, read back from the converted models of real runs bit for bit."""

import numpy as np
import pandas as pd
import pytest

from qcompare.analysis.parameters import PARAMETERS
from qcompare.report import csv
from qcompare.tflite import schema
from qcompare.tflite.roles import activation_tap, weight_taps
from tests.runs import RESULTS

ROLES = {
    "dense": {"x", "dense_0/output", "dense_1/output", "dense_0/kernel", "dense_1/kernel"},
    "aligned dense": {"x", "dense_0/output", "dense_1/output", "dense_0/kernel", "dense_1/kernel"},
    "simple_rnn": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("kernel", "recurrent_kernel", "from_input", "from_state")),
        "recurrent_0/h_before_activation",
    },
    "lstm": {
        *("x", "dense_0/kernel", "dense_0/output", "recurrent_0/h", "recurrent_0/cell_state"),
        *(f"recurrent_0/{matrix}/{gate}" for matrix in ("kernel", "recurrent_kernel") for gate in "ifgo"),
    },
    "unrolled lstm": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("kernel", "recurrent_kernel", "from_input", "from_state", "gates")),
        *(f"recurrent_0/{name}" for name in ("kept", "added", "cell", "h")),
    },
    "loop lstm": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("kernel", "recurrent_kernel", "from_input", "from_state", "gates")),
        *(f"recurrent_0/{name}" for name in ("kept", "added", "cell", "h")),
    },
    "16-bit simple_rnn": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("kernel", "recurrent_kernel", "from_input", "from_state")),
        "recurrent_0/h_before_activation",
    },
    "gru": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("kernel", "recurrent_kernel", "from_input", "from_state", "reset")),
        *(f"recurrent_0/{name}_before_activation" for name in ("gate_z", "gate_r", "candidate")),
        *(f"recurrent_0/{name}" for name in ("kept", "one_minus_z", "added", "h")),
    },
    "lmu": {
        *("x", "dense_0/kernel", "dense_0/output"),
        *(f"recurrent_0/{name}" for name in ("A", "B", "input_encoder", "hidden_encoder", "memory_encoder")),
        *(f"recurrent_0/{name}" for name in ("input_kernel", "hidden_kernel", "memory_kernel")),
        *(f"recurrent_0/{name}" for name in ("u_from_hidden", "u_from_memory", "u_from_input", "u_from_state", "u")),
        *(f"recurrent_0/{name}" for name in ("memory_kept", "memory_added", "memory", "from_hidden", "from_memory")),
        *(f"recurrent_0/{name}" for name in ("from_state", "from_input", "h_before_activation")),
    },
}
"""What was trained -> the roles whose scale training learns and the model must have."""


@pytest.fixture(params=RESULTS)
def trained(request):
    return request.param


@pytest.fixture
def folder(runs, trained):
    return runs.results(trained) / "seed=0"


def parameters(folder):
    return csv.read((folder / PARAMETERS.file).read_bytes(), PARAMETERS.dtypes)


def bits(column):
    return column.to_numpy(np.float32).view(np.int32)


def test_every_learned_scale_stands_in_the_model_bit_for_bit(trained, folder):
    rows = parameters(folder)
    learned = rows[rows["learned_scale"].notna()]
    assert ROLES[trained] <= set(learned["tap"])
    np.testing.assert_array_equal(bits(learned["learned_scale"]), bits(learned["scale"]))
    assert set(learned["scale_ulp"]) == {0}
    assert learned["learned_zero_point"].equals(learned["zero_point"])
    assert learned["exact"].all()
    assert rows[rows["learned_scale"].isna()]["exact"].isna().all()


def test_what_is_not_learned_is_prescribed_or_only_moved(trained, folder):
    """Besides what training learns there are TANH and LOGISTIC, whose scales are fixed, and parts of other tensors."""
    rows = parameters(folder)
    other = rows[rows["learned_scale"].isna()]
    fixed = other[other["tap"] != ""]
    gates = ("gate_i", "gate_f", "gate_g", "gate_o", "gate_z", "gate_r", "candidate", "tanh_cell")
    prescribed = {f"recurrent_0/{name}" for name in ("h", *gates)}
    assert set(fixed["tap"]) <= prescribed
    assert set(fixed["scale"]) <= ({2.0**-15} if trained == "16-bit simple_rnn" else {1 / 128, 1 / 256})
    assert other["channel"].isna().all()


def test_rows_are_those_of_the_model(folder):
    graph = schema.read((folder / "qat.tflite").read_bytes()).main
    rows = parameters(folder)
    for tensor in graph.tensors:
        own = rows[rows["tensor"] == tensor.name]
        if tensor.dtype in (np.int8, np.int16) and tensor.grid is not None:
            np.testing.assert_array_equal(own["scale"].to_numpy(np.float32), tensor.grid.scale)
            np.testing.assert_array_equal(own["zero_point"].to_numpy(np.int64), tensor.grid.zero_point)
            channels = range(tensor.grid.scale.size) if tensor.grid.per_channel else [pd.NA]
            assert own["channel"].tolist() == list(channels)
        else:
            assert own.empty


def products(model, folder):
    """(Graph, FULLY_CONNECTED, name of its weight) of each product with a trained weight, in loops too."""
    rows = parameters(folder)
    names = dict(zip(rows["tensor"], rows["tap"], strict=True))
    for graph in model.graphs:
        for operator in graph.operators:
            name = names.get(graph.tensors[operator.inputs[1]].name, "") if operator.name == "FULLY_CONNECTED" else ""
            if name:
                yield graph, operator, name


def test_weights_and_biases_are_the_trained_ones_rounded_to_their_scales(trained, folder):
    model = schema.read((folder / "qat.tflite").read_bytes())
    with np.load(folder / "qat_weights.npz") as stored:
        weights = {name: stored[name].astype(np.float64) for name in stored.files}
    seen = set()
    for graph, operator, name in products(model, folder):
        if name not in weights:
            continue
        x, w = (graph.tensors[index] for index in operator.inputs[:2])
        scale = w.grid.scale.astype(np.float64)
        np.testing.assert_array_equal(w.data, np.rint(weights[name].T / scale[:, None]))
        seen.add(name)
        layer, _, matrix = name.rpartition("/")
        bias_name = f"{layer}/{'recurrent_bias' if matrix == 'recurrent_kernel' else 'bias'}"
        has_bias = bias_name in weights and matrix in ("kernel", "input_kernel", "recurrent_kernel")
        if has_bias and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            bias = graph.tensors[operator.inputs[2]]
            assert bias.dtype == (np.int64 if trained == "16-bit simple_rnn" else np.int32)
            np.testing.assert_array_equal(bias.data, np.rint(weights[bias_name] / (np.float64(x.scale) * scale)))
            seen.add(bias_name)
    expected = {name for name in weights if not name.startswith("recurrent_0/") or trained != "lstm"}
    assert seen == expected


def test_roles_are_told_by_names_alone(trained, folder):
    graph = schema.read((folder / "qat.tflite").read_bytes()).main
    assert activation_tap(graph, graph.tensors[graph.inputs[0]]).role == "x"
    assert activation_tap(graph, graph.tensors[graph.outputs[0]]).role.startswith("dense_")
    last = max(ROLES[trained] & {"dense_0/kernel", "dense_1/kernel"})
    taps = weight_taps(graph, {last.replace("kernel", "output"): last}).values()
    assert last in {tap.role for tap in taps}
