#!/usr/bin/env bash
# Runs the experiment and writes results.csv and times.png beside this file. Seeds that are already computed are not
# computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..2
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/delegates}"

sweep() {
    local status=0
    "$python" -m qcompare experiment=delegates outputs="$outputs" "$@" || status=$?
    # 1 is a sweep that is done and has something to note of a seed; what the analysis lacks it names itself.
    [ "$status" -le 1 ] || exit "$status"
}

sweep "$@"
sweep model=dense,simple_rnn,lmu quant=int16x8 "$@"
sweep model=lstm model.lowering=unrolled quant=float32,dynamic,int8 "$@"
"$python" "$here/analyse.py" "$outputs" "$here"
