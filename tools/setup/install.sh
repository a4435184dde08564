#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks; says nothing when nothing is missing.
#
#   Debian:  a C++ compiler, clang with libclang (RocksDB's bindings), ccache
#   rustup:  the toolchain and the WebAssembly targets of rust-toolchain.toml
#   Go:      CometBFT, of exactly the version below, into a folder named after that version
set -euo pipefail

version="${COMETBFT_VERSION:-v0.38.26}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/assay"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$1"; exit 1; }

install_debian_packages() {
    local missing=()
    command -v g++ >/dev/null || missing+=(build-essential)
    command -v clang >/dev/null || missing+=(clang)
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || missing+=(libclang-dev)
    command -v ccache >/dev/null || missing+=(ccache)
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
    say "installing ${missing[*]} from Debian"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
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

install_cometbft() {
    local folder="$cache/cometbft/$version"
    [ -x "$folder/cometbft" ] && return
    if ! command -v go >/dev/null; then
        say "Go is missing, so CometBFT cannot be built: install Go 1.22 or newer (Debian: golang), then run this again"
        return
    fi
    say "building CometBFT $version (about two minutes, once)"
    mkdir -p "$folder"
    # Never @latest: it selects v1.0.1, which its authors retracted.
    GOBIN="$folder" CGO_ENABLED=0 GOFLAGS=-mod=mod \
        go install "github.com/cometbft/cometbft/cmd/cometbft@$version"
}

cd "$(dirname "$0")/../.."
install_debian_packages
install_rust
install_cometbft
