#!/usr/bin/env bash
# Runs the experiment and writes its tables and methods.png beside this file. Seeds that are already computed are not
# computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..2
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/quantization_methods}"

sweep() {
    local status=0
    "$python" -m qcompare experiment=quantization_methods outputs="$outputs" "$@" || status=$?
    # 1 is a sweep that is done and has something to note of a seed; what the analysis lacks it names itself.
    [ "$status" -le 1 ] || exit "$status"
}

flags="quant.optimizations=OPTIMIZE_FOR_SIZE,OPTIMIZE_FOR_LATENCY"
sweep quant=float16,dynamic,int8 "$flags" latency=false "$@"
# Times are compared within one command: LiteRT's fused LSTM has no kernel for 16-bit activations, the dense network has.
sweep model=lstm "$@"
sweep model=dense quant=float32,float16,dynamic,int8,int16x8 "$@"
"$python" "$here/analyse.py" "$outputs" "$here"
