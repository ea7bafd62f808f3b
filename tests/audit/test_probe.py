"""probe: the rule that a runtime follows is found, and what the manual engine follows instead is said."""

from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest

from qcompare.audit import probe
from qcompare.audit import specimens as module
from qcompare.audit.one_op import cases
from qcompare.audit.specimens import count_unequal, specimens
from qcompare.cli.probe import complaint
from qcompare.core.child import ChildCrashedError
from qcompare.core.graph import model_of
from qcompare.engines import litert as interpreter
from qcompare.engines.runtimes import RUNTIMES
from qcompare.manual import arithmetic
from qcompare.manual.rule import Precision, Rounding
from qcompare.manual.rules import RULES
from qcompare.manual.variant import of
from qcompare.tflite.schema import write

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

LISTED = {
    *("FULLY_CONNECTED", "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "TANH", "LOGISTIC", "RELU", "RELU6", "SOFTMAX", "ELU", "GELU"),
    *("QUANTIZE", "DEQUANTIZE", "MEAN", "SUM", "AVERAGE_POOL_2D", "MAX_POOL_2D"),
    *("PAD", "TRANSPOSE", "PACK", "UNPACK", "SPLIT", "SLICE", "STRIDED_SLICE", "CONCATENATION", "RESHAPE", "GATHER"),
    *("REVERSE_V2", "SELECT_V2", "LOGICAL_AND", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
}
"""What small keyword-spotting and recurrent models are made of."""

ABSENT = {"reference": {"ELU"}, "micro": {"GELU"}}
"""What a kernel set does not have."""


def case_of(op, dtype="int8", granularity=""):
    return next(case for case in cases() if (case.op, case.dtype, case.granularity) == (op, dtype, granularity))


def in_process(kernels):
    return lambda graph, inputs: RUNTIMES[kernels].run(write(model_of(graph)), inputs)


def examined(case, kernels):
    return probe.examine(case, specimens(case), kernels, in_process(kernels))


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_fully_connected_follows_another_rule_in_each_kernel_set(granularity):
    case = case_of("FULLY_CONNECTED", granularity=granularity)
    found = {kernels: examined(case, kernels) for kernels in RUNTIMES}
    assert {kernels: outcome.fitting for kernels, outcome in found.items()} == {
        "reference": ("F64",),
        "optimized": ("UP(mixed)",),
        "xnnpack": ("RNE32",),
        "micro": ("DOUBLE",),
    }
    for outcome in found.values():
        assert outcome.sound
        assert outcome.values > 1000
        assert set(outcome.apart) >= {"F64", "UP(mixed)", "RNE32", "DOUBLE"} - set(outcome.fitting)
        assert min(outcome.apart.values()) >= 1


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.op}-{case.dtype}-{case.granularity}")
def test_every_case_tells_the_rules_of_the_kernel_sets_apart(case):
    found = specimens(case)
    assert len(found) >= 2
    named = {probe._expected(found[0].graph, kernels) for kernels in RUNTIMES} - {"-"}
    assert named <= set(found[0].by_rule)
    for a, b in combinations(sorted(named), 2):
        assert any(count_unequal(specimen.by_rule[a], specimen.by_rule[b]) for specimen in found), (a, b)


def test_a_rule_is_named_for_every_operator_in_every_kernel_set():
    outcomes = probe.probe(None, list(RUNTIMES.values()), lambda: None)
    assert [outcome for outcome in outcomes if not outcome.sound] == []
    for kernels in RUNTIMES:
        fitting = {outcome.op for outcome in outcomes if outcome.kernels == kernels and outcome.fitting}
        assert fitting >= LISTED - ABSENT.get(kernels, set())


def test_specimens_are_always_the_same():
    first, second = (specimens(case_of("MUL")) for _ in range(2))
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert all((a.inputs[index] == b.inputs[index]).all() for index in a.inputs)
        assert [t.grid.scale for t in a.graph.tensors] == [t.grid.scale for t in b.graph.tensors]


def test_a_table_that_names_a_wrong_rule_is_found_out(monkeypatch):
    key = ("MUL", of("int8"))
    rules = dict(RULES)
    rules[key] = replace(rules[key], reference=Rounding.RNE32.by(Precision.FLOAT32))
    monkeypatch.setattr(arithmetic, "RULES", MappingProxyType(rules))
    outcome = examined(case_of("MUL"), "reference")
    assert outcome.expected == "RNE32"
    assert outcome.fitting == ("DOUBLE(f32)",)
    assert not outcome.sound
    assert "DOUBLE(f32) fits, the manual engine follows RNE32" in complaint(outcome)


def test_the_smallest_counterexample_when_no_rule_fits(monkeypatch):
    mul = arithmetic.OPS["MUL"]
    wrong = {rule: compute for rule, compute in mul.rules.items() if rule.name == "RNE32"}
    monkeypatch.setattr(module, "OPS", {**arithmetic.OPS, "MUL": replace(mul, rules=wrong)})
    case = case_of("MUL")
    found = specimens(case)
    outcome = probe.examine(case, found, "reference", in_process("reference"))
    assert outcome.fitting == ()
    assert not outcome.sound
    example = outcome.counterexample
    # One product of two integers: all else is at its zero point.
    assert sum(len(values) for values in example.inputs.values()) == 2
    assert example.runtime != example.rules["RNE32"]
    # Anyone can repeat it.
    graph = next(each.graph for each in found if scales_of(each.graph) == example.quantization)
    sample = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        sample[index] = np.full((1, *tensor.shape), tensor.zero_point, tensor.dtype)
        for at, value in example.inputs[tensor.name]:
            sample[index].reshape(-1)[int(at)] = value
    seen = interpreter.run(write(model_of(graph)), sample, "reference").result.reshape(-1)
    assert seen[example.element] == example.runtime
    assert f"{example.output}[{example.element}] = {example.runtime}" in complaint(outcome)


def scales_of(graph):
    return {tensor.name: [float(tensor.scale), tensor.zero_point] for tensor in graph.tensors}


def test_a_runtime_that_crashes_is_a_outcome():
    def crash(graph, inputs):
        raise ChildCrashedError("killed by signal 11 (SIGSEGV)")

    case = case_of("MUL")
    outcome = probe.examine(case, specimens(case), "reference", crash)
    assert outcome.note == "killed by signal 11 (SIGSEGV)"
    assert outcome.fitting == ()
    assert not outcome.sound


def test_what_a_kernel_set_does_not_run_is_no_fault():
    outcome = probe.probe(["SVDF"], [RUNTIMES["reference"]], lambda: None)[1]
    assert (outcome.dtype, outcome.expected) == ("int8, int8 state", "-")
    assert outcome.sound


def test_half_way_floats_for_quantize():
    specimen = specimens(case_of("QUANTIZE", "float32 to int8"))[0]
    scale = specimen.graph.tensors[1].scale
    halves = specimen.inputs[0] / scale % 1
    assert 0.3 < np.mean(np.abs(halves - 0.5) < 1e-3) < 0.7
