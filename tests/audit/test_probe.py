"""probe: the rule that a runtime follows is found, and what the manual engine follows instead is said."""

import json
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest

from qcompare.audit import probe
from qcompare.audit.one_op import cases
from qcompare.core.child import ChildCrashedError
from qcompare.core.graph import model_of
from qcompare.engines import litert as interpreter
from qcompare.engines import runtimes as runtime
from qcompare.manual import arithmetic
from qcompare.tflite.schema import write
from tests import commands

LISTED = {
    *("FULLY_CONNECTED", "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "TANH", "LOGISTIC", "RELU", "RELU6", "SOFTMAX"),
    *("QUANTIZE", "DEQUANTIZE", "MEAN", "SUM", "AVERAGE_POOL_2D", "MAX_POOL_2D"),
    *("PAD", "TRANSPOSE", "PACK", "UNPACK", "SPLIT", "SLICE", "STRIDED_SLICE", "CONCATENATION", "RESHAPE", "GATHER"),
}
"""What small keyword-spotting and recurrent models are made of."""


def case_of(op, dtype="int8", granularity=""):
    return next(case for case in cases() if (case.op, case.dtype, case.granularity) == (op, dtype, granularity))


def in_process(kernels):
    return lambda graph, inputs: runtime.run(write(model_of(graph)), inputs, kernels)


def examined(case, kernels):
    return probe.examine(case, probe.trials(case), kernels, in_process(kernels))


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_fully_connected_follows_another_rule_in_each_kernel_set(granularity):
    case = case_of("FULLY_CONNECTED", granularity=granularity)
    found = {kernels: examined(case, kernels) for kernels in runtime.KERNEL_SETS}
    assert {kernels: finding.fitting for kernels, finding in found.items()} == {
        "reference": ("F64",),
        "optimized": ("UP",),
        "xnnpack": ("RNE32",),
        "micro": ("DOUBLE",),
    }
    for finding in found.values():
        assert finding.sound
        assert finding.values > 1000
        assert set(finding.apart) >= {"F64", "UP", "RNE32", "DOUBLE"} - set(finding.fitting)
        assert min(finding.apart.values()) >= 1


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.op}-{case.dtype}-{case.granularity}")
def test_every_case_tells_the_rules_of_the_kernel_sets_apart(case):
    trials = probe.trials(case)
    assert len(trials) >= 2
    named = {probe._expected(trials[0].graph, kernels) for kernels in runtime.KERNEL_SETS} - {"-"}
    assert named <= set(trials[0].by_rule)
    for a, b in combinations(sorted(named), 2):
        assert any(probe._unequal(trial.by_rule[a], trial.by_rule[b]) for trial in trials), (a, b)


def test_a_rule_is_named_for_every_operator_in_every_kernel_set():
    findings = probe.probe(None, runtime.KERNEL_SETS, lambda: None)
    assert [finding for finding in findings if not finding.sound] == []
    for kernels in runtime.KERNEL_SETS:
        fitting = {finding.op for finding in findings if finding.kernels == kernels and finding.fitting}
        assert fitting >= LISTED


def test_trials_are_always_the_same():
    first, second = (probe.trials(case_of("MUL")) for _ in range(2))
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert all((a.inputs[index] == b.inputs[index]).all() for index in a.inputs)
        assert [t.grid.scale for t in a.graph.tensors] == [t.grid.scale for t in b.graph.tensors]


def test_a_table_that_names_a_wrong_rule_is_found_out(monkeypatch):
    key = ("MUL", "int8")
    rules = dict(arithmetic.RULES)
    rules[key] = replace(rules[key], reference="RNE32")
    monkeypatch.setattr(arithmetic, "RULES", MappingProxyType(rules))
    finding = examined(case_of("MUL"), "reference")
    assert finding.expected == "RNE32"
    assert finding.fitting == ("DOUBLE",)
    assert not finding.sound
    assert "DOUBLE fits, the manual engine follows RNE32" in probe._complaint(finding)


def test_the_smallest_counterexample_when_no_rule_fits(monkeypatch):
    mul = arithmetic.OPS["MUL"]
    wrong = {name: rule for name, rule in mul.rules.items() if name == "RNE32"}
    monkeypatch.setattr(probe, "OPS", {**arithmetic.OPS, "MUL": replace(mul, rules=wrong)})
    case = case_of("MUL")
    trials = probe.trials(case)
    finding = probe.examine(case, trials, "reference", in_process("reference"))
    assert finding.fitting == ()
    assert not finding.sound
    example = finding.counterexample
    # One product of two integers: all else is at its zero point.
    assert sum(len(values) for values in example.inputs.values()) == 2
    assert example.runtime != example.rules["RNE32"]
    # Anyone can repeat it.
    graph = next(t.graph for t in trials if scales_of(t.graph) == example.quantization)
    sample = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        sample[index] = np.full((1, *tensor.shape), tensor.zero_point, tensor.dtype)
        for at, value in example.inputs[tensor.name]:
            sample[index].reshape(-1)[at] = value
    seen = interpreter.run(write(model_of(graph)), sample, "reference").result.reshape(-1)
    assert seen[example.element] == example.runtime
    assert f"{example.output}[{example.element}] = {example.runtime}" in probe._complaint(finding)


def scales_of(graph):
    return {tensor.name: [float(tensor.scale), tensor.zero_point] for tensor in graph.tensors}


def test_a_runtime_that_crashes_is_a_finding():
    def crash(graph, inputs):
        raise ChildCrashedError("killed by signal 11 (SIGSEGV)")

    case = case_of("MUL")
    finding = probe.examine(case, probe.trials(case), "reference", crash)
    assert finding.note == "killed by signal 11 (SIGSEGV)"
    assert finding.fitting == ()
    assert not finding.sound


def test_what_a_kernel_set_does_not_run_is_no_fault():
    finding = probe.probe(["SVDF"], ["reference"], lambda: None)[1]
    assert (finding.dtype, finding.expected) == ("int8, int8 state", "-")
    assert finding.sound


def test_half_way_floats_for_quantize():
    trial = probe.trials(case_of("QUANTIZE", "float32 to int8"))[0]
    scale = trial.graph.tensors[1].scale
    halves = trial.inputs[0] / scale % 1
    assert 0.3 < np.mean(np.abs(halves - 0.5) < 1e-3) < 0.7


def test_the_command_line(tmp_path):
    run = commands.run("probe", "--op", "fully_connected", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "ai-edge-litert 2.3" in run.stdout
    (line,) = [line for line in run.stdout.splitlines() if "int8, per tensor" in line]
    words = line.split()
    assert [word for word in words if word.isupper() or word in ("F64", "RNE32")] == ["F64", "UP", "RNE32", "DOUBLE"]
    assert all(len(line) <= 80 for line in run.stdout.splitlines())


def test_the_command_line_for_machines(tmp_path):
    run = commands.run("probe", "--op", "ADD", "--json", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert set(answer["versions"]) == {"machine", *probe.PACKAGES}
    found = {(finding["dtype"], finding["kernels"]): finding for finding in answer["findings"]}
    assert set(found) == {(dtype, kernels) for dtype in ("int8", "int16") for kernels in runtime.KERNEL_SETS}
    assert found["int8", "xnnpack"]["fitting"] == ["SHIFT20"]
    assert found["int8", "xnnpack"]["apart"]["DOUBLE"] > 0
    assert found["int8", "xnnpack"]["counterexample"] is None


def test_an_operator_that_is_not_probed(tmp_path):
    run = commands.run("probe", "--op", "CUMSUM", folder=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert "CUMSUM" in line
    assert "FULLY_CONNECTED" in line
