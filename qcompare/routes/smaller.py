"""What is to be told of networks that are made smaller: what stays whole, and what training does not keep."""

from __future__ import annotations

from qcompare.config.options import Config, KerasFile, content
from qcompare.core.finding import Finding, remark
from qcompare.models.keras_description import of_file
from qcompare.models.keras_smaller import left_whole
from qcompare.routes.aligned import Aligned
from qcompare.routes.keras_tfmot import KerasTfmot
from qcompare.routes.tfmot import Tfmot

WHERE = "pruning and clustering"


def told(config: Config) -> tuple[Finding, ...]:
    """Remarks, none of a network that stays as it is."""
    prunes, clusters = config.prune.sparsity > 0, config.cluster.clusters > 0
    if not prunes and not clusters:
        return ()
    layers = (
        of_file(config.model.path, content(config.model), config.model.trust).layers
        if isinstance(config.model, KerasFile)
        else ()
    )
    found = []
    if whole := [f"'{name}'" for name in left_whole(layers)]:
        text = f"tensorflow-model-optimization leaves depthwise kernels whole: of {', '.join(whole)}"
        found.append(remark(WHERE, text))
    if clusters and any(layer.kind == "BatchNormalization" for layer in layers):
        text = "BatchNormalization becomes part of weights, each channel scaled by itself: shared values move apart"
        found.append(remark(WHERE, text))
    if clusters and any(route.applies(config) for route in (Aligned(), Tfmot(), KerasTfmot())):
        found.append(remark("QAT", "it trains every weight by itself: values that were shared move apart"))
    if prunes and Tfmot().applies(config):
        found.append(remark("QAT", "qat.scheme=tfmot does not keep the zeros of a network of ours; aligned does"))
    return tuple(found)
