"""qcompare audit: exact models pass, planted faults are found where they are, and no file takes it down."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qcompare.audit.one_op import FLOAT32, activation, cases, one_op
from qcompare.cli import audit
from qcompare.core.graph import model_of
from qcompare.core.grid import Grid
from qcompare.core.lstm import CELL, OPERATOR
from qcompare.engines import micro
from qcompare.engines.runtimes import RUNTIMES
from qcompare.manual import arithmetic, executor
from qcompare.manual.call import NotCoveredError
from qcompare.tflite import schema
from tests import commands
from tests.audit.models import crashing_softmax, dense_tanh_mul, flattened, float16_weights, tanh_by_integers
from tests.loops import UNITS, counter, recurrent

pytestmark = pytest.mark.runtime

SAMPLES = 8
VALUES = 9 * SAMPLES


@pytest.fixture
def saved(tmp_path):
    """Writes the graphs of a model, the one that runs first, as a file."""

    def save(*graphs):
        path = tmp_path / "model.tflite"
        path.write_bytes(schema.write(model_of(*graphs)))
        return path

    return save


def run(path, *options):
    """Exit status and audit.csv of an audit of few samples that writes beside the model."""
    status = audit.main([str(path), "--output", str(path.parent), "--samples", str(SAMPLES), *options])
    return status, pd.read_csv(path.parent / "audit.csv")


def refused(capsys, *arguments):
    """The one line on standard error of a request that ends with status 2."""
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(audit.main([str(argument) for argument in arguments]))
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.fixture
def off_by_one(monkeypatch):
    """The manual engine gives one TANH value of each sample one too many."""
    right = arithmetic.compute

    def wrong(call, arithmetic):
        results = right(call, arithmetic)
        if call.operator.name == "TANH":
            (result,) = results
            result = result.copy()
            result[:, 0, 4] = np.where(result[:, 0, 4] == 127, 126, result[:, 0, 4] + 1)
            return (result,)
        return results

    monkeypatch.setattr(executor, "compute", wrong)


def test_an_exact_model_in_every_kernel_set(saved, capsys):
    status, rows = run(saved(dense_tanh_mul()))
    assert status == 0
    assert " ".join(rows.columns) == (
        "kernels index op tensor dtype n local_mismatches local_max_lsb accumulated_mismatches accumulated_max_lsb note"
    )
    assert list(rows["kernels"].unique()) == ["reference", "optimized", "xnnpack", "micro"]
    assert list(rows["op"]) == ["FULLY_CONNECTED", "TANH", "MUL"] * 4
    assert list(rows["tensor"]) == ["t3", "t4", "t5"] * 4
    assert (rows["n"] == VALUES).all()
    figures = ["local_mismatches", "local_max_lsb", "accumulated_mismatches", "accumulated_max_lsb"]
    assert (rows[figures] == 0).all(axis=None)
    printed = capsys.readouterr().out
    assert "exact" in printed
    assert all(len(line) <= 80 for line in printed.splitlines() if "/" not in line)


def test_a_loop_is_one_operator(saved, capsys):
    status, rows = run(saved(*recurrent(steps=6, classes=10).graphs))
    assert status == 0
    assert list(rows["op"]) == ["WHILE", "WHILE", "WHILE", "FULLY_CONNECTED"] * 4
    rows = rows.set_index(["kernels", "index", "tensor"])
    figures = ["local_mismatches", "local_max_lsb", "accumulated_mismatches", "accumulated_max_lsb"]
    for kernels in RUNTIMES:
        for place, size in ((0, "t3"), SAMPLES), ((0, "t5"), UNITS * SAMPLES), ((1, "t8"), 10 * SAMPLES):
            assert rows.loc[(kernels, *place), "n"] == size
            assert (rows.loc[(kernels, *place), figures] == 0).all()
        assert rows.loc[(kernels, 0, "t5"), "note"] == "rule LOOP"
    # Nothing reads the x that the loop hands on: LiteRT frees it.
    for kernels in ("reference", "optimized", "xnnpack"):
        assert "the runtime does not hold it" in rows.loc[(kernels, 0, "t4"), "note"]
    assert "differs" not in capsys.readouterr().out


def test_a_wrong_rule_within_a_loop_is_the_loops(saved, off_by_one, tmp_path):
    path = saved(*recurrent(steps=6, classes=10).graphs)
    status, rows = run(path, "--kernels", "optimized", "--save-failing", str(tmp_path / "failing"))
    assert status == 1
    rows = rows.set_index("tensor")
    assert (rows.loc["t5", ["local_mismatches", "accumulated_mismatches"]] > 0).all()
    assert rows.loc["t8", "local_mismatches"] == 0
    (alone,) = (tmp_path / "failing").glob("*.tflite")
    status, rows = run(alone, "--kernels", "optimized", "--inputs", str(alone.with_suffix(".npz")))
    assert status == 1
    assert list(rows["op"]) == ["WHILE"] * 3


def test_what_a_loops_body_does_that_is_not_emulated_is_named(saved):
    main, condition, body = recurrent().graphs
    options = {**body.operators[3].options, "fused_activation_function": "SIGN_BIT"}
    operators = tuple(replace(each, options=options) if each.index == 3 else each for each in body.operators)
    status, rows = run(saved(main, condition, replace(body, operators=operators)), "--kernels", "reference")
    assert status == 1
    assert rows.loc[0, "note"].startswith("not emulated: operator 3 ADD of subgraph 2: the fused activation SIGN_BIT")


def test_samples_that_leave_a_loop_at_different_times_are_not_emulated(saved):
    status, rows = run(saved(*counter().graphs), "--kernels", "reference")
    assert status == 1
    assert "true for some samples and false for others" in rows.loc[0, "note"]


def test_a_wrong_rule_is_local_where_it_is_and_accumulates_behind_it(saved, off_by_one, capsys):
    status, rows = run(saved(dense_tanh_mul()), "--kernels", "reference")
    assert status == 1
    rows = rows.set_index("op")
    assert rows.loc["FULLY_CONNECTED", ["local_mismatches", "accumulated_mismatches"]].sum() == 0
    assert rows.loc["TANH", ["local_mismatches", "accumulated_mismatches"]].tolist() == [SAMPLES, SAMPLES]
    assert rows.loc["TANH", ["local_max_lsb", "accumulated_max_lsb"]].tolist() == [1, 1]
    assert rows.loc["MUL", "local_mismatches"] == 0
    assert 0 < rows.loc["MUL", "accumulated_mismatches"] <= SAMPLES
    assert f"{100 / 9:.2g} % ≤1" in capsys.readouterr().out


def test_an_operator_that_differs_is_saved_and_differs_alone_too(saved, off_by_one, tmp_path):
    run(saved(dense_tanh_mul()), "--kernels", "reference", "--save-failing", str(tmp_path / "failing"))
    assert sorted(path.name for path in (tmp_path / "failing").iterdir()) == [
        "001-TANH-reference.npz",
        "001-TANH-reference.tflite",
    ]
    (tmp_path / "again").mkdir()
    path = (tmp_path / "failing" / "001-TANH-reference.tflite").rename(tmp_path / "again" / "model.tflite")
    inputs = tmp_path / "failing" / "001-TANH-reference.npz"
    status, rows = run(path, "--kernels", "reference", "--inputs", str(inputs))
    assert status == 1
    (row,) = rows.to_dict("records")
    assert (row["op"], row["tensor"], row["n"], row["local_mismatches"]) == ("TANH", "t4", VALUES, SAMPLES)


def test_after_an_unknown_operator_the_rest_is_compared_locally(saved, monkeypatch):
    monkeypatch.setattr(executor, "compute", uncovering(arithmetic.compute))
    status, rows = run(saved(dense_tanh_mul()), "--kernels", "reference")
    assert status == 1
    rows = rows.set_index("op")
    assert rows.loc["TANH", "n"] == 0
    assert rows.loc["TANH", "note"].startswith("not emulated: this operator is not covered")
    assert rows.loc["MUL", "local_mismatches"] == 0
    assert rows.loc["MUL", "n"] == VALUES
    assert pd.isna(rows.loc["MUL", "accumulated_mismatches"])


def uncovering(compute):
    def without_tanh(call, arithmetic):
        if call.operator.name == "TANH":
            raise NotCoveredError(call.operator, "this operator is")
        return compute(call, arithmetic)

    return without_tanh


def test_a_fault_of_the_manual_engine_is_a_row_not_the_end(saved, monkeypatch):
    def broken(call, arithmetic):
        raise IndexError("nobody thought of this")

    monkeypatch.setattr(executor, "compute", broken)
    status, rows = run(saved(dense_tanh_mul()), "--kernels", "reference")
    assert status == 1
    assert rows.loc[0, "note"].startswith("not emulated: IndexError: nobody thought of this")


def test_floats_are_compared_within_the_tolerance(saved, monkeypatch):
    graph = one_op("TANH", [activation((1, 12), FLOAT32)], [activation((1, 12), FLOAT32)])
    status, rows = run(saved(graph), "--kernels", "reference")
    assert status == 0
    assert rows.loc[0, "local_mismatches"] == 0
    assert pd.isna(rows.loc[0, "local_max_lsb"])
    right = arithmetic.compute
    monkeypatch.setattr(executor, "compute", lambda call, arithmetic: tuple(y * 1.001 for y in right(call, arithmetic)))
    status, rows = run(saved(graph), "--kernels", "reference")
    assert status == 1
    assert rows.loc[0, "local_mismatches"] > 0


def test_a_tensor_that_the_runtime_never_writes_is_noted_and_not_counted(saved):
    status, rows = run(saved(float16_weights()), "--kernels", "optimized,xnnpack")
    assert status == 0
    rows = rows.set_index(["kernels", "op"])
    assert rows.loc[("optimized", "DEQUANTIZE"), "n"] == 9 * 12
    assert rows.loc[("xnnpack", "DEQUANTIZE"), "n"] == 0
    assert "does not write" in rows.loc[("xnnpack", "DEQUANTIZE"), "note"]
    assert rows.loc[("xnnpack", "FULLY_CONNECTED"), "accumulated_mismatches"] == 0


def test_what_follows_from_shapes_is_exact_and_does_not_stop_the_runtime(saved):
    status, rows = run(saved(flattened()))
    assert status == 0
    rows = rows.set_index(["kernels", "op"])
    for kernels in RUNTIMES:
        assert rows.loc[kernels, "n"].tolist() == [3, 1, 2, 6 * SAMPLES, 6 * SAMPLES]
        assert (rows.loc[kernels, ["local_mismatches", "accumulated_mismatches"]] == 0).all(axis=None)


def test_a_model_that_crashes_one_runtime_is_audited_in_the_others(saved, tmp_path, capsys):
    inputs = tmp_path / "equal.npz"
    np.savez(inputs, np.zeros((2, 2000), np.int8))
    status, rows = run(saved(crashing_softmax()), "--kernels", "reference,optimized", "--inputs", str(inputs))
    assert status == 1
    rows = rows.set_index("kernels")
    assert rows.loc["reference", "n"] == 0
    assert "the runtime crashed: killed by signal 6 (SIGABRT)" in rows.loc["reference", "note"]
    assert rows.loc["optimized", ["n", "local_mismatches"]].tolist() == [4000, 0]
    assert "not run in reference: the runtime crashed" in " ".join(capsys.readouterr().out.split())


def test_a_runtime_that_refuses_the_model_is_noted(saved):
    graph = one_op("ATAN2", [activation((1, 4), FLOAT32), activation((1, 4), FLOAT32)], [activation((1, 4), FLOAT32)])
    status, rows = run(saved(graph), "--kernels", "micro")
    assert status == 1
    assert "ATAN2" in rows.loc[0, "note"]
    assert rows.loc[0, "n"] == 0


def test_a_runtime_that_nobody_asked_for_and_that_refuses_the_model_is_a_remark(saved, capsys):
    path = saved(float16_weights())
    status, rows = run(path)
    assert status == 0
    assert rows.set_index("kernels").loc["micro", "n"].sum() == 0
    assert "not run in micro: TensorFlow Lite Micro refuses the model" in capsys.readouterr().out
    assert run(path, "--kernels", "micro,optimized")[0] == 1


def test_numbers_that_a_kernel_leaves_undefined_are_told_and_pass_unless_asked_for(saved, capsys):
    """TensorFlow Lite Micro reads the int8 weights of a float LSTM as floats."""
    case = next(case for case in cases() if case.op == OPERATOR)
    graph = as_floats(case.draw(np.random.default_rng(0)))
    path = saved(graph)
    status, rows = run(path, "--kernels", "micro")
    assert status == 1
    assert rows.loc[0, "note"].startswith("not emulated: the kernel gives no defined numbers of float32-int8")
    assert run(path)[0] == 0
    assert "undefined" in capsys.readouterr().out


@pytest.mark.parametrize("exponent", [-16, -8])
def test_a_cell_scale_that_no_kernel_computes_with_is_told_with_what_to_do(saved, exponent, capsys):
    case = next(case for case in cases() if case.op == OPERATOR)
    graph = case.draw(np.random.default_rng(0))
    at = graph.operators[0].inputs[CELL]
    cell = replace(graph.tensors[at], grid=Grid.single(2.0**exponent, 0, np.int16))
    status, rows = run(saved(replace(graph, tensors=(*graph.tensors[:at], cell, *graph.tensors[at + 1 :]))))
    assert status == 1
    assert set(rows["note"].str.partition("; rule ")[0]) == {
        f"not emulated: the cell scale {2.0**exponent:g}, with which the kernel gives meaningless numbers (it takes "
        "powers of two from 2^-15 to 2^-9: retrain with the cell clipped to 64, or convert anew with a representative "
        "dataset that spans the cell), is not covered"
    }
    assert "retrain with the cell clipped to 64" in " ".join(capsys.readouterr().out.split())


def as_floats(graph):
    """An int8 LSTM as one of floats with int8 weights: its biases zero."""
    tensors = []
    for tensor in graph.tensors:
        if tensor.data is None:
            tensor = replace(tensor, dtype=FLOAT32, grid=None)
        elif tensor.dtype == np.int32:
            tensor = replace(tensor, dtype=FLOAT32, grid=None, data=np.zeros(tensor.shape, np.float32))
        tensors.append(tensor)
    operators = tuple(replace(operator, intermediates=()) for operator in graph.operators)
    return replace(graph, tensors=tuple(tensors), operators=operators)


def test_a_model_that_no_runtime_runs_does_not_pass(saved, monkeypatch):
    monkeypatch.setattr(audit, "RUNTIMES", {"micro": RUNTIMES["micro"]})
    assert run(saved(float16_weights()))[0] == 1


def test_a_runtime_that_crashes_does_not_pass_whoever_asked_for_it(saved, tmp_path):
    inputs = tmp_path / "equal.npz"
    np.savez(inputs, np.zeros((2, 2000), np.int8))
    assert run(saved(crashing_softmax()), "--inputs", str(inputs))[0] == 1


@pytest.fixture
def slightly_off(monkeypatch):
    """The manual engine's TANH is off by half of what counts as close."""
    right = arithmetic.compute

    def wrong(call, arithmetic):
        results = right(call, arithmetic)
        return tuple(y + np.float32(5e-5) for y in results) if call.operator.name == "TANH" else results

    monkeypatch.setattr(executor, "compute", wrong)


def test_differences_that_rounding_to_8_bits_alone_makes_are_explained_and_pass(saved, slightly_off, capsys, tmp_path):
    path = saved(tanh_by_integers())
    status, rows = run(path, "--kernels", "reference", "--save-failing", str(tmp_path / "failing"))
    assert status == 0
    rows = rows.set_index("op")
    assert rows["local_mismatches"].sum() == 0
    assert rows.loc["FULLY_CONNECTED", "accumulated_mismatches"] > 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "a dynamic-range operator rounds its float input to 8 bits" in printed
    assert f"nothing to save in {tmp_path / 'failing'}: no operator differs on the runtime's own inputs" in printed
    assert not (tmp_path / "failing").exists()


def test_a_fault_behind_such_rounding_does_not_pass(saved, slightly_off, monkeypatch):
    below = arithmetic.compute

    def wrong(call, arithmetic):
        results = below(call, arithmetic)
        return tuple(y * np.float32(1.01) for y in results) if call.operator.name == "FULLY_CONNECTED" else results

    monkeypatch.setattr(executor, "compute", wrong)
    status, rows = run(saved(tanh_by_integers()), "--kernels", "reference")
    assert status == 1
    assert rows.set_index("op").loc["FULLY_CONNECTED", "local_mismatches"] > 0


def test_a_fault_before_such_rounding_does_not_pass(saved, monkeypatch):
    right = arithmetic.compute

    def wrong(call, arithmetic):
        results = right(call, arithmetic)
        return tuple(y * np.float32(1.01) for y in results) if call.operator.name == "TANH" else results

    monkeypatch.setattr(executor, "compute", wrong)
    assert run(saved(tanh_by_integers()), "--kernels", "reference")[0] == 1


def test_outputs_of_floats_are_close_and_of_integers_exact(saved, capsys):
    def output():
        (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("model output"))
        return line.split()[-1]

    run(saved(tanh_by_integers()), "--kernels", "reference")
    assert output() == "close"
    run(saved(dense_tanh_mul()), "--kernels", "reference")
    assert output() == "exact"


def test_each_model_has_a_folder_of_its_own(saved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = saved(dense_tanh_mul()).rename(tmp_path / "first.tflite")
    second = saved(flattened()).rename(tmp_path / "second.tflite")
    for path in first, second:
        assert audit.main([path.name, "--kernels", "reference", "--samples", "2"]) == 0
        assert f"outputs/audit/{path.stem}/audit.csv" in capsys.readouterr().out
    held = [pd.read_csv(tmp_path / "outputs" / "audit" / name / "audit.csv") for name in ("first", "second")]
    assert [list(rows["op"])[-1] for rows in held] == ["MUL", "TANH"]


def test_an_operator_of_floats_and_integers_that_the_runtime_takes_is_refused_by_name(saved):
    sides = activation((1, 4), FLOAT32), activation((1, 4), FLOAT32)
    output = activation((1, 4), np.int8, 0.1)
    graph = one_op("ADD", sides, [output], {"fused_activation_function": "NONE"}, "AddOptions")
    status, rows = run(saved(graph), "--kernels", "reference")
    assert status == 1
    assert pd.isna(rows.loc[0, "local_mismatches"])
    assert rows.loc[0, "note"] == "not emulated: float32, float32 and int8 together are not covered"


def test_a_bias_that_names_its_filters_dimension_is_audited_where_it_runs(saved):
    case = next(c for c in cases() if (c.op, c.dtype, c.granularity) == ("DEPTHWISE_CONV_2D", "int8", "channel"))
    graph = case.draw(np.random.default_rng(0))
    tensors = list(graph.tensors)
    tensors[2] = replace(tensors[2], grid=replace(tensors[2].grid, axis=3))
    status, rows = run(saved(replace(graph, tensors=tuple(tensors))), "--kernels", "reference,micro")
    assert status == 1
    rows = rows.set_index("kernels")
    assert "quantized_dimension must be in range" in rows.loc["reference", "note"]
    assert rows.loc["micro", "n"] > 0
    assert rows.loc["micro", ["local_mismatches", "accumulated_mismatches"]].sum() == 0


def test_inputs_of_the_users(saved, tmp_path):
    inputs = tmp_path / "mine.npz"
    np.savez(inputs, t0=np.random.default_rng(0).normal(size=(5, 12)))
    status, rows = run(saved(dense_tanh_mul()), "--kernels", "optimized", "--inputs", str(inputs), "--samples", "3")
    assert status == 0
    assert (rows["n"] == 9 * 3).all()


def test_the_same_audit_writes_the_same_bytes(saved):
    path = saved(dense_tanh_mul())
    run(path)
    first = (path.parent / "audit.csv").read_bytes()
    run(path)
    assert (path.parent / "audit.csv").read_bytes() == first


@pytest.mark.parametrize("length", [0, 3, 8, 20, 200, 700, -300, -1])
def test_a_truncated_file(saved, capsys, length):
    path = saved(dense_tanh_mul())
    path.write_bytes(path.read_bytes()[:length])
    assert str(path) in refused(capsys, path)
    assert not (path.parent / "audit.csv").exists()


def test_a_file_that_is_no_model(saved, capsys, tmp_path):
    path = saved(dense_tanh_mul())
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"PNG!" + content[8:])
    assert "TFL3" in refused(capsys, path)
    assert "No such file" in refused(capsys, tmp_path / "absent.tflite")
    assert str(tmp_path) in refused(capsys, tmp_path)


def test_damaged_bytes_never_end_in_a_traceback(saved, capsys):
    path = saved(dense_tanh_mul())
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    statuses = set()
    for _ in range(12):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 2):
            damaged[at] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(damaged))
        kernels = str(rng.choice(list(RUNTIMES)))
        statuses.add(audit.main([str(path), "--output", str(path.parent), "--samples", "2", "--kernels", kernels]))
    assert {0, 2} <= statuses <= {0, 1, 2}


def test_an_index_beyond_the_tensors(saved, capsys):
    graph = dense_tanh_mul()
    path = saved(replace(graph, operators=(replace(graph.operators[0], inputs=(0, 1, 77)), *graph.operators[1:])))
    assert "tensor 77 does not exist" in refused(capsys, path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kernels", "neon"), "'neon' is none of reference, optimized, xnnpack, micro"),
        (("--samples", "0"), "--samples"),
        (("--samples", "many"), "'many'"),
        (("--inputs", "absent.npz"), "absent.npz: no such file"),
        (("--colour",), "--colour"),
    ],
)
def test_a_wrong_option(saved, capsys, options, said):
    assert said in refused(capsys, saved(dense_tanh_mul()), *options)


def test_without_tensorflow_lite_micro(saved, capsys, monkeypatch):
    monkeypatch.setattr(micro, "installed", lambda: False)
    path = saved(dense_tanh_mul())
    assert "pip install tflite-micro" in refused(capsys, path, "--kernels", "micro")
    status, rows = run(path)
    assert status == 0
    assert "micro" not in set(rows["kernels"])
    assert "pip install tflite-micro" in capsys.readouterr().out


def test_the_command_line_does_without_tensorflow(saved):
    path = saved(dense_tanh_mul())
    run = commands.run("audit", str(path), "--kernels", "optimized", folder=path.parent, python=("-X", "importtime"))
    assert run.returncode == 0
    assert "qcompare.audit" in run.stderr
    assert "tensorflow" not in run.stderr
    assert (path.parent / "outputs" / "audit" / "model" / "audit.csv").exists()


def test_help_names_the_options(tmp_path):
    run = commands.run("audit", "--help", folder=tmp_path)
    assert run.returncode == 0
    assert {"--inputs", "--samples", "--kernels", "--save-failing", "--output"} <= set(run.stdout.split())
