"""A network comes back from its files as it was."""

import numpy as np
import pytest

from qcompare.core.function import Function
from qcompare.core.network import Network, dump, load

RANDOM = np.random.default_rng(4)
FLOAT = Network(
    model={"name": "lstm", "units": [32, 8], "head": [], "lowering": "unrolled", "return_sequences": False},
    steps=8,
    features=3,
    outputs=10,
    weights={
        "recurrent_1/kernel": RANDOM.normal(size=(3, 32)).astype(np.float32),
        "recurrent_0/kernel": np.array([[0.1, -0.0, 3e-39, np.inf, np.nan]], np.float32),
        "dense_0/bias": np.zeros(0, np.float32),
    },
    evaluate=Function("qcompare.training.float_network", "evaluate"),
)
TRAINED = Network(
    model={"name": "simple_rnn", "units": [4], "activation": None},
    steps=1,
    features=2,
    outputs=5,
    weights={"recurrent_0/kernel": RANDOM.normal(size=(2, 4)).astype(np.float32)},
    ranges={
        "recurrent_0/h": np.array([-1.0, 0.9921875], np.float32),
        "x": np.array([-0.1, np.nextafter(np.float32(0.2), np.float32(1))], np.float32),
    },
    simulation={"simulate": "exact", "kernels": "xnnpack", "number_format": "int8", "nested": {"steps": [1, 2]}},
    evaluate=Function("qcompare.training.qat_network", "evaluate"),
)
both = pytest.mark.parametrize("network", [FLOAT, TRAINED], ids=["float", "trained"])


def same(back, arrays):
    """Whether arrays have the same names in the same order, the same dtypes, shapes and bits."""

    def plain(named):
        return [(name, array.dtype, array.shape, array.tobytes()) for name, array in named.items()]

    return plain(back) == plain(arrays)


@both
def test_a_network_comes_back_as_it_was(network):
    back = load(dump(network))
    assert back.model == network.model
    assert (back.steps, back.features, back.outputs) == (network.steps, network.features, network.outputs)
    assert same(back.weights, network.weights)
    assert same(back.ranges, network.ranges)
    assert back.simulation == network.simulation
    assert back.evaluate == network.evaluate


@both
def test_the_same_network_has_the_same_bytes(network):
    files = dump(network)
    assert dump(load(files)) == files


def test_what_evaluates_it_is_called_by_its_name():
    network = Network(model={}, steps=1, features=1, outputs=1, weights={}, evaluate=Function("math", "hypot"))
    assert load(dump(network)).evaluate(3.0, 4.0) == 5.0
