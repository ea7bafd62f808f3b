"""Everything of train_and_convert.py and evaluate.py for one seed, in one process.

python benchmarks/literal/one_process.py SEED DIR
"""

import sys
from pathlib import Path

from train_and_convert import train_and_convert  # settles the environment before TensorFlow is imported

from evaluate import evaluate  # isort: skip

if __name__ == "__main__":
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    train_and_convert(seed, folder)
    evaluate(seed, folder)
