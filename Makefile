# Thin on purpose: each target is a script of .ci/ that works by itself too.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint fuzz bench bench-dns bench-gateway conformance sim clean

help: ## This list
	@echo 'dotkey: a key is a domain. Targets (all install what they miss, none asks for anything):'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Builds and tools go to $${DOTKEY_CACHE:-~/.cache/dotkey}. The whole gate: bash .ci/run'

setup: ## Install what building needs, and build RocksDB once (15 minutes the first time)
	@.ci/setup

run: ## Build the program and show what it can do
	@.ci/demo

test: ## All tests; ends with `N passed, N failed`
	@.ci/test

lint: ## Format, clippy, docs, dependencies (deny.toml), scripts
	@.ci/lint

fuzz: ## Fuzz every target of fuzz/; SECONDS_TOTAL=60 is shared among them
	@.ci/fuzz $(or $(SECONDS_TOTAL),60)

bench: ## Benchmarks, with the ratios that bound them
	@.ci/bench

bench-dns: ## The resolver beside Unbound, Knot Resolver, dnsdist and hickory: ten minutes
	@.ci/bench-dns

bench-gateway: ## The gateway beside HAProxy, nginx and Caddy: ten minutes
	@.ci/bench-gateway

conformance: ## What dotkey says of broken zones, beside Unbound and Knot Resolver; WRITE=--write writes docs/conformance.md anew
	@.ci/conformance $(WRITE)

sim: ## Simulations from SEEDS=1000 seeds; a failure names the seed that replays it
	@.ci/sim $(or $(SEEDS),1000)

clean: ## Remove what was compiled from this code; RocksDB, tools and corpora stay
	@bash -c 'unset CARGO_TARGET_DIR; source .ci/env && rm -rf "$$DOTKEY_CACHE/target"'
