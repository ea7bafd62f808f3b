"""qcompare: what int8 conversion does to recurrent networks, by how much, and why.

What TensorFlow reads from the environment at import is settled here, before anything can import it.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
# oneDNN's kernels round differently from one CPU to the next.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
