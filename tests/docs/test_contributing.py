"""The recipes of CONTRIBUTING.md name what is there."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.commands import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"^## An? (.+)\n((?:(?!## ).*\n)*)", TEXT, re.MULTILINE))


def test_the_recipes() -> None:
    assert list(RECIPES) == ["operator of the manual engine", "cell", "route", "engine"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_ends_in_its_test(recipe: str) -> None:
    (command,) = re.findall(r"^Test: `\.venv/bin/python -m pytest (.+)`$", RECIPES[recipe], re.MULTILINE)
    for path in command.partition(" --")[0].split():
        assert list((ROOT / path).rglob("test_*.py")) or (ROOT / path).is_file(), path


PATHS = sorted({path for path in re.findall(r"`((?:\w+/)+\w*(?:\.\w+)?)`", TEXT) if "<" not in path})


@pytest.mark.parametrize("path", PATHS)
def test_what_a_recipe_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "qcompare" / path).exists()


NAMED = re.findall(r"`(\w+)`\s(?:of|in)\s`((?:\w+/)+\w+)\.py`", TEXT)
"""(name, module) of "`NAME` of `path.py`"."""


def test_names_are_found() -> None:
    assert {name for name, _ in NAMED} >= {
        "OPS",
        "TABLE",
        "GENERATORS",
        "ROUTES",
        "ENGINES",
        "GROUPS",
        "Family",
        "cells",
    }


@pytest.mark.parametrize(("name", "module"), NAMED)
def test_a_name_is_in_the_module_that_a_recipe_says(name: str, module: str) -> None:
    assert hasattr(importlib.import_module(module.replace("/", ".")), name)
