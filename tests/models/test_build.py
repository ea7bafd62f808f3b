"""The architecture that a description asks for."""

from qcompare.models.build import architecture
from qcompare.models.gru import GRUCell
from qcompare.models.lmu import LMUCell
from qcompare.models.lstm import FusedLSTM, LSTMCell
from qcompare.models.simple_rnn import SimpleRNNCell

SHAPE = {"steps": 2, "features": 3, "outputs": 2}
LMU = {
    "name": "lmu",
    "units": [4, 3],
    "head": [6],
    "order": 5,
    "theta": "auto",
    "activation": "tanh",
    "use_bias": True,
    "return_sequences": False,
    "lowering": "unrolled",
}
LSTM = {"name": "lstm", "units": [4], "head": [], "use_bias": True, "return_sequences": False, "lowering": "unrolled"}


def test_recurrent_layers_a_head_and_the_output():
    found = architecture(LMU, **SHAPE)
    assert found.cells == tuple(LMUCell(units=units, order=5, theta=2.0, activation="tanh") for units in (4, 3))
    assert (found.dense_units, found.activation) == ((6, 2), "relu")
    assert (found.steps, found.features) == (2, 3)
    assert not found.return_sequences


def test_options_reach_the_layers():
    assert architecture(LMU | {"theta": 7.0}, **SHAPE).cells[0].theta == 7.0
    assert architecture(LMU | {"return_sequences": True}, **SHAPE).return_sequences
    assert architecture(LSTM, **SHAPE).cells == (LSTMCell(units=4),)
    bare = architecture(LSTM | {"use_bias": False}, **SHAPE)
    assert (bare.cells, bare.use_bias) == ((LSTMCell(units=4, use_bias=False),), False)
    assert architecture(LSTM | {"lowering": "fused"}, **SHAPE).cells == (FusedLSTM(units=4),)
    assert architecture(LSTM | {"lowering": "loop"}, **SHAPE).cells == (LSTMCell(units=4),)
    gru = LSTM | {"name": "gru", "reset_after": True}
    assert architecture(gru, **SHAPE).cells == (GRUCell(units=4),)
    before = architecture(gru | {"reset_after": False, "use_bias": False}, **SHAPE)
    assert before.cells == (GRUCell(units=4, reset_after=False, use_bias=False),)
    rnn = LSTM | {"name": "simple_rnn", "activation": "relu"}
    assert architecture(rnn, **SHAPE).cells == (SimpleRNNCell(units=4, activation="relu"),)


def test_a_dense_network_has_hidden_layers_of_its_own_activation():
    found = architecture({"name": "dense", "units": [8, 4], "activation": "tanh", "use_bias": True}, **SHAPE)
    assert (found.cells, found.dense_units, found.activation) == ((), (8, 4, 2), "tanh")
