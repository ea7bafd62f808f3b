"""A user's pair of files: what is refused in one line, and ends that are made alike."""

from dataclasses import replace

import numpy as np
import pytest

from qcompare.core.ends import Ends
from qcompare.core.graph import model_of
from qcompare.engines import litert
from qcompare.tflite import schema
from qcompare.tflite.artifact import Built
from qcompare.tflite.builder import Builder
from qcompare.tflite.file import ModelFileError
from qcompare.tflite.pair import check_alike, ends_in_softmax, float_ends, integer_ends, read_float
from tests.tflite.graphs import network

WEIGHT = np.array([[1, -2], [3, 0.5], [-1, 1]], np.float32)


def float_model(softmax=False, dtype=np.float32):
    build = Builder()
    x, w, b = build.activation("x", (1, 2), dtype), build.constant("w", WEIGHT), build.constant("b", WEIGHT[:, 0])
    y = build.activation("y", (1, 3), np.float32)
    build.operator("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions", {"keep_num_dims": False})
    if softmax:
        z = build.activation("z", (1, 3), np.float32)
        build.operator("SOFTMAX", (y,), (z,), "SoftmaxOptions", {"beta": 1.0})
        y = z
    return build.graph((x,), (y,))


def written(path, graph):
    path.write_bytes(schema.write(model_of(graph)))
    return path


def test_what_a_pair_takes_and_gives(tmp_path):
    assert integer_ends(written(tmp_path / "int8.tflite", network())) == Ends(shape=(4,), outputs=3)
    assert float_ends(written(tmp_path / "float.tflite", float_model())) == Ends(shape=(2,), outputs=3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "no TFLite model: the file identifier TFL3 is missing"),
        (b"", "no TFLite model: the file identifier TFL3 is missing"),
        (schema.write(model_of(network()))[:400], "a damaged TFLite model: "),
    ],
)
def test_what_is_no_model_is_refused_and_what_would_be_right_said(tmp_path, content, says):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    for read, right in ((integer_ends, "the integer model"), (float_ends, "the float model, or a Keras file")):
        with pytest.raises(ModelFileError) as refused:
            read(path)
        text = str(refused.value)
        assert text.startswith(f"{path}: {says}")
        assert text.endswith(f"; give the .tflite file of {right}")


def test_every_part_of_a_file_is_refused_in_one_line(tmp_path):
    whole, path = schema.write(model_of(network())), tmp_path / "m.tflite"
    for size in range(0, len(whole), 41):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError) as refused:
            integer_ends(path)
        assert "\n" not in str(refused.value)


def test_a_folder_and_the_other_model_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"Is a directory; give the \.tflite file"):
        integer_ends(tmp_path)
    with pytest.raises(ModelFileError, match="computes in floats alone"):
        integer_ends(written(tmp_path / "float.tflite", float_model()))
    with pytest.raises(ModelFileError, match="its tensor 'x' is int8; give the float model"):
        float_ends(written(tmp_path / "int8.tflite", network()))


def changed(graph, index, **values):
    tensors = [replace(each, **values) if each.index == index else each for each in graph.tensors]
    return replace(graph, tensors=tuple(tensors))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda graph: replace(graph, inputs=(0, 3)), "the model has 2 inputs; one is taken"),
        (lambda graph: replace(graph, outputs=(3, 3)), "the model has 2 outputs; one is taken"),
        (lambda graph: changed(graph, 0, dtype=np.dtype(np.int32)), "'x' is int32; float32 or integers of reals"),
        (lambda graph: changed(graph, 0, shape=(8, 2)), "its input has the shape [8, 2]; one sample is taken"),
    ],
)
def test_ends_that_are_not_taken_are_named(tmp_path, change, says):
    with pytest.raises(ModelFileError) as refused:
        float_ends(written(tmp_path / "float.tflite", change(float_model())))
    assert says in str(refused.value)


def test_models_of_other_sizes_are_no_pair(tmp_path):
    a, b = Ends(shape=(4, 2), outputs=3), Ends(shape=(8,), outputs=None)
    check_alike(tmp_path, a, tmp_path, b)
    with pytest.raises(ModelFileError, match=r"takes 8 numbers a sample, .* 9; give a pair of one model"):
        check_alike(tmp_path, a, tmp_path, Ends(shape=(9,), outputs=3))
    with pytest.raises(ModelFileError, match=r"gives 3 numbers a sample, .* 4; give a pair of one model"):
        check_alike(tmp_path, a, tmp_path, Ends(shape=(8,), outputs=4))


@pytest.mark.runtime
@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("real", [False, True])
def test_the_float_model_ends_as_the_integer_one_does(tmp_path, integer, real):
    path = written(tmp_path / "float.tflite", float_model(softmax=real))
    found = read_float(str(path), "", Built(content=schema.write(model_of(float_model(softmax=integer)))))
    assert ends_in_softmax(found.model.main) == integer
    x = np.array([[1, 2], [-1, 0.5]], np.float32)
    logits = x @ WEIGHT.T + WEIGHT[:, 0]
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) if integer else logits
    result = litert.run(found.content, {found.model.main.inputs[0]: x}, "reference").result
    assert np.allclose(result, wanted, atol=1e-6)
    assert (found.content == path.read_bytes()) == (integer == real)
