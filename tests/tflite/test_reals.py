"""The real numbers of a model's constants: of small graphs made by hand, and of everyday Keras models."""

import numpy as np
import pytest

from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.builder import Builder
from qcompare.tflite.pair import with_reals
from qcompare.tflite.reals import quantized, real_constants

GRID = Grid.single(0.1, 3, np.int8)
WIDTH = 5


def drawn(seed, shape, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def grid_of(real, dtype=np.int8, scale=None):
    return Grid.single(np.abs(real).max() / 127 if scale is None else scale, 0, dtype)


class Pair:
    """A float graph and an integer one, built side by side; a tensor is known by its indices in both."""

    def __init__(self):
        self.a, self.b = Builder(), Builder()
        self.x = self.activation("x", "x", WIDTH)

    def activation(self, one, other, width):
        return self.a.activation(one, (1, width), np.float32), self.b.activation(other, (1, width), np.int8, GRID)

    def constant(self, real, *, name="w", dtype=np.int8, scale=None, trained=0.0):
        """trained: what the integers' reals are away from the float model's."""
        grid = grid_of(real, dtype, scale)
        data = grid.quantize(real.astype(np.float64) + trained)
        return self.a.constant(name, real), self.b.constant(f"other {name}", data, grid)

    def operator(self, kind, inputs, width=WIDTH, *, turned=False):
        """turned: whether the integer operator has its inputs the other way round."""
        y = self.activation(f"y{len(self.a.operators)}", f"z{len(self.a.operators)}", width)
        one, other = ([side[number] for side in inputs] for number in (0, 1))
        self.a.operator(kind, one, [y[0]])
        self.b.operator(kind, other[::-1] if turned else other, [y[1]])
        return y

    def models(self, y):
        return model_of(self.a.graph([self.x[0]], [y[0]])), model_of(self.b.graph([self.x[1]], [y[1]]))

    def found(self, y):
        """Index of a constant of the integer graph -> its reals."""
        return {index: real for (_, index), real in real_constants(*self.models(y)).items()}


def test_weights_and_biases_are_found_under_other_names():
    pair = Pair()
    w, b = drawn(1, (WIDTH, WIDTH)), drawn(2, WIDTH)
    weight, bias = pair.constant(w), pair.constant(b, name="b", dtype=np.int32, scale=1e-4)
    y = pair.operator("TANH", [pair.operator("FULLY_CONNECTED", [pair.x, weight, bias])])
    found = pair.found(y)
    assert set(found) == {weight[1], bias[1]}
    np.testing.assert_array_equal(found[weight[1]], w)
    np.testing.assert_array_equal(found[bias[1]], b)


@pytest.mark.parametrize("kind", ["ADD", "MUL"])
def test_an_operand_may_stand_on_the_other_side(kind):
    pair = Pair()
    real = drawn(1, WIDTH)
    operand = pair.constant(real)
    found = pair.found(pair.operator(kind, [pair.x, operand], turned=True))
    np.testing.assert_array_equal(found[operand[1]], real)


def test_a_difference_has_its_sides():
    """Two operands of few elements: neither is told by its integers alone."""
    pair = Pair()
    operand = pair.constant(drawn(1, WIDTH))
    assert pair.found(pair.operator("SUB", [pair.x, operand], turned=True)) == {}


def zeros_of_b(pair, values):
    data = np.array(values, np.int32)
    return pair.b.constant("bias", data, Grid.single(1e-4, 0, np.int32))


@pytest.mark.parametrize("absent", [(), (-1,)])
@pytest.mark.parametrize("values", [[0] * WIDTH, [0, 0, 7, 0, 0]])
def test_a_bias_that_the_float_model_does_not_have_is_zeros_or_unknown(absent, values):
    pair = Pair()
    weight, bias = pair.constant(drawn(1, (WIDTH, WIDTH))), zeros_of_b(pair, values)
    y = pair.activation("y", "z", WIDTH)
    pair.a.operator("FULLY_CONNECTED", [pair.x[0], weight[0], *absent], [y[0]])
    pair.b.operator("FULLY_CONNECTED", [pair.x[1], weight[1], bias], [y[1]])
    found = pair.found(y)
    assert weight[1] in found
    if any(values):
        assert bias not in found
    else:
        np.testing.assert_array_equal(found[bias], np.zeros(WIDTH, np.float32))


def test_another_shape_has_none():
    pair = Pair()
    w = drawn(1, (WIDTH, WIDTH))
    data = grid_of(w).quantize(w.astype(np.float64)).reshape(1, WIDTH, WIDTH)
    one, other = pair.a.constant("w", w), pair.b.constant("w", data, grid_of(w))
    assert pair.found(pair.operator("FULLY_CONNECTED", [pair.x, (one, other)])) == {}


def test_weights_that_were_trained_on_have_the_float_models():
    pair = Pair()
    w = drawn(1, (WIDTH, WIDTH))
    weight = pair.constant(w, trained=drawn(2, w.shape, 0.1))
    found = pair.found(pair.operator("FULLY_CONNECTED", [pair.x, weight]))
    np.testing.assert_array_equal(found[weight[1]], w)


def shared(trained):
    """A matrix that two operators of the integer graph share, and that the float graph has twice, once changed."""
    pair = Pair()
    w = drawn(1, (WIDTH, WIDTH))
    weight = pair.constant(w, trained=trained)
    changed = pair.a.constant("changed", w + drawn(3, w.shape))
    y = pair.operator("FULLY_CONNECTED", [pair.x, (changed, weight[1])])
    return pair, w, weight[1], pair.operator("FULLY_CONNECTED", [y, weight])


def test_of_a_shared_constants_counterparts_the_one_that_it_was_made_of_is_taken():
    pair, w, weight, y = shared(trained=0.0)
    np.testing.assert_array_equal(pair.found(y)[weight], w)


def test_of_a_shared_constants_counterparts_none_is_guessed():
    pair, _, weight, y = shared(trained=0.3)
    assert weight not in pair.found(y)


def test_where_operators_are_others_a_constant_is_told_by_its_integers():
    pair = Pair()
    w, v = drawn(1, (WIDTH, WIDTH)), drawn(2, (WIDTH, WIDTH))
    first, second = pair.constant(w), pair.constant(v)
    y = pair.activation("y", "z", WIDTH)
    pair.a.operator("BATCH_MATMUL", [pair.x[0], second[0]], [y[0]])
    pair.b.operator("FULLY_CONNECTED", [pair.x[1], second[1]], [y[1]])
    after = pair.operator("FULLY_CONNECTED", [y, first])
    found = pair.found(after)
    np.testing.assert_array_equal(found[first[1]], w)
    np.testing.assert_array_equal(found[second[1]], v)


def test_a_pair_without_a_float_model_has_none():
    pair = Pair()
    a, b = pair.models(pair.operator("FULLY_CONNECTED", [pair.x, pair.constant(drawn(1, (WIDTH, WIDTH)))]))
    given = Built(content=schema.write(b))
    assert with_reals(given, Built()).reals == {}
    assert set(with_reals(given, Built(content=schema.write(a))).reals) == {(0, 1)}


CONSTANTS = {
    **{"mlp-int8": 6, "mlp-uint8": 6, "mlp-16x8": 6, "mlp-dynamic": 2, "mlp-float16": 6},
    **{"cnn-int8": 10, "cnn-16x8": 10, "cnn-dynamic": 2, "cnn-float16": 10},
    **{"ds_cnn-int8": 12, "conv1d-int8": 6, "dilated-int8": 11, "embedding-int8": 5, "attention-int8": 20},
    **{"lstm-int8": 14, "lstm-dynamic": 8, "lstm-float16": 16, "lstm_any_length-int8": 14},
    **{"lstm_bidirectional-int8": 26, "lstm_unrolled-int8": 6, "lstm_unrolled-16x8": 6, "gru_unrolled-int8": 19},
}
"""File -> its quantized constants, all of which have their reals. A DS-CNN's normalization is in its convolutions."""


def pair_of(files, name, real):
    return [schema.read((files / f"{each}.tflite").read_bytes()) for each in (real, name)]


@pytest.mark.slow
@pytest.mark.runtime
@pytest.mark.parametrize("name", CONSTANTS)
def test_an_everyday_model_has_all_of_them(runs, name):
    float_model, model = pair_of(runs.everyday_models("tf_keras"), name, f"{name.partition('-')[0]}-float")
    check(model, real_constants(float_model, model), CONSTANTS[name])


def check(model, found, number):
    constants = dict(quantized(model))
    assert set(found) <= set(constants)
    assert len(found) == number
    unequal = []
    for place, real in found.items():
        tensor = constants[place]
        assert (real.dtype, real.shape) == (np.float32, tensor.shape)
        if tensor.integers is None:
            np.testing.assert_array_equal(real.astype(np.float16), tensor.data)
            continue
        nearest = tensor.integers.quantize(real.astype(np.float64), real.ndim)
        assert np.abs(nearest.astype(np.int64) - tensor.data).max() <= 1
        unequal.append(np.mean(nearest != tensor.data) * real.size)
    assert sum(unequal) <= 2e-3 * sum(real.size for real in found.values())


@pytest.mark.slow
@pytest.mark.runtime
def test_a_loop_and_an_unrolled_model_share_what_their_integers_tell(runs):
    """Without are the scalar of `1 - z`, and the first step's biases, thirds of one in the float model."""
    float_model, model = pair_of(runs.everyday_models("tf_keras"), "gru_unrolled-int8", "gru-float")
    found = real_constants(float_model, model)
    missing = {tensor.shape for place, tensor in quantized(model) if place not in found}
    check(model, found, 15)
    assert missing == {(), (1, 24)}
