"""Which weights become smaller, against tensorflow-model-optimization's own registries."""

from __future__ import annotations

import pytest

from qcompare.models.keras_file import LAYERS, RECURRENT
from qcompare.models.keras_smaller import DEPTHWISE, MATRICES

NAMES = {"Dense": ("kernel", "bias"), "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel", "bias")}
NAMES |= dict.fromkeys(("Conv1D", "Conv2D"), ("kernel", "bias"))


@pytest.mark.slow
def test_they_are_those_of_its_registries() -> None:
    import tf_keras
    from tensorflow_model_optimization.python.core.clustering.keras.clustering_registry import ClusteringRegistry
    from tensorflow_model_optimization.python.core.sparsity.keras.prune_registry import PruneRegistry

    for theirs in (PruneRegistry._LAYERS_WEIGHTS_MAP, ClusteringRegistry._LAYERS_WEIGHTS_MAP):
        for kind in LAYERS:
            named = theirs.get(getattr(tf_keras.layers, kind), [])
            assert named == [NAMES[kind][number] for number in MATRICES.get(kind, ()) if kind not in RECURRENT], kind
            assert kind not in DEPTHWISE or "depthwise_kernel" not in named
