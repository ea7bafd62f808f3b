"""No code outside one module takes the names of engines and routes apart, or compares them as text."""

import ast
from pathlib import Path

import pytest

import qcompare
from qcompare.core.engine import Family
from qcompare.routes.listed import ROUTES

ROOT = Path(qcompare.__file__).parent
ENGINES = {family.value for family in Family}
NAMES = ENGINES | {route.name for route in ROUTES}
MADE_HERE = ("core/engine.py",)
"""Where names of engines are made and read."""

NAMED_ELSEWHERE = {"micro", "float", "device"}
"""Names that are those of kernel sets, dtypes or options as well: only with a separator are they an engine's."""

TEXT_METHODS = {"startswith", "endswith", "removeprefix", "removesuffix", "split", "rsplit", "partition", "rpartition"}
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).as_posix() not in MADE_HERE]


def texts(node):
    """The text constants among the operands of an expression, those of tuples and sets included."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def is_name(text):
    """Whether a text is the name of an engine or a route, or the beginning of one."""
    if text in NAMES - NAMED_ELSEWHERE:
        return True
    return text.rstrip(":@") in ENGINES and text[-1:] in (":", "@")


def offences(source):
    """Lines that split, prefix or compare the text of a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(map(is_name, texts(node))):
            yield node.lineno, "compares"
        if isinstance(node, ast.Match):
            for case in node.cases:
                if any(map(is_name, texts(case.pattern))):
                    yield case.pattern.lineno, "compares"
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
            if any(part.startswith(tuple(f"{name}:" for name in ENGINES)) for part in parts):
                yield node.lineno, "prefixes"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and any(map(is_name, texts(node))):
            yield node.lineno, "prefixes"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS:
            if any(is_name(text) or text == ":@" for argument in node.args for text in texts(argument)):
                yield node.lineno, "splits"
            of = ast.unparse(node.func.value)
            if any(word in of for word in ("engine", "route")) and "path" not in of:
                yield node.lineno, "splits"
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and is_name(str(node.slice.value)):
            yield node.lineno, "looks up"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_are_not_taken_apart(path):
    assert list(offences(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        'if engine == "qat": pass',
        'a = frame[frame["engine_a"] == "labels"]',
        'name in ("ptq", "qat")',
        'name = f"manual:{kernels}"',
        'name = "interpreter:" + kernels',
        'name.startswith("manual:")',
        'engine.split(":")',
        'route.name.removesuffix("_2")',
        'outputs["interpreter"]',
        'match route:\n    case "ptq": pass',
    ],
)
def test_the_test_finds_what_it_looks_for(line):
    assert list(offences(line))


@pytest.mark.parametrize(
    "line",
    ['kernels == "micro"', 'dtype == "float"', "EngineId.parse(text)", 'f"{engine} on {route}"', 'ROUTE = "ptq"'],
)
def test_and_nothing_else(line):
    assert not list(offences(line))
