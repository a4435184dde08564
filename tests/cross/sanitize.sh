#!/usr/bin/env bash
# The engine's unsafe code under instruments that a stable compiler lacks.
#
#   sanitize.sh miri       reference bodies and the executor's buffers on tiny plans, under Miri: undefined behaviour
#   sanitize.sh address    native bodies and mutants of plans, under the address sanitizer: memory errors
#
# Both install a nightly toolchain when there is none. Miri runs what it can run in minutes: MIRI_TESTS names the tests.
set -euo pipefail

cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/target}"
case ${1:-} in
miri)
    rustup component list --toolchain nightly --installed 2>/dev/null | grep -q '^miri' ||
        rustup toolchain install nightly --profile minimal --component miri --component rust-src >/dev/null
    export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-deterministic-floats" CARGO_TARGET_DIR="$target/miri"
    cargo +nightly miri test -p assay-cross --features portable --test miri
    ;;
address)
    rustup toolchain list | grep -q '^nightly' ||
        rustup toolchain install nightly --profile minimal --component rust-src >/dev/null
    export RUSTFLAGS="-Zsanitizer=address -Cdebuginfo=1" CARGO_TARGET_DIR="$target/asan"
    host=$(rustc -vV | sed -n 's/^host: //p')
    cargo +nightly test --release --target "$host" -p assay-kernels -p assay-exec -p assay-cross
    cargo +nightly run --release --target "$host" -p assay-cross --bin mutants -- \
        node/src/selftest/vectors.bin "${COUNT:-50000}"
    ;;
*)
    echo "usage: sanitize.sh miri|address" >&2
    exit 2
    ;;
esac
