#!/usr/bin/env bash
# Makes .venv beside this file, if it is missing or out of date, with the exact versions of constraints.txt.
# Usage: ./install.sh EXTRAS   (such as "" or "test")
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

extras="${1:-}"
wanted="$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1) $extras"
stamp=.venv/installed

if [ -x .venv/bin/python ] && [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
    exit 0
fi
if [ ! -x .venv/bin/python ]; then
    echo "qcompare: making .venv with $(python3 --version)" >&2
    python3 -m venv .venv
fi
echo "qcompare: installing the pinned packages into .venv (TensorFlow is large: a minute or more)" >&2
target="."
[ -z "$extras" ] || target=".[$extras]"
PIP_CONSTRAINT="$PWD/constraints.txt" .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --editable "$target"
echo "$wanted" >> "$stamp"
echo "qcompare: installed" >&2
