"""The runtimes by the kernel set that each of them runs: what can be asked of any, stated once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from qcompare.core.graph import Model
from qcompare.core.tensor_values import TensorValues
from qcompare.engines import litert, micro
from qcompare.engines.unwritten import unwritten
from qcompare.tflite.free_batch import settled


class Runtime(Protocol):
    """A kernel set that is run, not computed by hand. It can be sent to a child process."""

    @property
    def kernels(self) -> str:
        """The kernel set, which is also the arithmetic of the manual engine that it is compared with."""

    @property
    def name(self) -> str:
        """The runtime's own name, for messages."""

    @property
    def package(self) -> str:
        """What `pip install` is given to get it."""

    def installed(self) -> bool:
        """Whether its package is there."""

    def allocated(self, model: Model) -> Model:
        """The model with the shapes that the runtime gives its tensors."""

    def run(self, model: bytes, inputs: Mapping[int, np.ndarray], *, keep: Collection[int] = ()) -> TensorValues:
        """The model run on each sample by itself, its state reset before each.

        inputs: tensor index -> [samples, ...] in the tensor's dtype, with or without the leading dimension of one.
        keep: activations to read besides the first output; those that the runtime does not hold are left out.

        Raises MicroUnavailableError, ValueError or RuntimeError for a model that the runtime does not run.
        """

    def run_sequences(self, model: bytes, sequences: Sequence[np.ndarray]) -> Sequence[Mapping[str, np.ndarray]]:
        """Sequences [steps, features] of any lengths, in the input's dtype, through one interpreter of a model that
        leaves its length free: every output of each by its name, as the last step leaves it. Raises as `run` does."""

    def unwritten(
        self,
        model: bytes,
        inputs: Mapping[int, np.ndarray],
        *,
        activations: Collection[int],
        constant: Mapping[int, np.ndarray | None] | None = None,
    ) -> frozenset[int]:
        """The activations that can be read although the runtime does not write them: as `unwritten.unwritten`."""


@final
@dataclass(frozen=True)
class LiteRT:
    """One of LiteRT's kernel sets."""

    kernels: str
    name: str = "LiteRT"
    package: str = "ai-edge-litert"

    def installed(self) -> bool:
        return True

    def allocated(self, model: Model) -> Model:
        return settled(model)

    def run(self, model: bytes, inputs: Mapping[int, np.ndarray], *, keep: Collection[int] = ()) -> TensorValues:
        return litert.run(model, inputs, self.kernels, keep=keep)

    def run_sequences(self, model: bytes, sequences: Sequence[np.ndarray]) -> Sequence[Mapping[str, np.ndarray]]:
        return litert.run_sequences(model, sequences, self.kernels)

    def unwritten(
        self,
        model: bytes,
        inputs: Mapping[int, np.ndarray],
        *,
        activations: Collection[int],
        constant: Mapping[int, np.ndarray | None] | None = None,
    ) -> frozenset[int]:
        return unwritten(model, inputs, self.kernels, activations=activations, constant=constant)


@final
@dataclass(frozen=True)
class Micro:
    """TensorFlow Lite Micro, which has no delegates: it writes whatever it computes."""

    kernels: str = "micro"
    name: str = "TensorFlow Lite Micro"
    package: str = "tflite-micro"

    def installed(self) -> bool:
        return micro.installed()

    def allocated(self, model: Model) -> Model:
        return model

    def run(self, model: bytes, inputs: Mapping[int, np.ndarray], *, keep: Collection[int] = ()) -> TensorValues:
        return micro.run(model, inputs, keep=keep)

    def run_sequences(self, model: bytes, sequences: Sequence[np.ndarray]) -> Sequence[Mapping[str, np.ndarray]]:
        stepped = micro.run_steps(model, sequences)
        return [{name: steps[-1] for name, steps in outputs.items()} for outputs in stepped]

    def unwritten(
        self,
        model: bytes,
        inputs: Mapping[int, np.ndarray],
        *,
        activations: Collection[int],
        constant: Mapping[int, np.ndarray | None] | None = None,
    ) -> frozenset[int]:
        return frozenset()


ALL: tuple[Runtime, ...] = (*map(LiteRT, litert.KERNEL_SETS), Micro())
RUNTIMES = {runtime.kernels: runtime for runtime in ALL}
"""Kernel set -> the runtime that runs it."""
