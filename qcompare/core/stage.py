"""A stage: a step of a trial whose result is stored under a key of everything that it depends on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from qcompare.core.archive import Files
from qcompare.core.digest import digest
from qcompare.core.function import Function
from qcompare.core.plain import plain as plain_data
from qcompare.core.sources import dependence

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Codec(Generic[T]):
    """How a result becomes files and comes back."""

    dump: Callable[[T], Files]
    load: Callable[[Files], T]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage(Generic[T]):
    """One step that has not been computed yet.

    name: for progress and times; it decides nothing.
    compute: a function, or a method of a frozen dataclass, called with the inputs by name.
    inputs: plain values; stages, and tuples of stages, whose results are taken.
    codec: of the result; None for one that is never stored.
    isolated: whether it runs in the process that a crash may take down.
    source: the module whose imports count in place of that of `compute`, where the work is that of an input.
    fallen: what stands for a result that was not reached, given the one line that says why; None: the trial falls.
    """

    name: str
    compute: Callable[..., T]
    inputs: Mapping[str, Any]
    codec: Codec[T] | None
    isolated: bool = False
    source: str = ""
    fallen: Callable[[str], T] | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> str:
        """Of the function and its source, its inputs, the packages, and the CPU where that matters."""
        module, identity = (self.source, self.source) if self.source else origin(self.compute)
        inputs = {name: plain(value) for name, value in self.inputs.items()}
        return digest({"compute": identity, "inputs": inputs, "dependence": dependence(module)})

    @property
    def stages(self) -> list[Stage[Any]]:
        """The stages among its inputs."""
        return [found for value in self.inputs.values() for found in _stages(value)]

    def walk(self) -> Iterator[Stage[Any]]:
        """This stage and all that it needs, each once, those that are needed first."""
        yield from _walk(self, set())


def _walk(stage: Stage[Any], seen: set[str]) -> Iterator[Stage[Any]]:
    if stage.key in seen:
        return
    seen.add(stage.key)
    for inner in stage.stages:
        yield from _walk(inner, seen)
    yield stage


def _stages(value: Any) -> Iterator[Stage[Any]]:
    if isinstance(value, Stage):
        yield value
    elif isinstance(value, tuple):
        for inner in value:
            yield from _stages(inner)


def stored(ends: Iterable[Stage[Any]]) -> tuple[Stage[Any], ...]:
    """The stages among these and all that they need whose results are stored, each once, those needed first."""
    found = {stage.key: stage for end in ends for stage in end.walk() if stage.codec is not None}
    return tuple(found.values())


def left(ends: Iterable[Stage[Any]], has: Callable[[Stage[Any]], bool]) -> tuple[Stage[Any], ...]:
    """The stages that are to be computed and stored for these to be there. has: whether a stage's result is stored."""
    found: dict[str, Stage[Any]] = {}
    visited: set[str] = set()

    def visit(stage: Stage[Any]) -> None:
        kept = stage.codec is not None
        if stage.key in visited or (kept and has(stage)):
            return
        visited.add(stage.key)
        for inner in stage.stages:
            visit(inner)
        if kept:
            found[stage.key] = stage

    for end in ends:
        visit(end)
    return tuple(found.values())


def origin(compute: Callable[..., Any]) -> tuple[str, str]:
    """The module that holds a function, and what tells it from others; a method's object, plain data, is part of it."""
    if isinstance(compute, Function):
        return compute.module, f"{compute.module}.{compute.name}"
    owner = getattr(compute, "__self__", None)
    identity = f"{compute.__module__}.{compute.__qualname__}"
    return compute.__module__, identity if owner is None else f"{identity} of {json.dumps(plain_data(owner))}"


def plain(value: Any) -> Any:
    """Plain data that stands for an input: a stage's key, any other value as `core.plain` has it."""
    if isinstance(value, Stage):
        return {"stage": value.key}
    if isinstance(value, tuple):
        return [plain(inner) for inner in value]
    return plain_data(value)
