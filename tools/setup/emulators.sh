#!/usr/bin/env bash
# Installs what `make cross` needs beyond the usual: QEMU's user emulation, and Rust's library for aarch64.
set -euo pipefail

cd "$(dirname "$0")/../.."
if ! command -v qemu-aarch64-static >/dev/null || ! command -v qemu-x86_64-static >/dev/null; then
    command -v apt-get >/dev/null || { echo "setup: please install qemu-user-static" >&2; exit 1; }
    echo "setup: installing qemu-user-static from Debian" >&2
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq qemu-user-static >/dev/null
fi
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
target=aarch64-unknown-linux-musl
rustup "+$channel" target list --installed | grep -qx "$target" ||
    rustup "+$channel" target add "$target" >/dev/null 2>&1
