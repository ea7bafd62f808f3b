"""How fast the manual engine is beside the interpreter, one thread each, measured in turns within one run.

Prints, for each model and kernel set, samples a second (medians) of the interpreter invoked once a sample, of the
manual engine at its default chunk and at its best one, and the ratio of the medians. `--memory` runs 1,000,000 samples
through the dense model instead and prints the peak above the samples themselves.

    python -m benchmarks.manual [--rounds N] [--memory]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from threadpoolctl import threadpool_limits

from qcompare.core.graph import Graph, Model
from qcompare.engines.litert import KERNEL_SETS
from qcompare.manual.executor import run
from qcompare.tflite.schema import read

CHUNKS = (64, 128, 256, 512, 1024, 2048, 4096)


def interpreter_rate(model: bytes, graph: Graph, kernels: str, x: np.ndarray) -> Callable[[], float]:
    """Samples a second of the interpreter, one sample an invocation, state reset before each."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=KERNEL_SETS[kernels], num_threads=1)
    interpreter.allocate_tensors()
    index, output = graph.inputs[0], graph.outputs[0]

    def measure() -> float:
        start = time.perf_counter()
        for sample in x:
            interpreter.reset_all_variables()
            interpreter.set_tensor(index, sample)
            interpreter.invoke()
            interpreter.get_tensor(output)
        return len(x) / (time.perf_counter() - start)

    return measure


def manual_rate(model: Model, kernels: str, x: np.ndarray, chunk: int | None) -> Callable[[], float]:
    """Samples a second of the manual engine."""

    def measure() -> float:
        start = time.perf_counter()
        run(model, {model.main.inputs[0]: x}, kernels, chunk=chunk)
        return len(x) / (time.perf_counter() - start)

    return measure


def inputs_for(graph: Graph, samples: int) -> np.ndarray:
    tensor = graph.tensors[graph.inputs[0]]
    size = samples * int(np.prod(tensor.shape)) * tensor.dtype.itemsize
    return np.frombuffer(np.random.default_rng(0).bytes(size), tensor.dtype).reshape(samples, *tensor.shape)


def compare(name: str, model: bytes, kernels: str, samples: int, rounds: int) -> None:
    parsed = read(model)
    x = inputs_for(parsed.main, samples)
    few = x[: max(200, samples // 20)]
    measures = {
        "interpreter": interpreter_rate(model, parsed.main, kernels, few),
        "manual": manual_rate(parsed, kernels, x, None),
    }
    measures |= {f"chunk {chunk}": manual_rate(parsed, kernels, x, chunk) for chunk in CHUNKS}
    for measure in measures.values():
        measure()
    taken: dict[str, list[float]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, measure in measures.items():
            taken[key].append(measure())
    rates = {key: float(np.median(values)) for key, values in taken.items()}
    best = max((key for key in rates if key != "interpreter"), key=lambda key: rates[key])
    print(
        f"{name:28s} {kernels:10s} interpreter {rates['interpreter']:10,.0f}/s   manual {rates['manual']:10,.0f}/s "
        f"(x{rates['manual'] / rates['interpreter']:.2f})   best, {best}: {rates[best]:10,.0f}/s "
        f"(x{rates[best] / rates['interpreter']:.2f})",
        flush=True,
    )


def memory(model: bytes, samples: int = 1_000_000) -> None:
    """Linux: the peak of the resident memory is reset before the run and read after it."""
    parsed = read(model)
    x = inputs_for(parsed.main, samples)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    start = time.perf_counter()
    run(parsed, {parsed.main.inputs[0]: x}, "optimized")
    seconds = time.perf_counter() - start
    peak = resident("VmHWM") - before
    print(f"{samples:,} samples ({x.nbytes / 2**20:,.0f} MiB): {peak:,.0f} MiB above them, {seconds:.1f} s")


def resident(name: str) -> float:
    """One of the process's memory figures, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    from benchmarks import converted

    dense = converted.convert(*converted.dense(1, (784, 64, 64, 32)), "int8", 1)
    with threadpool_limits(1):
        if arguments.memory:
            memory(dense)
            return
        for kernels in KERNEL_SETS:
            compare("dense 784-64-64-32", dense, kernels, 20_000, arguments.rounds)
        fused = converted.fused_lstm(1, 28, 1, 28, 64)
        for kernels in KERNEL_SETS:
            compare("fused LSTM(64) x 28", fused, kernels, 4_000, arguments.rounds)
        unrolled = converted.convert(*converted.unrolled_rnn(1, 28, 1, 28, 64), "int8", 1)
        for kernels in KERNEL_SETS:
            compare("unrolled SimpleRNN(64) x 28", unrolled, kernels, 8_000, arguments.rounds)


if __name__ == "__main__":
    main()
