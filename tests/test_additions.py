"""Adding a route, an engine or a table is one new file and one entry in one list; the program does the rest."""

from pathlib import Path

import pandas as pd
import pytest

from tests import commands
from tests.runs import FILE, TINY, data_file

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

ROUTE = """
from dataclasses import dataclass

from qcompare.routes.stages import calibration, conversion, together


@dataclass(frozen=True)
class Toy:
    name: str = "toy"
    twin: None = None
    converted: bool = True

    def applies(self, config):
        return True

    def build(self, context):
        built = conversion(
            self.name,
            "qcompare.export.post_training",
            "operators",
            network=context.network,
            calibration=calibration(context.data),
            method=context.method,
        )
        return together(self.name, None, built)
"""

ENGINE = """
from dataclasses import dataclass

from qcompare.core.engine import EngineId, Family
from qcompare.engines.converted import inputs_of, output_trace
from qcompare.manual import executor


@dataclass(frozen=True)
class Toy:
    id: EngineId = EngineId(Family.DEVICE, machine="toy")
    isolated: bool = False

    def available(self):
        return True

    def refuses(self, artifact):
        return None

    def run(self, artifact, x, taps):
        model = artifact.converted.model
        values = executor.run(model, inputs_of(model.main, x), "reference").result
        return output_trace(self.id, model.main, values // 2 * 2)
"""

TABLE = """
from dataclasses import dataclass

from qcompare.core.table import Table


@dataclass(frozen=True)
class ToyRow:
    configuration: str
    seed: int
    route: str
    traces: int


def rows(result):
    for route in result.artifacts:
        traces = sum(side.route == route for side in result.traces)
        yield ToyRow(result.configuration, result.seed, route, traces)


TOY = Table(file="toy.csv", row=ToyRow, rows=rows)
"""

ADDED = {
    "routes": (ROUTE, "from qcompare.routes.toy import Toy", "ROUTES: ", "Toy()"),
    "engines": (ENGINE, "from qcompare.engines.toy import Toy", "ENGINES: ", "Toy()"),
    "analysis": (TABLE, "from qcompare.analysis.toy import TOY", "TABLES: ", "TOY"),
}
"""Room -> the new file, how the list's file imports it, where the list begins, and the entry."""


def with_additions(folder):
    """A copy of the program with all three additions."""
    commands.copied(folder)
    for room, (source, imported, start, entry) in ADDED.items():
        (folder / "qcompare" / room / "toy.py").write_text(source)
        path = folder / "qcompare" / room / "listed.py"
        text = path.read_text()
        head, line, tail = text.partition(start)
        kind, opening, entries = tail.partition("= (")
        path.write_text(f"{head}{imported}\n\n{line}{kind}{opening}{entry}, {entries}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a tiny run of the program with the additions left its results."""
    program, here = tmp_path_factory.mktemp("program"), tmp_path_factory.mktemp("run")
    with_additions(program)
    data_file(here / "mine.npz")
    asked = ("model=dense", "qat.scheme=aligned", *TINY, *FILE, "seed=0", "workers=1")
    run = commands.run(*asked, folder=here, path=[str(program)])
    assert run.returncode == 0, run.stderr + run.stdout
    (found,) = (here / "outputs").glob("[!.]*")
    return Path(found)


def test_a_new_route_has_its_rows_with_every_engine(folder):
    errors = pd.read_csv(folder / "errors.csv")
    toy, ptq = (errors[errors["route_b"] == route] for route in ("toy", "ptq"))
    # It stands first in the list: ptq is a further model of the float network, compared with it.
    beside = ptq["route_a"] == "toy"
    assert set(ptq["engine_b"][beside]) == {engine for engine in ptq["engine_b"] if not engine.startswith("manual")}
    assert len(toy) == len(ptq) - beside.sum() > 10
    assert set(toy["engine_b"]) == set(ptq["engine_b"])
    assert toy["n"].notna().all()
    assert (folder / "seed=0" / "toy.tflite").read_bytes() == (folder / "seed=0" / "ptq.tflite").read_bytes()


def test_a_new_engine_has_its_rows_on_every_route(folder):
    errors = pd.read_csv(folder / "errors.csv")
    found = errors[errors["engine_b"] == "device@toy"]
    assert set(found["route_b"]) == {"ptq", "qat", "toy"}
    by_hand = found[found["engine_a"] == "manual:dequantized"]
    assert (by_hand["mismatches"] > 0).all()
    assert (by_hand["max_lsb"] == 1).all()


def test_a_new_table_is_a_new_file(folder):
    for path in (folder / "toy.csv", folder / "seed=0" / "toy.csv"):
        table = pd.read_csv(path)
        assert set(table["route"]) == {"float", "ptq", "qat", "toy"}
        assert table.set_index("route").loc["float", "traces"] == 1
    assert set(table["configuration"]) == {folder.name}


def test_plots_are_drawn_of_what_was_added(folder):
    assert (folder / "toy_seeds.png").exists()
    assert (folder / "seed=0" / "toy_histograms.png").exists()
