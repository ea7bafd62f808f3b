"""The named places of a network at which all engines can be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tap:
    """A role, and in a recurrent layer the time step.

    role: a tensor's name in training, shared by all time steps, such as `recurrent_0/h`; `layer/name` for a weight.
    step: the time step from 0 on; None for what no recurrent layer repeats.
    """

    role: str
    step: int | None = None

    def __str__(self) -> str:
        return self.role if self.step is None else f"{self.role}, step {self.step}"


OUTPUT = Tap("output")
"""The model's output, whatever layer gives it."""
