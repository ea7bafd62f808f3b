"""The stages of report.html: what is said of a configuration, its chapter, and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qcompare.analysis import layers
from qcompare.analysis.findings import FINDINGS
from qcompare.analysis.ladder import LADDER
from qcompare.analysis.methods import METHODS
from qcompare.analysis.over_seeds import together
from qcompare.analysis.parameters import PARAMETERS
from qcompare.analysis.statements import statements
from qcompare.analysis.tensors import TENSORS
from qcompare.config.options import Config, Int8Quant
from qcompare.core.archive import Files, joined
from qcompare.core.engine import BY_DEFAULT, MICRO, EngineId, interpreter
from qcompare.core.function import Function
from qcompare.core.stage import Codec, Stage
from qcompare.pipeline.trial import Trial
from qcompare.report.templates import templates

if TYPE_CHECKING:
    import pandas as pd

FILES: Codec[Files] = Codec(dump=dict, load=dict)

PAGE = "qcompare.report.html"


@dataclass(frozen=True, kw_only=True, eq=False)
class OverSeeds:
    """The stages over the seeds of a configuration that its report shows. plots: of the seeds together."""

    summary: Stage[pd.DataFrame]
    differences: Stage[pd.DataFrame]
    rungs: Stage[pd.DataFrame]
    plots: tuple[Stage[Files], ...]


def device(config: Config) -> EngineId:
    """The runtime that is spoken of: the one whose integers training gives, else the one that people get by default."""
    quant = config.quant
    if not isinstance(quant, Int8Quant) or quant.simulate == "fake_quant":
        return BY_DEFAULT
    return MICRO if quant.kernels == MICRO.look else interpreter(quant.kernels)


def chapter(
    config: Config,
    trials: Sequence[Trial],
    over: OverSeeds,
    *,
    compared: str,
    gates: tuple[tuple[str, str], ...],
    options: Mapping[str, Any],
    understood: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Stage[Files]:
    """The chapter of a configuration. The first seed that ended is the one of which there are plots of a single one.
    compared: a sentence that says what was. gates: what came of each, and a line. options, understood, provenance: as
    its files have them."""

    def rows(file: str) -> Stage[pd.DataFrame]:
        frames = tuple(trial.tables[file] for trial in trials)
        return Stage(name=f"rows of {file} together", compute=together, inputs={"frames": frames}, codec=None)

    tensors, methods, runtime = rows(TENSORS.file), rows(METHODS.file), device(config)
    said = Stage(
        name="statements",
        compute=statements,
        inputs={
            "device": runtime,
            "summary": over.summary,
            "differences": over.differences,
            "ladder": rows(LADDER.file),
            "rungs": over.rungs,
            "tensors": tensors,
            "methods": methods,
        },
        codec=None,
    )
    shown = Stage(
        name="layers over seeds", compute=layers.over_seeds, inputs={"tensors": tensors, "device": runtime}, codec=None
    )
    ended = [trial for trial in trials if trial.tables[METHODS.file].codec is not None]
    return Stage(
        name="chapter of the report",
        compute=Function(PAGE, "chapter"),
        inputs={
            "name": trials[0].configuration,
            "compared": compared,
            "gates": gates,
            "statements": said,
            "layers": shown,
            "summary": over.summary,
            "differences": over.differences,
            "rungs": over.rungs,
            "methods": methods,
            "parameters": rows(PARAMETERS.file),
            "findings": rows(FINDINGS.file),
            "plots": _files(over.plots),
            "seed": (ended or trials)[0].seed,
            "seed_plots": _files(ended[0].plots if ended else ()),
            "options": options,
            "understood": understood,
            "provenance": provenance,
            "templates": templates(),
        },
        codec=FILES,
    )


def _files(stages: tuple[Stage[Files], ...]) -> Stage[Files]:
    return Stage(name="plots together", compute=joined, inputs={"parts": stages}, codec=None)


def page(chapters: Sequence[Stage[Files]], **of_several: Any) -> Stage[Files]:
    """report.html of one or several configurations, and its answers. of_several: what `report.html.page` takes more."""
    inputs = {"chapters": tuple(chapters), "templates": templates(), **of_several}
    return Stage(name="report", compute=Function(PAGE, "page"), inputs=inputs, codec=FILES)
