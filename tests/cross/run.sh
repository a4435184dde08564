#!/usr/bin/env bash
# Checks the golden vectors on every processor that this machine is or can emulate; any difference is a failure.
#
#   tests/cross/run.sh    x86-64 as it is, without FMA, with AVX2 only, debug and release; aarch64 twice
#
# AVX-512 has no emulator here: its kernels are checked where the processor has it, in the native rows.
#
# The vectors are written by the corpus test, which compiles every model with the committed engine and compares it with
# the pinned table first. The programs that check them link the executor and the kernels, and nothing of the compiler.
set -euo pipefail

cd "$(dirname "$0")/../.."
cargo=tools/setup/cargo
target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/target}"
vectors="${VECTORS:-$target/vectors.bin}"
aarch64=aarch64-unknown-linux-musl
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ -z "${VECTORS:-}" ]; then
    echo "cross: compiling the corpus" >&2
    ASSAY_VECTORS="$vectors" $cargo test --release --workspace --test suite -- \
        every_one_operator_model_has_its_pinned_plan_bits_and_price >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi

echo "cross: building for x86-64 and aarch64" >&2
$cargo build --quiet --release --workspace --all-targets
$cargo build --quiet -p assay-cross --bin vectors
# The linker comes with Rust; no C is compiled.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
for profile in --release --profile=dev; do
    $cargo build --quiet "$profile" -p assay-cross --bin vectors --features portable --target $aarch64
done

failed=0
row() { printf '%-22s %-14s %-10s %8s %12s\n' "$@"; }

# leg NAME CPU COMMAND...: one row for each body.
leg() {
    local name=$1 cpu=$2 status=0
    shift 2
    "$@" "$vectors" >"$log" 2>"$log.err" || status=$?
    while read -r body count wrong; do row "$name" "$cpu" "$body" "$count" "$wrong"; done <"$log"
    if [ $status -ne 0 ]; then
        failed=1
        head -20 "$log.err" >&2
        [ -s "$log" ] || row "$name" "$cpu" - - "status $status"
    fi
    rm -f "$log.err"
}

x86="$target/release/vectors" arm="$target/$aarch64/release/vectors"
row case cpu kernels vectors differences
leg "x86-64 release" native "$x86"
leg "x86-64 debug" native "$target/debug/vectors"
leg "x86-64 without FMA" Nehalem qemu-x86_64-static -cpu Nehalem "$x86"
leg "x86-64 under QEMU" Haswell qemu-x86_64-static -cpu Haswell "$x86"
leg "aarch64 release" cortex-a57 qemu-aarch64-static -cpu cortex-a57 "$arm"
leg "aarch64 release" max qemu-aarch64-static -cpu max "$arm"
leg "aarch64 debug" max qemu-aarch64-static -cpu max "$target/$aarch64/debug/vectors"
[ $failed -eq 0 ] && echo "cross: no difference" || { echo "cross: DIFFERENCES" >&2; exit 1; }
