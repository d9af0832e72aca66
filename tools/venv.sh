#!/bin/sh
# Make the virtual environment from the lock, with hashes. Usage: tools/venv.sh FOLDER
set -eu
venv=$1
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or later is needed; '$python' is not. Try: make PYTHON=python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "the module 'venv' is missing: install the package python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$venv"
install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps "$@"
}
# The pip of the lock needs half the time of the one that comes with Python, the lock names all dependencies, and
# Python compiles what is imported: compiling all packages first takes a quarter of the time.
awk '/^[A-Za-z0-9]/ { pip = /^pip==/ } pip' requirements-dev.lock >"$venv/pip.lock"
install --no-compile --require-hashes -r "$venv/pip.lock"
awk -v venv="$venv" '/^[A-Za-z0-9]/ { n = !n } { print >(venv "/half" n ".lock") }' requirements-dev.lock
install --no-compile --require-hashes -r "$venv/half0.lock" & # two at once: each waits for the network and unpacks
first=$!
install --no-compile --require-hashes -r "$venv/half1.lock"
wait "$first"
install --no-build-isolation --editable .
touch "$venv/bin/paifang"
