"""docs/arithmetic.md and docs/operators.md say what the code does."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from qcompare.audit.tally import TOLERANCE
from qcompare.manual.arithmetic import OPS
from qcompare.manual.rule import Requantization, Rounding, Rule
from qcompare.manual.rules import COPY, KERNEL_SETS, RULES, TABLE
from qcompare.manual.variant import Variant, of
from tests.commands import ROOT
from tests.docs import operators

DOCUMENT = (ROOT / "docs" / "arithmetic.md").read_text()
SOURCES = sorted((ROOT / "qcompare").rglob("*.py"))

DEFINED = [int(number) for number in re.findall(r"^\((\d+)\) ", DOCUMENT, re.MULTILINE)]
"""The equations of the document, which stand at the beginning of a line each."""

CITATION = re.compile(r"(?<![\w)])\(([1-9]\d*(?:, [1-9]\d*)*)\)(?:(?:-| to )\((\d+)\))?")
"""(93), (15, 16), (46)-(50) or (97) to (101), but not the arguments of a function."""


def cited(text: str) -> Iterator[int]:
    """The equations that a text speaks of."""
    for found in CITATION.finditer(text):
        numbers = [int(number) for number in found[1].split(", ")]
        yield from numbers
        if found[2]:
            yield from range(numbers[-1] + 1, int(found[2]) + 1)


def told(path: Path) -> str:
    """The comments and docstrings of a source."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return "\n".join(
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""'))
    )


def test_an_equation_is_numbered_once() -> None:
    assert len(DEFINED) == len(set(DEFINED)) > 90


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_equations_that_the_code_cites_exist(path: Path) -> None:
    assert set(cited(told(path))) <= set(DEFINED)


def test_every_equation_is_cited_in_the_code() -> None:
    assert set(DEFINED) <= {number for path in SOURCES for number in cited(told(path))}


def test_the_equations_that_the_document_cites_exist() -> None:
    assert set(cited(DOCUMENT)) <= set(DEFINED)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("by (7) of x", [7]), ("(15, 16)", [15, 16]), ("(46)-(48)", [46, 47, 48]), ("(97) to (99)", [97, 98, 99])],
)
def test_citations_are_found(text: str, numbers: list[int]) -> None:
    assert list(cited(text)) == numbers


@pytest.mark.parametrize("text", ["input(2)", "exp(-1)", "LSTM(32)", "(0, 0)", "f(1)(2)"])
def test_and_nothing_else(text: str) -> None:
    assert not list(cited(text))


def test_the_table_of_operators_is_made_from_the_rules() -> None:
    written = operators.PATH.read_text()
    assert written == operators.text(), "python -m tests.docs.operators writes it anew"


def test_every_operator_is_told_of() -> None:
    names = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", DOCUMENT))
    assert names >= set(OPS)
    assert {row.op for row in TABLE} == {name for name, op in OPS.items() if op.rules}


def test_the_tolerance_of_floats() -> None:
    assert f"compared with a tolerance, {TOLERANCE:.0e} of".replace("e-0", "e-") in DOCUMENT


COLUMNS = "| operator | dtypes | `reference` | `optimized` | `xnnpack` | `micro` |"
LINES = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in DOCUMENT.partition(COLUMNS)[2].partition("\n\n")[0].splitlines()[2:]
]
"""The table of further operators: operators, dtypes, and a cell for each kernel set."""

DTYPES: dict[str, tuple[Variant, ...]] = {
    "int8": (of("int8"), of("int8", "int8")),
    "int16": (of("int16"), of("int16", "int16")),
    "int32": (of("int32"),),
    "int16 by int8": (of("int16", "int8"),),
    "int16, int64 bias": (of("int16", bias="int64"),),
    "int16, int32 bias": (of("int16", bias="int32", declared="int32"),),
    "int16, int16 bias": (of("int16", bias="int16"),),
    "int8 to int8 or int16": (of("int8", "int8"), of("int8", "int16")),
    "int8, int16 state": (of("int8", "int16"),),
    "int8, int8 state": (of("int8", "int8"),),
    "int8, int16": (of("int8"), of("int16")),
    "bool": (of("bool"),),
    "8 to 64 bits, bool": tuple(of(dtype) for dtype in ("int8", "int16", "int32", "int64", "uint8", "bool")),
    "int32, int64": (of("int32"), of("int64")),
    "int8, int16, int32, int64": tuple(of(dtype) for dtype in ("int8", "int16", "int32", "int64")),
    "any": (of(),),
}
"""What the column `dtypes` says -> the variants of the table of rules."""


def of_line(line: tuple[str, ...]) -> list[tuple[str, list[Rule | None]]]:
    """The operators of a line with their rules, one a kernel set, for each of the dtypes that the table has."""
    names, dtypes, *_ = line
    found = []
    for name in names.split(", "):
        variants = DTYPES[dtypes] if dtypes else [row.variant for row in TABLE if row.op == name]
        present = [RULES[name, variant] for variant in variants if (name, variant) in RULES]
        assert present, f"the table of rules has no {name} of {dtypes}"
        found += [(name, [row.rule(kernels) for kernels in KERNEL_SETS]) for row in present]
    return found


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]} {line[1]}")
def test_further_operators_follow_the_documented_rules(line: tuple[str, ...]) -> None:
    """A kernel set that runs nothing, those that share a rule, and the rounding that a cell names."""
    meant = {"same": line[2]} | {f"as `{kernels}`": cell for kernels, cell in zip(KERNEL_SETS, line[2:], strict=True)}
    cells = [meant.get(cell, cell) for cell in line[2:]]
    for name, rules in of_line(line):
        if "copies" in cells:
            assert {rule for rule in rules if rule is not None} == {COPY}, name
            continue
        for cell, rule in zip(cells, rules, strict=True):
            assert (cell == "-") == (rule is None), (name, cell)
            named = re.match(r"(DOUBLE|UP|M64|F64|RNE32|Q8)\b", cell)
            if named and isinstance(rule, Requantization):
                assert rule.rounding is Rounding[named[1]], (name, cell)
            elif named:
                assert rule is not None, (name, cell)
                assert rule.name.startswith(named[1]), (name, cell)
            if cell.endswith(", f64"):
                assert rule is not None, (name, cell)
                assert "f32" not in rule.name, (name, cell)
        for one, other in combinations(range(len(cells)), 2):
            assert (cells[one] == cells[other]) == (rules[one] == rules[other]), (name, cells)
