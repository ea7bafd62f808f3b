"""The stages of the ladders: where on each route the difference between the float network and a device arises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from qcompare.analysis import drawn_ladder
from qcompare.analysis.ladder_summary import LADDER_SUMMARY
from qcompare.analysis.over_seeds import together as put_together
from qcompare.analysis.result import Result
from qcompare.config.options import Config, GivenPair
from qcompare.core import stored_ladders
from qcompare.core.archive import Files
from qcompare.core.comparison import FLOAT_ROUTE, FLOAT_SIDE, Side
from qcompare.core.engine import EngineId
from qcompare.core.function import Function
from qcompare.core.ladder import Ladders
from qcompare.core.stage import Codec, Stage
from qcompare.core.trace import Trace
from qcompare.pipeline.tables import rows
from qcompare.routes.route import Context, Route
from qcompare.tflite.artifact import Artifact

if TYPE_CHECKING:
    import pandas as pd

FILES: Codec[Files] = Codec(dump=dict, load=dict)
LADDERS = Codec(dump=stored_ladders.dump, load=stored_ladders.load)

OPERATORS = "operators"
"""The first rung of the float network's own model: its operators in real numbers."""


def first_rung(route: Route) -> str:
    """From the float network to the operators of a route's model in real numbers, with the weights of its network."""
    return OPERATORS if route.twin is None else f"{route.name}_weights"


def ladders(
    routes: Collection[Route],
    engines: Collection[EngineId],
    artifacts: Mapping[str, Stage[Artifact]],
    traces: Mapping[Side, Stage[Trace]],
    context: Context,
) -> dict[str, Stage[Ladders]]:
    """By route; none of a user's pair of models, of which it is not known what the integers were rounded from.

    engines: those that this machine has; a kernel set is climbed to where its runtime is among them.
    """
    if isinstance(context.config.model, GivenPair):
        return {}
    climbed = [engine for engine in engines if engine.measured and engine.emulation in engines]
    return {
        route.name: Stage(
            name=f"ladder of {route.name}",
            compute=Function("qcompare.engines.route_ladder", "of_route"),
            inputs={
                "artifact": artifacts[route.name],
                "dataset": context.data,
                "start": traces[FLOAT_SIDE],
                "first": first_rung(route),
                "kernel_sets": tuple(engine.emulation.kernels for engine in climbed),
                "runtimes": tuple(traces[Side(route.name, engine)] for engine in climbed),
            },
            codec=LADDERS,
        )
        for route in routes
        if route.converted and route.name != FLOAT_ROUTE
    }


def trial_plots(trial: Stage[Result], config: Config) -> Stage[Files]:
    """The plots of one seed's ladders."""
    inputs = {"result": trial, "data": config.data.name}
    shown = Stage(name="ladders that are drawn", compute=drawn_ladder.of_trial, inputs=inputs, codec=None)
    return Stage(
        name="plots of ladders",
        compute=Function("qcompare.report.ladder", "draw_trial"),
        inputs={"drawn": shown, "for_paper": config.pdf},
        codec=FILES,
    )


def over_seeds(
    name: str, about: str, ladders: tuple[Stage[pd.DataFrame], ...]
) -> tuple[Stage[pd.DataFrame], Stage[Files]]:
    """What is left of the ladders over the seeds, and its plot. name: of the configuration. about: data, seeds and
    samples. ladders: the rows of ladder.csv of each."""
    together = Stage(name="rungs", compute=put_together, inputs={"frames": ladders}, codec=None)
    shown = Stage(name="drawn ladders", compute=drawn_ladder.over_seeds, inputs={"ladder": together}, codec=None)
    plots = Stage(
        name="plot of ladders over seeds",
        compute=Function("qcompare.report.ladder", "draw_seeds"),
        inputs={"name": name, "about": about, "ladders": shown},
        codec=FILES,
    )
    return rows(LADDER_SUMMARY, together), plots
