"""One operator cut out of a model as a model of its own."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from qcompare.tflite.schema import pack, unpack


def cut(model: bytes, operator: int) -> bytes:
    """The model of one operator of the main graph, with its tensors, constants and options as they are stored.

    For an operator that runs subgraphs all of these stay where they were.

    operator: index among the main graph's operators. Its inputs that are neither
        constants nor variables become the model's inputs, each once, in their order; its outputs the model's outputs.
    Raises NotAModelError.
    """
    whole = unpack(model)
    graph = whole.subgraphs[0]
    kept = graph.operators[operator]
    graph.operators = [kept]
    new = _renumbered(graph, kept)
    if not _runs_others(kept):
        whole.subgraphs = [graph]
        whole.operatorCodes = [whole.operatorCodes[kept.opcodeIndex]]
        kept.opcodeIndex = 0
    tensors = [tensor for each in whole.subgraphs for tensor in each.tensors]
    whole.buffers = [schema.BufferT()] + [_own_buffer(whole, tensor) for tensor in tensors]
    for index, tensor in enumerate(tensors):
        tensor.buffer = index + 1
    empty = [tensor.buffer for tensor in graph.tensors if not tensor.isVariable and not _filled(whole, tensor)]
    graph.inputs = [i for i in dict.fromkeys(new["inputs"]) if i >= 0 and i + 1 in empty]
    graph.outputs = list(new["outputs"])
    whole.signatureDefs, whole.metadata, whole.metadataBuffer = [], [], []
    return pack(whole)


def _renumbered(graph: Any, operator: Any) -> dict[str, list[int]]:
    """Leaves in the graph only the tensors that the operator names, and renumbers the operator's lists."""
    lists = {
        name: [int(i) for i in (() if values is None else values)]
        for name, values in ((name, getattr(operator, name)) for name in ("inputs", "outputs", "intermediates"))
    }
    used = dict.fromkeys(i for values in lists.values() for i in values if i >= 0)
    new = {old: position for position, old in enumerate(used)} | {-1: -1}
    graph.tensors = [graph.tensors[i] for i in used]
    renumbered = {name: [new[i] for i in values] for name, values in lists.items()}
    for name, values in renumbered.items():
        setattr(operator, name, values)
    return renumbered


def _runs_others(operator: Any) -> bool:
    options = operator.builtinOptions
    return options is not None and any("subgraph" in name.lower() for name in vars(options))


def _own_buffer(whole: Any, tensor: Any) -> Any:
    buffer = schema.BufferT()
    buffer.data = whole.buffers[tensor.buffer].data
    return buffer


def _filled(whole: Any, tensor: Any) -> bool:
    data = whole.buffers[tensor.buffer].data
    return data is not None and len(data) > 0
