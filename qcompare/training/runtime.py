"""TensorFlow made repeatable and single-threaded."""

from __future__ import annotations

import tensorflow as tf

THREADS = 1
"""TensorFlow's threads in a trial; more would not change its results, but compete with other trials."""


def prepare(seed: int, verbose: bool) -> None:
    """One thread, deterministic operators, every generator seeded; before the first operator of a process."""
    if not tf.executing_eagerly():
        raise RuntimeError("training starts outside of any graph")
    if not verbose:
        tf.get_logger().setLevel("ERROR")
        tf.autograph.set_verbosity(0)
    if tf.config.threading.get_intra_op_parallelism_threads() != THREADS:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)
