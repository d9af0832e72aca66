#!/bin/sh
# The programs that the tests drive and that no Python package brings: install them where we may, else name them.
set -eu
missing="" faster=""
if ! command -v chromium-headless-shell >/dev/null; then
    command -v chromium >/dev/null && faster="chromium-headless-shell" || missing="$missing chromium-headless-shell"
fi
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v mosquitto_sub >/dev/null || missing="$missing mosquitto-clients"
command -v curl >/dev/null || missing="$missing curl"
command -v npm >/dev/null || missing="$missing npm"
[ -n "$missing$faster" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    [ -z "$missing" ] || echo "installing from Debian's packages:$missing"
    # shellcheck disable=SC2086 # one word a package
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing $faster >/dev/null; } ||
        [ -z "$missing" ] # without the faster browser the tests take longer
elif [ -n "$missing" ]; then
    echo "the tests need these programs, and this user may not install them:$missing" >&2
    exit 1
fi
