# Two commands on a fresh machine do everything: `make demo` and `make test`. Both install what is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/assay
export CARGO_TARGET_DIR ?= $(CACHE)/target
export COMETBFT_VERSION := v0.38.26
BIN := $(CARGO_TARGET_DIR)/release

# Every cargo call goes through here, so that all of them see one environment, one profile and one selection of
# crates: otherwise RocksDB compiles again.
CARGO := tools/setup/cargo

.PHONY: build demo test soak bench calibrate lint engine where setup cross fuzz miri asan

build: setup
	$(CARGO) build --release --workspace
	@echo "binaries: $(BIN)"

where:
	@echo $(BIN)

demo: setup
	$(CARGO) build --release --workspace
	$(BIN)/netlab demo $(if $(ONCE),--once)

# All targets at once: tests see more features than binaries alone would, and each selection compiles anew.
test: setup lint
	$(CARGO) build --release --workspace --all-targets
	$(CARGO) test --release --workspace --no-fail-fast

# A validator under load whose processes are killed again and again; SEED takes the moments of a run before.
soak: setup
	$(CARGO) build --release --workspace --all-targets
	ASSAY_SOAK_KILLS=$(or $(KILLS),200) $(if $(SEED),ASSAY_SOAK_SEED=$(SEED)) \
		$(CARGO) test --release --workspace --test main -- --nocapture killed_at_any_moment

# Golden vectors on this processor, with each of its sets of kernels, and on the others that can be emulated.
cross: setup
	tools/setup/emulators.sh
	tests/cross/run.sh

# A million mutants of plans, and four hundred thousand of model files, of which twenty thousand reach the sandbox.
fuzz: setup
	$(CARGO) build --release --workspace --all-targets
	$(BIN)/mutants node/src/selftest/vectors.bin $(or $(COUNT),1000000)
	$(BIN)/examples/mutants $(or $(FILES),400000)

# The reference bodies under Miri, the native ones under the address sanitizer; both need a nightly toolchain.
miri: setup
	tests/cross/sanitize.sh miri

asan: setup
	tests/cross/sanitize.sh address

# One part (`make bench PART=engine`) or all; tables on the terminal, files in $(CARGO_TARGET_DIR)/bench.
bench: setup
	tests/bench/run.sh $(PART) $(BENCH_ARGS)

# What a unit is worth on this machine: each opcode's nanoseconds per unit, and the spread that the law allows.
calibrate: setup
	$(CARGO) build --release --workspace --all-targets
	$(BIN)/assay-calibrate --isa avx2 --check yes $(CALIBRATE_ARGS)

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

engine: setup
	tools/setup/build-engine.sh --check

setup:
	@tools/setup/install.sh
