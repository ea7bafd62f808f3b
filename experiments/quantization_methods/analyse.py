"""What quantization methods cost and are worth: what the sweeps of run.sh say, as tables and a figure.

    python analyse.py OUTPUTS FOLDER

reads the folders of results in OUTPUTS, whatever they are called, and writes into FOLDER

    results.csv   the methods side by side, as techniques.csv has them
    latency.csv   time a sample of each model and kernel set, and its ratio to that of float32
    flags.csv     the SHA-256 of each model by method and flag of the converter
    methods.png   accuracy against size

Exit status 2, and one line that names it, when a folder or a seed is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.latency import LATENCY
from qcompare.analysis.methods import METHODS
from qcompare.analysis.statistics import Spread, spread
from qcompare.analysis.techniques import TECHNIQUES, Models
from qcompare.core.digest import file_digest
from qcompare.report import csv, methods
from qcompare.report.alike import seeds
from qcompare.report.experiment import IncompleteError, main

OTHER_FLAGS = ("OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")
FLAG = "quant.optimizations"
STATISTICS = [field.name for field in fields(Spread)]
LATENCY_COLUMNS = ["model", "method", "engine", "median_us", *STATISTICS]
FLAGS_COLUMNS = ["model", "method", "optimizations", "seed", "sha256"]


def analysed(outputs: Path) -> dict[str, bytes]:
    """The files that are written. Raises IncompleteError."""
    options = options_of(outputs)
    plain = {name: own for name, own in options.items() if own[FLAG] not in OTHER_FLAGS}
    models = Models(methods=table(outputs, METHODS.file, METHODS.dtypes, list(plain)), options=plain)
    complete(models.methods)
    results = TECHNIQUES.made(models)
    return {
        "results.csv": csv.written(results),
        "latency.csv": csv.written(latency_of(table(outputs, LATENCY.file, LATENCY.dtypes, list(plain)), results)),
        "flags.csv": csv.written(flags_of(outputs, options)),
        "methods.png": drawn(plain, models, table(outputs, ERRORS.file, ERRORS.dtypes, list(plain)), results),
    }


def drawn(plain: Mapping[str, Mapping[str, str]], models: Models, errors: pd.DataFrame, results: pd.DataFrame) -> bytes:
    """The plot of the methods."""
    data = ", ".join(dict.fromkeys(own["data.name"] for own in plain.values()))
    about = f"data {data}, {seeds(sorted(set(models.methods['seed'])))}"
    files = methods.draw(about, csv.written(models.methods).decode(), csv.written(errors).decode(), results)
    return files["methods.png"]


def options_of(outputs: Path) -> dict[str, dict[str, str]]:
    """Configuration -> its options; what it has not is no option. Raises IncompleteError."""
    found = {}
    for path in sorted(outputs.glob("*/configurations.csv")):
        (row,) = csv.texts(path.read_bytes())
        found[row["configuration"]] = {name: value for name, value in row.items() if value}
    if not found:
        raise IncompleteError(f"{outputs}: no folder of results there; run.sh makes them")
    return found


def table(outputs: Path, file: str, dtypes: dict[str, str], configurations: list[str]) -> pd.DataFrame:
    """The rows of a file of these configurations. Raises IncompleteError."""
    try:
        return pd.concat([csv.read((outputs / name / file).read_bytes(), dtypes) for name in configurations])
    except (FileNotFoundError, ValueError) as error:
        raise IncompleteError(f"{outputs}: {file} is not in every folder; run.sh makes it") from error


def complete(rows: pd.DataFrame) -> None:
    """Raises IncompleteError unless every configuration and route has an accuracy in the same seeds."""
    wanted = sorted(rows["seed"].unique().tolist())
    for (configuration, route), own in rows.groupby(["configuration", "route"]):
        if sorted(own.loc[own["accuracy"].notna(), "seed"]) != wanted:
            raise IncompleteError(f"{configuration}, {route}: no accuracy in some of the seeds {wanted}")


def latency_of(rows: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Of each model and kernel set: median over the seeds of the medians, in microseconds; and over the seeds the ratio
    of the median to float32's of the same model, kernel set and seed."""
    named = rows.merge(results[["configuration", "route", "model", "method"]], on=["configuration", "route"])
    medians = named.set_index(["model", "method", "engine", "seed"])["median_us"].sort_index()
    found = []
    for key in results[["model", "method"]].itertuples(index=False, name=None):
        for engine in named["engine"].unique():
            own = medians.get((*key, engine))
            if own is None:
                continue
            ratios = own / medians.loc[key[0], "float32", engine]
            found.append((*key, engine, float(np.median(own)), *cells(spread(ratios.to_numpy(np.float64)))))
    return framed(found, LATENCY_COLUMNS)


def cells(found: Spread) -> Iterator[object]:
    return (getattr(found, name) for name in STATISTICS)


def framed(rows: list[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    numbers = {name: "Int64" if name == "n" else "float64" for name in STATISTICS if name in columns}
    return pd.DataFrame(rows, columns=columns, dtype=object).astype(numbers)


def flags_of(outputs: Path, options: dict[str, dict[str, str]]) -> pd.DataFrame:
    """The digest of each post-training model of a method that was converted with several flags."""
    found = [
        (own["model.name"], own["quant.name"], own[FLAG], int(path.parent.name.partition("=")[2]), file_digest(path))
        for name, own in options.items()
        for path in sorted((outputs / name).glob("seed=*/ptq.tflite"))
    ]
    frame = pd.DataFrame(found, columns=FLAGS_COLUMNS)
    several = frame.groupby(["model", "method"])["optimizations"].transform("nunique") > 1
    return frame[several].sort_values(FLAGS_COLUMNS[:-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], analysed))
