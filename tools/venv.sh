#!/bin/sh
# Make the virtual environment from the lock, with hashes. Usage: tools/venv.sh FOLDER
#
# PYTHON names the interpreter. Without it Debian's own is taken where it is new enough: it is compiled with
# profile-guided optimisation, and the tests need a third more time with one that is not.
set -eu
venv=$1
debian_packages() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
python="" new_enough=""
for it in ${PYTHON:-/usr/bin/python3 python3}; do
    "$it" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    new_enough=$it
    if "$it" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$it
    elif [ "$it" != /usr/bin/python3 ] || ! debian_packages; then
        continue
    elif flock . sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null'; then
        python=$it
    else
        continue
    fi
    break
done
if [ -z "$new_enough" ]; then
    echo "Python 3.11 or later is needed; '${PYTHON:-python3}' is not. Try: make PYTHON=python3.11" >&2
    exit 1
elif [ -z "$python" ]; then
    echo "the module 'venv' of '$new_enough' is missing: install the package python3-venv" >&2
    exit 1
fi
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
