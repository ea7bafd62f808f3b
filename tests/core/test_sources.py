"""Keys follow imports: what a stage depends on is found, not declared."""

import sys

import pytest

from qcompare.core import sources

STAGES = {
    "float training": "qcompare.training.float_network",
    "QAT": "qcompare.training.qat_network",
    "QAT by tfmot": "qcompare.training.tfmot_network",
    "conversion after training": "qcompare.export.post_training",
    "conversion of trained": "qcompare.export.trained",
    "data": "qcompare.data.load",
    "runtimes": "qcompare.engines.measured",
    "manual": "qcompare.engines.manual",
    "rows": "qcompare.analysis.errors",
    "plots": "qcompare.report.trial",
}
"""What a stage does -> the module that does it."""


def rooms_of(module):
    return {name.split(".")[1] for name in sources.reached(module).own if "." in name}


@pytest.mark.parametrize("module", STAGES.values(), ids=STAGES)
def test_no_stage_depends_on_options_the_command_line_or_the_pipeline(module):
    assert not rooms_of(module) & {"config", "cli", "pipeline", "routes"}


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "plots"])
def test_editing_the_report_touches_plots_alone(stage):
    assert "report" not in rooms_of(STAGES[stage])


def test_training_depends_on_no_runtime_and_no_table():
    assert not rooms_of(STAGES["float training"]) & {"export", "engines", "analysis", "report", "audit"}
    assert "tensorflow" in sources.reached(STAGES["float training"]).packages


def test_imports_within_functions_are_followed():
    assert "qcompare.data.digits" in sources.reached("qcompare.data.load").own
    assert "sklearn" in sources.reached("qcompare.data.load").packages


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program of three modules in place of this one: a imports b, and c for its types alone."""
    root = tmp_path / "qcompare"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text(
        "from typing import TYPE_CHECKING\nfrom qcompare import b\nimport numpy.linalg\n"
        "if TYPE_CHECKING:\n    from qcompare.c import C\n"
    )
    (root / "b.py").write_text("import json\n")
    (root / "c.py").write_text("C = int\n")
    monkeypatch.setattr(sources, "ROOT", root)
    forget()
    yield root
    forget()


def forget():
    for name in ("reached", "imports_of", "is_own", "content", "dependence"):
        getattr(sources, name).cache_clear()


def test_own_modules_and_packages_are_told_apart(program):
    found = sources.reached("qcompare.a")
    assert found.own == {"qcompare", "qcompare.a", "qcompare.b"}
    assert found.packages == {"numpy"}
    assert not found.packages & set(sys.stdlib_module_names)


@pytest.mark.parametrize(("edited", "matters"), [("a", True), ("b", True), ("c", False)])
def test_a_key_changes_with_the_source_that_is_reached_and_with_no_other(program, edited, matters):
    before = sources.dependence("qcompare.a")
    forget()
    assert sources.dependence("qcompare.a") == before
    with (program / f"{edited}.py").open("a") as file:
        file.write("# another line\n")
    forget()
    assert (sources.dependence("qcompare.a") != before) == matters


def test_versions_and_the_cpu_count_where_numbers_are_computed(program, monkeypatch):
    numbers, text = sources.dependence("qcompare.a"), sources.dependence("qcompare.b")
    forget()
    monkeypatch.setattr(sources, "cpu_features", lambda: ["none"])
    assert sources.dependence("qcompare.a") != numbers
    assert sources.dependence("qcompare.b") == text
    forget()
    monkeypatch.undo()


def test_the_version_of_a_package_is_that_of_its_distribution():
    import numpy
    import sklearn

    assert sources.package_version("numpy") == numpy.__version__
    assert sources.package_version("sklearn") == sklearn.__version__
    assert sources.package_version("no_such_package") == ""
