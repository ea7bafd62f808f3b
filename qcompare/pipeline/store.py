"""What was computed, by key; whole or not at all. Locks are the kernel's: they end with the process that holds them."""

from __future__ import annotations

import json
import os
import re
import resource
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from qcompare.core.archive import Files, packed, unpacked
from qcompare.core.child import Child, ChildCrashedError, ChildFailedError
from qcompare.core.files import replace_whole
from qcompare.core.stage import Stage

T = TypeVar("T")

FOLDER = ".store"
"""Within a folder of outputs."""


class NotStoredError(LookupError):
    """A result that should be stored is not there; the message is one line."""


@dataclass(kw_only=True)
class Store:
    """Results of stages in one folder, and the process in which isolated ones run.

    announce: called with the name of each stage that begins to be computed.
    fresh: whether what was stored before is ignored and replaced.
    recorded: key of a stage -> the key that its result was stored under, for stages that are not to be computed again.
    keeps: whether what is computed is stored.
    held: results that are at hand, by key.
    """

    root: Path
    child: Child | None = None
    announce: Callable[[str], None] = lambda name: None
    fresh: bool = False
    recorded: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = True
    held: dict[str, Any] = field(default_factory=dict)

    def has(self, stage: Stage[Any]) -> bool:
        """Whether a stage's result can be read."""
        return stage.key in self.held or (not self.fresh and self.path(stage).exists())

    def key(self, stage: Stage[Any]) -> str:
        """What a stage's result is stored under."""
        return self.recorded.get(stage.key, stage.key)

    def path(self, stage: Stage[Any]) -> Path:
        """Where a stage's result stands."""
        folder = re.sub(r"\W+", "_", stage.name)
        return self.root / folder / f"{self.key(stage)}.zip"

    def value(self, stage: Stage[T]) -> T:
        """A stage's result: held, else stored, else computed and stored, in one process at a time.

        Raises what computing raises, and ChildCrashedError or ChildFailedError for an isolated stage that cannot fall.
        """
        if stage.key not in self.held:
            self.held[stage.key] = self._found(stage)
        return self.held[stage.key]

    def _found(self, stage: Stage[T]) -> T:
        if not self.fresh and (stored := self._read(stage)) is not None:
            return stored[0]
        if stage.key in self.recorded:
            raise NotStoredError(f"{stage.name} is no longer stored")
        # Before the lock: no process waits for a lock while it holds another.
        inputs = {name: self._input(value) for name, value in stage.inputs.items()}
        if stage.codec is None or not self.keeps:
            return self._computed(stage, inputs)[0]
        path = self.path(stage)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not self.fresh and (stored := self._read(stage)) is not None:
                return stored[0]
            start = time.perf_counter()
            value, lasting, peak = self._computed(stage, inputs)
            if lasting:
                cost = {"seconds": time.perf_counter() - start, "peak_bytes": peak}
                replace_whole(path.with_suffix(".json"), json.dumps(cost).encode())
                content = packed(stage.codec.dump(value))
                replace_whole(path, content)
                # What is handed on is what a later process will read, to the order of names in a mapping.
                return stage.codec.load(unpacked(content))
            return value

    def _input(self, value: Any) -> Any:
        if isinstance(value, Stage):
            return self.value(value)
        if isinstance(value, tuple):
            return tuple(self._input(inner) for inner in value)
        return value

    def _read(self, stage: Stage[T]) -> tuple[T] | None:
        if stage.codec is None:
            return None
        try:
            return (stage.codec.load(unpacked(self.path(stage).read_bytes())),)
        except FileNotFoundError:
            return None
        except (zipfile.BadZipFile, KeyError, ValueError):
            return None  # Damaged by hand or by a disk: computed anew.

    def _computed(self, stage: Stage[T], inputs: Mapping[str, Any]) -> tuple[T, bool, int]:
        """The result, whether it would be the same another time (a crash may have been the machine's), peak memory."""
        self.announce(stage.name)
        try:
            if stage.isolated and self.child is not None:
                value, peak = self.child.call(call, stage.compute, inputs)
            else:
                value, peak = call(stage.compute, inputs)
            return value, True, peak
        except ChildCrashedError as error:
            if stage.fallen is None:
                raise
            return stage.fallen(f"crashed: {error}"), False, 0
        except ChildFailedError as error:
            if stage.fallen is None:
                raise
            return stage.fallen(f"failed: {error}"), True, 0

    def files(self, stage: Stage[Any]) -> Files:
        """A stage's result as it is stored; computed first if it has to be."""
        if stage.codec is None:
            return {}
        value = self.held.get(stage.key)
        if value is None:
            try:
                return unpacked(self.path(stage).read_bytes())
            except (FileNotFoundError, zipfile.BadZipFile):
                value = self.value(stage)
        return stage.codec.dump(value)

    def cost(self, stage: Stage[Any]) -> Mapping[str, float]:
        """What computing a stored result took: seconds and peak_bytes; {} where that is not known."""
        try:
            return json.loads(self.path(stage).with_suffix(".json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}

    def size(self) -> tuple[int, int]:
        """Results and their bytes."""
        sizes = [entry.stat().st_size for entry in _entries(self.root) if entry.name.endswith(".zip")]
        return len(sizes), sum(sizes)


def call(compute: Callable[..., T], inputs: Mapping[str, Any]) -> tuple[T, int]:
    """A result, and the largest resident memory, in bytes, that the process has had."""
    value = compute(**inputs)
    return value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))
        else:
            yield entry
