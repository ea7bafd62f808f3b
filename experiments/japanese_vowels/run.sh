#!/usr/bin/env bash
# Runs the experiment and writes results.csv and accuracy.png beside this file. Seeds that are already computed are not
# computed again. Usage: run.sh PYTHON data.path=DIR [OPTIONS ...], DIR being the folder JapaneseVowels of the archive.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:?usage: run.sh PYTHON data.path=DIR [OPTIONS ...]}"
shift
outputs="${OUTPUTS:-outputs/japanese_vowels}"

sweep() {
    local status=0
    "$python" -m qcompare experiment=japanese_vowels outputs="$outputs" "$@" || status=$?
    # 1 is a sweep that is done and has something to note: XNNPACK refuses the unrolled LMU of post-training quantization.
    [ "$status" -le 1 ] || exit "$status"
}

sweep "$@"
sweep model=simple_rnn,lmu model.lowering=loop "$@"
"$python" "$here/analyse.py" "$outputs" "$here"
