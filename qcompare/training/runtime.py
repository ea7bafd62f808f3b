"""TensorFlow made repeatable and single-threaded."""

from __future__ import annotations

from functools import cache

import tensorflow as tf

THREADS = 1
"""TensorFlow's threads in a trial; more would not change its results, but compete with other trials."""


@cache
def prepare() -> None:
    """One thread, deterministic operators; once in a process, before its first operator.

    TensorFlow's generators decide no number of a trial: initial weights and the order of batches come from NumPy's.
    Deterministic operators want a seed all the same.
    """
    if not tf.executing_eagerly():
        raise RuntimeError("training starts outside of any graph")
    if tf.config.threading.get_intra_op_parallelism_threads() != THREADS:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(0)
