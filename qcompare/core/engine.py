"""The names of engines and kernel sets: made and read here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """What computes."""

    FLOAT = "float"
    QAT = "qat"
    MANUAL = "manual"
    INTERPRETER = "interpreter"
    MICRO = "micro"
    DEVICE = "device"
    LABELS = "labels"


MEASURED = frozenset({Family.INTERPRETER, Family.MICRO, Family.DEVICE})
"""Families of which an engine runs the converted model by somebody else's kernels."""


@dataclass(frozen=True)
class EngineId:
    """One engine, written `family`, `family:kernels` or `family:kernels@machine`.

    family: what computes. kernels: the kernel set, or the arithmetic of the manual engine; "" where there is but one.
    machine: whose kernels, such as aarch64; "" for those of this machine.
    """

    family: Family
    kernels: str = ""
    machine: str = ""

    def __str__(self) -> str:
        kernels = f":{self.kernels}" if self.kernels else ""
        return f"{self.family.value}{kernels}{f'@{self.machine}' if self.machine else ''}"

    @classmethod
    def parse(cls, text: str) -> EngineId:
        """The engine of that name. ValueError for any other text."""
        name, _, machine = text.partition("@")
        family, _, kernels = name.partition(":")
        found = cls(Family(family), kernels, machine)
        if str(found) != text:
            raise ValueError(f"'{text}' is no engine's name, such as interpreter:reference@aarch64")
        return found

    def within(self, width: int) -> list[str]:
        """The name in lines of that width, as far as breaking after its family and before its machine does it."""
        kernels = f":{self.kernels}" if self.kernels else ""
        machine = f"@{self.machine}" if self.machine else ""
        lines = [f"{self.family.value}{kernels}{machine}"]
        if len(lines[-1]) > width and machine:
            lines = [f"{self.family.value}{kernels}", machine]
        if len(lines[0]) > width and kernels:
            lines = [f"{self.family.value}:", self.kernels, *lines[1:]]
        return lines

    @property
    def look(self) -> str:
        """What engines of one arithmetic share, whoever computes it: the kernel set, else the family."""
        return self.kernels or self.family.value

    @property
    def emulation(self) -> EngineId:
        """The manual engine in the arithmetic of a runtime's kernels: of its kernel set, else of its family."""
        return EngineId(Family.MANUAL, self.look, self.machine)

    @property
    def measured(self) -> bool:
        """Whether the engine runs the converted model by kernels that are not ours."""
        return self.family in MEASURED


FLOAT = EngineId(Family.FLOAT)
QAT = EngineId(Family.QAT)
LABELS = EngineId(Family.LABELS)
MICRO = EngineId(Family.MICRO)
DEQUANTIZED = EngineId(Family.MANUAL, "dequantized")
LEARNED = EngineId(Family.MANUAL, "learned")


def manual(arithmetic: str) -> EngineId:
    """The manual engine in an arithmetic."""
    return EngineId(Family.MANUAL, arithmetic)


def interpreter(kernels: str) -> EngineId:
    """LiteRT with a kernel set."""
    return EngineId(Family.INTERPRETER, kernels)


BY_DEFAULT = interpreter("xnnpack")
"""The runtime that people get when they ask for none."""
