# The few commands a person needs. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint web bench interop fuzz soak

# Arguments of `counterfoil demo`, as in: make demo ARGS=--once
ARGS ?=
# Cargo profile of what demo and interop run. The tests' own profile, so that both share one build.
PROFILE ?= dev
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a log, three witnesses, an anchor: log, verify, audit, lose witnesses, catch forgeries; ARGS=--once ends after the tour
	@scripts/need rust cc
	@scripts/pages.sh optional
	COUNTERFOIL_ANVIL="$$(scripts/anvil.sh)" cargo run --quiet --locked --profile $(PROFILE) -p counterfoil -- demo $(ARGS)

test: ## run all tests
	@scripts/need rust cc node
	scripts/pages.sh
	scripts/npm.sh tests/anvil
	COUNTERFOIL_REQUIRE_ANVIL=1 cargo test --quiet --locked --workspace
	scripts/npm.sh web test
	scripts/web-corpus.sh
	scripts/web-browser.sh

web: ## build the web pages, which the next build of the binary takes in, and web/dist/verifier.html
	@scripts/pages.sh

lint: ## check formatting, clippy, types, documentation, licences, scripts
	@scripts/lint.sh

bench: ## measure, and write what the machine is
	@scripts/need rust cc
	@scripts/bench.sh

interop: ## try log, witness, bastion and anchor with the software of others (needs Go; INTEROP_SECONDS=60)
	@PROFILE=$(PROFILE) scripts/interop.sh
	@PROFILE=$(PROFILE) scripts/interop-witness.sh
	@PROFILE=$(PROFILE) scripts/interop-bastion.sh
	@PROFILE=$(PROFILE) scripts/interop-anchor.sh
	@scripts/interop-ethereum.sh

fuzz: ## fuzz every parser for FUZZ_SECONDS=60 each
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

soak: ## kill the log at random moments under load, for long
	@scripts/need rust cc
	@scripts/soak.sh
