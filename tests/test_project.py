"""The files by which the project is picked up agree with each other and with what is installed."""

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement

from tests.commands import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MICRO = next(Requirement(text) for text in PROJECT["dependencies"] if text.startswith("tflite-micro"))


def test_the_citation_says_what_the_project_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["title"].startswith(PROJECT["name"])
    assert citation["message"]
    assert citation["authors"] == PROJECT["authors"] == [{"name": "The qcompare maintainers"}]
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] == "Apache-2.0"


def test_the_licence_is_whole():
    (name,) = PROJECT["license-files"]
    text = (ROOT / name).read_text()
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert [int(number) for number in re.findall(r"^   (\d)\. ", text, re.MULTILINE)] == list(range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_newest_version_of_the_changelog_is_the_projects():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", PROJECT["version"]]


@pytest.mark.parametrize(
    ("system", "machine", "python", "wheel"),
    [
        ("Linux", "x86_64", "3.11", True),
        ("Linux", "x86_64", "3.14", True),
        ("Linux", "x86_64", "3.15", False),
        ("Linux", "aarch64", "3.11", False),
        ("Darwin", "arm64", "3.12", False),
        ("Darwin", "x86_64", "3.12", False),
        ("Windows", "AMD64", "3.12", False),
    ],
)
def test_tensorflow_lite_micro_is_installed_where_it_has_a_wheel(system, machine, python, wheel):
    assert MICRO.marker is not None
    asked = {"platform_system": system, "platform_machine": machine, "python_version": python}
    assert MICRO.marker.evaluate(asked) == wheel


@pytest.mark.skipif(MICRO.marker is None or not MICRO.marker.evaluate(), reason="has no wheel for this machine")
def test_tensorflow_lite_micro_is_installed_here():
    assert version("tflite-micro") in MICRO.specifier


def test_constraints_pin_every_requirement_once():
    lines = (ROOT / "constraints.txt").read_text().split()
    pinned = {name.lower().replace("_", "-"): pin for name, _, pin in (line.partition("==") for line in lines)}
    assert len(pinned) == len(lines)
    asked = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(pinned[requirement.name.lower()], prereleases=True), requirement


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="no checkout of git")
def test_results_stay_out_of_git_but_their_readme():
    def ignored(path):
        return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0

    assert all(map(ignored, ("outputs/lstm-int8/errors.csv", "outputs/.store/data/1.zip", "multirun/1")))
    assert not ignored("outputs/README.md")


def test_the_readme_of_outputs_names_files_that_are_defined():
    layout = (ROOT / "outputs" / "README.md").read_text()
    defined = (ROOT / "docs" / "results.md").read_text()
    names = re.findall(r"^ {8}(\S+\.(?:csv|yaml|json)) ", layout, re.MULTILINE)
    assert len(names) == 8
    assert all(f"`{name}`" in defined or f"## {name}" in defined for name in names)


def test_the_hooks_before_a_commit_are_those_of_the_tests_script():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    script = (ROOT / "run_tests.sh").read_text()
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy"}
    for hook in hooks:
        assert " ".join(hook["entry"].replace(" --force-exclude", "").split()) in script
