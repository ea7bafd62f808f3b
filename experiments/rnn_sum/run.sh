#!/usr/bin/env bash
# Runs the experiment and writes results.csv, conversions.csv and plot.png beside this file. Seeds that are already
# computed are not computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..1
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/rnn_sum}"

"$python" -m qcompare experiment=rnn_sum outputs="$outputs" "$@"
# A loop has no 16-bit kernels here.
"$python" -m qcompare experiment=rnn_sum model.lowering=loop quant=float32,float16,dynamic,int8 outputs="$outputs" "$@"
# The default of ranges, whose moving averages lie within a regression's largest outputs.
"$python" -m qcompare experiment=rnn_sum quant=int8,int16x8 qat.ranges=moving_average outputs="$outputs" "$@"
"$python" "$here/analyse.py" "$outputs" "$here"
