"""An LSTM of any length: what its runtimes compute at each length and step, and what the usual mistakes cost.

    python analyse.py OUTPUTS FOLDER

takes the networks that `experiment=lstm_dynamic_length` trained from the folders of results in OUTPUTS, whatever they
are called, converts them with a free length, runs them, and writes into FOLDER

    by_length.csv    accuracy and errors of the test set cut to its first 1 to 8 rows
    by_step.csv      errors of the output after each of 50 steps
    integers.csv     unequal integers between the manual engine and each runtime, by length
    mistakes.csv     what each mistake costs
    conversions.csv  bytes of each conversion, and whether it runs
    plot.png

Exit status 2, and one line that names it, when a network is missing.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import as_written
import matplotlib.style
import numpy as np
import pandas as pd
import yaml
from as_written import Quantize, cast, left_alone, predict, rounded, truncated
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qcompare.analysis.statistics import spread
from qcompare.core.function import Function
from qcompare.core.method import DYNAMIC, FLOAT16, FLOAT32, INT8, Method
from qcompare.core.network import Network
from qcompare.data import load
from qcompare.data.dataset import Dataset, calibration_sequences, own_steps
from qcompare.engines import litert, micro
from qcompare.engines.converted import inputs_of
from qcompare.engines.manual import by_hand
from qcompare.engines.sequences import integers
from qcompare.export.convert import ptq_fused
from qcompare.export.free_length import as_fed, free_length
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS
from qcompare.tflite import schema
from qcompare.training.float_network import architecture_of

LONG = 50
"""Steps of the longest sequences: rows of several images, one after another."""

LENGTHS = (3, 10, LONG)
SEQUENCES = 40
"""Of each length."""

METHODS = {
    FLOAT32: Method(name=FLOAT32, optimizations="NONE"),
    FLOAT16: Method(name=FLOAT16),
    DYNAMIC: Method(name=DYNAMIC),
    INT8: Method(name=INT8, input="int8", output="int8", full_integer=True),
}
SIZED = tuple(METHODS)
"""Methods whose models stand in conversions.csv."""

BATCHES = {"as the text has it": 1, "as the text has it, batch open too": None}
KERNELS = (*litert.KERNEL_SETS, "micro")
BY_DEFAULT = "xnnpack"


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A network of one seed and what the sweep left of it. whole: the dataset with its sequences uncut."""

    use_bias: bool
    seed: int
    folder: Path
    network: Network
    data: Dataset
    whole: Dataset

    @cached_property
    def free(self) -> bytes:
        """The model of the route: int8, of any length, one output."""
        return (self.folder / "ptq_free_length.tflite").read_bytes()

    @cached_property
    def models(self) -> dict[str, bytes]:
        """By method, with the outputs `output` and `every_step`."""
        return {name: converted(self, METHODS[name], every_step=True) for name in (FLOAT32, DYNAMIC, INT8)}

    @cached_property
    def long(self) -> list[np.ndarray]:
        """The rows of the test images one after another, in sequences of LONG."""
        rows = self.whole.x_test.reshape(-1, self.whole.features)
        return list(rows[: len(rows) // LONG * LONG].reshape(-1, LONG, self.whole.features))


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    networks = list(trained(outputs))
    with quiet():
        lengths = over_seeds(networks, by_length, ["use_bias", "model", "steps"])
        steps = over_seeds(networks, by_step, ["use_bias", "model", "step"])
        costs = over_seeds(networks, mistakes, ["use_bias", "mistake", "sequences", "outcome"])
        tables = {
            "by_length.csv": lengths,
            "by_step.csv": steps,
            "integers.csv": unequal(networks),
            "mistakes.csv": costs,
            "conversions.csv": conversions(networks[0]),
        }
    return {name: csv.written(table) for name, table in tables.items()} | {"plot.png": png(draw(lengths, steps, costs))}


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the converter writes to the process's standard error, past Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def trained(outputs: Path) -> Iterator[Trained]:
    """Every network of the sweep, with biases first. Raises IncompleteError."""
    folders = {}
    for path in sorted(outputs.glob("*/config.yaml")):
        config = yaml.safe_load(path.read_text())
        if config["model"]["name"] == "lstm" and config["data"].get("shortest"):
            if config["model"]["use_bias"] in folders:
                raise IncompleteError(
                    f"{outputs}: more than one folder has model.use_bias={config['model']['use_bias']}"
                )
            folders[config["model"]["use_bias"]] = path.parent, config
    for use_bias in (True, False):
        if use_bias not in folders:
            raise IncompleteError(f"{outputs}: no folder has model.use_bias={str(use_bias).lower()}; run.sh makes it")
        folder, config = folders[use_bias]
        data, whole = (load.load(options) for options in (config["data"], config["data"] | {"shortest": None}))
        for seed in config["seed"]:
            place = folder / f"seed={seed}"
            if not (place / "ptq_free_length.tflite").is_file():
                raise IncompleteError(f"{place}: no ptq_free_length.tflite there; run run.sh again")
            with np.load(place / "float_weights.npz") as weights:
                network = Network(
                    model=config["model"],
                    steps=whole.steps,
                    features=whole.features,
                    outputs=whole.outputs,
                    weights=dict(weights),
                    evaluate=Function("qcompare.training.float_network", "evaluate"),
                )
            yield Trained(use_bias=use_bias, seed=seed, folder=place, network=network, data=data, whole=whole)


def converted(of: Trained, method: Method, *, every_step: bool = False) -> bytes:
    """The network with its length free."""
    network = architecture_of(of.network), dict(of.network.weights)
    return free_length(*network, calibration_sequences(of.data), method, every_step=every_step).model


Figures = Mapping[str, float]
Rows = Iterator[tuple[tuple[Any, ...], Figures]]
"""What a row is about, and its figures."""


def over_seeds(networks: Sequence[Trained], rows: Callable[[Trained], Rows], keys: list[str]) -> pd.DataFrame:
    """Each figure's mean over the seeds and its 95 % interval; keys: what the rows are about."""
    found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for network in networks:
        for key, figures in rows(network):
            of_key = found.setdefault((network.use_bias, *key), {})
            for name, value in figures.items():
                of_key.setdefault(name, []).append(value)
    table = []
    for key, figures in found.items():
        for name, values in figures.items():
            over = spread(values)
            table.append((*key, name, over.n, over.mean, over.ci95_low, over.ci95_high))
    return pd.DataFrame(table, columns=[*keys, "metric", "seeds", "mean", "ci95_low", "ci95_high"])


def by_length(of: Trained) -> Rows:
    """The test set cut to its first rows: with zeros in front, as trained, and as it is."""
    x, labels, longest = of.whole.x_test, of.whole.y_test, of.whole.steps
    lengths = range(1, longest + 1)
    padded = np.concatenate([np.pad(x[:, :steps], ((0, 0), (longest - steps, 0), (0, 0))) for steps in lengths])
    float_padded = np.split(of.network.evaluate(of.network, padded), longest)
    int8_padded = np.split(run_fixed(of, padded), longest)
    # What is computed after a step does not depend on those that follow.
    in_float = every_step(of.models[FLOAT32], list(x), "manual")
    for index, steps in enumerate(lengths):
        reals = {"float, zeros in front": float_padded[index], "float": in_float[:, index]}
        rounded_ones = {"int8, zeros in front": int8_padded[index]}
        for method in (DYNAMIC, INT8):
            found = run(of.models[method], list(x[:, :steps]), BY_DEFAULT)["output"]
            rounded_ones[method] = real(of.models[method], "output", found)
        for model, values in (reals | rounded_ones).items():
            figures = {"accuracy": accuracy(values, labels)}
            if model in rounded_ones:
                error = values - reals["float, zeros in front" if model.endswith("in front") else "float"]
                figures["rmse"] = float(np.sqrt(np.mean(error**2)))
            yield (model, steps), figures


def run_fixed(of: Trained, x: np.ndarray) -> np.ndarray:
    """The outputs of the int8 model with a fixed number of steps, in real units."""
    content = (of.folder / "ptq.tflite").read_bytes()
    main = schema.read(content).main
    output = main.tensors[main.outputs[0]].integers
    assert output is not None
    return output.dequantize(litert.run(content, inputs_of(main, x), BY_DEFAULT).result)


def run(model: bytes, sequences: Sequence[np.ndarray], kernels: str) -> dict[str, np.ndarray]:
    """Outputs of sequences of one length by their names; TensorFlow Lite Micro gives them after each step."""
    given = integers(schema.read(model).main, sequences)
    found = micro.run_steps(model, given) if kernels == "micro" else litert.run_sequences(model, given, kernels)
    return {name: np.stack([outputs[name] for outputs in found]) for name in found[0]}


def real(model: bytes, name: str, values: np.ndarray) -> np.ndarray:
    """Values of an output in real units."""
    read = schema.read(model)
    grid = read.main.tensors[read.outputs[name]].integers
    return values if grid is None else grid.dequantize(values)


def by_step(of: Trained) -> Rows:
    """Errors after each step of long sequences, against the float model by hand."""
    expected = every_step(of.models[FLOAT32], of.long, "manual")
    cases = [*((method, BY_DEFAULT) for method in of.models), (INT8, "micro")]
    for method, kernels in cases:
        error = every_step(of.models[method], of.long, kernels) - expected
        for step in range(LONG):
            yield (f"{method}, {kernels}", step + 1), {"rmse": float(np.sqrt(np.mean(error[:, step] ** 2)))}


def every_step(model: bytes, sequences: Sequence[np.ndarray], kernels: str) -> np.ndarray:
    """The output after each step, [sequences, steps, outputs] in real units. kernels: `manual`, reals by hand, too."""
    if kernels == "manual":
        read = schema.read(model)
        found = by_hand(read, integers(read.main, sequences), "dequantized")
        values = np.stack([outputs["every_step"] for outputs in found])
    else:
        values = run(model, sequences, kernels)["every_step"]
    return real(model, "every_step", values[:, :, 0] if kernels == "micro" else values)


def unequal(networks: Sequence[Trained]) -> pd.DataFrame:
    """Integers of both outputs that the manual engine has otherwise than a runtime, over all networks."""
    counts: dict[tuple[str, str], list[int]] = {}
    for of in networks:
        model = of.models[INT8]
        of_lengths = {str(steps): [each[:steps] for each in of.long[:SEQUENCES]] for steps in LENGTHS}
        of_lengths["ragged"] = own_steps(of.data.x_test, of.data.lengths_test)
        for length, sequences in of_lengths.items():
            given = integers(schema.read(model).main, sequences)
            for kernels in KERNELS:
                found = (
                    micro.run_steps(model, given) if kernels == "micro" else litert.run_sequences(model, given, kernels)
                )
                own = by_hand(schema.read(model), given, kernels)
                tally = counts.setdefault((length, kernels), [0, 0, 0])
                tally[0] += len(sequences)
                for measured, by_us in zip(found, own, strict=True):
                    for name, values in measured.items():
                        # Step by step the last output is that after the last step, and every step is one by itself.
                        if kernels == "micro":
                            values = values[-1] if name == "output" else values[:, 0]
                        tally[1] += values.size
                        tally[2] += int(np.count_nonzero(values != by_us[name]))
    rows = [(length, kernels, *tally) for (length, kernels), tally in counts.items()]
    return pd.DataFrame(rows, columns=["steps", "kernels", "sequences", "integers", "unequal"])


ON_WHOLE, CARRIED = "on whole images", "on whole images, the state carried on"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A way to call `predict`. calibrated: how the model is, if not on sequences of 2 to 8 rows from zeros on."""

    quantize: Quantize = rounded
    resizes: bool = True
    allocates: bool = True
    resets: bool = True
    calibrated: str = ""


MISTAKES = {
    "none": Mistake(),
    "input left in float": Mistake(quantize=left_alone),
    "input left in float, then cast": Mistake(quantize=cast),
    "input cut off, not rounded": Mistake(quantize=truncated),
    "state not reset": Mistake(resets=False),
    "not allocated after resizing": Mistake(allocates=False),
    "not resized": Mistake(resizes=False),
    f"calibrated {ON_WHOLE}": Mistake(calibrated=ON_WHOLE),
    f"calibrated {CARRIED}": Mistake(calibrated=CARRIED),
}


def mistakes(of: Trained) -> Rows:
    """Each mistake on the test set as it is, sequences of 2 to 8 rows, and on whole images."""
    sets = {"2 to 8 rows": own_steps(of.data.x_test, of.data.lengths_test), "8 rows": list(of.whole.x_test)}
    models = {"": of.free, **{name: on_whole_images(of, carried=name == CARRIED) for name in (ON_WHOLE, CARRIED)}}
    after_each = every_step(of.models[FLOAT32], list(of.whole.x_test), "manual")
    for sequences, x in sets.items():
        in_float = np.stack([outputs[len(own) - 1] for outputs, own in zip(after_each, x, strict=True)])
        right = predict(of.free, x)
        base = accuracy(right, of.whole.y_test)
        for name, mistake in MISTAKES.items():
            model = models[mistake.calibrated]
            try:
                found = predict(
                    model,
                    x,
                    quantize=mistake.quantize,
                    resizes=mistake.resizes,
                    allocates=mistake.allocates,
                    resets=mistake.resets,
                )
            except (ValueError, RuntimeError) as error:
                yield (name, sequences, refused(error)), {"accuracy": float("nan")}
                continue
            own = accuracy(found, of.whole.y_test)
            error = real(model, "output", found) - in_float
            figures = {"accuracy": own, "accuracy_lost": base - own, "rmse": float(np.sqrt(np.mean(error**2)))}
            yield (name, sequences, "runs"), figures | ({} if mistake.calibrated else difference(right, found))


def on_whole_images(of: Trained, *, carried: bool) -> bytes:
    """The int8 model, calibrated on whole images. carried: in the order of the data, as people do it, where the
    calibrator carries the state from one to the next."""
    network = architecture_of(of.network), dict(of.network.weights)
    calibrate = as_fed if carried else free_length
    return calibrate(*network, list(of.whole.calibration), METHODS[INT8]).model


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(axis=1) == labels).mean())


def difference(right: np.ndarray, found: np.ndarray) -> Figures:
    """Of integers on one grid, in LSB."""
    apart = np.abs(right.astype(np.int64) - found)
    return {"unequal_rate": float((apart > 0).mean()), "mean_lsb": float(apart.mean()), "max_lsb": float(apart.max())}


def refused(error: Exception) -> str:
    """The first sentence of what the runtime or the converter says, without where in the converter's input."""
    said = re.sub(r"loc\(.*\)\): ", "", next(iter(str(error).strip().splitlines()), ""))
    return f"{type(error).__name__}: {said.split('. ')[0].strip()}"


def fixed(of: Trained, method: Method) -> bytes:
    """The network for the fixed number of steps that it was trained with."""
    return ptq_fused(architecture_of(of.network), dict(of.network.weights), of.data.calibration, method).model


def conversions(of: Trained) -> pd.DataFrame:
    """Bytes of the models of one network with biases, and whether LiteRT runs them by default at their lengths."""
    calibration = calibration_sequences(of.data)
    ways: list[tuple[str, str, Sequence[int], Callable[[], bytes]]] = []
    for name in SIZED:
        ways += [
            ("8 steps", name, (8,), partial(fixed, of, METHODS[name])),
            ("any length", name, LENGTHS, partial(converted, of, METHODS[name])),
        ]
    ways += [("any length, two outputs", name, LENGTHS, partial(bytes, content)) for name, content in of.models.items()]
    with tempfile.TemporaryDirectory() as folder:
        for title, batch in BATCHES.items():
            saved = Path(folder, str(batch))
            as_written.save(keras_model(of), saved, batch)
            for name, quantized in ((DYNAMIC, False), (INT8, True)):
                ways.append(
                    (title, name, LENGTHS, partial(as_written.convert, saved, calibration, quantized=quantized))
                )
        rows = [carried_out(of, *way) for way in ways]
    return pd.DataFrame(rows, columns=["conversion", "method", "bytes", "outcome"]).astype({"bytes": "Int64"})


def carried_out(
    of: Trained, title: str, method: str, lengths: Sequence[int], convert: Callable[[], bytes]
) -> tuple[str, str, int | None, str]:
    """A row of conversions.csv."""
    content, outcome = b"", "runs"
    try:
        content = convert()
        given = integers(schema.read(content).main, [of.long[0][:steps] for steps in lengths])
        litert.run_sequences(content, given, BY_DEFAULT)
    except Exception as error:  # the converter and the runtime raise whatever they like
        outcome = refused(error)
    return title, method, len(content) or None, outcome


def keras_model(of: Trained) -> Any:
    """The network as a Keras model of any batch and length."""
    import tf_keras

    layers = tf_keras.layers
    units, outputs, weights = of.network.model["units"][0], of.network.outputs, of.network.weights
    model = tf_keras.Sequential([layers.Input((None, of.network.features)), layers.LSTM(units), layers.Dense(outputs)])
    model.set_weights(
        [
            weights["recurrent_0/kernel"],
            weights["recurrent_0/recurrent_kernel"],
            weights["recurrent_0/bias"],
            weights["dense_0/kernel"],
            weights["dense_0/bias"],
        ]
    )
    return model


LINES = {
    "float, zeros in front": ("float, zeros in front", COLOURS["float"], "--"),
    "float": ("float, as they are", COLOURS["float"], "-"),
    "int8, zeros in front": ("int8, zeros in front", COLOURS["xnnpack"], "--"),
    INT8: ("int8, as they are", COLOURS["xnnpack"], "-"),
}
"""Models of by_length.csv, what they are called, and how they are drawn."""

STEPS = {
    f"{FLOAT32}, {BY_DEFAULT}": ("float32", COLOURS["float"]),
    f"{DYNAMIC}, {BY_DEFAULT}": ("dynamic range", COLOURS["optimized"]),
    f"{INT8}, {BY_DEFAULT}": ("int8", COLOURS["xnnpack"]),
    f"{INT8}, micro": ("int8 on TensorFlow Lite Micro", COLOURS["micro"]),
}
"""Models of by_step.csv, as in LINES."""


def draw(lengths: pd.DataFrame, steps: pd.DataFrame, costs: pd.DataFrame) -> Figure:
    """Accuracy by length, with and without biases; errors by step and costs of mistakes, without biases."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.2, 6.2), layout="constrained")
        (left, right), (below, costly) = figure.subplots(2, 2)
        for panel, use_bias in ((left, True), (right, False)):
            draw_lengths(panel, lengths[lengths["use_bias"] == use_bias])
            panel.set_title(f"trained {'with' if use_bias else 'without'} biases", loc="left", fontweight="bold")
            panel.sharey(left)
        left.set_ylabel("accuracy (%)")
        left.legend(loc="lower right")
        draw_steps(below, steps[~steps["use_bias"]])
        draw_mistakes(costly, costs[~costs["use_bias"]])
    return figure


def draw_lengths(panel: Axes, rows: pd.DataFrame) -> None:
    """Accuracy against the number of rows, with 95 % intervals of the mean."""
    for model, (name, colour, style) in LINES.items():
        of = rows[(rows["model"] == model) & (rows["metric"] == "accuracy")]
        panel.plot(of["steps"], 100 * of["mean"], style, color=colour, label=name, linewidth=1.2)
        low, high = 100 * of["ci95_low"].astype(float), 100 * of["ci95_high"].astype(float)
        panel.fill_between(of["steps"], low, high, color=colour, alpha=0.12, linewidth=0)
    panel.set_xlabel("rows of the image")
    panel.grid()


def draw_steps(panel: Axes, rows: pd.DataFrame) -> None:
    """Errors after each step, on a logarithmic axis."""
    for model, (name, colour) in STEPS.items():
        of = rows[(rows["model"] == model) & (rows["metric"] == "rmse")]
        panel.plot(of["step"], of["mean"], color=colour, label=name, linewidth=1.2)
    panel.axvline(8, color="0.6", linewidth=0.8, linestyle=":")
    panel.annotate(
        "longest in training",
        (8, 1),
        (3, -9),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        fontsize=7,
        color="0.4",
    )
    panel.set_yscale("log")
    panel.set_xlabel("time step")
    panel.set_ylabel("error of the outputs, RMS")
    panel.set_title("after each step", loc="left", fontweight="bold")
    panel.legend(loc="center right")
    panel.grid()


def draw_mistakes(panel: Axes, costs: pd.DataFrame) -> None:
    """Points of accuracy that each mistake which runs costs."""
    lost = costs[(costs["metric"] == "accuracy_lost") & (costs["mistake"] != "none")]
    names = list(dict.fromkeys(lost["mistake"]))
    for offset, sequences, colour in ((-0.17, "2 to 8 rows", COLOURS["reference"]), (0.17, "8 rows", COLOURS["other"])):
        of = lost[lost["sequences"] == sequences].set_index("mistake").loc[names]
        at = np.arange(len(names)) + offset
        panel.barh(at, 100 * of["mean"], 0.3, color=colour, label=f"sequences of {sequences}")
        panel.hlines(
            at, 100 * of["ci95_low"].astype(float), 100 * of["ci95_high"].astype(float), color="black", linewidth=0.8
        )
    panel.set_yticks(range(len(names)), [name.replace(", ", ",\n").replace(" on ", "\non ") for name in names])
    panel.invert_yaxis()
    panel.axvline(0, color="0.4", linewidth=0.8)
    panel.set_xlabel("accuracy lost (percentage points)")
    panel.set_title("mistakes that run, int8", loc="left", fontweight="bold")
    panel.legend(loc="lower right")
    panel.grid(axis="x")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
