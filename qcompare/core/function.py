"""A function by its module and name: what is heavy is imported when it is called, not when it is named."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Function:
    """A module-level function that may be named, stored and sent to another process without importing its module."""

    module: str
    name: str

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return getattr(import_module(self.module), self.name)(*arguments, **keywords)
