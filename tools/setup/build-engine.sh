#!/bin/sh
# Rebuilds the compiler blob of an engine, reproducibly: the same bytes from any folder, on any machine.
#
#   build-engine.sh            writes genesis/engines/1/compiler.wasm.zst and manifest.toml
#   build-engine.sh --check    compares the rebuilt hash with the committed one; status 1 if they differ
#
# The toolchain is the pinned one. The names of the folders that a build sees (checkout, cargo and rustup homes,
# target) end up in panic messages, so each is mapped to a fixed name. Last, `pack_engine` builds the limit of the call
# depth into the blob and compresses it.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd -P)
engine="$root/genesis/engines/1"
mode=${1:-write}
toolchain=1.95.0
cargo_home=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)
rustup_home=$(cd "${RUSTUP_HOME:-$HOME/.rustup}" && pwd -P)
target="${ASSAY_ENGINE_TARGET:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/target-engine-blob}"
mkdir -p "$target" "$engine"
target=$(cd "$target" && pwd -P)

unit=$(printf '\037')
flags="--remap-path-prefix=$cargo_home=/cargo"
flags="$flags$unit--remap-path-prefix=$rustup_home=/rustup"
flags="$flags$unit--remap-path-prefix=$root=/assay"
flags="$flags$unit--remap-path-prefix=$target=/target"
# The folder of the registry's sources is named after the registry, which a machine may have replaced by a mirror.
(cd "$root/app/compiler-guest" && cargo "+$toolchain" fetch --quiet --locked)
for sources in "$cargo_home"/registry/src/*; do
    flags="$flags$unit--remap-path-prefix=$sources=/cargo/registry"
done

echo "build-engine: compiling the blob (about 6 minutes on two cores the first time)" >&2
(
    cd "$root/app/compiler-guest"
    # Nothing that a user's environment says about flags or profiles may reach the blob.
    unset RUSTFLAGS CARGO_INCREMENTAL RUSTC_WRAPPER CARGO_BUILD_RUSTFLAGS
    CARGO_ENCODED_RUSTFLAGS=$flags CARGO_TARGET_DIR=$target \
        cargo "+$toolchain" rustc --release --locked --lib --crate-type cdylib --target wasm32-wasip1 -- \
        -C link-arg=--export=__wasm_call_ctors -C link-arg=--stack-first -C link-arg=-zstack-size=1048576
)

wasm="$target/wasm32-wasip1/release/assay_compiler_guest.wasm"
tract=$(sed -n '/^name = "tract-onnx"$/{n;s/version = "\(.*\)"/\1/p;}' "$root/app/compiler-guest/Cargo.lock")
case $mode in
--check) verb=check ;;
*) verb=write ;;
esac
cd "$root"
# Of the whole workspace, as the tests are built: a crate alone sees other features, and wasmtime would compile again.
tools/setup/cargo build --quiet --release --workspace --example pack_engine
built="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/target}/release/examples/pack_engine"
if "$built" "$verb" "$wasm" "$engine" "$toolchain" "$tract"; then
    exit 0
fi
echo "build-engine: the committed blob is not what this source builds; run \`make engine\` and commit the result" >&2
exit 1
