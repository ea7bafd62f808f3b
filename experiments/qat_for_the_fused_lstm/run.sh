#!/usr/bin/env bash
# Runs the experiment and writes results.csv, differences.csv and accuracy.png beside this file. Seeds that are already
# computed are not computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..2
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/qat_for_the_fused_lstm}"

sweep() {
    local status=0
    "$python" -m qcompare -m model=lstm quant=int8 seed=0..9 outputs="$outputs" "$@" || status=$?
    # 1 is a sweep that is done and has something to note of a seed; what the analysis lacks it names itself.
    [ "$status" -le 1 ] || exit "$status"
}

for shape in "data=digits model.units=8,32" "data=digit_pixels model.units=8,48"; do
    # shellcheck disable=SC2086  # the two options of a shape
    sweep $shape model.lowering=fused quant.simulate=fake_quant,exact "$@"
    # shellcheck disable=SC2086
    sweep $shape model.lowering=unrolled quant.simulate=fake_quant "$@"
    # The float network trained as long as the others in all: 60 epochs and the 15 of quantization-aware training.
    # shellcheck disable=SC2086
    sweep $shape model.lowering=fused train.epochs=75 qat.epochs=1 "$@"
done
"$python" "$here/analyse.py" "$outputs" "$here"
