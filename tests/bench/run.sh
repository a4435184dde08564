#!/usr/bin/env bash
# Measures: installs what is missing, makes the models, builds the programs, runs one part or all.
#
#   tests/bench/run.sh [PART] [ARGUMENTS OF THE PART]
set -euo pipefail
cd "$(dirname "$0")/../.."
cache="${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}/bench"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${cache%/bench}/target}"
here=tests/bench
parts=(engine consensus store snapshot)

say() { printf 'bench: %s\n' "$*" >&2; }

# Python's packages, of the versions in requirements.txt, in a folder of their own.
install_python() {
    local stamp="$cache/venv/requirements.txt"
    cmp -s "$here/requirements.txt" "$stamp" && return
    say "installing Python's packages (once)"
    python3 -m venv "$cache/venv" || {
        tools/setup/install.sh --python
        python3 -m venv "$cache/venv"
    }
    "$cache/venv/bin/pip" install -q -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
}

engine() {
    say "models in $cache/models"
    "$cache/venv/bin/python" "$here/models/make.py" "$cache/models"
    tools/setup/cargo build --release --workspace --all-targets
    tools/setup/cargo build --release --manifest-path "$here/peers/Cargo.toml" --target-dir "$CARGO_TARGET_DIR/bench-peers"
    "$cache/venv/bin/python" "$here/drive/engine.py" --bin "$CARGO_TARGET_DIR/release" \
        --peers "$CARGO_TARGET_DIR/bench-peers/release/assay-bench-peers" --models "$cache/models" \
        --cache "$cache" --out "$CARGO_TARGET_DIR/bench" "$@"
}

consensus() {
    local models="$cache/jobs" rounds
    mkdir -p "$models"
    for rounds in 0 1 2 88; do
        [ -f "$models/job_$rounds.onnx" ] ||
            "$cache/venv/bin/python" "$here/models/jobs.py" "$models/job_$rounds.onnx" "$rounds"
    done
    tools/setup/install.sh --kvstore
    tools/setup/cargo build --release --workspace --all-targets
    "$CARGO_TARGET_DIR/release/assay-bench-consensus" --models "$models" --out "$CARGO_TARGET_DIR/bench" \
        --programs "${cache%/bench}/cometbft/${COMETBFT_VERSION:-v0.38.26}" "$@"
}

# The large state is made once, in about ten minutes, and kept. Measuring is a process of its own.
store() {
    local bench="$CARGO_TARGET_DIR/release/assay-bench-store" commit
    commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    tools/setup/cargo build --release --workspace --all-targets
    "$bench" build --cache "$cache/store"
    "$bench" measure --cache "$cache/store" --out "$CARGO_TARGET_DIR/bench" --commit "$commit" "$@"
}

snapshot() {
    tools/setup/cargo build --release --workspace --all-targets
    local program="$CARGO_TARGET_DIR/release/assay-bench-snapshot"
    "$program" --cache "$cache" build
    "$program" --cache "$cache" measure --out "$CARGO_TARGET_DIR/bench" \
        --commit "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$@"
}

part="${1:-all}"
[ $# -eq 0 ] || shift
[ "$part" = store ] || install_python
if [ "$part" = all ]; then
    for part in "${parts[@]}"; do "$part"; done
elif [[ " ${parts[*]} " == *" $part "* ]]; then
    "$part" "$@"
else
    say "no part $part; there are: ${parts[*]}"
    exit 2
fi
