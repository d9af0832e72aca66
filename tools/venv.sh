#!/bin/sh
# Make the virtual environment from the lock, with hashes. Usage: tools/venv.sh FOLDER
set -eu
venv=$1
python=$(sh "$(dirname "$0")/python.sh")
clear=""
[ ! -e "$venv/pyvenv.cfg" ] || clear=--clear # nothing of another interpreter or another lock stays
"$python" -m venv $clear "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
# uv needs a quarter of pip's time; pip's own settings and the lock's hashes count for both. Python compiles what is
# imported: to compile all packages first takes longer.
awk '/^[A-Za-z0-9]/ { uv = /^uv==/ } uv' requirements-dev.lock >"$venv/uv.lock"
pip install -qq --no-deps --no-compile --require-hashes -r "$venv/uv.lock"
index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
"$venv/bin/uv" pip install --quiet --system-certs --no-deps --require-hashes ${index:+--default-index "$index"} \
    --python "$venv/bin/python" -r requirements-dev.lock ||
    pip install -qq --no-deps --no-compile --require-hashes -r requirements-dev.lock
pip install -qq --no-deps --no-build-isolation --editable .
touch "$venv/bin/paifang"
