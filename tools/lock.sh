#!/bin/sh
# Resolve the dependencies again: versions and hashes, no index address. Usage: tools/lock.sh BIN
set -eu
bin=$1
lock() {
    "$bin/uv" pip compile --quiet --system-certs --generate-hashes --no-emit-index-url \
        --custom-compile-command "make lock" --output-file "$@" pyproject.toml
}
lock requirements.lock
lock requirements-dev.lock --extra dev
