"""Folders of finished runs, written by hand."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from qcompare.analysis.findings import FINDINGS, FindingsRow
from qcompare.config.compose import compose
from qcompare.report import csv
from tests.rows import errors_of, row

PAIRS = (("qat", "interpreter:xnnpack"), ("manual:xnnpack", "interpreter:xnnpack"), ("labels", "interpreter:xnnpack"))


def rows(seeds=(0, 1, 2), **changed: Any):
    """Three comparisons on route qat, the figures of all of them alike but for those that are changed."""
    figures = {"n": 10, "mismatch_rate": 0.1, "max_lsb": 1, "max_abs_error": 0.5, "sqnr_db": 40.0, "non_finite": 0}
    return [row(seed, a, b, **figures | changed) for seed in seeds for a, b in PAIRS]


@cache
def defaults() -> dict[str, Any]:
    return compose([])


def finished(
    folder: Path,
    made: Any = None,
    *,
    packages: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    outputs: Mapping[int, int] | None = None,
    findings: Mapping[int, str] | None = None,
    check: Mapping[str, Any] | None = None,
    source: str = "a" * 64,
) -> Path:
    """A folder of results. made: rows of errors.csv. outputs: what each seed's XNNPACK gave. findings: of seeds."""
    folder.mkdir(parents=True)
    (folder / "errors.csv").write_bytes(csv.written(errors_of(rows() if made is None else made)))
    values = {**defaults(), "check": check or {}}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    recorded = {"configuration": folder.name, "model.name": "lstm", **(options or {})}
    (folder / "configurations.csv").write_bytes(csv.lines(recorded, [recorded.values()]))
    by = {"ai-edge-litert": "2.1.0", "numpy": "2.1.0", "zipp": "3.0"} | dict(packages or {})
    provenance = {"packages": by, "qcompare_source": source, "cpu": "A CPU", "cpu_features": ["avx2"]}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    told = [
        FindingsRow(configuration="", seed=seed, route="qat", severity="remark", where="micro", text=text)
        for seed, text in (findings or {}).items()
    ]
    (folder / "findings.csv").write_bytes(csv.written(FINDINGS.frame(told)))
    for seed, value in (outputs or {}).items():
        (folder / f"seed={seed}").mkdir()
        arrays: dict[str, Any] = {"interpreter:xnnpack": np.array([value], np.int8)}
        np.savez(folder / f"seed={seed}" / "qat_outputs.npz", **arrays)
        (folder / f"seed={seed}" / "qat.tflite").write_bytes(b"the same")
    return folder
