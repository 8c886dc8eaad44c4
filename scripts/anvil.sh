#!/usr/bin/env bash
# anvil.sh - print where anvil, the Ethereum chain for development, is; install it with npm where that is there. Prints nothing where
# there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v npm >/dev/null && ! scripts/npm.sh tests/anvil >&2; then
	echo "anvil could not be installed: the demo goes on without a chain" >&2
fi
for program in "$PWD"/tests/anvil/node_modules/@foundry-rs/anvil-*/bin/anvil; do
	if [ -x "$program" ]; then
		echo "$program"
		exit
	fi
done
command -v anvil || true
