"""The random models tell the rules apart: a kernel set held to another one's rule is found out."""

from __future__ import annotations

import numpy as np
import pytest

from qcompare.core.graph import Graph, model_of
from qcompare.manual.executor import run
from tests.audit.one_op import run_runtime
from tests.manual.ops.test_convolutional import CASES, inputs_of

pytestmark = pytest.mark.runtime

MODELS = 400


def unequal(graph: Graph, inputs: dict[int, np.ndarray], kernel_set: str, rule: str) -> int:
    expected = run_runtime(graph, inputs, kernel_set)[graph.outputs[0]]
    found = run(model_of(graph), inputs, kernel_set, rules={0: rule}).result.reshape(expected.shape)
    return int(np.count_nonzero(found != expected))


@pytest.mark.parametrize(
    ("case", "kernel_set", "rule"),
    [
        ("batch_matmul-int8", "reference", "RNE32"),
        ("batch_matmul-int8", "xnnpack", "DOUBLE(mixed)"),
        ("batch_matmul-int8", "micro", "DOUBLE(mixed)"),
        ("conv_2d-int8", "reference", "UP"),
        ("conv_2d-int8", "reference", "RNE32"),
        ("conv_2d-int8", "optimized", "DOUBLE"),
        ("conv_2d-int8", "xnnpack", "UP"),
        ("conv_2d-int8", "micro", "UP"),
        ("conv_2d-int16-int64", "reference", "DOUBLE"),
        ("conv_2d-int16-int32", "optimized", "M64"),
        ("depthwise_conv_2d-int8", "optimized", "DOUBLE"),
        ("depthwise_conv_2d-int8", "xnnpack", "DOUBLE"),
        ("leaky_relu-int8", "xnnpack", "DOUBLE(f32)"),
        ("leaky_relu-int16", "micro", "DOUBLE(f32)"),
        ("max_pool_2d-int8", "xnnpack", "CLAMP"),
        ("mean-int8", "reference", "UP(f32,by16)"),
        ("mean-int8", "optimized", "DOUBLE"),
        ("mean-int8", "xnnpack", "DOUBLE"),
        ("rsqrt-int16", "reference", "DOUBLE(f32)"),
        ("softmax-int8-int16", "optimized", "FIXED"),
        ("softmax-int8-int16", "micro", "TABLE"),
        ("softmax-int16", "micro", "LUT"),
        ("sum-int8", "reference", "DOUBLE"),
        ("sum-int8", "xnnpack", "F32"),
        ("transpose_conv-int8", "optimized", "DOUBLE"),
        ("transpose_conv-int8", "xnnpack", "DOUBLE"),
    ],
)
def test_another_rule_is_found_out(case: str, kernel_set: str, rule: str) -> None:
    for seed in range(MODELS):
        rng = np.random.default_rng(seed)
        graph = CASES[case][0](rng)
        if unequal(graph, inputs_of(rng, graph), kernel_set, rule):
            return
    pytest.fail(f"{MODELS} models do not tell {rule} from what {kernel_set} follows")
