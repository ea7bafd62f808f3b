"""One trial, a straight line: data, float model, QAT model, .tflite files, traces of every engine, rows, plots."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from qcompare.analysis.figures import (
    Figures,
    compare,
    compare_with_labels,
    errors_frame,
    lsb_histogram,
    to_reals,
)
from qcompare.analysis.parameters import compare_parameters, parameters_frame
from qcompare.config.options import Config
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.engine import EngineId
from qcompare.core.graph import Graph, Model
from qcompare.core.grid import Grid
from qcompare.core.trace import Trace
from qcompare.data.load import load
from qcompare.engines import litert as interpreter
from qcompare.engines import micro
from qcompare.manual import executor
from qcompare.manual.call import NotCoveredError
from qcompare.models.float_ops import FloatOps, Unrounded
from qcompare.pipeline import store
from qcompare.report import plots
from qcompare.report.tables import write_csv
from qcompare.routes import export
from qcompare.tflite import schema
from qcompare.tflite.converter import Converted
from qcompare.training import build, fit, guards, qat, runtime
from qcompare.training.learned import learned_scales
from qcompare.training.number_format import FORMATS

STAGES = ("prepare", "float training", "QAT", "conversion", "interpreters", "manual", "rows and plots")
"""The stages of a trial, in order; each is announced as it begins."""

BLAS_THREADS = 1
"""More make the manual engine's small products slower, and compete with other trials."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """One way to the int8 model and what came of it.

    outputs: engine -> outputs [samples, outputs]; integers of engines that run the int8 model, else float32.
    grid: of the int8 model's output; None when there is no model. note: why there are no figures, or a warning.
    """

    name: str
    converted: Converted
    model: Model | None = None
    graph: Graph | None = None
    grid: Grid | None = None
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    note: str = ""


def run(
    config: Config,
    seed: int,
    folder: Path,
    key: str,
    announce: Callable[[str], None] = lambda stage: None,
    import_seconds: float = 0.0,
) -> None:
    """Compute one trial and leave its results whole in `folder`: models, errors.csv, parameters.csv, plots, record.

    key: what the results depend on, kept in the record. announce: called with each of STAGES as it begins.
    import_seconds: what importing this module took, for the record.
    """
    clock = Clock(announce)
    clock.seconds["import"] = import_seconds
    with store.whole_folder(folder) as results, Child(quiet=not config.verbose) as child:
        child.start()
        with clock.stage("prepare"):
            runtime.prepare(seed, config.verbose)
            dataset = load(config.data)
            architecture = build.architecture(config.model, dataset)
        with clock.stage("float training"):
            weights = fit.train_float(
                architecture,
                dataset,
                epochs=config.train.epochs,
                batch_size=config.train.batch_size,
                learning_rate=config.train.learning_rate,
                seed=seed,
            )
            float_ops = FloatOps(Unrounded({**weights, **architecture.constants()}))
            float_outputs = fit.outputs(lambda x: architecture.forward(float_ops, x), dataset.x_test)
        with clock.stage("QAT"):
            scheme = _scheme(config.qat.scheme)
            trained = scheme.train(architecture, weights, dataset, **_settings(config), seed=seed)
            qat_outputs = scheme.evaluate(architecture, trained, dataset.x_test)
        with clock.stage("conversion"):
            exports = _exports(config)
            converted = {
                "ptq": attempt(child, exports["ptq"], architecture, weights, dataset.calibration),
                "qat": warned(
                    attempt(child, exports["qat"], architecture, trained),
                    guards.findings(architecture, trained, dataset.calibration),
                ),
            }
        keras = {"ptq": {"float": float_outputs}, "qat": {"float": float_outputs, "qat": qat_outputs}}
        routes = []
        for name in config.routes:
            with clock.stage("interpreters"):
                route = with_interpreters(child, opened(name, converted[name], keras[name]), dataset.x_test)
            with clock.stage("manual"):
                routes.append(with_manual(route, dataset.x_test))
        with clock.stage("rows and plots"):
            keys = {
                "model": config.model.name,
                "quant": config.quant.name,
                "lowering": config.model.lowering,
                "seed": seed,
            }
            rows = [
                keys | {"route": route.name} | row
                for route in routes
                for row in rows_of(route, dataset.y_test, dataset.classes is not None)
            ]
            learned, weight_of = learned_scales(architecture, trained, per_channel=config.qat.scheme == "aligned")
            last = routes[-1].model
            parameters = [] if last is None else compare_parameters(last, learned, weight_of)
            write_csv(errors_frame(rows), results / "errors.csv")
            write_csv(
                parameters_frame([keys | {"route": "qat"} | row for row in parameters]), results / "parameters.csv"
            )
            store.write_arrays(weights, results / "float_weights.npz")
            store.write_arrays(trained.weights, results / "qat_weights.npz")
            for route in routes:
                if route.graph is not None:
                    (results / f"{route.name}.tflite").write_bytes(route.converted.model)
                    store.write_arrays(route.outputs, results / f"{route.name}_outputs.npz")
                    draw(route, results, f"{config.model.name} {config.quant.name}, route {route.name}, seed {seed}")
        child.stop()
        record = {
            "key": key,
            "seed": seed,
            "seconds": clock.seconds,
            "peak_bytes": clock.peak_bytes,
            "threads": runtime.THREADS,
            "runtimes": list(runtimes()),
        }
        store.write_json(record, results / store.RECORD)


def _settings(config: Config) -> dict[str, Any]:
    """What a scheme's training takes as plain values."""
    shared = {
        "epochs": config.qat.epochs,
        "batch_size": config.train.batch_size,
        "learning_rate": config.qat.learning_rate,
    }
    if config.qat.scheme == "tfmot":
        return shared
    return shared | {
        "simulate": config.quant.simulate,
        "kernels": config.quant.kernels,
        "number_format": FORMATS[config.quant.name],
        "range_momentum": config.qat.range_momentum,
    }


def _scheme(name: str) -> Any:
    if name == "aligned":
        return qat
    from qcompare.training import tfmot

    return tfmot


def _exports(config: Config) -> dict[str, Callable[..., Converted]]:
    qat_route = export.tfmot if config.qat.scheme == "tfmot" else export.written
    match config.model.lowering:
        case "fused":
            return {"ptq": export.ptq_fused, "qat": qat_route}
        case "loop":
            return {"ptq": export.ptq_loop, "qat": export.loop}
        case _:
            return {"ptq": partial(export.ptq, number_format=FORMATS[config.quant.name]), "qat": qat_route}


def attempt(child: Child, convert: Callable[..., Converted], *arguments: Any) -> Converted:
    """What the converter gives, or a Converted without a model whose note says how it failed."""
    try:
        return child.call(convert, *arguments)
    except ChildCrashedError as error:
        return Converted(model=b"", note=f"converter crashed: {error}")
    except ChildFailedError as error:
        return Converted(model=b"", note=f"converter failed: {error}")


def warned(converted: Converted, findings: list[str]) -> Converted:
    """The model with more that is to be said of it."""
    return replace(converted, note="; ".join(filter(None, [converted.note, *findings])))


def opened(name: str, converted: Converted, keras: Mapping[str, np.ndarray]) -> Route:
    """A route with its graph and the outputs of the Keras engines."""
    if not converted.model:
        return Route(name=name, converted=converted, note=converted.note)
    model = schema.read(converted.model)
    graph = model.main
    return Route(
        name=name,
        converted=converted,
        model=model,
        graph=graph,
        grid=graph.tensors[graph.outputs[0]].grid,
        outputs=dict(keras),
        note=converted.note,
    )


def with_interpreters(child: Child, route: Route, x: np.ndarray) -> Route:
    """The route with the outputs of LiteRT under each kernel set, and of TensorFlow Lite Micro if it is installed."""
    if route.graph is None or route.model is None:
        return route
    outputs, notes = dict(route.outputs), [route.note]
    runs: dict[str, tuple[Callable[..., Trace], tuple[str, ...]]] = {
        f"interpreter:{kernels}": (interpreter.run, (kernels,)) for kernels in interpreter.KERNEL_SETS
    }
    if micro.installed():
        runs["micro"] = (micro.run, ())
    for engine, (runtime_run, arguments) in runs.items():
        try:
            trace = child.call(runtime_run, route.converted.model, _inputs(route.graph, x), *arguments)
            outputs[engine] = trace.result
        except (ChildCrashedError, ChildFailedError) as error:
            notes.append(f"{engine} failed: {error}")
    return replace(route, outputs=outputs, note="; ".join(filter(None, notes)))


def with_manual(route: Route, x: np.ndarray) -> Route:
    """The route with the outputs of the manual engine in each arithmetic that has a runtime to meet."""
    if route.graph is None or route.model is None:
        return route
    outputs, notes = dict(route.outputs), [route.note]
    with threadpool_limits(BLAS_THREADS):
        for arithmetic in arithmetics():
            try:
                trace = executor.run(route.model, _inputs(route.graph, x), arithmetic)
                outputs[trace.engine] = trace.result
            except NotCoveredError as error:
                notes.append(f"manual:{arithmetic}: {error}")
    return replace(route, outputs=outputs, note="; ".join(filter(None, notes)))


def arithmetics() -> list[str]:
    """Arithmetics that the manual engine runs in."""
    return ["dequantized", *interpreter.KERNEL_SETS, *(["micro"] if micro.installed() else [])]


def runtimes() -> dict[str, str]:
    """Runtime engine -> the arithmetic that is its own."""
    found = {f"interpreter:{kernels}": kernels for kernels in interpreter.KERNEL_SETS}
    return found | ({"micro": "micro"} if micro.installed() else {})


def _inputs(graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """x [samples, steps, features], float32, as the model's input tensor holds it."""
    tensor = graph.tensors[graph.inputs[0]]
    grid = tensor.grid
    return {tensor.index: x if grid is None else grid.quantize(x, len(tensor.shape))}


def pairs_of(route: str) -> list[tuple[str, str]]:
    """What is compared with what on a route, in the order of the rows; `labels` are the true answers."""
    measured = runtimes()
    plain = "manual:dequantized"
    own = [(f"manual:{arithmetic}", engine) for engine, arithmetic in measured.items()]
    manual = [*own, *((plain, engine) for engine in measured)]
    to_float = [("float", engine) for engine in measured]
    if route == "qat":
        to_qat = [("qat", engine) for engine in measured]
        pairs = [("float", "qat"), *to_qat, *manual, ("qat", plain), *to_float]
        engines = ["float", "qat", *measured, plain]
    else:
        pairs = [*manual, ("float", plain), *to_float]
        engines = ["float", *measured, plain]
    return pairs + [("labels", engine) for engine in engines]


def rows_of(route: Route, labels: np.ndarray, classification: bool) -> list[dict[str, Any]]:
    """The rows of one route, without the columns that name the trial. A pair that lacks an engine has no figures."""
    rows = []
    for a, b in pairs_of(route.name):
        present = b in route.outputs and (a in route.outputs or a == "labels")
        if not present:
            figures = Figures()
        elif a == "labels":
            figures = compare_with_labels(labels, route.outputs[b], _grid(route, b), classification=classification)
        else:
            figures = compare(route.outputs[a], route.outputs[b], route.grid, classification=classification)
        rows.append({"a": a, "b": b, "scope": "output", "note": route.note} | asdict(figures))
    return rows


def _grid(route: Route, engine: str) -> Grid | None:
    return None if route.outputs[engine].dtype == np.float32 else route.grid


def draw(route: Route, folder: Path, title: str) -> None:
    """The seed's plots of one route."""
    if route.grid is None:
        return
    histograms = {
        (EngineId.parse(a), EngineId.parse(b)): lsb_histogram(route.outputs[a], route.outputs[b], route.grid)
        for a, b in pairs_of(route.name)
        if a in route.outputs and b in route.outputs
    }
    plots.save_png(plots.error_histograms(histograms, title=title), folder / f"{route.name}_histograms.png")
    base = "qat" if "qat" in route.outputs else "float"
    measured = {EngineId.parse(name): real(route, name) for name in route.outputs if name in runtimes()}
    if measured:
        named, lsb = EngineId.parse(base), float(route.grid.lsb)
        figure = plots.scatter(named, real(route, base), measured, scale=lsb, title=title)
        plots.save_png(figure, folder / f"{route.name}_scatter.png")


def real(route: Route, engine: str) -> np.ndarray:
    """An engine's outputs in real units."""
    return to_reals(route.outputs[engine], _grid(route, engine))


class Clock:
    """Announces the stages of a trial and adds up their seconds."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self.announce = announce
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.announce(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    @property
    def peak_bytes(self) -> dict[str, int]:
        """Largest resident memory of this process, and of the largest child it has waited for."""
        return {
            "process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        }
