"""What a function's result depends on besides its arguments: the source that it runs, packages, Python and CPU.

Found by following imports from the module that holds the function, wherever in the text they stand.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from qcompare.core.digest import digest

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is reached from a module. own: modules of this program, itself included. packages: others, top-level."""

    own: frozenset[str]
    packages: frozenset[str]


@cache
def reached(module: str) -> Sources:
    """All modules and packages that a module of this program imports, directly or not."""
    own, packages, waiting = set[str](), set[str](), {module}
    while waiting:
        name = waiting.pop()
        own.add(name)
        for imported in imports_of(name):
            top = imported.partition(".")[0]
            if top != PACKAGE:
                packages.add(top)
            elif imported not in own:
                waiting.add(imported)
    return Sources(own=frozenset(own), packages=frozenset(packages - set(sys.stdlib_module_names)))


@cache
def imports_of(module: str) -> frozenset[str]:
    """Dotted names that a module of this program imports: own modules and the packages that hold them, and others."""
    found = set()
    for node in _imports(ast.parse(path_of(module).read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            found.add(node.module)
            found |= {name for alias in node.names if is_own(name := f"{node.module}.{alias.name}")}
    with_packages = {name.rsplit(".", n)[0] for name in found for n in range(name.count(".") + 1) if is_own(name)}
    return frozenset(found | with_packages)


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement holds others; imports are statements."""


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run: those for types alone are left out."""
    for block in BLOCKS:
        for node in getattr(tree, block, ()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node
            elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                yield from _imports(node)


@cache
def is_own(module: str) -> bool:
    """Whether a dotted name is a module of this program."""
    if module.partition(".")[0] != PACKAGE:
        return False
    return path_of(module).exists()


def path_of(module: str) -> Path:
    """Where a module stands; one of another program, such as a test, is found as Python finds it."""
    if module.partition(".")[0] != PACKAGE:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(module)
        return Path(spec.origin)
    place = ROOT.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def content(module: str) -> str:
    """The SHA-256 of a module's source."""
    return hashlib.sha256(path_of(module).read_bytes()).hexdigest()


DISTRIBUTIONS = {"PIL": "pillow", "hydra": "hydra-core", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Importable package -> the distribution that brings it, where the names differ in more than hyphens."""


@cache
def package_version(package: str) -> str:
    """The version of an importable package; "" when it is not installed."""
    known = installed().get(normalized(DISTRIBUTIONS.get(package, package)))
    if known is not None or importlib.util.find_spec(package) is None:
        return known or ""
    return ", ".join(installed()[normalized(name)] for name in packages_distributions().get(package, []))


@cache
def installed() -> dict[str, str]:
    """Version of every installed distribution by its normalized name, as the names of their folders tell."""
    folders = (Path(entry).glob("*.dist-info") for entry in reversed(sys.path) if Path(entry).is_dir())
    parts = (folder.name.removesuffix(".dist-info").rpartition("-") for each in folders for folder in each)
    return dict(sorted((normalized(name), number) for name, _, number in parts))


def normalized(distribution: str) -> str:
    """A distribution's name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def dependence(module: str) -> str:
    """The digest of what running a function of that module depends on."""
    return digest(depends_on(module))


def depends_on(module: str) -> dict[str, Any]:
    """What running a function of that module depends on, as plain data.

    The CPU counts where NumPy or a runtime computes: kernels choose their instructions, and with them the order of
    sums, by it.
    """
    sources = reached(module)
    found: dict[str, Any] = {
        "sources": {name: content(name) for name in sorted(sources.own)},
        "packages": {name: package_version(name) for name in sorted(sources.packages)},
    }
    if "numpy" in sources.packages:
        found |= {"python": platform.python_version(), "machine": machine(), "cpu_features": cpu_features()}
    return found


def machine() -> str:
    """Operating system and architecture."""
    return f"{platform.system()} {platform.machine()}"


@cache
def cpu_name() -> str:
    """The processor's own name."""
    return _cpu_line("model name") or platform.processor()


@cache
def cpu_features() -> list[str]:
    """The vector extensions among the processor's flags."""
    flags = _cpu_line("flags") or _cpu_line("Features")
    return sorted(flag for flag in flags.split() if flag.startswith(("avx", "fma", "sse4", "amx", "asimd", "neon")))


def _cpu_line(name: str) -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return ""
    for line in information.read_text().splitlines():
        if line.split(":")[0].strip() == name:
            return line.partition(":")[2].strip()
    return ""


def all_sources() -> str:
    """The digest of all source files of this program."""
    files = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)
    return digest(
        [(path.relative_to(ROOT).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    )
