#!/usr/bin/env bash
# lint.sh - everything that is checked without running the code: formatting, clippy, documentation, licences and
# bans, dependencies' reasons, shell, TypeScript and Go. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc node

run() { echo "lint: $*"; "$@"; }

run cargo fmt --all --check
if [ -d fuzz ]; then run cargo fmt --manifest-path fuzz/Cargo.toml --check; fi

run cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
# The tools alone, as somebody builds them who runs no service.
run cargo clippy --quiet --locked -p counterfoil --no-default-features -- -D warnings
# With private items, so that links to these hold too.
RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' run cargo doc --quiet --locked --workspace --no-deps --document-private-items

deny=$(scripts/tool cargo-deny)
# It reads the dependencies of every platform, of which a build fetches only its own.
cargo fetch --quiet --locked
# Duplicate versions only warn, and at length: shown when asked for.
echo "lint: cargo deny check licenses bans sources"
"$deny" --offline --locked --log-level "${DENY_LOG_LEVEL:-error}" check licenses bans sources
run scripts/check-dependencies.sh

git ls-files -z -- scripts .ci | while IFS= read -r -d '' file; do
	head -n 1 "$file" | grep -q '^#!.*bash' || { echo "lint: $file is not a bash script" >&2; exit 1; }
	run bash -n "$file"
	if command -v shellcheck >/dev/null; then shellcheck --severity=warning "$file"; fi
done

run scripts/npm.sh web check
# The contract's code is what the pinned compiler makes of its source.
run scripts/npm.sh anchor/contract check

if command -v go >/dev/null; then
	unformatted=$(gofmt -l interop)
	[ -z "$unformatted" ] || { echo "lint: gofmt would change: $unformatted" >&2; exit 1; }
	(cd interop && run go vet ./...)
else
	echo "lint: Go is not installed: interop/ was not checked"
fi
echo "lint: ok"
