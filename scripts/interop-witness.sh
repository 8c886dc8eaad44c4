#!/usr/bin/env bash
# interop-witness.sh - witnesses and logs that others wrote, with ours: unmodified programs and libraries at pinned versions.
#
# - our witness and omniwitness and litewitness cosign a Tessera log, which publishes with a quorum of all three only;
# - our log publishes with a quorum of the same three; what it publishes is verified by the same libraries, and held while
#   one of the three is away;
# - the cosignatures on its checkpoint are verified by the library of transparency-dev (Ed25519 and ML-DSA-44), by torchwood,
#   and by our own audit, which reads the whole Tessera log as well;
# - each witness is tried by `counterfoil conformance`: ours passes everything, the others' cosignatures verify.
#
# Environment: PROFILE=dev (cargo profile of our program). Everything listens on 127.0.0.1.
# Needs: what scripts/peer-witness.sh needs. `make interop` runs it after scripts/interop.sh. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need go curl rust cc sqlite3 ssh-agent
scripts/peers.sh

bin=$PWD/.peers/bin
binary=$(scripts/binary)

work=$(mktemp -d)
witnesses=() server=
cleanup() {
	if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
	for witness in "${witnesses[@]}"; do scripts/peer-witness.sh stop "$work/$witness" || true; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# shellcheck source=scripts/interop-steps.sh
. scripts/interop-steps.sh

new_key() { # NAME FILE [ALGORITHM]
	"$binary" --quiet key generate --name "$1" --algorithm "${3:-ed25519}" "$2"
}

# The vkey of a witness with a signature type: 4 is Ed25519, 6 is ML-DSA-44. It is the first byte of the key's base64,
# which stands after the second plus sign.
vkey_of() { # WITNESS TYPE
	local vkey material
	while read -r vkey; do
		material=${vkey#*+}
		material=${material#*+}
		[ "$(printf %s "${material:0:4}" | base64 -d | od -An -tu1 -N1 | tr -d ' ')" != "$2" ] || echo "$vkey"
	done <"$work/$1/vkeys"
}

# The policy of a log for those who know Ed25519 alone.
policy_of() { # LOG_VKEY
	local witness
	echo "log $1"
	for witness in "${witnesses[@]}"; do echo "witness $witness $(vkey_of "$witness" 4) $(cat "$work/$witness/url")"; done
	echo "group everybody all ${witnesses[*]}"
	echo "quorum everybody"
}

step_tessera() {
	"$bin/tesseralog" "$work/log" "$work/tessera.key" "$work/policy" 20 >"$work/checkpoint"
	echo "published size $(sed -n 2p "$work/checkpoint") with $(grep -c '^— ' "$work/checkpoint") signatures"
}

# A quorum with a witness that does not answer is none: nothing is published.
step_tessera_without() {
	scripts/peer-witness.sh stop "$work/counterfoil"
	if timeout 15 "$bin/tesseralog" "$work/log" "$work/tessera.key" "$work/policy" 1 >"$work/unpublished" 2>&1; then
		echo "Tessera published without our witness"
		return 1
	fi
	cmp "$work/checkpoint" "$work/log/checkpoint"
	scripts/peer-witness.sh restart "$work/counterfoil"
	"$bin/tesseralog" "$work/log" "$work/tessera.key" "$work/policy" 1 >"$work/checkpoint"
	echo "held without our witness; then published size $(sed -n 2p "$work/checkpoint")"
}

# Our witness's monitoring prefix has both of its signatures, and the log's.
step_library_ours() {
	local hash
	hash=$(printf %s example.com/tessera | sha256sum | cut -d' ' -f1)
	curl -sf --max-time 10 "$(cat "$work/counterfoil/url")$hash/checkpoint" >"$work/monitored"
	"$bin/cosignatures" "$(vkey_of counterfoil 4)" "$(vkey_of counterfoil 6)" "$tessera_vkey" <"$work/monitored"
}

step_torchwood() { "$bin/policy" "$work/policy" <"$work/checkpoint"; }

# The whole log, and its quorum; and with a policy that names a witness that has not signed, no.
step_audit() {
	local stranger
	"$binary" --quiet audit "$work/log" --policy "$work/policy"
	stranger=$(new_key example.com/stranger "$work/stranger.key" ed25519-cosignature)
	sed "s|^group everybody all|witness stranger $stranger\\ngroup everybody all stranger|" "$work/policy" >"$work/stricter"
	if "$binary" --quiet audit "$work/log" --policy "$work/stricter" >"$work/strict.out" 2>&1; then
		echo "accepted without a witness of the quorum"
		return 1
	fi
	echo "refused where the policy demands another witness too"
}

# The policy of our log: of each witness all keys.
policy_of_ours() { # LOG_VKEY
	local witness vkey number
	echo "log $1"
	for witness in "${witnesses[@]}"; do
		number=0
		while read -r vkey; do
			number=$((number + 1))
			echo "witness $witness-$number $vkey $(cat "$work/$witness/url")"
		done <"$work/$witness/vkeys"
		echo "group $witness all $(seq -f "$witness-%g" -s ' ' $number)"
	done
	echo "group everybody all ${witnesses[*]}"
	echo "quorum everybody"
}

start_our_log() {
	"$binary" log run --config "$work/ours" --listen 127.0.0.1:0 --log-filter warn >"$work/ours.out" 2>"$work/ours.err" &
	server=$!
	our_url=$(ready "$work/ours.out" "$work/ours.err" "$server")
}

# Receipts carry the quorum's cosignatures, and verify with the policy.
step_our_log() {
	cp -r docs/decisions "$work/files"
	"$binary" --quiet submit "$work/files" --log "$our_url/" --policy "$work/ours/policy" >"$work/submit"
	"$binary" --quiet verify "$work/files/"*.md --policy "$work/ours/policy" | tail -n 3
	"$binary" --quiet audit "$our_url/" --policy "$work/ours/policy" | grep quorum
}

step_our_log_libraries() {
	local vkeys
	curl -sf --max-time 10 "$our_url/checkpoint" >"$work/our-checkpoint"
	mapfile -t vkeys < <(cat "$work/counterfoil/vkeys" "$work/omniwitness/vkeys" "$work/litewitness/vkeys")
	"$bin/cosignatures" "$our_vkey" "${vkeys[@]}" <"$work/our-checkpoint"
	policy_of "$our_vkey" >"$work/our-policy-ed25519"
	"$bin/policy" "$work/our-policy-ed25519" <"$work/our-checkpoint"
}

our_size() { curl -sf --max-time 10 "$our_url/checkpoint" | sed -n 2p; }

# While omniwitness is away entries are taken and nothing is published; when it is back, all of it is.
step_our_log_held() {
	local before index
	before=$(our_size)
	scripts/peer-witness.sh stop "$work/omniwitness"
	index=$(curl -sf --max-time 20 --data-binary 'taken without a quorum' "$our_url/add")
	sleep 5
	[ "$(our_size)" = "$before" ] || { echo "published without omniwitness"; return 1; }
	scripts/peer-witness.sh restart "$work/omniwitness"
	for _ in $(seq 300); do
		if [ "$(our_size)" -gt "$index" ]; then
			echo "held at size $before without omniwitness, then published size $(our_size)"
			return
		fi
		sleep 0.1
	done
	echo "not published within 30 s after omniwitness was back"
	return 1
}

step_conformance() { # WITNESS
	local code=0 report="$work/$1.json"
	"$binary" --json conformance witness "$(cat "$work/$1/url")" "${log_keys[@]}" --vkeys "$work/$1/vkeys" >"$report" || code=$?
	echo "$(grep -o '"verdict":"pass"' "$report" | wc -l) rows pass, $(grep -o '"verdict":"fail"' "$report" | wc -l) fail"
	if [ "$1" = counterfoil ]; then [ $code = 0 ] && ! grep -q '"verdict":"warn"' "$report"; else [ $code -le 1 ]; fi
	grep -o '{[^{}]*"id":"answer.cosignatures"[^{}]*}' "$report" | grep -q '"verdict":"pass"' ||
		{ echo "its cosignatures do not verify"; return 1; }
}

tessera_vkey=$(new_key example.com/tessera "$work/tessera.key")
our_vkey=$("$binary" --quiet log init "$work/ours" --origin example.com/counterfoil/witnessed)
conformance_vkeys=() log_keys=()
for number in 1 2 3; do
	conformance_vkeys+=("$(new_key "example.com/conformance/$number" "$work/$number.key")")
	log_keys+=(--log-key "$work/$number.key")
done
for witness in counterfoil omniwitness litewitness; do
	scripts/peer-witness.sh start "$witness" "$work/$witness" "$binary" "$tessera_vkey" "$our_vkey" "${conformance_vkeys[@]}"
	witnesses+=("$witness")
done
policy_of "$tessera_vkey" >"$work/policy"

step "a Tessera log with a quorum of our witness, omniwitness and litewitness" step_tessera
step "the Tessera log without our witness" step_tessera_without
step "transparency-dev's library: our witness's Ed25519 and ML-DSA-44 signatures" step_library_ours
step "torchwood: the checkpoint by the policy" step_torchwood
step "our audit: the Tessera log and its quorum" step_audit
policy_of_ours "$our_vkey" >"$work/ours/policy"
start_our_log
echo "interop: our log is at $our_url"
step "our log with a quorum of our witness, omniwitness and litewitness: receipts, audit" step_our_log
step "transparency-dev's library and torchwood: our log's checkpoint" step_our_log_libraries
step "our log without omniwitness" step_our_log_held
for witness in "${witnesses[@]}"; do step "conformance of $witness" step_conformance "$witness"; done

finish witnesses
