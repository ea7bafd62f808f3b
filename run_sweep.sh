#!/usr/bin/env bash
# Installs what is needed, then runs the main job, or qcompare with the arguments given.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bash "$here/install.sh" ""
if [ $# -eq 0 ]; then
    cd "$here"
    set -- model=lstm quant=int8 seed=0..9
fi
exec "$here/.venv/bin/python" -m qcompare "$@"
