"""What a worker process does: one trial at a time, with everything that was imported kept, and a process of its own
for what may crash."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from qcompare.core.child import Child
from qcompare.pipeline.request import Request
from qcompare.pipeline.results import publish
from qcompare.pipeline.store import Store
from qcompare.pipeline.trial import trial


@cache
def isolated(quiet: bool) -> Child:
    """This worker's process for conversions and runtimes; it starts again after a crash and ends with the worker."""
    return Child(quiet=quiet, preload=CONVERTING, ends_with_us=True)


CONVERTING = ("qcompare.export.post_training", "qcompare.export.trained")
"""Modules that take seconds to import, which pass while the first network is trained."""


def compute(request: Request, seed: int, notify: Callable[[str], None]) -> None:
    """Compute and publish one trial. notify: called with the name of each stage that begins."""
    child = isolated(not request.config.verbose)
    store = Store(root=request.store, child=child, announce=notify, fresh=request.config.fresh)
    computed = trial(request.config, request.configuration, seed)
    if any(stage.isolated and not store.has(stage) for end in computed.ends for stage in end.walk()):
        child.start()
    for stage in computed.ends:
        store.value(stage)
    publish(request.folder, computed, store)
