"""Networks and their operators are composed: a class is either a protocol or final, and final ones inherit
nothing of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qcompare

ROOT = Path(qcompare.__file__).parent
ROOMS = ("models", "training", "export")


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    yield f"{room}/{path.name}:{node.name}", node


CLASSES = dict(classes())


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_a_protocol_or_final(name: str) -> None:
    node = CLASSES[name]
    abstract = any(ast.unparse(base).startswith("Protocol") for base in node.bases)
    final = "final" in map(ast.unparse, node.decorator_list)
    assert abstract != final
    own = {found.name for found in CLASSES.values()}
    # Exceptions, and what a library asks for, have bases that are not ours.
    assert abstract or not any(ast.unparse(base) in own for base in node.bases)
