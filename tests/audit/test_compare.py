"""The comparison of one kernel set: what counts locally, what freely, and what is kept of it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from qcompare.audit import compare as module
from qcompare.audit.compare import SAVED_SAMPLES, audit
from qcompare.audit.rows import frame, judged
from qcompare.audit.sizes import bytes_of, steps
from qcompare.core.child import Child
from qcompare.core.graph import model_of
from qcompare.data.inputs import random_inputs
from qcompare.engines.runtimes import RUNTIMES, LiteRT
from qcompare.tflite import schema
from tests.audit.models import dense_tanh_mul

pytestmark = pytest.mark.runtime

SAMPLES = 8
VALUES = 9 * SAMPLES


def audited(graph, runtime, emulated=None, samples=SAMPLES, advance=lambda: None):
    """The rows by operator of an audit of random samples, and the audit. emulated: what the manual engine is given."""
    content, model = schema.write(model_of(graph)), model_of(emulated or graph)
    with Child() as child:
        result = audit(content, model, random_inputs(graph, samples, 1), runtime, child, advance)
    return frame(list(judged(result))).set_index("op"), result


def rescaled(graph, index, scale):
    """The graph with another scale for one tensor."""
    tensors = list(graph.tensors)
    grid = replace(tensors[index].grid, scale=np.array([scale], np.float32))
    tensors[index] = replace(tensors[index], grid=grid)
    return replace(graph, tensors=tuple(tensors))


def test_another_scale_than_the_files_is_found():
    graph = dense_tanh_mul()
    rows, _ = audited(graph, RUNTIMES["reference"], rescaled(graph, 4, 2.0**-6))
    assert rows.loc["FULLY_CONNECTED", "verdict"] == "exact"
    assert rows.loc["TANH", "verdict"] == "differs"
    assert rows.loc["TANH", "local_mismatches"] > VALUES / 2


@dataclass(frozen=True)
class Fusing:
    """LiteRT, but that the model's output is another one unless all tensors are kept."""

    inner: LiteRT = LiteRT("xnnpack")  # noqa: RUF009
    kernels: str = "xnnpack"

    def run(self, model, inputs, *, keep=()):
        trace = self.inner.run(model, inputs, keep=keep)
        if not set(keep) <= {5}:
            return trace
        changed = trace.tensors["t5"].copy()
        changed[:, 2] ^= 1
        return replace(trace, tensors={"t5": changed})

    def unwritten(self, *arguments, **options):
        return self.inner.unwritten(*arguments, **options)


def test_outputs_that_change_when_all_tensors_are_kept_count_as_everybody_sees_them():
    rows, _ = audited(dense_tanh_mul(), Fusing())
    row = rows.loc["MUL"]
    assert (row["local_mismatches"], row["accumulated_mismatches"]) == (0, SAMPLES)
    assert row["verdict"] == "differs"
    assert f"{SAMPLES} values change when the runtime keeps all tensors" in row["note"]
    assert (rows["accumulated_mismatches"].iloc[:2] == 0).all()


@pytest.mark.parametrize("kernels", ["reference", "micro"])
def test_chunks_of_samples_give_the_same_as_all_at_once(kernels, monkeypatch):
    graph = dense_tanh_mul()
    emulated, samples = rescaled(graph, 4, 2.0**-6), 3 * SAVED_SAMPLES
    whole, result = audited(graph, RUNTIMES[kernels], emulated, samples)
    a_sample = sum(bytes_of(tensor) for tensor in graph.tensors if tensor.data is None)
    monkeypatch.setattr("qcompare.audit.sizes.CHUNK_BYTES", 7 * a_sample)
    advanced = []
    parts, chunked = audited(graph, RUNTIMES[kernels], emulated, samples, lambda: advanced.append(1))
    assert len(advanced) == steps(graph, samples) == 7 * 3
    assert parts.equals(whole)
    assert "MUL" in [failing.operator.name for failing in chunked.failing]
    for a, b in zip(result.failing, chunked.failing, strict=True):
        assert a.operator.index == b.operator.index
        assert all(len(values) == SAVED_SAMPLES for values in b.inputs.values())
        assert all((values == b.inputs[index]).all() for index, values in a.inputs.items())


def test_a_refusal_is_in_the_runtimes_own_words(monkeypatch):
    refusal = module.Refusal(text="no\n  such operator")
    monkeypatch.setattr(module, "_observed", lambda *_: refusal)
    rows, result = audited(dense_tanh_mul(), RUNTIMES["micro"])
    assert result.refusal == "no such operator"
    assert (rows["verdict"] == "refused").all()
    assert (rows["note"] == "no such operator").all()
