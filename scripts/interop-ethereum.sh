#!/usr/bin/env bash
# interop-ethereum.sh - what our anchor keeps of an Ethereum chain, checked by @ethereumjs at pinned versions.
#
# - an anchor of ours has two logs in one transaction on anvil, in a block among 20 transactions of others;
# - the record of each log passes every check of theirs, under the block hash that the chain itself says;
# - with any of calldata, receipt, header, proof, index, path, chain or block hash changed it fails.
#
# Environment: PROFILE=dev (cargo profile of our program), COUNTERFOIL_BIN (another one than is built here). Everything listens on
# 127.0.0.1. Needs Node with npm, curl and jq. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc node curl jq
folder=tests/interop/ethereum
scripts/npm.sh "$folder"
anvil=$(scripts/anvil.sh)
[ -n "$anvil" ] || { echo "interop: anvil is not there: scripts/npm.sh tests/anvil" >&2; exit 1; }
binary=${COUNTERFOIL_BIN:-$(scripts/binary)}

work=$(mktemp -d)
servers=()
cleanup() {
	if [ ${#servers[@]} -gt 0 ]; then kill "${servers[@]}" 2>/dev/null || true; fi
	wait
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# shellcheck source=scripts/interop-steps.sh
. scripts/interop-steps.sh

# Starts a program, whose output goes to $work/NAME.out and $work/NAME.err.
begin() { # NAME COMMAND...
	"${@:2}" >"$work/$1.out" 2>"$work/$1.err" &
	servers+=($!)
}

# Calls a method of the chain, and prints its result.
call() { # METHOD PARAMS
	curl -sf --max-time 10 -H 'Content-Type: application/json' "$chain" \
		-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}" | jq 'if .error then error(.error.message) else .result end'
}

# Has the chain sign and take a transaction of an account of its own.
send() { # FIELDS
	call eth_sendTransaction "[{$1}]" >"$work/said"
}

# What the anchor sends, and what others send, is in one block, which is final then.
step_anchor() {
	local others to
	"$binary" --json anchor now --config "$work/anchor" >"$work/now"
	transaction=$(jq -r .ethereum.status.on_its_way.transaction "$work/now")
	others=$(call eth_accounts '[]' | jq -r '.[]')
	to=$(head -n 1 <<<"$others")
	for from in $others; do
		# Of two types.
		send "\"from\":\"$from\",\"to\":\"$to\",\"nonce\":\"0x0\",\"value\":\"0x1\",\"gasPrice\":\"0xba43b7400\""
		send "\"from\":\"$from\",\"to\":\"$to\",\"nonce\":\"0x1\",\"value\":\"0x2\",\"maxFeePerGas\":\"0xba43b7400\",\"maxPriorityFeePerGas\":\"0x1\""
	done
	call anvil_mine '["0x4"]' >"$work/said"
	# A block is mined whole before its history of fees is there, which the anchor asks for.
	"$binary" --json anchor now --config "$work/anchor" --wait 30s >"$work/now" || true
	find "$work/anchor/data" -type f -name ethereum-chain | sort >"$work/records"
	[ "$(wc -l <"$work/records")" = 2 ] || { echo "not two records:"; cat "$work/records" "$work/now"; return 1; }
	call eth_getTransactionByHash "[\"$transaction\"]" >"$work/transaction"
	jq -r '"block \(.blockNumber), transaction \(.transactionIndex)"' "$work/transaction"
	jq -r .blockHash "$work/transaction" >"$work/hash"
	call eth_getBlockByHash "[\"$(cat "$work/hash")\",false]" | jq '.transactions | length' >"$work/count"
	[ "$(cat "$work/count")" = 21 ] || { echo "not 21 transactions in the block: $(cat "$work/count")"; return 1; }
}

step_accepts() {
	local record
	while read -r record; do
		node "$folder/check.mjs" "$record" "$(cat "$work/hash")"
	done <"$work/records"
}

# One base64 byte, or one value, of the record is another; the check that must fail.
refuses() { # NAME CHECK FILTER [BLOCKHASH]
	jq "$3" "$(head -n 1 "$work/records")" >"$work/changed.json"
	if node "$folder/check.mjs" "$work/changed.json" "${4:-$(cat "$work/hash")}" >"$work/said" 2>&1; then
		echo "FAILED: @ethereumjs accepts $1"
		return 1
	fi
	if ! grep -q "$2" "$work/said"; then
		echo "FAILED: $1 is refused, but not for: $2"
		cat "$work/said"
		return 1
	fi
	echo "refused, as it must be: $1"
}

step_refuses() {
	# Another letter in the middle of base64 is another byte.
	local other='(.[0:100] + (if .[100:101] == "A" then "B" else "A" end) + .[101:])'
	refuses "another calldata" "FAILED  transaction inclusion" ".transaction |= $other"
	refuses "another receipt" "FAILED  receipt inclusion" ".receipt |= $other"
	refuses "another header" "FAILED  header hash" ".header |= $other"
	refuses "another node of the transaction" "FAILED  transaction inclusion" ".transaction_proof[0] |= $other"
	refuses "another node of the receipt" "FAILED  receipt inclusion" ".receipt_proof[0] |= $other"
	refuses "another index" "FAILED  transaction inclusion" ".index += 1"
	refuses "another path" "FAILED  checkpoint" '.path.index = 1 - .path.index'
	refuses "another checkpoint" "FAILED  checkpoint" ".checkpoint |= $other"
	refuses "another chain" "[Cc]hain ID" '.chain_id = 5'
	refuses "another block hash" "FAILED  header hash" . "0x$(printf 'ab%.0s' {1..32})"
}

# Blocks come when this script says so, and are final two blocks later.
begin anvil "$anvil" --host 127.0.0.1 --port 0 --no-mining --slots-in-an-epoch 1
begin tsa "$binary" dev tsa --dir "$work/tsa" --listen 127.0.0.1:0
for log in one two; do
	"$binary" --quiet log init "$work/$log" --origin "example.com/counterfoil/$log" >"$work/$log.vkey"
	begin "$log" "$binary" log run --config "$work/$log" --listen 127.0.0.1:0 --log-filter warn
	url=$(ready "$work/$log.out" "$work/$log.err" "${servers[-1]}")
	cp -r docs/decisions "$work/$log-files"
	"$binary" --quiet submit "$work/$log-files" --no-receipts --log "$url/" --policy "$work/$log/policy" >"$work/submit"
	printf '[[log]]\nurl = "%s/"\npolicy = "%s"\n' "$url" "$work/$log/policy" >>"$work/logs.toml"
done
for _ in $(seq 100); do
	port=$(sed -n 's/^Listening on 127.0.0.1://p' "$work/anvil.out")
	authority=$(sed -n 's/^.*\(http:[^ ,]*\).*$/\1/p' "$work/tsa.out" | head -n 1)
	[ -z "$port" ] || [ -z "$authority" ] || break
	sleep 0.1
done
chain=http://127.0.0.1:$port/

mkdir "$work/anchor"
(umask 077 && head -c 32 /dev/urandom | base64 >"$work/anchor/password")
account=$("$binary" --quiet anchor key "$work/anchor/key.json" --password-file "$work/anchor/password")
call anvil_setBalance "[\"$account\",\"0xde0b6b3a7640000\"]" >"$work/said"
{
	printf 'data = "data"\nlisten = ["127.0.0.1:0"]\n'
	cat "$work/logs.toml"
	printf '[[authority]]\nname = "dev"\nurl = "%s"\nroots = ["%s"]\n' "$authority" "$work/tsa/root.pem"
	printf '[ethereum]\nname = "chain"\nchain_id = 31337\nrpc = ["%s"]\nblock_time = "1s"\n' "$chain"
	printf 'destination = "%s"\nkeystore = "key.json"\npassword_file = "password"\n' "$account"
} >"$work/anchor.toml"
"$binary" --quiet anchor init "$work/anchor" >"$work/said"
mv "$work/anchor.toml" "$work/anchor/anchor.toml"

step "our anchor has two logs in a block of a chain" step_anchor
step "@ethereumjs accepts the record of each" step_accepts
step "@ethereumjs refuses what is changed" step_refuses
finish ethereum
