"""Finished runs, read from their folders as they stand: nothing of them is computed, and their options may be those of
another version of the program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.findings import FINDINGS
from qcompare.analysis.side_by_side import Run
from qcompare.config.options import UNDERSTOOD
from qcompare.pipeline.results import PROVENANCE, dotted, seed_folder
from qcompare.report import csv

GIVE = "give the folder of a configuration, such as outputs/lstm-int8, or of a multirun"

CONFIG = "config.yaml"
CONFIGURATIONS = "configurations.csv"

OUTPUTS = "_outputs.npz"
"""How the name of a file with a route's outputs ends."""

WEIGHTS = "_weights.npz"
MODEL = ".tflite"


class FinishedError(ValueError):
    """No finished run; the message is one line that names the folder."""


def folders(place: Path) -> list[Path]:
    """The folders of configurations that a path stands for: its own, or those of a folder of outputs: of the last
    command over several configurations, else all. Raises FinishedError."""
    if (place / CONFIG).is_file():
        return [place]
    if place.is_file():
        raise FinishedError(f"{place}: a file, not the folder of a finished run; {GIVE}")
    together = place / CONFIGURATIONS
    names = [row.get("configuration", "") for row in _table(together)] if together.is_file() else []
    found = [place / name for name in names] or sorted(path.parent for path in place.glob(f"*/{CONFIG}"))
    if not found:
        raise FinishedError(f"{place}: no {CONFIG} there; {GIVE}")
    return found


def run(folder: Path, name: str) -> Run:
    """The run of a folder of a configuration. Raises FinishedError."""
    values = options(folder)
    errors = _table(folder / ERRORS.file)
    if missing := {"seed", "route_a", "engine_a", "route_b", "engine_b", "tap", "step", "non_finite"} - {
        *(errors[0] if errors else ())
    }:
        why = f"no column {min(missing)}" if errors else "no rows"
        raise FinishedError(f"{folder / ERRORS.file}: {why}; run its command again")
    (own,) = _table(folder / CONFIGURATIONS)[:1] or [{}]
    seeds = sorted({int(row["seed"]) for row in errors})
    return Run(
        name=name,
        configuration=folder.resolve().name,
        made_with=dict(_made_with(own, values.get(UNDERSTOOD) or {}, _provenance(folder))),
        computed=_computed(folder, seeds),
        errors=errors,
        findings=_table(folder / FINDINGS.file),
    )


def options(folder: Path) -> Mapping[str, Any]:
    """The options of a finished run as its config.yaml has them. Raises FinishedError."""
    try:
        values = yaml.safe_load((folder / CONFIG).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FinishedError(f"{folder / CONFIG}: cannot be read; run its command again") from error
    if not isinstance(values, Mapping):
        raise FinishedError(f"{folder / CONFIG}: no configuration")
    return values


def _table(path: Path) -> list[dict[str, str]]:
    try:
        return csv.texts(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise FinishedError(f"{path}: cannot be read; run its command again") from error


def _provenance(folder: Path) -> Mapping[str, Any]:
    path = folder / PROVENANCE
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FinishedError(f"{path}: cannot be read; run its command again") from error
    if not isinstance(found, Mapping):
        raise FinishedError(f"{path}: no provenance")
    return found


def _made_with(
    own: Mapping[str, str], understood: Mapping[str, Any], provenance: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Kinds and names, and values as text."""
    for name, value in own.items():
        if name != "configuration":
            yield ("data" if name.endswith("_content") else "option", name), value
    for name, found in dotted(understood).items():
        yield ("data", f"{UNDERSTOOD}.{name}"), "" if found is None else str(found)
    yield ("qcompare", "source"), str(provenance.get("qcompare_source", ""))
    for name, version in dict(provenance.get("packages", {})).items():
        yield ("package", name), str(version)
    for name in ("python", "platform", "cpu"):
        yield ("machine", name), str(provenance.get(name, ""))
    for feature in provenance.get("cpu_features", []):
        yield ("machine", str(feature)), "yes"


def _computed(folder: Path, seeds: Sequence[int]) -> dict[tuple[str, str], dict[int, str]]:
    """Digests of weights, models, and outputs of every engine on every route."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for seed in seeds:
        for path in sorted(seed_folder(folder, seed).glob("*")):
            if path.name.endswith(MODEL):
                content = path.read_bytes()
                found.setdefault(("model", path.name.removesuffix(MODEL)), {})[seed] = _digest(content)
            if path.name.endswith(WEIGHTS):
                content = b"".join(name.encode() + values for name, values in _arrays(path))
                found.setdefault(("weights", path.name.removesuffix(WEIGHTS)), {})[seed] = _digest(content)
            if path.name.endswith(OUTPUTS):
                for name, values in _arrays(path):
                    key = ("outputs", f"{name} on {path.name.removesuffix(OUTPUTS)}")
                    found.setdefault(key, {})[seed] = _digest(values)
    return found


def _arrays(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and arrays with their dtypes and shapes."""
    try:
        with np.load(path) as stored:
            for name in sorted(stored.files):
                values = stored[name]
                yield name, f"{values.dtype}{values.shape}".encode() + values.tobytes()
    except (OSError, ValueError) as error:
        raise FinishedError(f"{path}: cannot be read; run its command again") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
