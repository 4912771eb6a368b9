#!/bin/sh
# deps.sh build|test|bench: installs what is missing to build, test or benchmark valence on Debian.
# Nothing missing: says and does nothing. Without apt it prints the list and stops.
set -eu
build="gcc g++ make libdnnl-dev libuv1-dev node-llhttp libcurl4-openssl-dev libsimdjson-dev libutf8proc-dev libxxhash-dev libzstd-dev zlib1g-dev"
test="chromium chromium-driver curl openssl nginx-light wrk prometheus libcmocka-dev python3 python3-venv zstd binutils qemu-user pkg-config groff-base zsh"
bench="liblinear-tools"
case "${1:-build}" in
build) want="$build" ;;
test) want="$build $test" ;;
bench) want="$build $test $bench" ;;
*) echo "usage: tools/deps.sh build|test|bench" >&2; exit 2 ;;
esac

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
    for p in $want; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
    done
else
    echo "This is not a Debian system. Please install the equivalents of: $want" >&2
    exit 0
fi
if [ -n "$missing" ]; then
    echo "Installing what is missing:$missing" >&2
    sudo=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "Please run as root: apt-get install$missing" >&2; exit 1; }
        sudo=sudo
    fi
    $sudo apt-get update -qq >&2
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >&2
fi

# Tests compare with Python packages in an environment of their own.
packages="pytest numpy safetensors openapi-spec-validator schemathesis selenium tokenizers"
if [ "${1:-build}" != build ] && [ "$(cat build/venv/.complete 2>/dev/null)" != "$packages" ]; then
    echo "Setting up build/venv for the tests" >&2
    mkdir -p build
    python3 -m venv build/venv
    # shellcheck disable=SC2086
    build/venv/bin/pip install -q --disable-pip-version-check $packages >&2
    echo "$packages" >build/venv/.complete
fi
