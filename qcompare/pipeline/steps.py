"""The stages that every trial has, and those over its seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qcompare.analysis import drawn, over_seeds, result
from qcompare.analysis.differences import BETWEEN, DIFFERENCES, configurations
from qcompare.analysis.result import Result
from qcompare.analysis.statistics import SUMMARY
from qcompare.analysis.techniques import TECHNIQUES, models
from qcompare.config.options import Config, FilesData, GivenPair, KerasFile, Model, UserModel, content
from qcompare.core.archive import Files
from qcompare.core.comparison import Comparison, Side
from qcompare.core.ends import Ends
from qcompare.core.finding import Finding, failure
from qcompare.core.function import Function
from qcompare.core.ladder import Ladders
from qcompare.core.network import Network
from qcompare.core.plain import plain
from qcompare.core.stage import Codec, Stage
from qcompare.core.tap import OUTPUT
from qcompare.core.trace import Trace
from qcompare.core.trace import dump as dump_trace
from qcompare.core.trace import load as load_trace
from qcompare.data import dataset as datasets
from qcompare.data.dataset import Dataset
from qcompare.data.shape import shaped
from qcompare.data.understood import findings as data_findings
from qcompare.engines.engine import Engine, answer
from qcompare.engines.inputs import held_back
from qcompare.engines.labels import labels
from qcompare.models import keras_description
from qcompare.pipeline import tensor_steps
from qcompare.pipeline.tables import rows
from qcompare.routes.given import Given, with_its_end
from qcompare.routes.given import told as ends_told
from qcompare.routes.keras_tfmot import told as training_told
from qcompare.routes.route import Context
from qcompare.routes.smaller import told as smaller_told
from qcompare.routes.stages import NETWORK, training
from qcompare.tflite.artifact import Artifact
from qcompare.tflite.pair import integer_ends

if TYPE_CHECKING:
    import pandas as pd

SMALLER = "qcompare.training.smaller_network"

DATASET = Codec(dump=datasets.dump, load=datasets.load)
TRACE = Codec(dump=dump_trace, load=load_trace)
FILES: Codec[Files] = Codec(dump=dict, load=dict)


def data(config: Config) -> Stage[Dataset]:
    """The dataset. Files are their own store: their content is part of the key, and they are not copied."""
    options, ends = config.data, ends_of(config.model)
    inputs: dict[str, Any] = {"data": plain(options)}
    if isinstance(options, FilesData):
        inputs |= {"files": [str(path) for path in options.files], "content": content(options), "ends": ends}
        return Stage(name="data", compute=Function("qcompare.data.load", "load_files"), inputs=inputs, codec=None)
    made: Stage[Dataset] = Stage(
        name="data", compute=Function("qcompare.data.load", "load"), inputs=inputs, codec=DATASET
    )
    if ends is None:
        return made
    return Stage(name="data in shape", compute=shaped, inputs={"dataset": made, "shape": ends.shape}, codec=None)


def ends_of(model: Model) -> Ends | None:
    """What a user's model takes and gives; None of a network of ours, which takes what the data have."""
    if isinstance(model, GivenPair):
        return integer_ends(model.path)
    if not isinstance(model, KerasFile):
        return None
    return keras_description.ends(keras_description.of_file(model.path, content(model), model.trust))


def float_network(config: Config, dataset: Stage[Dataset], seed: int) -> Stage[Network]:
    """The training of the float network, or the reading of the user's."""
    if isinstance(config.model, UserModel):
        model = config.model
        # Of a float model that is a `.tflite` no route asks for a network.
        file = model if isinstance(model, KerasFile) else KerasFile(name="keras", path=model.float_path, trust=False)
        inputs = {"path": str(file.path), "content": content(file), "trust": file.trust, "data": dataset}
        read: Stage[Network] = Stage(
            name="reading of the model",
            compute=Function("qcompare.training.keras_network", "read"),
            inputs=inputs,
            codec=NETWORK,
        )
        return with_its_end(read, model) if isinstance(model, GivenPair) else smaller(config, read, dataset, seed)
    trained = training(
        "float training",
        "qcompare.training.float_network",
        model=plain(config.model),
        data=dataset,
        epochs=config.train.epochs,
        batch_size=config.train.batch_size,
        learning_rate=config.train.learning_rate,
        seed=seed,
    )
    return smaller(config, trained, dataset, seed)


def smaller(config: Config, network: Stage[Network], dataset: Stage[Dataset], seed: int) -> Stage[Network]:
    """The float network pruned, or its weights clustered, where that is asked for."""
    shared = {"network": network, "data": dataset, "batch_size": config.train.batch_size, "seed": seed}
    if config.prune.sparsity:
        return training("pruning", SMALLER, "prune", **shared, **plain(config.prune))
    if config.cluster.clusters:
        return training("clustering", SMALLER, "cluster", **shared, **plain(config.cluster))
    return network


def trace(route: str, engine: Engine, artifact: Stage[Artifact], dataset: Stage[Dataset]) -> Stage[Trace]:
    """What an engine computes of the test set."""
    inputs = {"artifact": artifact, "dataset": dataset}
    x = Stage(name="test inputs", compute=held_back, inputs=inputs, codec=None)

    def fallen(text: str) -> Trace:
        return Trace(engine=engine.id, findings=(failure(str(engine.id), text),))

    return Stage(
        name=f"{engine.id} on {route}",
        compute=answer,
        inputs={"engine": engine, "artifact": artifact, "x": x, "taps": (OUTPUT,)},
        codec=TRACE,
        isolated=engine.isolated,
        source=type(engine).__module__,
        fallen=fallen,
    )


def whole_result(
    configuration: str,
    context: Context,
    pairs: tuple[Comparison, ...],
    traces: dict[Side, Stage[Trace]],
    artifacts: dict[str, Stage[Artifact]],
    ladders: dict[str, Stage[Ladders]],
) -> Stage[Result]:
    """All that a trial gave, put together, and what is to be told of it."""
    dataset = context.data
    inputs: dict[str, Any] = {
        "configuration": configuration,
        "seed": context.seed,
        "method": method_of(context),
        "comparisons": pairs,
        "sides": tuple(traces),
        "traces": tuple(traces.values()),
        "labels": Stage(name="labels", compute=labels, inputs={"dataset": dataset}, codec=TRACE),
        "artifacts": tuple(artifacts.values()),
        "findings": Stage(name="findings", compute=data_findings, inputs={"dataset": dataset}, codec=None),
        "more": (*training_told(context.config), *smaller_told(context.config), *ends_told(context.config)),
        "of_tensors": tensor_steps.findings(context, artifacts),
        "climbed": tuple(ladders),
        "ladders": tuple(ladders.values()),
    }
    return Stage(name="result", compute=result.assembled, inputs=inputs, codec=None)


def fallen_result(
    configuration: str, seed: int, pairs: tuple[Comparison, ...], finding: Finding, method: str
) -> Stage[Result]:
    """What stands for the result of a trial that did not end."""
    inputs: dict[str, Any] = {
        "configuration": configuration,
        "seed": seed,
        "method": method,
        "comparisons": pairs,
        "finding": finding,
    }
    return Stage(name="result", compute=result.fallen, inputs=inputs, codec=None)


def method_of(context: Context) -> str:
    """How models are quantized; of a user's pair that is not asked."""
    return Given().name if isinstance(context.config.model, GivenPair) else context.method.name


def trial_plots(trial: Stage[Result], config: Config) -> Stage[Files]:
    """The plots of one seed."""
    figures = {"result": trial, "data": config.data.name}
    return Stage(
        name="plots",
        compute=Function("qcompare.report.trial", "draw"),
        inputs={
            "routes": Stage(name="what is drawn", compute=drawn.of, inputs=figures, codec=None),
            "for_paper": config.pdf,
        },
        codec=FILES,
    )


def summary(errors: tuple[Stage[pd.DataFrame], ...]) -> tuple[Stage[pd.DataFrame], Stage[pd.DataFrame]]:
    """All rows of errors.csv, and what is left of them over the seeds."""
    together = Stage(name="rows", compute=over_seeds.together, inputs={"frames": errors}, codec=None)
    return together, rows(SUMMARY, together)


def differences(errors: Stage[pd.DataFrame]) -> Stage[pd.DataFrame]:
    """The methods of a configuration against each other. errors: all its rows of errors.csv."""
    return rows(DIFFERENCES, errors)


def differences_between(errors: str, options: dict[str, dict[str, Any]]) -> Stage[pd.DataFrame]:
    """The methods of several configurations against each other. errors: errors.csv over all. options: by
    configuration."""
    inputs = {"errors": errors, "options": options}
    return rows(BETWEEN, Stage(name="configurations", compute=configurations, inputs=inputs, codec=None))


def techniques(methods: str, options: dict[str, dict[str, Any]]) -> Stage[pd.DataFrame]:
    """The methods of several configurations side by side. methods: methods.csv over all. options: by configuration."""
    inputs = {"methods": methods, "options": options}
    return rows(TECHNIQUES, Stage(name="models", compute=models, inputs=inputs, codec=None))


def methods_plot(about: str, methods: str, errors: str, techniques: Stage[pd.DataFrame]) -> Stage[Files]:
    """What methods are worth against what their models take. about: data and seeds. methods, errors: methods.csv and
    errors.csv over all."""
    return Stage(
        name="plot of methods",
        compute=Function("qcompare.report.methods", "draw"),
        inputs={"about": about, "methods": methods, "errors": errors, "techniques": techniques},
        codec=FILES,
    )


def seeds_plots(name: str, about: str, errors: Stage[pd.DataFrame], over: Stage[pd.DataFrame]) -> Stage[Files]:
    """The plots over the seeds. name: of the configuration. about: data, seeds and samples."""
    return Stage(
        name="plots over seeds",
        compute=Function("qcompare.report.seeds", "draw"),
        inputs={"name": name, "about": about, "errors": errors, "summary": over},
        codec=FILES,
    )
