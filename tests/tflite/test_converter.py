"""The converter's results are all integer, and what is not is found."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from qcompare.core.graph import Graph, model_of
from qcompare.manual import executor
from qcompare.tflite import converter as module
from qcompare.tflite.converter import ATTEMPTS, convert, not_integer
from qcompare.tflite.schema import read
from tests.tflite.graphs import bare, network

WEIGHT = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
SAMPLES = np.random.default_rng(1).normal(size=(20, 2, 3)).astype(np.float32)


def forward(x):
    return tf.matmul(tf.reshape(x, [-1, 6]), tf.constant(WEIGHT))


def fake_quantized(x):
    x = tf.quantization.fake_quant_with_min_max_args(x, -3, 3)
    return tf.quantization.fake_quant_with_min_max_args(forward(x), -6, 6)


def integers():
    """The network of the other tests without its float end."""
    whole = network()
    return Graph(tensors=whole.tensors[:5], operators=whole.operators[:2], inputs=(0,), outputs=(4,))


def test_an_integer_model_has_nothing_to_say():
    assert not_integer(model_of(integers())) == ""


def test_a_stray_float_operator_is_named():
    assert not_integer(model_of(network())) == "float operators remain: DEQUANTIZE"


@pytest.mark.parametrize("stray", [np.float32, np.float16, np.float64, object])
@pytest.mark.parametrize("index", [0, 1, 3, 4])
def test_one_float_tensor_anywhere_is_found(index, stray):
    whole = integers()
    tensors = list(whole.tensors)
    tensors[index] = replace(tensors[index], dtype=np.dtype(stray))
    expected = {0: "FULLY_CONNECTED", 1: "FULLY_CONNECTED", 3: "FULLY_CONNECTED, TANH", 4: "TANH"}[index]
    changed = model_of(replace(whole, tensors=tuple(tensors)))
    assert not_integer(changed) == f"float operators remain: {expected}"


def test_an_input_that_is_absent_is_no_float():
    whole = integers()
    first = replace(whole.operators[0], inputs=(0, 1, -1))
    changed = model_of(replace(whole, operators=(first, whole.operators[1])))
    assert not_integer(changed) == ""


def test_an_empty_model_is_no_model():
    assert not_integer(model_of(bare(inputs=(), outputs=()))) == "the converted model is empty"


@pytest.mark.parametrize(("function", "calibration"), [(forward, SAMPLES), (fake_quantized, None)], ids=["ptq", "qat"])
def test_converted_models_are_integer_from_end_to_end(function, calibration):
    converted = convert(function, (2, 3), calibration)
    assert converted.note == ""
    model = read(converted.model)
    assert not_integer(model) == ""
    whole = model.main
    ends = [whole.tensors[index] for index in (*whole.inputs, *whole.outputs)]
    assert [tensor.dtype for tensor in ends] == [np.int8, np.int8]
    assert [tensor.shape for tensor in ends] == [(1, 2, 3), (1, 3)]
    x = np.clip(np.round(SAMPLES / ends[0].scale) + ends[0].zero_point, -128, 127).astype(np.int8)
    result = executor.run(model, {whole.inputs[0]: x}, "dequantized").result
    real = (result.astype(np.float64) - ends[1].zero_point) * ends[1].scale
    assert np.abs(real - SAMPLES.reshape(-1, 6) @ WEIGHT).max() < 12 * ends[1].scale


def test_learned_ranges_are_those_of_the_model():
    whole = read(convert(fake_quantized, (2, 3), None).model).main
    assert whole.tensors[whole.inputs[0]].scale == np.float32(6 / 255)
    assert whole.tensors[whole.outputs[0]].scale == np.float32(12 / 255)


@pytest.fixture
def conversions(monkeypatch):
    """One entry for each time that the converter has run."""
    made = []
    run = tf.lite.TFLiteConverter.convert

    def counted(converter):
        made.append(1)
        return run(converter)

    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", counted)
    return made


def test_a_split_left_in_float_is_converted_again(conversions, monkeypatch):
    monkeypatch.setattr(
        module, "in_float", lambda model, method: set() if len(conversions) == 5 else {"DEQUANTIZE", "SPLIT"}
    )
    assert convert(forward, (2, 3), SAMPLES).note == ""
    assert len(conversions) == 5


@pytest.mark.parametrize(("stray", "times"), [("SPLIT", ATTEMPTS), ("ADD", 1)])
def test_one_that_stays_in_float_says_so(stray, times, conversions, monkeypatch):
    monkeypatch.setattr(module, "in_float", lambda model, method: {stray})
    converted = convert(forward, (2, 3), SAMPLES)
    assert converted.note == f"float operators remain: {stray}"
    assert len(conversions) == times
    assert read(converted.model).main.operators


def test_one_conversion_is_enough_when_it_is_integer(conversions):
    assert convert(forward, (2, 3), SAMPLES).note == ""
    assert len(conversions) == 1
