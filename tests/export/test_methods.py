"""Every method of quantization on every kind of network: the manual engine and the runtimes, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from qcompare.core.engine import MICRO, interpreter, manual
from qcompare.core.function import Function
from qcompare.core.method import Method
from qcompare.core.network import Network
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.engines.manual import ManualEngine
from qcompare.engines.measured import MeasuredEngine
from qcompare.export import litert_quantizer, post_training
from qcompare.export.written import written_model
from qcompare.manual.rules import KERNEL_SETS
from qcompare.models.build import architecture
from qcompare.models.network import Architecture
from qcompare.tflite.artifact import Artifact, Built
from qcompare.tflite.converter import checked
from qcompare.tflite.ends import ended
from qcompare.training.calibrate import calibrate
from qcompare.training.learned import TrainedQat
from qcompare.training.number_format import number_format
from qcompare.training.qat import evaluate

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

STEPS, FEATURES, OUTPUTS = 3, 32, 3
RECURRENT = {"head": [], "use_bias": True, "return_sequences": False, "activation": "tanh"}
MODELS = {
    "dense": {"name": "dense", "units": [90, 12], "activation": "relu", "use_bias": True},
    "simple_rnn": RECURRENT | {"name": "simple_rnn", "units": [33]},
    "lstm": RECURRENT | {"name": "lstm", "units": [33]},
    "gru": RECURRENT | {"name": "gru", "units": [33], "reset_after": True},
    "gru reset before": RECURRENT | {"name": "gru", "units": [33], "reset_after": False},
    "lmu": RECURRENT | {"name": "lmu", "units": [33], "order": 4, "theta": "auto"},
}
"""Each with a matrix that dynamic range quantizes, of 1,024 elements or more, and with smaller ones."""

SHAPES = [
    ("dense", ""),
    *((name, lowering) for name in MODELS if name != "dense" for lowering in ("unrolled", "loop")),
    ("lstm", "fused"),
]
FLOAT_METHODS = [
    Method(name="float32", optimizations="NONE"),
    Method(name="float16"),
    Method(name="dynamic"),
    Method(name="dynamic", per_channel=False),
]
INTEGER_METHODS = [
    Method(name="int8", input="uint8", output="uint8", full_integer=True),
    Method(name="int8", input="float32", output="float32", full_integer=False),
    Method(name="int8", input="int8", output="int8", full_integer=True, per_channel=False),
]
SIXTEEN = Method(name="int16x8", input="float32", output="int16", full_integer=True, per_channel=False)
RUNTIMES = (*map(interpreter, KERNEL_SETS[:3]), MICRO)


def described(method: Method) -> str:
    return f"{method.name}-{method.input}-{method.output}{'' if method.per_channel else '-per tensor'}"


@cache
def network(name: str, lowering: str, *, use_bias: bool = True) -> Network:
    model = MODELS[name] | {"lowering": lowering, "use_bias": use_bias}
    generator = np.random.default_rng(11)
    weights = {
        role: (value + generator.normal(0, 0.1, value.shape)).astype(np.float32)
        for role, value in shaped(model).initial_weights(generator).items()
    }
    return with_weights(model, weights)


def shaped(model: dict[str, object]) -> Architecture:
    return architecture(model, steps=STEPS, features=FEATURES, outputs=OUTPUTS)


def with_weights(model: dict[str, object], weights: dict[str, np.ndarray]) -> Network:
    return Network(
        model=model,
        steps=STEPS,
        features=FEATURES,
        outputs=OUTPUTS,
        weights=weights,
        evaluate=Function("qcompare.training.float_network", "evaluate"),
    )


@cache
def samples() -> np.ndarray:
    return np.random.default_rng(12).normal(size=(60, STEPS, FEATURES)).astype(np.float32)


def converted(name: str, lowering: str, method: Method, *, use_bias: bool = True) -> Built:
    how = {"fused": post_training.fused, "loop": post_training.loop}.get(lowering, post_training.operators)
    return how(network(name, lowering, use_bias=use_bias), samples()[:20], method)


def compared(built: Built) -> list[tuple[Trace, Trace]]:
    """Of each runtime: what it gives and what the manual engine gives."""
    artifact = Artifact(route="ptq", built=built)
    return [
        (
            MeasuredEngine(id=runtime).run(artifact, samples(), (OUTPUT,)),
            ManualEngine(id=manual(runtime.look)).run(artifact, samples(), (OUTPUT,)),
        )
        for runtime in RUNTIMES
    ]


@pytest.mark.parametrize(("name", "lowering"), SHAPES)
@pytest.mark.parametrize("method", FLOAT_METHODS, ids=described)
def test_float_methods_are_within_a_stated_tolerance(name: str, lowering: str, method: Method) -> None:
    """1e-5 of the largest output; one step of a 7-bit activation where activations are quantized as the model runs:
    a float32 sum in another order may take its neighbour."""
    built = converted(name, lowering, method)
    assert all(finding.text.startswith("dynamic range leaves") for finding in built.findings)
    real = network(name, lowering).evaluate(network(name, lowering), samples())
    tolerance = {"dynamic": 1e-2}.get(method.name, 1e-5)
    for theirs, ours in compared(built):
        if theirs.engine == MICRO and method.name != "float32":
            said = (*theirs.findings, *ours.findings)
            assert said
            assert all(found.text.startswith("no kernel: ") and not found.failed for found in said)
            continue
        assert (theirs.findings, ours.findings) == ((), ())
        assert theirs.values[OUTPUT].dtype == ours.values[OUTPUT].dtype == np.float32
        largest = np.abs(real).max()
        np.testing.assert_allclose(ours.values[OUTPUT], theirs.values[OUTPUT], rtol=0, atol=tolerance * largest)
        lost = {"float32": 1e-5, "float16": 5e-3, "dynamic": 5e-2}[method.name]
        np.testing.assert_allclose(theirs.values[OUTPUT], real, rtol=0, atol=lost * largest)
        assert (method.name == "float32") == bool(np.abs(theirs.values[OUTPUT] - real).max() < 1e-5 * largest)


@pytest.mark.parametrize(("name", "lowering"), SHAPES)
@pytest.mark.parametrize("method", INTEGER_METHODS, ids=described)
def test_integers_are_equal_in_every_kernel_set(name: str, lowering: str, method: Method) -> None:
    check_integers(converted(name, lowering, method), method)


@pytest.mark.parametrize(("name", "lowering"), [shape for shape in SHAPES if shape[1] in ("", "unrolled")])
def test_16_bit_integers_are_equal_in_every_kernel_set(name: str, lowering: str) -> None:
    built = converted(name, lowering, SIXTEEN)
    if name == "gru":
        # Its second bias is read by every step, and the first step's product is a constant.
        (finding,) = built.findings
        assert finding.severity.value == "warning"
        assert f"{STEPS - 2} of {2 * STEPS} products add " in finding.text
        built = replace(built, findings=())
    check_integers(built, SIXTEEN)


@pytest.mark.parametrize(("name", "lowering"), SHAPES)
def test_without_biases_integers_are_equal_in_every_kernel_set(name: str, lowering: str) -> None:
    built = converted(name, lowering, INTEGER_METHODS[2], use_bias=False)
    check_integers(built, INTEGER_METHODS[2])


def check_integers(built: Built, method: Method) -> None:
    assert not built.findings
    graph = built.model.main
    ends = (graph.tensors[graph.inputs[0]].dtype.name, graph.tensors[graph.outputs[0]].dtype.name)
    assert ends == (method.input, method.output)
    weights = [operator.inputs[1] for operator in graph.operators if operator.name == "FULLY_CONNECTED"]
    channels = {graph.tensors[index].grid.scale.size for index in weights}
    assert channels == {1} if not method.per_channel else max(channels) > 1
    for theirs, ours in compared(built):
        assert (theirs.findings, ours.findings) == ((), ())
        np.testing.assert_array_equal(ours.values[OUTPUT], theirs.values[OUTPUT])
        # A float end has the grid of the integers that it was made of.
        inner = {"int8": "int8", "int16x8": "int16"}[method.name]
        assert theirs.grids[OUTPUT].dtype == (inner if method.output == "float32" else method.output)


ANOTHER_TOOL = [
    Method(name="int8", input="int8", output="int8", full_integer=True),
    Method(name="int8", input="float32", output="uint8", full_integer=True, per_channel=False),
    Method(name="int16x8", input="int16", output="float32", full_integer=True),
]


@pytest.mark.parametrize("method", ANOTHER_TOOL, ids=described)
@pytest.mark.parametrize(("name", "lowering"), [shape for shape in SHAPES if shape[1] in ("", "unrolled")])
def test_integers_of_litert_quantizer_are_equal_in_every_kernel_set(name: str, lowering: str, method: Method) -> None:
    in_float = converted(name, lowering, FLOAT_METHODS[0])
    built = litert_quantizer.quantized(in_float, samples()[:20], method)
    check_integers(built, method)
    assert built.content == litert_quantizer.quantized(in_float, samples()[:20], method).content
    assert len(built.model.main.outputs) == 1
    assert set(built.places.values()) == set(in_float.places.values())


@pytest.mark.parametrize(
    ("name", "lowering", "said"),
    [
        ("simple_rnn", "loop", "refused by litert-quantizer: "),
        ("lstm", "fused", "float operators remain: DEQUANTIZE, QUANTIZE, UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ],
)
def test_what_litert_quantizer_leaves_is_named(name: str, lowering: str, said: str) -> None:
    in_float = converted(name, lowering, FLOAT_METHODS[0])
    built = litert_quantizer.quantized(in_float, samples()[:20], ANOTHER_TOOL[0])
    (finding,) = built.findings
    assert finding.failed
    assert finding.text.startswith(said)
    assert bool(built.content) == (lowering == "fused")


TRAINED = [
    *((name, lowering, kernels) for name, lowering in SHAPES[:2] + SHAPES[-1:] for kernels in KERNEL_SETS),
    ("lstm", "unrolled", "optimized"),
    ("gru", "unrolled", "xnnpack"),
    ("lmu", "unrolled", "optimized"),
]
"""All kernel sets of the quick ones."""


@pytest.mark.parametrize(("name", "lowering", "kernels"), TRAINED)
def test_what_is_trained_per_tensor_without_biases_is_deployed(name: str, lowering: str, kernels: str) -> None:
    """Evaluated in a kernel set's integers, a network gives that runtime's integers, whatever its model's ends."""
    trained_network = network(name, lowering, use_bias=False)
    described = shaped(dict(trained_network.model))
    weights = dict(trained_network.weights)
    form = number_format("int8", per_channel=False)
    trained = TrainedQat(
        weights=weights,
        ranges=calibrate(described, weights, samples()[:20]),
        kernels=kernels,
        exact=True,
        number_format=form,
    )
    written = written_model(described, weights, trained.ranges, form)
    exact = evaluate(described, trained, samples())
    runtime = next(engine for engine in RUNTIMES if engine.look == kernels)
    for first, last in (("int8", "int8"), ("float32", "uint8"), ("uint8", "float32")):
        content = ended(written.model, first, last)
        assert checked(content, first, last).note == ""
        artifact = Artifact(route="qat", built=Built(content=content))
        theirs = MeasuredEngine(id=runtime).run(artifact, samples(), (OUTPUT,))
        grid = theirs.grids[OUTPUT]
        values = theirs.values[OUTPUT]
        integers = values if values.dtype == grid.dtype else grid.quantize(values)
        np.testing.assert_array_equal(integers, grid.quantize(exact))
        assert np.unique(integers).size > 20


def test_dynamic_range_says_what_it_left_in_float() -> None:
    assert converted("dense", "", FLOAT_METHODS[0]).findings == ()
    (some,) = converted("dense", "", FLOAT_METHODS[2]).findings
    assert some.severity.value == "remark"
    assert some.text.endswith("all or none: 1 of 3 here, 0 % of their elements")
    small = MODELS["dense"] | {"units": [8]}
    bare = with_weights(small, shaped(small).initial_weights(np.random.default_rng(1)))
    (none,) = post_training.operators(bare, samples()[:4], FLOAT_METHODS[2]).findings
    assert none.severity.value == "warning"
    assert none.text.endswith("figures of this model are those of quant=float32")


def test_a_fully_integer_model_with_a_float_inside_is_a_fault() -> None:
    built = converted("dense", "", INTEGER_METHODS[1])
    assert "float operators remain" in checked(built.content).note
    assert checked(built.content, "float32", "float32").note == ""


@pytest.mark.parametrize("method", [ANOTHER_TOOL[0], FLOAT_METHODS[2]], ids=described)
def test_all_flags_do_the_same(method: Method) -> None:
    flags = ("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")
    assert len({converted("dense", "", replace(method, optimizations=flag)).content for flag in flags}) == 1
