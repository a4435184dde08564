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

.PHONY: build demo test lint engine where setup

build: setup
	$(CARGO) build --release --workspace
	@echo "binaries: $(BIN)"

where:
	@echo $(BIN)

demo: setup
	$(CARGO) build --release --workspace
	$(BIN)/netlab demo $(if $(ONCE),--once)

test: setup lint
	$(CARGO) build --release --workspace
	$(CARGO) test --release --workspace --no-fail-fast

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

engine: setup
	tools/setup/build-engine.sh --check

setup:
	@tools/setup/install.sh
