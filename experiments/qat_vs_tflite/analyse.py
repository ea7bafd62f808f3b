"""Does TFLite compute what quantization-aware training did? What the sweeps of run.sh say, as tables and a figure.

    python analyse.py OUTPUTS FOLDER

reads every folder of results in OUTPUTS and writes into FOLDER

    results.csv     statistics of each comparison of each configuration, over the seeds
    parameters.csv  scales and zero points by four rules, and what a network computes with each
    depth.png       unequal integers over depth, every seed a dot

Exit status 2, and one line, when there is nothing to read, or when the integer arithmetic by hand differs from a
runtime in any integer of any seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qcompare.analysis.figures import compare, ulp_distance
from qcompare.analysis.statistics import spread
from qcompare.core import network as networks
from qcompare.core.archive import unpacked
from qcompare.core.engine import LEARNED, MICRO, EngineId, interpreter
from qcompare.core.grid import Grid
from qcompare.data import dataset as datasets
from qcompare.report import csv
from qcompare.report.experiment import STYLE, IncompleteError, main, png
from qcompare.report.looks import COLOURS, MARKERS
from qcompare.tflite import artifact as artifacts

OPTIONS = {
    "model.name": "model",
    "model.units": "depth",
    "model.use_bias": "use_bias",
    "quant.per_channel": "per_channel",
    "qat.scheme": "scheme",
    "qat.ranges": "ranges",
}
"""Options that differ, and the columns that hold them; `depth` is the number of dense layers."""

STATISTICS = {
    "Max Error": ("max_abs_error", 1),
    "Max Relative Error": ("max_relative_error", 1),
    "Mean Error": ("mean_abs_error", 1),
    "Percent Mismatched at tolerance 1e-2": ("outside_tolerance", 100),
    "unequal integers (%)": ("mismatch_rate", 100),
    "largest difference (LSB)": ("max_lsb", 1),
}
"""Name -> the figure of errors.csv and what it is multiplied by."""

INTEGERS = ("unequal integers (%)", "largest difference (LSB)")
"""The statistics over integers."""

FOUR = 4
"""Dense layers of the network that most comparisons are about."""

RUNTIMES = (*map(interpreter, ("reference", "optimized", "xnnpack")), MICRO)

PAIRS = {
    ("qat", "qat", "qat", "runtime"): "QAT vs TFLite",
    ("qat", "qat", "ptq", "runtime"): "QAT vs TFLite of PTQ",
    ("qat", "qat", "qat", "manual:learned"): "QAT vs by hand with QAT's parameters",
    ("qat", "manual:learned", "qat", "manual:dequantized"): "by hand: QAT's parameters vs TFLite's",
    ("qat", "manual:learned", "qat", "runtime"): "by hand with QAT's parameters vs TFLite",
    ("qat", "manual:dequantized", "qat", "runtime"): "by hand with TFLite's parameters vs TFLite",
    ("qat", "emulation", "qat", "runtime"): "by hand in the kernels' integers vs TFLite",
    ("ptq", "emulation", "ptq", "runtime"): "by hand in the kernels' integers vs TFLite of PTQ",
    ("float", "float", "ptq", "runtime"): "float vs TFLite of PTQ",
}
"""(route a, engine a, route b, engine b) -> the comparison's name; `emulation` is the runtime's."""

EXACT = tuple(name for (_, engine, _, _), name in PAIRS.items() if engine == "emulation")


DRAWN = {
    "QAT vs TFLite": [engine.look for engine in RUNTIMES],
    "by hand with TFLite's parameters vs TFLite": [engine.look for engine in RUNTIMES],
    "QAT vs by hand with QAT's parameters": [LEARNED.look],
}
"""The comparisons of other depths, and whose kernels each is drawn with."""

ZERO = 0.01
"""Where a share of zero stands on the log axis, in %; one integer of a seed is more."""

SPREAD = ("n", "mean", "ci95_low", "ci95_high", "max")
"""What is told of a statistic over the seeds."""


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    errors = errors_of(outputs)
    for row in errors[errors["pair"].isin(EXACT) & (errors["mismatches"] != 0)].to_dict("records"):
        where = f"{row['configuration']}, seed {row['seed']}: {row['pair']}, {row['kernels']}"
        raise IncompleteError(f"{where}: {row['mismatches']:g} unequal integers, where there must be none")
    return {
        "results.csv": csv.written(results_of(errors)),
        "parameters.csv": csv.written(parameters_of(outputs)),
        "depth.png": png(draw(errors)),
    }


def folders_of(outputs: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """The folders of results, and what their configurations differ in."""
    for path in sorted(outputs.glob("*/configurations.csv")):
        (options,) = pd.read_csv(path).to_dict("records")
        named = {column: options.get(option) for option, column in OPTIONS.items()}
        named["depth"] = len(json.loads(named["depth"])) + 1 if named["model"] == "dense" else None
        yield path.parent, named


def errors_of(outputs: Path) -> pd.DataFrame:
    """The rows of errors.csv of all folders that are one of PAIRS, named; with the columns of OPTIONS. Raises
    IncompleteError where there are none."""
    frames = []
    for folder, options in folders_of(outputs):
        frame = pd.read_csv(folder / "errors.csv", keep_default_na=False, na_values=[""])
        sides = zip(*(frame[name] for name in ("route_a", "engine_a", "route_b", "engine_b")), strict=True)
        frame["pair"], frame["kernels"] = zip(*(named(*side) for side in sides), strict=True)
        frames.append(frame.assign(**options)[frame["pair"] != ""])
    if not frames:
        raise IncompleteError(f"{outputs}: no folder of results there; run.sh makes them")
    return pd.concat(frames, ignore_index=True)


def named(route_a: str, a: str, route_b: str, b: str) -> tuple[str, str]:
    """The name of a comparison, "" for one that is not looked at, and the kernel set of its runtime."""
    engine = EngineId.parse(b)
    runtime = engine in RUNTIMES
    emulated = runtime and str(engine.emulation) == a
    key = (route_a, "emulation" if emulated else a, route_b, "runtime" if runtime else b)
    return PAIRS.get(key, ""), engine.look if runtime else ""


def results_of(errors: pd.DataFrame) -> pd.DataFrame:
    """A row for each configuration, comparison, kernel set and statistic, over the seeds; six digits of each figure."""
    keys = [*OPTIONS.values(), "pair", "kernels"]
    rows = []
    for values, group in errors.groupby(keys, sort=False, dropna=False):
        key = dict(zip(keys, values, strict=True))
        for statistic in statistics_of(key):
            figure, factor = STATISTICS[statistic]
            found = spread(factor * group[figure].to_numpy(np.float64))
            rows.append(key | {"statistic": statistic} | {name: getattr(found, name) for name in SPREAD})
    frame = pd.DataFrame(rows).astype({"depth": "Int64"} | dict.fromkeys(SPREAD[1:], "float64"))
    frame = frame.sort_values(keys, kind="stable", ignore_index=True)
    return frame.assign(**{name: frame[name].map(lambda value: float(f"{value:.6g}")) for name in SPREAD[1:]})


def statistics_of(key: Mapping[str, Any]) -> Collection[str]:
    """Those that are told of a comparison."""
    if key["pair"] in EXACT:
        return INTEGERS
    if key["model"] == "dense" and key["depth"] != FOUR:
        return INTEGERS if key["pair"] in DRAWN else ()
    return STATISTICS


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a range becomes a scale and a zero point.

    scale: float64, of a float32 where the rule has one. zero_point: an integer, or a real number that is none.
    """

    scale: float
    zero_point: float


def as_it_is(low: np.float32, high: np.float32) -> Rule:
    """The range of QAT as it stands in its variables: its lower end is an integer, zero need not be."""
    scale = (np.float64(high) - np.float64(low)) / 255
    return Rule(scale=float(scale), zero_point=float(-128 - low / scale))


def adjusted(low: np.float32, high: np.float32) -> Rule:
    """What TFLite makes of a range that it calibrated: zero becomes an integer (tensorflow/lite,
    GetAsymmetricQuantizationParams), all in float32."""
    low, high = min(low, np.float32(0)), max(high, np.float32(0))
    scale = (high - low) / np.float32(255)
    return Rule(scale=float(scale), zero_point=away(np.clip(np.float32(-128) - low / scale, -128, 127)))


def nudged(low: np.float32, high: np.float32) -> Rule:
    """What fake quantization makes of its range (tensorflow/core, Nudge of fake_quant_ops): the same from 0 on."""
    scale = (high - low) / np.float32(255)
    return Rule(scale=float(scale), zero_point=away(np.clip(np.float32(0) - low / scale, 0, 255)) - 128)


def away(real: np.floating) -> float:
    """Rounded, halves away from zero."""
    return float(np.copysign(np.floor(np.abs(real) + 0.5), real))


def of_grid(grid: Grid) -> Rule:
    return Rule(scale=float(grid.lsb), zero_point=grid.zero)


def rounded(real: np.ndarray, rule: Rule) -> np.ndarray:
    """Real numbers on the grid of a rule, float64; halves away from zero before the zero point."""
    q = np.clip(np.floor(real / rule.scale + rule.zero_point + 0.5), -128, 127)
    return (q - rule.zero_point) * rule.scale


def fake_quantized(real: np.ndarray, low: np.float32, high: np.float32, smallest: int = 0) -> np.ndarray:
    """TensorFlow's fake quantization, in float32 as its kernel computes it. smallest: 1 for a narrow range."""
    one = np.float32(1)
    scale = (high - low) / np.float32(255 - smallest)
    zero = np.float32(away(np.clip(np.float32(smallest) - low / scale, smallest, 255)))
    ends = (np.float32(smallest) - zero) * scale, (np.float32(255) - zero) * scale
    steps = np.floor((np.clip(real, *ends) - ends[0]) * (one / scale) + np.float32(0.5))
    return steps * scale + ends[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A seed of a dense network that tensorflow-model-optimization trained, and its model.

    ranges: role -> float32 [min, max]. grids: those of the model, by role. x: the test set's inputs, flat.
    outputs: of the test set, by engine.
    """

    weights: Mapping[str, np.ndarray]
    ranges: Mapping[str, np.ndarray]
    grids: Mapping[str, Grid]
    kernels: Mapping[str, np.ndarray]
    biases: Mapping[str, np.ndarray]
    x: np.ndarray
    outputs: Mapping[str, np.ndarray]

    @property
    def layers(self) -> int:
        return sum(name.endswith("/kernel") for name in self.weights)

    def bias(self, layer: str) -> np.ndarray:
        return self.weights.get(f"{layer}/bias", np.zeros(1, np.float32))


def trained_of(folder: Path, seed: int) -> Trained:
    """What a seed's training and conversion left in the store."""
    stages = json.loads((folder / f"seed={seed}" / "trial.json").read_text())["stages"]

    def stored(stage: str) -> dict[str, bytes]:
        path = folder.parent / ".store" / stage.replace(" ", "_") / f"{stages[stage]}.zip"
        return unpacked(path.read_bytes())

    network, built = networks.load(stored("QAT")), artifacts.load(stored("conversion of qat"))
    graph = built.model.main
    tensors = {tap.role: graph.tensors[index] for (_, index), tap in built.places.items()}
    with np.load(folder / f"seed={seed}" / "qat_outputs.npz") as outputs:
        found = {name: outputs[name] for name in outputs.files}
    x = datasets.load(stored("data")).x_test
    return Trained(
        weights=network.weights,
        ranges=network.ranges,
        grids={role: tensor.grid for role, tensor in tensors.items() if tensor.grid is not None},
        kernels={role: t.grid.dequantize(t.data, 2).T for role, t in tensors.items() if role.endswith("/kernel")},
        biases={role: t.grid.dequantize(t.data) for role, t in tensors.items() if role.endswith("/bias")},
        x=x.reshape(len(x), -1),
        outputs=found,
    )


def by_rule(trained: Trained, rules: Mapping[str, Rule], *, round_biases: bool = False) -> np.ndarray:
    """The network in real numbers, each result rounded to the grid of its rule; weights are the model's."""
    real = rounded(trained.x.astype(np.float64), rules["x"])
    for number in range(trained.layers):
        layer = f"dense_{number}"
        bias = trained.biases.get(f"{layer}/bias", 0.0) if round_biases else trained.bias(layer)
        real = rounded(real @ trained.kernels[f"{layer}/kernel"] + bias, rules[f"{layer}/output"])
    return real


def by_fake_quantization(trained: Trained) -> np.ndarray:
    """The network as QAT computes it, in float32."""
    real = fake_quantized(trained.x, *trained.ranges["x"])
    for number in range(trained.layers):
        layer = f"dense_{number}"
        largest = np.abs(trained.weights[f"{layer}/kernel"]).max()
        kernel = fake_quantized(trained.weights[f"{layer}/kernel"], -largest, largest, smallest=1)
        real = fake_quantized(real @ kernel + trained.bias(layer), *trained.ranges[f"{layer}/output"])
    return real


def kinds(trained: Trained) -> Iterator[tuple[str, Mapping[str, Rule], np.ndarray]]:
    """Name of a set of parameters, its rules by role, and the outputs that the network has with it."""
    for name, rule in (("QAT's, as they are", as_it_is), ("QAT's, adjusted", adjusted), ("QAT's, nudged", nudged)):
        rules = {role: rule(low, high) for role, (low, high) in trained.ranges.items()}
        yield name, rules, by_rule(trained, rules)
    yield "QAT's, nudged, in float32", rules, by_fake_quantization(trained)
    files = {role: of_grid(trained.grids[role]) for role in trained.ranges}
    yield "TFLite's", files, by_rule(trained, files)
    yield "TFLite's, biases too", files, by_rule(trained, files, round_biases=True)


def parameters_of(outputs: Path) -> pd.DataFrame:
    """Scales and zero points against the model's, and the outputs against those of QAT and of the reference kernels.

    Over all seeds of each configuration that tensorflow-model-optimization trained, a row a kind of parameters:
    tensors, how many have another scale or zero point and by how much at most, and unequal integers of the output (%).
    """
    rows = []
    for folder, options in folders_of(outputs):
        if options["scheme"] != "tfmot" or options["depth"] != FOUR or not options["per_channel"]:
            continue
        seeds = sorted(int(path.name.partition("=")[2]) for path in folder.glob("seed=*"))
        found: dict[str, list[dict[str, float]]] = {}
        for seed in seeds:
            trained = trained_of(folder, seed)
            for name, rules, output in kinds(trained):
                found.setdefault(name, []).append(beside_model(trained, rules, output))
        for name, of_seeds in found.items():
            column = {key: [each[key] for each in of_seeds] for key in of_seeds[0]}
            rows.append(
                {name: options[name] for name in ("ranges", "use_bias")}
                | {"parameters": name, "seeds": len(seeds)}
                | {key: sum(values) for key, values in column.items() if key.startswith(("tensors", "other"))}
                | {key: max(values) for key, values in column.items() if key.endswith("_max")}
                | {f"{key}_mean": np.mean(values) for key, values in column.items() if key.startswith("unequal")}
            )
    return pd.DataFrame(rows)


def beside_model(trained: Trained, rules: Mapping[str, Rule], output: np.ndarray) -> dict[str, float]:
    """The figures of one seed."""
    ulps, steps = [], []
    for role, rule in rules.items():
        grid = trained.grids[role]
        ulps.append(int(ulp_distance(np.float32(rule.scale), grid.lsb)))
        steps.append(abs(rule.zero_point - grid.zero))
    grid = trained.grids[f"dense_{trained.layers - 1}/output"]

    def unequal(other: str) -> float:
        values = output.astype(np.float32)
        return 100 * (compare(trained.outputs[other], values, grid, classification=True).mismatch_rate or 0)

    return {
        "tensors": len(rules),
        "other_scales": np.count_nonzero(ulps),
        "scale_ulp_max": max(ulps),
        "other_zero_points": np.count_nonzero(steps),
        "zero_point_lsb_max": max(steps),
        "unequal_qat_percent": unequal("qat"),
        "unequal_reference_percent": unequal("interpreter:reference"),
    }


def draw(errors: pd.DataFrame) -> Figure:
    """Unequal integers over depth, a panel a comparison: every seed a dot, a line through the means."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 3.3), layout="constrained")
        panels = figure.subplots(1, len(DRAWN), sharey=True)
        chosen = (errors["scheme"] == "tfmot") & (errors["ranges"] == "moving_average") & errors["per_channel"]
        dense = errors[chosen & (errors["model"] == "dense") & errors["use_bias"]]
        for panel, (pair, looks) in zip(panels, DRAWN.items(), strict=True):
            for offset, look in zip(np.linspace(-0.24, 0.24, len(looks)), looks, strict=True):
                rows = dense[(dense["pair"] == pair) & (dense["kernels"] == ("" if look == LEARNED.look else look))]
                draw_look(panel, rows["depth"].to_numpy(), 100 * rows["mismatch_rate"].to_numpy(), offset, look)
            panel.axhspan(ZERO / 1.7, 1.7 * ZERO, color="0.93", linewidth=0)
            panel.set(xlabel="dense layers", yscale="log", ylim=(ZERO / 1.7, 100), xticks=(1, 5, 10, 15, 20))
            panel.set_title(pair.replace(" vs ", "\nvs "))
            panel.set_yticks([ZERO, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
            panel.minorticks_off()
            panel.grid(axis="y")
        panels[0].set_ylabel("unequal integers (%)")
        handles = {line.get_label(): line for panel in panels for line in panel.get_legend_handles_labels()[0]}
        figure.legend(
            handles=handles.values(), loc="outside lower center", ncols=5, title="a dot: one seed; lines: means"
        )
    return figure


def draw_look(panel: Axes, depths: np.ndarray, shares: np.ndarray, offset: float, look: str) -> None:
    """The dots of one kernel set and the line of their means; shares in %."""
    style = {"color": COLOURS[look], "markersize": 2.2, "markeredgewidth": 0}
    panel.plot(depths + offset, np.maximum(shares, ZERO), MARKERS[look], alpha=0.5, **style)
    steps = np.unique(depths)
    means = [shares[depths == depth].mean() for depth in steps]
    dashes = "--" if look == MICRO.look else "-"
    panel.plot(steps, np.maximum(means, ZERO), dashes, color=COLOURS[look], linewidth=1.2, label=look)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
