#!/bin/sh
# Resolve the dependencies again: versions and hashes, no index address. Usage: tools/lock.sh BIN
set -eu
bin=$1
common="--quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe"
CUSTOM_COMPILE_COMMAND="make lock"
export CUSTOM_COMPILE_COMMAND
# shellcheck disable=SC2086
"$bin/pip-compile" $common --output-file requirements.lock pyproject.toml
# shellcheck disable=SC2086
"$bin/pip-compile" $common --extra dev --output-file requirements-dev.lock pyproject.toml
