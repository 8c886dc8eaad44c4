#!/usr/bin/env bash
# web-corpus.sh - hold the verifier in TypeScript to the one in Rust: write a corpus of evidence, receipts, policies and trust files, right and
# wrong, with what the Rust side says of each, and compare with what the other says. SEED (default 1) decides what is changed. Beside it, what
# the Rust side's tests of tokens and revocation data ask is asked again.
set -euo pipefail
cd "$(dirname "$0")/.."

corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
# All of the workspace, so that the dependencies are those of its tests.
cargo build --locked --quiet --workspace --example corpus
"${CARGO_TARGET_DIR:-target}/debug/examples/corpus" "$corpus/corpus.jsonl" "${SEED:-1}"
export COUNTERFOIL_RFC3161_CORPUS="$corpus/rfc3161.jsonl"
cargo test --locked --quiet --workspace --test made --test revocation >"$corpus/tests.log" || { cat "$corpus/tests.log" && exit 1; }
export COUNTERFOIL_CORPUS="$corpus/corpus.jsonl" COUNTERFOIL_REQUIRE_CORPUS=1
scripts/npm.sh web test:corpus
