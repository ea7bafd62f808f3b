#!/usr/bin/env bash
# Runs the experiment and writes its tables and plot.png beside this file. Seeds that are already computed are not
# computed again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..1
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/lstm_dynamic_length}"

status=0
"$python" -m qcompare experiment=lstm_dynamic_length outputs="$outputs" "$@" || status=$?
# 1 is a sweep that is done and has something to note of a seed; what the analysis lacks it names itself.
[ "$status" -le 1 ] || exit "$status"
"$python" "$here/analyse.py" "$outputs" "$here"
