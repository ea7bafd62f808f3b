"""The ladders of tiny runs through the real command line: exact sums, and a top that is the runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qcompare.analysis.ladder import LADDER
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.tensors import TENSORS
from qcompare.core.ladder import STATES
from qcompare.core.table import Table
from qcompare.manual.rules import KERNEL_SETS
from qcompare.report import csv
from tests.runs import RESULTS, Runs

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

every_folder = pytest.mark.parametrize("trained", RESULTS)

TAP = ["seed", "route_b", "kernels", "fed", "tap", "step"]


def read(table: Table[Any, Any], folder: Path) -> pd.DataFrame:
    """The rows; -1 for a step that is empty."""
    rows = csv.read((folder / table.file).read_bytes(), table.dtypes)
    rows["step"] = rows["step"].fillna(-1)
    return rows


def kernel_sets(errors: pd.DataFrame) -> set[str]:
    """Those of the runtimes that ran."""
    ran = errors.loc[errors["n"].notna(), "engine_b"]
    return {kernels for kernels in KERNEL_SETS for engine in ran if str(engine).rpartition(":")[2] == kernels}


@every_folder
def test_what_the_rungs_change_adds_up_to_the_whole(runs: Runs, trained: str) -> None:
    rows = read(LADDER, runs.results(trained))
    whole = rows[rows["rung"] == "whole"].set_index(TAP)
    rungs = rows[rows["rung"] != "whole"].groupby(TAP, sort=False)
    for figure in ("mean", "added"):
        found = rungs[figure].sum()
        scale = rungs["rms"].max() ** (1 if figure == "mean" else 2)
        assert len(found) == len(whole)
        away = (found - whole.loc[found.index, figure]).abs()
        assert (away <= 1e-9 * scale + 1e-15).all()
    assert np.allclose(whole["added"], whole["rms"] ** 2, rtol=1e-12, atol=0)


@every_folder
def test_no_runtime_changes_an_integer_of_what_was_computed_by_hand(runs: Runs, trained: str) -> None:
    folder = runs.results(trained)
    rows = read(LADDER, folder)
    top = rows[rows["rung"] == "runtime"]
    errors = pd.read_csv(folder / "errors.csv")
    for route in ("ptq", "qat"):
        assert set(top.loc[top["route_b"] == route, "kernels"]) == kernel_sets(errors[errors["route_b"] == route])
    assert set(top["tap"]) == {"output"}
    assert (top["changed_integers"] == 0).all()
    assert (top["rms"] == 0).all()


@every_folder
def test_a_ladder_begins_at_the_float_network(runs: Runs, trained: str) -> None:
    rows = read(LADDER, runs.results(trained))
    own = rows[(rows["tap"] == "output") & (rows["fed"] == "own")]
    first = own.groupby(["seed", "route_b", "kernels"], sort=False).first()
    by_route = first["rung"].groupby("route_b").agg(set).to_dict()
    assert by_route["ptq"] == {"operators"}
    assert (first.loc[first["rung"] == "operators", "rms"] < 1e-5).all()
    assert by_route["qat"] == {"qat_weights"}
    assert set(own["route_a"]) == {"float"}
    within = rows[rows["tap"] != "output"]
    assert set(within.loc[within["route_b"] == "qat", "route_a"]) == {"qat"}


@every_folder
def test_the_whole_is_that_of_the_outputs(runs: Runs, trained: str) -> None:
    """Against errors.csv, which compares the float network with the runtimes by itself."""
    folder = runs.results(trained)
    rows = read(LADDER, folder)
    whole = rows[(rows["rung"] == "whole") & (rows["tap"] == "output") & (rows["fed"] == "own")]
    errors = csv.read((folder / "errors.csv").read_bytes(), dtypes_of(folder / "errors.csv"))
    known = 0
    for _, row in whole.iterrows():
        same = (errors["seed"] == row["seed"]) & (errors["route_b"] == row["route_b"]) & (errors["engine_a"] == "float")
        runtimes = {f"interpreter:{row['kernels']}", str(row["kernels"])}
        for _, other in errors[same & errors["engine_b"].isin(runtimes)].iterrows():
            # A float network's output is put on the grid there.
            assert abs(row["rms"] - other["rmse"]) <= 0.6 * other["max_abs_error"] / max(other["max_lsb"], 1)
            known += 1
    assert known == len(whole)


def dtypes_of(path: Path) -> Mapping[str, str]:
    names: Sequence[str] = path.read_text().partition("\n")[0].split(",")
    texts = {"configuration", "route_a", "engine_a", "route_b", "engine_b", "tap"}
    return {name: "str" if name in texts else "float64" for name in names}


@every_folder
def test_steps_are_those_of_states(runs: Runs, trained: str) -> None:
    rows = read(LADDER, runs.results(trained))
    stepped = rows[rows["step"] >= 0]
    assert set(stepped["fed"]) <= {"own"}
    assert {tap.rpartition("/")[2] for tap in stepped["tap"]} <= STATES
    assert stepped.empty == (trained in ("dense", "aligned dense"))


@every_folder
def test_tensors_have_their_local_and_accumulated_error(runs: Runs, trained: str) -> None:
    folder = runs.results(trained)
    rows, ladder = read(TENSORS, folder), read(LADDER, folder)
    whole = ladder[(ladder["rung"] == "whole") & (ladder["step"] < 0)].set_index(["seed", "route_b", "engine_b", "tap"])
    roles = rows[rows["step"] < 0].set_index(["seed", "route_b", "engine_b", "tap"])
    for fed, figure in (("own", "rmse"), ("reference", "local_rmse")):
        expected = whole[whole["fed"] == fed]["rms"]
        assert len(expected) == len(roles)
        assert (roles[figure] == expected.loc[roles.index]).all()
    steps = rows[rows["step"] >= 0]
    for _, own in steps.groupby(["seed", "route_b", "engine_b", "tap"], sort=False):
        rmse = own["rmse"].to_numpy(np.float64)
        assert np.isnan(own["growth"].to_numpy(np.float64, na_value=np.nan)[0])
        growing = rmse[:-1] > 0
        assert np.allclose(
            own["growth"].to_numpy(np.float64, na_value=np.nan)[1:][growing], (rmse[1:] / rmse[:-1])[growing]
        )
    first = roles["first_step"].dropna()
    for key, step in first.items():
        own = steps.set_index(["seed", "route_b", "engine_b", "tap"]).loc[[key]]
        assert own.loc[own["mismatch_rate"] > 0, "step"].min() == step


@every_folder
def test_the_summary_is_that_of_the_seeds(runs: Runs, trained: str) -> None:
    folder = runs.results(trained)
    ladder, summary = read(LADDER, folder), read(LADDER_SUMMARY, folder)
    own = ladder[(ladder["tap"] == "output") & (ladder["fed"] == "own")]
    means = own.groupby(["route_b", "kernels", "rung"])["added"].mean()
    added = summary[summary["metric"] == "added"].set_index(["route_b", "kernels", "rung"])["mean"]
    assert len(means) == len(added)
    assert np.allclose(means, added.loc[means.index], rtol=1e-12, atol=1e-18)


@every_folder
def test_plots_are_drawn(runs: Runs, trained: str) -> None:
    folder = runs.results(trained)
    drawn = {path.name for path in (folder / "seed=0").glob("*.png")}
    assert {"ladder.png", "states.png"} & drawn == (
        {"ladder.png"} if "dense" in trained else {"ladder.png", "states.png"}
    )
    for path in (folder / "ladder.png", folder / "seed=0" / "ladder.png"):
        with Image.open(path) as image:
            assert image.width == 1400


def test_the_terminal_says_where_the_error_comes_from(runs: Runs) -> None:
    out = runs["lstm"].out.replace("\n", " ")
    assert "On route ptq " in out
    assert "of the squared error" in out
    assert "the weights that training moved (qat_weights)" in out


@every_folder
def test_all_ladders_are_there_and_whole(runs: Runs, trained: str) -> None:
    findings = pd.read_csv(runs.results(trained) / "findings.csv", keep_default_na=False)
    assert "ladder" not in set(findings["where"])
