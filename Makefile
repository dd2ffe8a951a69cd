# Every target can be run again at no cost: what is there is not made anew.
# CARGO_TARGET_DIR is honoured; tools and models are kept under
# $XDG_CACHE_HOME/pelago (~/.cache/pelago), shared by all clones.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := bash

PREFIX ?= /usr/local
# `no` leaves the machine's packages alone and does not look at them.
SYSTEM_PACKAGES ?= yes

# .cargo/config.toml names DuckDB's library for Linux on x86-64. These are the others.
PLATFORM := $(shell uname -s | tr A-Z a-z)-$(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(shell uname -m)))
ifneq ($(PLATFORM),linux-x64)
export DUCKDB_LIB_DIR ?= $(CURDIR)/node_modules/@duckdb/node-bindings-$(PLATFORM)
endif

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build model ## Embed a sentence in every browser of this machine; installs and builds what is missing
	@scripts/demo.sh

.PHONY: test
test: packages ## Run every check and test, those in real browsers too
	@scripts/test-build.sh
	@scripts/test.sh

.PHONY: bench
bench: build model ## Measure latency, throughput and memory beside transformers.js, WebDriver and nginx (40 minutes)
	@scripts/bench.sh

.PHONY: packages
packages:
ifeq ($(SYSTEM_PACKAGES),yes)
	@scripts/system-packages.sh
endif
	@scripts/node-packages.sh
	@scripts/headless-shell.sh

.PHONY: deps
deps: packages ## Install what is missing: browsers, drivers, node packages, tools
	@scripts/geckodriver.sh

.PHONY: page
page: deps ## Bundle the page that the browsers load
	@scripts/page.sh

.PHONY: build
build: deps program ## Build `pelago`: <target>/debug/pelago

# The same without geckodriver, which only Firefox needs.
.PHONY: program
program: packages
	@scripts/page.sh
	@scripts/duckdb-library.sh
	cargo build --locked --workspace

.PHONY: release
release: page ## Build an optimised `pelago` with DuckDB inside (half an hour)
	@echo "Compiling DuckDB from source: this takes about half an hour." >&2
	cargo build --locked --release --package pelago-cli --features bundled

.PHONY: install
install: page ## Copy `pelago` and DuckDB's library to PREFIX (/usr/local)
	@scripts/duckdb-library.sh
# With the page inside: the dev build reads it from this clone.
	cargo build --locked --workspace --bin pelago --bin pelago-cargo --features rust-embed/debug-embed
	@scripts/install.sh $(patsubst ~%,$(HOME)%,$(PREFIX))

.PHONY: model
model: ## Fetch all-MiniLM-L6-v2 and print its folder
	@scripts/model.sh

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: lint
lint: page ## Run the checks that need no browser: format, lints, licences, types, shell scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	scripts/cargo-deny.sh
	npm run --silent --workspace browser/page check
	shellcheck --external-sources scripts/*.sh .ci/run

.PHONY: clean
clean: ## Remove what was built in this clone; the shared cache stays
	cargo clean
	rm -rf browser/page/dist node_modules .venv .tools
