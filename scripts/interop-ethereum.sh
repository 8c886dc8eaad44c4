#!/usr/bin/env bash
# interop-ethereum.sh - anchors of the kind ethereum, checked by @ethereumjs at pinned versions.
#
# - evidence whose block we made passes every check of theirs, under its block hash;
# - with any of calldata, receipt, header, proof, index, path or block hash changed it fails.
#
# Needs Node, npm and jq. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc node jq
folder=tests/interop/ethereum
scripts/npm.sh "$folder"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --quiet --locked --workspace --example block
hash=$("${CARGO_TARGET_DIR:-target}/debug/examples/block" "$work/good.json")

echo "step: @ethereumjs accepts what we made"
node "$folder/check.mjs" "$work/good.json" "$hash"

# One base64 byte, or one value, is another; the check that must fail.
refuses() { # NAME CHECK FILTER [BLOCKHASH]
	jq "$3" "$work/good.json" >"$work/changed.json"
	if node "$folder/check.mjs" "$work/changed.json" "${4:-$hash}" >"$work/said" 2>&1; then
		echo "FAILED: @ethereumjs accepts $1" >&2
		exit 1
	fi
	if ! grep -q "$2" "$work/said"; then
		echo "FAILED: $1 is refused, but not for: $2" >&2
		cat "$work/said" >&2
		exit 1
	fi
	echo "refused, as it must be: $1"
}
# Another letter in the middle of base64 is another byte.
other='(.[0:100] + (if .[100:101] == "A" then "B" else "A" end) + .[101:])'
refuses "another calldata" "FAILED  transaction inclusion" ".anchors[0].transaction |= $other"
refuses "another receipt" "FAILED  receipt inclusion" ".anchors[0].receipt |= $other"
refuses "another header" "FAILED  header hash" ".anchors[0].header |= $other"
refuses "another node" "FAILED  transaction inclusion" ".anchors[0].transaction_proof[0] |= $other"
refuses "another index" "FAILED  transaction inclusion" ".anchors[0].index = 18"
refuses "another path" "FAILED  checkpoint" '.anchors[0].path.index = 2'
refuses "another chain" "[Cc]hain ID" '.anchors[0].chain_id = 5'
refuses "another block hash" "FAILED  header hash" . "0x$(printf 'ab%.0s' {1..32})"
echo "ok: @ethereumjs agrees"
