#!/usr/bin/env bash
# Runs the experiment and writes results.csv and size.png beside this file. Seeds that are already computed are not computed
# again. Usage: run.sh [PYTHON [OPTIONS ...]], such as: run.sh .venv/bin/python seed=0..2
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${1:-python}"
shift || true
outputs="${OUTPUTS:-outputs/smaller_models}"

for smaller in prune.sparsity=0 prune.sparsity=0.5 "prune.sparsity=0 cluster.clusters=16"; do
    # shellcheck disable=SC2086
    "$python" -m qcompare experiment=smaller_models outputs="$outputs" $smaller quant.per_channel=true,false "$@"
done
"$python" "$here/analyse.py" "$outputs" "$here"
