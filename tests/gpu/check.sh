#!/usr/bin/env bash
# The check on a GPU, in eight minutes at most: see README.md. Options go to check.py, for instance --small.
# WHEELS is the folder of the carried wheels, OUT where the results go, PYTHON the interpreter that has torch.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
wheels=${WHEELS:-build/gpu-wheels}
path=$PWD
if compgen -G "$wheels/*.whl" > /dev/null; then
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
  path=$path:$site
  export PATH=$site/bin:$PATH # ninja is there
fi
# SECONDS is bash's count of those since the start.
PYTHONPATH=$path "$python" -m tests.gpu.check \
  --out "${OUT:-build/gpu-check}" --seconds $((465 - SECONDS)) "$@"
