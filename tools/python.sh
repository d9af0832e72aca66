#!/bin/sh
# Print the interpreter that the virtual environment is made with, and install its module 'venv' where that is missing.
#
# PYTHON names it. Without that Debian's own is taken where it is new enough: it is compiled with profile-guided
# optimisation, and the tests need a fifth to a third more CPU with one that is not.
set -eu
new_enough=""
for it in ${PYTHON:-/usr/bin/python3 python3}; do
    "$it" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    new_enough=$it
    if "$it" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$it"
        exit 0
    fi
    if [ "$it" = /usr/bin/python3 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
        apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; then
        echo "$it"
        exit 0
    fi
done
if [ -z "$new_enough" ]; then
    echo "Python 3.11 or later is needed; '${PYTHON:-python3}' is not. Try: make PYTHON=python3.11" >&2
else
    echo "the module 'venv' of '$new_enough' is missing: install the package python3-venv" >&2
fi
exit 1
