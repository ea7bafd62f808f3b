"""Inputs for any model: drawn at random, or read from a file of the user's."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from qcompare.core.graph import Graph, Tensor
from qcompare.core.tensor_values import sample_shape

SMALL_INTEGERS = 10
"""Integers of more than 16 bits without a scale count or index something: they are drawn below this."""


TEST_INPUTS = "x_test"
"""The array of training data that a model is tested on."""


class InputsError(ValueError):
    """The inputs do not fit the model; the message is one line."""


def random_inputs(graph: Graph, samples: int, seed: int) -> dict[int, np.ndarray]:
    """Tensor index -> [samples, *shape] in the tensor's dtype.

    Integers uniform over the whole range of their dtype, floats standard normal. Raises InputsError for strings and
    the like.
    """
    rng = np.random.default_rng(seed)
    return {index: _random(rng, graph.tensors[index], samples) for index in graph.inputs}


def _random(rng: np.random.Generator, tensor: Tensor, samples: int) -> np.ndarray:
    shape = (samples, *tensor.shape)
    if tensor.dtype.kind == "f":
        return rng.standard_normal(shape).astype(tensor.dtype)
    if tensor.dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if tensor.dtype.kind not in "iu":
        raise InputsError(f"input '{tensor.name}' is of a type that cannot be drawn: only numbers and booleans can")
    if tensor.grid is None and tensor.dtype.itemsize > 2:
        return rng.integers(0, SMALL_INTEGERS, shape).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True)


def read_inputs(path: Path, graph: Graph, samples: int | None = None) -> dict[int, np.ndarray]:
    """Inputs from an `.npz` or `.npy`: tensor index -> [samples, *shape] in the tensor's dtype.

    The arrays are named like the input tensors, or stand in the order of the inputs; of training data with an array
    TEST_INPUTS a model of one input takes that. Each is [samples, *shape] of the
    tensor, with or without a leading dimension of one. Real numbers for a quantized tensor are
    taken as float32 and quantized as the QUANTIZE kernel does it (93).
    samples: how many to take from the start; all when None.

    Raises InputsError.
    """
    found = _assigned(path, graph, _opened(path))
    fitted = {index: _fitted(path, graph.tensors[index], array) for index, array in found.items()}
    counts = {len(array) for array in fitted.values()}
    if len(counts) != 1 or 0 in counts:
        raise InputsError(f"{path}: the same number of samples is needed for every input, not {sorted(counts)}")
    return {index: array[:samples] for index, array in fitted.items()}


def read_reals(path: Path, graph: Graph, samples: int | None = None) -> np.ndarray:
    """The input of a model of one as real numbers, float32 [samples, *shape], from a file as `read_inputs` has it.

    Integers of the input's own dtype are those of its grid; any other number is taken as it is, unrounded. Raises
    InputsError.
    """
    arrays = _opened(path)
    ((index, array),) = _assigned(path, graph, arrays).items()
    tensor = graph.tensors[index]
    if tensor.integers is not None and array.dtype == tensor.dtype:
        array = tensor.integers.dequantize(array)
    reals = replace(tensor, dtype=np.dtype(np.float32), grid=None)
    fitted = _fitted(path, reals, array)[:samples]
    if not len(fitted):
        raise InputsError(f"{path}: no samples")
    if not np.isfinite(fitted).all():
        raise InputsError(f"{path}: input '{tensor.name}' holds NaN or Inf, which no integer stands for")
    return fitted


def _opened(path: Path) -> dict[str, np.ndarray]:
    try:
        return _arrays(path)
    except FileNotFoundError as error:
        raise InputsError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputsError(f"{path}: no readable .npz or .npy file of numbers") from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """By name; the one array of an `.npy` has the file's."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {path.stem: loaded}
    with loaded as file:
        return {name: file[name] for name in file.files}


def _assigned(path: Path, graph: Graph, arrays: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    names = [graph.tensors[index].name for index in graph.inputs]
    if set(names) <= set(arrays):
        return {index: arrays[name] for index, name in zip(graph.inputs, names, strict=True)}
    if len(names) == 1 and TEST_INPUTS in arrays:
        return {graph.inputs[0]: arrays[TEST_INPUTS]}
    if len(arrays) == len(names):
        return dict(zip(graph.inputs, arrays.values(), strict=True))
    raise InputsError(f"{path}: it holds {', '.join(arrays) or 'nothing'}; the model needs {', '.join(names)}")


def _fitted(path: Path, tensor: Tensor, array: np.ndarray) -> np.ndarray:
    if array.ndim == 0 or array.shape[1:] not in (tensor.shape, sample_shape(tensor.shape)):
        wanted = ["samples", *map(str, sample_shape(tensor.shape))]
        raise InputsError(f"{path}: input '{tensor.name}' is [{', '.join(wanted)}], not {list(array.shape)}")
    array = array.reshape(len(array), *tensor.shape)
    if array.dtype == tensor.dtype:
        return array
    if array.dtype.kind not in "fiu" or tensor.dtype.kind not in "fiu":
        raise InputsError(f"{path}: input '{tensor.name}' is {tensor.dtype.name}, not {array.dtype.name}")
    if tensor.dtype.kind == "f":
        return array.astype(tensor.dtype)
    if array.dtype.kind == "f":
        if tensor.grid is None:
            raise InputsError(f"{path}: input '{tensor.name}' is {tensor.dtype.name} without a scale: not real numbers")
        if not np.isfinite(array).all():
            raise InputsError(f"{path}: input '{tensor.name}' holds NaN or Inf, which no integer stands for")
        # Reals beyond float32 saturate like any that the dtype cannot hold.
        with np.errstate(over="ignore"):
            return tensor.grid.quantize(array.astype(np.float32), len(tensor.shape))
    limits = np.iinfo(tensor.dtype)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise InputsError(f"{path}: input '{tensor.name}' has integers beyond {tensor.dtype.name}")
    return array.astype(tensor.dtype)
