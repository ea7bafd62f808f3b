#!/usr/bin/env bash
# Runs the experiment and writes results.csv, parameters.csv and depth.png beside this file. Seeds that are already computed
# are not computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..2
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/qat_vs_tflite}"

for part in qat_vs_tflite qat_vs_tflite_depth qat_vs_tflite_lmu; do
    "$python" -m qcompare "experiment=$part" outputs="$outputs" "$@"
done
"$python" "$here/analyse.py" "$outputs" "$here"
