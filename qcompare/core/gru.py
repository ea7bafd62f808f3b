"""The weights of a GRU as Keras lays them out, the gates side by side, and as networks here have them."""

from __future__ import annotations

import numpy as np

PARTS = 3
"""z, r and the candidate, in the order in which Keras's matrices hold them."""


def gru_weights(
    kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray | None = None, *, reset_after: bool
) -> dict[str, np.ndarray]:
    """Keras's weights of a GRU by the names of the cell's.

    kernel: [features, 3 units]. recurrent_kernel: [units, 3 units]. bias: [2, 3 units], that of the input first; where
    the reset comes before the product, [3 units].
    """
    if reset_after:
        weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel}
        return weights if bias is None else weights | {"bias": bias[0], "recurrent_bias": bias[1]}
    gates, candidate = np.split(recurrent_kernel, [2 * len(recurrent_kernel)], axis=1)
    weights = {"kernel": kernel, "recurrent_kernel": gates, "candidate_kernel": candidate}
    return weights if bias is None else weights | {"bias": bias}
