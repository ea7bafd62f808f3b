"""What is to be told of a result: exit status, tables and reports derive from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """failure: something fell short, exit status 1. warning: figures to be read with care. remark: worth knowing."""

    FAILURE = "failure"
    WARNING = "warning"
    REMARK = "remark"


@dataclass(frozen=True)
class Finding:
    """One line, how grave it is, and what it is about: a route, an engine, a layer or "" for the whole trial."""

    severity: Severity
    where: str
    text: str

    @property
    def failed(self) -> bool:
        return self.severity is Severity.FAILURE


def failure(where: str, text: str) -> Finding:
    return Finding(Severity.FAILURE, where, text)


def warning(where: str, text: str) -> Finding:
    return Finding(Severity.WARNING, where, text)


def remark(where: str, text: str) -> Finding:
    return Finding(Severity.REMARK, where, text)
