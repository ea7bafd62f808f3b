"""The walls of the design: who may import whom, read from the sources and from what a fresh interpreter loads."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import qcompare
from qcompare.core import sources
from tests import commands

ROOT = Path(qcompare.__file__).parent

FLOORS = (
    {"core"},
    {"models", "data", "manual", "tflite", "config", "report"},
    {"training"},
    {"export"},
    {"routes", "engines", "analysis"},
    {"audit", "explain", "pipeline"},
    {"cli"},
    {"__main__"},
)
"""Rooms of qcompare/ from the ground up; a package stands for all its modules.

A module imports from lower floors and from its own room.
"""

TENSORFLOW = ("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization")
WITHOUT_TENSORFLOW = ("manual", "analysis", "report", "core", "config", "audit", "explain", "cli")


def module_name(path):
    """Dotted, without the leading `qcompare`; "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py")) if "conf" not in path.parts}


@cache
def imports_of(module):
    """Dotted names of all modules that a module imports, wherever in its text; own ones start with `qcompare`.

    Imports for types alone do not count.
    """
    return sources.imports_of(f"qcompare.{module}" if module else "qcompare")


def own_imports_of(module):
    """Modules of qcompare, without the leading `qcompare`; packages, which hold nothing, left out."""
    own = {name.partition(".")[2] for name in imports_of(module) if name.split(".")[0] == "qcompare"}
    return {name for name in own if name and MODULES[name].name != "__init__.py"}


def reached_from(module):
    """All modules of qcompare that a module imports, directly or not."""
    return {name.partition(".")[2] for name in sources.reached(f"qcompare.{module}").own}


def room_of(module):
    """(floor, room): the most particular entry of the table that holds the module; (None, None) for none."""
    rooms = [
        (floor, room)
        for floor, names in enumerate(FLOORS)
        for room in names
        if module == room or module.startswith(room + ".")
    ]
    return max(rooms, key=lambda found: len(found[1]), default=(None, None))


def of(*rooms):
    return [name for name in MODULES if name.split(".")[0] in rooms]


def loaded_by(statement):
    """Top-level names of the modules that a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    run = subprocess.run(
        [sys.executable, "-c", code], env=commands.environment(), capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_the_sources_are_found():
    assert {"", "__main__", "pipeline.trial", "manual.executor", "manual.ops.add", "training.fit"} <= set(MODULES)
    assert own_imports_of("manual.executor") >= {"core.graph", "core.tensor_values"}
    assert "tensorflow" in imports_of("training.fit")


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_every_module_stands_on_a_floor_and_imports_downwards(module):
    floor, room = room_of(module)
    assert floor is not None, f"{module} has no floor"
    for imported in own_imports_of(module):
        below, other = room_of(imported)
        assert other == room or below < floor, f"{module} (floor {floor}) imports {imported} (floor {below})"


def test_no_module_imports_itself_by_a_detour():
    for module in MODULES:
        for imported in own_imports_of(module) - {module}:
            assert module not in reached_from(imported), f"{module} and {imported} import each other"


def test_manual_and_tflite_share_the_core_alone():
    for module in of("manual"):
        assert not [name for name in reached_from(module) if room_of(name)[1] == "tflite"]
    for module in of("tflite"):
        assert not [name for name in reached_from(module) if room_of(name)[1] == "manual"]


@pytest.mark.parametrize("module", of("manual"))
def test_manual_imports_numpy_and_the_core_only(module):
    outside = {name.split(".")[0] for name in imports_of(module)} - set(sys.stdlib_module_names)
    assert outside <= {"numpy", "qcompare"}
    assert all(name.split(".")[0] in ("core", "manual") for name in own_imports_of(module))


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_the_options_are_known_to_the_pipeline_and_the_routes_alone(module):
    if "config" in {name.split(".")[0] for name in own_imports_of(module)}:
        assert module.split(".")[0] in ("config", "routes", "pipeline", "cli")


@pytest.mark.parametrize("module", list(MODULES))
def test_nothing_comes_from_tests_or_from_the_inside_of_hydra(module):
    assert not [name for name in imports_of(module) if name.split(".")[0] == "tests" or name.startswith("hydra._int")]


@pytest.mark.parametrize("module", of(*WITHOUT_TENSORFLOW))
def test_no_way_leads_to_tensorflow(module):
    for reached in reached_from(module):
        assert not {name.split(".")[0] for name in imports_of(reached)} & set(TENSORFLOW), reached


def test_a_fresh_interpreter_loads_the_rooms_without_tensorflow():
    modules = of(*WITHOUT_TENSORFLOW)
    loaded = loaded_by(f"import {', '.join(f'qcompare.{name}' for name in modules)}")
    assert "numpy" in loaded
    assert not loaded & set(TENSORFLOW)


def test_a_fresh_interpreter_loads_manual_with_numpy_alone():
    allowed = loaded_by("import numpy, ctypes, qcompare")
    loaded = loaded_by(f"import {', '.join(f'qcompare.{name}' for name in of('manual'))}")
    assert loaded - allowed <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", of("report"))
def test_plots_and_tables_compute_no_statistics(module):
    assert not [name for name in reached_from(module) if name.split(".")[0] == "analysis"]
    outside = {name for reached in reached_from(module) for name in imports_of(reached)}
    assert not {name.split(".")[0] for name in outside} & {"scipy", "statistics", "sklearn"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["model=nonsense"],
        ["model.units=-1"],
        ["seed=9..0"],
        ["-m", "model=dense,nonsense"],
        ["data=file", "data.file=nowhere.npz"],
        ["data=mnist", "data.path=nowhere.npz"],
        ["report", "nowhere"],
        ["audit", "nowhere.tflite"],
        ["explain", "nowhere.tflite", "nowhere.tflite"],
    ],
    ids=" ".join,
)
def test_help_and_a_wrong_request_do_without_tensorflow(arguments, tmp_path):
    run = commands.run(*arguments, folder=tmp_path, python=["-X", "importtime"])
    assert run.returncode == (0 if arguments == ["--help"] else 2)
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in lines}
    assert "qcompare" in imported
    assert not imported & set(TENSORFLOW)
    assert not list(tmp_path.iterdir())
