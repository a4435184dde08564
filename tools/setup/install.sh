#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks; says nothing when nothing is missing.
#
#   Debian:  a C++ compiler, clang with libclang (RocksDB's bindings), ccache
#   rustup:  the toolchain and the WebAssembly targets of rust-toolchain.toml
#   npm:     the ICS23 library that a test judges proofs with, for that test alone
#   Go:      CometBFT, of exactly the version below, into a folder named after that version; Go itself if it is missing
set -euo pipefail

version="${COMETBFT_VERSION:-v0.38.26}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/assay"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$1"; exit 1; }

apt_install() {
    command -v apt-get >/dev/null || fail "please install: $*"
    say "installing $* from Debian"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

install_debian_packages() {
    local missing=()
    command -v g++ >/dev/null || missing+=(build-essential)
    command -v clang >/dev/null || missing+=(clang)
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || missing+=(libclang-dev)
    command -v ccache >/dev/null || missing+=(ccache)
    [ ${#missing[@]} -eq 0 ] && return
    apt_install "${missing[@]}"
}

install_rust() {
    command -v rustup >/dev/null || fail "Rust is missing: install rustup, then run this again"
    local channel
    channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    if ! rustup "+$channel" target list --installed 2>/dev/null | grep -qx wasm32-wasip1 ||
        ! rustup "+$channel" target list --installed 2>/dev/null | grep -qx wasm32-unknown-unknown ||
        ! rustup "+$channel" component list --installed 2>/dev/null | grep -q '^clippy'; then
        say "installing Rust $channel with its WebAssembly targets"
        rustup toolchain install "$channel" --profile minimal --no-self-update \
            --component rustfmt --component clippy \
            --target wasm32-wasip1 --target wasm32-unknown-unknown >/dev/null
    fi
}

# Prints a Go that is new enough for CometBFT: the one at hand, or, from Debian's older one, the release below, which
# the Go module proxy serves as a module and whose checksum the Go command verifies.
find_go() {
    local at_hand
    at_hand=$(command -v go || true)
    if [ -n "$at_hand" ] && "$at_hand" version | grep -Eq 'go1\.(2[2-9]|[3-9][0-9])'; then
        echo "$at_hand"
        return
    fi
    local release=go1.26.8 old=/usr/lib/go-1.19/bin/go
    local module="v0.0.1-$release.linux-$(dpkg --print-architecture 2>/dev/null || echo amd64)"
    local folder="$cache/go/golang.org/toolchain@$module"
    if [ ! -x "$folder/bin/go" ]; then
        [ -x "$old" ] || apt_install golang-go
        [ -x "$old" ] || fail "Go is missing: install Go 1.22 or newer, then run this again"
        say "fetching $release"
        (cd / && GOFLAGS=-mod=mod GOMODCACHE="$cache/go" "$old" mod download "golang.org/toolchain@$module")
        chmod -R u+w "$folder"
        chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/*
    fi
    echo "$folder/bin/go"
}

# install_cometbft PROGRAM PACKAGE
install_cometbft() {
    local folder="$cache/cometbft/$version" go
    [ -x "$folder/$1" ] && return
    go=$(find_go)
    say "building $1 $version (about two minutes, once)"
    mkdir -p "$folder"
    # Never @latest: it selects v1.0.1, which its authors retracted.
    GOBIN="$folder" CGO_ENABLED=0 GOFLAGS=-mod=mod GOTOOLCHAIN=local \
        "$go" install "github.com/cometbft/cometbft/$2@$version"
}

# The ICS23 library of tests/ics23, in a folder named after its lock file; prints the folder.
install_ics23() {
    local missing=() folder
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
    folder="$cache/ics23/$(sha256sum tests/ics23/package-lock.json | cut -c1-16)"
    if [ ! -d "$folder/node_modules" ]; then
        say "installing the ICS23 library from npm (once)"
        rm -rf "$folder.new"
        mkdir -p "$folder.new"
        cp tests/ics23/package.json tests/ics23/package-lock.json "$folder.new"
        (cd "$folder.new" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2)
        mkdir -p "${folder%/*}"
        mv -T "$folder.new" "$folder"
    fi
    echo "$folder"
}

cd "$(dirname "$0")/../.."
# Python, and CometBFT's key-value store, are for `make bench` alone.
case "${1:-}" in
--python)
    apt_install python3 python3-venv
    exit
    ;;
--kvstore)
    install_cometbft abci-cli abci/cmd/abci-cli
    exit
    ;;
# For one test, which asks for it itself.
--ics23)
    install_ics23
    exit
    ;;
esac
install_debian_packages
install_rust
install_cometbft cometbft cmd/cometbft
