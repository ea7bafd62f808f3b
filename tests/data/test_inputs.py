"""Inputs of any model: random ones fill the dtype's range, the user's arrive as the integers they mean."""

import numpy as np
import pytest

from qcompare.audit.one_op import FLOAT32, INT8, INT16, activation, one_op
from qcompare.core.graph import model_of
from qcompare.data.inputs import InputsError, random_inputs, read_inputs, read_reals
from qcompare.engines import litert
from qcompare.tflite.schema import write


def graph_of(*sides):
    return one_op("CUSTOM", list(sides), [activation((1, 1), INT8, 1.0)])


@pytest.fixture
def saved(tmp_path):
    def save(*arrays, **named):
        np.savez(tmp_path / "x.npz", *arrays, **named)
        return tmp_path / "x.npz"

    return save


def test_random_integers_fill_the_range_of_their_dtype():
    graph = graph_of(
        activation((1, 50), INT8, 0.1, 3), activation((1, 50), INT16, 0.1), activation((1, 50), np.uint8, 0.1, 128)
    )
    values = random_inputs(graph, 500, 0)
    for index in graph.inputs:
        tensor = graph.tensors[index]
        limits = np.iinfo(tensor.dtype)
        assert values[index].dtype == tensor.dtype
        assert values[index].shape == (500, 1, 50)
        assert values[index].min() <= limits.min + 16
        assert values[index].max() >= limits.max - 16
    assert set(np.unique(values[0])) == set(range(-128, 128))


def test_random_floats_booleans_and_counts():
    graph = graph_of(
        activation((1, 50), FLOAT32),
        activation((1, 50), np.bool_),
        activation((1, 50), np.int32),
        activation((), np.int64),
    )
    floats, booleans, counts, scalar = random_inputs(graph, 200, 0).values()
    assert abs(floats.mean()) < 0.05
    assert abs(floats.std() - 1) < 0.05
    assert set(np.unique(booleans)) == {False, True}
    assert set(np.unique(counts)) == set(range(10))
    assert scalar.shape == (200,)


def test_the_seed_decides():
    graph = graph_of(activation((1, 50), INT8, 0.1, 3))
    assert (random_inputs(graph, 4, 7)[0] == random_inputs(graph, 4, 7)[0]).all()
    assert (random_inputs(graph, 4, 7)[0] != random_inputs(graph, 4, 8)[0]).any()


def test_what_cannot_be_drawn():
    with pytest.raises(InputsError, match="input 't0' is of a type"):
        random_inputs(graph_of(activation((1, 4), np.dtype(object))), 3, 0)


def test_real_numbers_are_quantized_half_away_and_saturate(saved):
    graph = graph_of(activation((1, 6), INT8, 0.5, 10))
    path = saved(np.array([[0.0, 0.25, -0.25, 0.24, 1e9, -1e9]]))
    assert read_inputs(path, graph)[0].tolist() == [[[10, 11, 9, 10, 127, -128]]]
    assert read_inputs(path, graph)[0].dtype == np.int8


@pytest.mark.runtime
@pytest.mark.parametrize("dtype", [INT8, INT16])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_real_numbers_become_what_the_quantize_kernel_makes_of_them(saved, dtype, given):
    """Half-way between two integers as far as float32 goes, where the dtype of the division decides."""
    scale, zero_point = np.float32(0.0371), 5 if dtype == INT8 else 0
    halves = np.arange(-900, 900, dtype=np.float32) + np.float32(0.5)
    x = (halves * scale).reshape(1, -1)
    path = saved(x.astype(given))
    found = read_inputs(path, graph_of(activation(x.shape, dtype, scale, zero_point)))[0]
    kernel = one_op("QUANTIZE", [activation(x.shape, FLOAT32)], [activation(x.shape, dtype, scale, zero_point)])
    expected = litert.run(write(model_of(kernel)), {0: x}, "reference").result
    assert found.reshape(expected.shape).tolist() == expected.tolist()
    in_float64 = np.trunc(x / np.float64(scale) + np.copysign(0.5, x)) + zero_point
    assert (np.clip(in_float64, *limits_of(dtype)) != expected).sum() > 30


def limits_of(dtype):
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@pytest.mark.filterwarnings("error")
def test_reals_beyond_float32_saturate(saved):
    path = saved(np.array([[1e300, -1e300, 1e38, -1e38]]))
    graph = graph_of(activation((1, 4), INT8, 1e-3, 10))
    assert read_inputs(path, graph)[0].tolist() == [[[127, -128, 127, -128]]]


def test_integers_stay_as_they_are_and_names_come_before_order(saved):
    graph = graph_of(activation((1, 2), INT8, 0.5, 10), activation((1, 2), INT8, 0.5, 10))
    first, second = np.array([[1, 2]], np.int8), np.array([[3, 4]], np.int64)
    named = read_inputs(saved(t1=first, t0=second), graph)
    assert named[0].tolist() == [[[3, 4]]]
    assert named[1].tolist() == [[[1, 2]]]
    ordered = read_inputs(saved(a=first, b=second), graph)
    assert ordered[0].tolist() == [[[1, 2]]]


def test_samples_from_the_start_with_or_without_the_batch(saved):
    graph = graph_of(activation((1, 2), INT8, 0.5))
    values = np.arange(10, dtype=np.int8).reshape(5, 2)
    assert read_inputs(saved(values), graph, 3)[0].reshape(3, 2).tolist() == values[:3].tolist()
    assert read_inputs(saved(values.reshape(5, 1, 2)), graph)[0].shape == (5, 1, 2)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([np.zeros((3, 4))], "is \\[samples, 2\\], not \\[3, 4\\]"),
        ([np.zeros(2)], "is \\[samples, 2\\], not \\[2\\]"),
        ([np.array([[np.nan, 0]])], "NaN or Inf"),
        ([np.array([[np.inf, 0]])], "NaN or Inf"),
        ([np.array([[128, 0]])], "integers beyond int8"),
        ([np.array([["a", "b"]])], "is int8, not"),
        ([np.zeros((0, 2))], "same number of samples"),
        ([np.zeros((1, 2)), np.zeros((1, 2))], "it holds arr_0, arr_1; the model needs t0"),
        ([], "it holds nothing"),
    ],
)
def test_arrays_that_do_not_fit(saved, arrays, said):
    with pytest.raises(InputsError, match=said) as caught:
        read_inputs(saved(*arrays), graph_of(activation((1, 2), INT8, 0.5)))
    assert len(str(caught.value).splitlines()) == 1


def test_different_numbers_of_samples(saved):
    graph = graph_of(activation((1, 2), INT8, 0.5), activation((1, 2), INT8, 0.5))
    with pytest.raises(InputsError, match=r"not \[2, 3\]"):
        read_inputs(saved(np.zeros((2, 2)), np.zeros((3, 2))), graph)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(InputsError, match=r"no readable \.npz"):
        read_inputs(path, graph_of(activation((1, 2), INT8, 0.5)))


def test_the_test_inputs_of_training_data_are_taken(saved):
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    path = saved(x_train=np.zeros((9, 6), np.float32), y_train=np.zeros(9, int), x_test=x, y_test=np.zeros(4, int))
    graph = graph_of(activation((1, 6), FLOAT32))
    assert (read_inputs(path, graph)[0].reshape(4, 6) == x).all()
    assert len(read_inputs(path, graph, 3)[0]) == 3
    with pytest.raises(InputsError, match="it holds x_train, y_train, x_test, y_test; the model needs t0, t1"):
        read_inputs(path, graph_of(activation((1, 6), FLOAT32), activation((1, 6), FLOAT32)))


def test_one_array_in_a_file_of_its_own(tmp_path):
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.save(tmp_path / "x.npy", x)
    assert (read_inputs(tmp_path / "x.npy", graph_of(activation((1, 6), FLOAT32)))[0].reshape(4, 6) == x).all()
    with pytest.raises(InputsError, match=r"x\.npy: it holds x; the model needs t0, t1"):
        read_inputs(tmp_path / "x.npy", graph_of(activation((1, 6), FLOAT32), activation((1, 6), FLOAT32)))


def test_reals_stay_unrounded_and_integers_of_the_inputs_dtype_are_those_of_its_grid(saved, tmp_path):
    graph = graph_of(activation((1, 3), INT8, 0.5, 10))
    found = read_reals(saved(np.array([[0.3, 1e9, -2.0]])), graph)
    assert found.dtype == np.float32
    assert found.tolist() == [[[np.float32(0.3), 1e9, -2]]]
    assert read_reals(saved(np.array([[10, 12, 0]], np.int8)), graph).tolist() == [[[0, 1, -5]]]
    assert read_reals(saved(np.array([[10, 12, 0]], np.uint8)), graph).tolist() == [[[10, 12, 0]]]
    assert len(read_reals(saved(np.zeros((5, 3))), graph, 2)) == 2
    for array, says in ((np.zeros((0, 3)), "no samples"), (np.full((1, 3), np.nan), "holds NaN or Inf")):
        with pytest.raises(InputsError, match=says):
            read_reals(saved(array), graph)
