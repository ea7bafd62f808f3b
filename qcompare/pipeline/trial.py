"""One trial: for each route an artifact, for each engine a trace, for each table its rows.

Nothing is computed here. Everything is a stage, which the store computes once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qcompare.analysis.comparisons import comparisons, sides
from qcompare.analysis.listed import TABLES
from qcompare.analysis.result import Result
from qcompare.config.options import Config
from qcompare.core.archive import Files
from qcompare.core.comparison import Comparison
from qcompare.core.finding import Finding
from qcompare.core.stage import Stage
from qcompare.data.dataset import Dataset
from qcompare.engines.listed import ENGINES
from qcompare.pipeline import ladder_steps, steps, tensor_steps
from qcompare.pipeline.tables import rows
from qcompare.routes.listed import ROUTES
from qcompare.routes.route import Context

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """The stages of one trial, and what they are about. method: how models are quantized. tables: by file."""

    configuration: str
    seed: int
    method: str
    data: Stage[Dataset]
    comparisons: tuple[Comparison, ...]
    result: Stage[Result]
    tables: dict[str, Stage[pd.DataFrame]]
    plots: tuple[Stage[Files], ...]

    @property
    def ends(self) -> tuple[Stage[Any], ...]:
        """The stages that nothing else needs: computing them computes the trial."""
        return (*self.tables.values(), *self.plots)

    def fallen(self, finding: Finding) -> Trial:
        """The trial as far as it can be told when it did not end: rows without figures, and why."""
        result = steps.fallen_result(self.configuration, self.seed, self.comparisons, finding, self.method)
        return replace(self, result=result, tables=_tables(result, kept=False) | tensor_steps.without_rows())


def trial(config: Config, configuration: str, seed: int) -> Trial:
    """The trial of a seed. configuration: what its rows join to."""
    routes = [route for route in ROUTES if route.applies(config)]
    engines = {engine.id: engine for engine in ENGINES if engine.available()}

    data = steps.data(config)
    context = Context(config=config, seed=seed, data=data, network=steps.float_network(config, data, seed))
    artifacts = {route.name: route.build(context) for route in routes}

    pairs = comparisons(routes, list(engines))
    traces = {side: steps.trace(side.route, engines[side.engine], artifacts[side.route], data) for side in sides(pairs)}
    ladders = ladder_steps.ladders(routes, list(engines), artifacts, traces, context)

    result = steps.whole_result(configuration, context, pairs, traces, artifacts, ladders)
    return Trial(
        configuration=configuration,
        seed=seed,
        method=steps.method_of(context),
        data=data,
        comparisons=pairs,
        result=result,
        tables=_tables(result) | tensor_steps.tables(configuration, context, artifacts, result),
        plots=(steps.trial_plots(result, config), ladder_steps.trial_plots(result, config)),
    )


def _tables(result: Stage[Result], *, kept: bool = True) -> dict[str, Stage[pd.DataFrame]]:
    return {table.file: rows(table, result, kept=kept) for table in TABLES}
