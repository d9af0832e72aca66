#!/bin/sh
# The programs that the tests drive and that no Python package brings: install them where we may, else name them.
set -eu
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v npm >/dev/null || missing="$missing npm"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing from Debian's packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "the tests need these programs, and this user may not install them:$missing" >&2
    exit 1
fi
