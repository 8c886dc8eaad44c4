#!/usr/bin/env bash
# interop.sh - software that others wrote reads and writes the log, without noticing that it is not theirs.
#
#   scripts/interop.sh                            starts a log of our own in a temporary directory and tries all steps
#   scripts/interop.sh --against URL VKEY [DIR]   only the steps that read, on a running log (Tessera's, for example);
#                                                 DIR holds files with their FILE.tlog-proof receipts
#   scripts/interop.sh --against-writing URL VKEY [DIR]   the steps that write as well
#
# Environment: INTEROP_SECONDS=60 (how long the hammer works), INTEROP_ENTRIES=100000 (added before), INTEROP_WRITES=2000
# and INTEROP_READS=100 (hammer operations a second), PROFILE=dev (cargo profile of our server).
# Everything listens on 127.0.0.1. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."

SECONDS_OF_HAMMER=${INTEROP_SECONDS:-60}
ENTRIES=${INTEROP_ENTRIES:-100000}
WRITES=${INTEROP_WRITES:-2000} READS=${INTEROP_READS:-100}
bin=$PWD/.peers/bin

usage() { sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }

work=$(mktemp -d)
server=
cleanup() {
	if [ -n "$server" ]; then stop_server; fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Ends the server we started: politely, and by force when it has not gone after 20 s.
stop_server() {
	kill "$server" 2>/dev/null || true
	for _ in $(seq 200); do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$server" 2>/dev/null && echo "interop: the server did not stop within 20 s" >&2
	wait "$server" 2>/dev/null || true
	server=
}

# shellcheck source=scripts/interop-steps.sh
. scripts/interop-steps.sh

size_of() { curl -sf --max-time 10 "$1/checkpoint" | sed -n 2p; }

# fsck v1.0.4 ends with 0 even when the check failed, and hangs on some broken logs when it has few workers: so 8
# workers, a deadline, and its own word that it succeeded.
fsck_at() { # STORAGE_URL VKEY
	printf %s "$2" >"$work/vkey"
	timeout 300 "$bin/fsck" --storage_url="$1" --public_key="$work/vkey" --ui=false -N=8 >"$work/fsck" 2>&1 || {
		echo "fsck ended with $? (124: after its deadline)"
		tail -n 5 "$work/fsck"
		return 1
	}
	if grep -qi failed "$work/fsck" || ! grep -q Successfully "$work/fsck"; then
		{ grep -o 'fsck failed.*' "$work/fsck" || tail -n 5 "$work/fsck"; } | cut -c1-200
		return 1
	fi
	grep -o 'Successfully.*' "$work/fsck"
}

step_fsck() { fsck_at "$1/" "$2"; }

# The data directory holds the very resources of tlog-tiles; and a bit flipped in one of them is found.
step_fsck_files() { # DIR VKEY
	fsck_at "file://$1/" "$2"
	cp -r "$1" "$work/altered"
	local bundle=$work/altered/tile/entries/000
	printf '\xff' | dd of="$bundle" bs=1 seek=100 conv=notrunc status=none
	cmp -s "$bundle" "$1/tile/entries/000" && { echo "the alteration changed nothing"; return 1; }
	if fsck_at "file://$work/altered/" "$2" >"$work/altered.out"; then
		echo "fsck passed a log with an altered entry"
		return 1
	fi
	echo "refused when altered: $(grep -o -m 1 'fsck failed.\{0,100\}' "$work/altered.out")"
}

# The hammer ends with 1 when its time is up, whatever happened: its log decides. Warnings (W), errors (E) and fatal
# ones (F) of klog are failures, refusals for overload ("pushback") among them. Once its time is up it cancels its own
# requests; what it says of those is no failure.
step_hammer() { # URL VKEY
	local before after reads writes code=0
	before=$(size_of "$1")
	timeout $((SECONDS_OF_HAMMER + 60)) "$bin/hammer" --log_url="$1" --log_public_key="$2" --show_ui=false \
		--max_runtime="${SECONDS_OF_HAMMER}s" --num_writers=256 --max_write_ops="$WRITES" --max_read_ops="$READS" \
		-vmodule=workers=2 >"$work/hammer" 2>&1 || code=$?
	after=$(size_of "$1")
	reads=$(grep -c 'LeafReader getting' "$work/hammer" || true)
	writes=$(grep -c 'Wrote leaf at index' "$work/hammer" || true)
	echo "$writes writes, $reads reads in $SECONDS_OF_HAMMER s; size $before to $after"
	if sed '/Max runtime reached/,$d' "$work/hammer" | grep -m 5 '^[WEF][0-9]'; then return 1; fi
	[ "$code" = 1 ] && grep -q 'Max runtime reached' "$work/hammer" || { echo "the hammer ended early, with $code"; return 1; }
	# A tenth of what was asked for shows that it worked; how fast the log is, is for the benchmarks.
	[ "$writes" -ge $((WRITES * SECONDS_OF_HAMMER / 10)) ] && [ "$reads" -ge $((READS * SECONDS_OF_HAMMER / 10)) ] ||
		{ echo "too few operations"; return 1; }
	[ "$after" -gt "$before" ] || { echo "the log did not grow"; return 1; }
}

step_integration() { # URL VKEY
	"$bin/tessera-integration.test" -run_integration_test=true -log_url="$1/" -write_log_url="$1" \
		-log_public_key="$2" -test.run '^TestLiveLogIntegration$' -test.v -test.timeout 120s >"$work/integration" 2>&1 ||
		{ tail -n 20 "$work/integration"; return 1; }
	grep -- '^--- PASS: TestLiveLogIntegration' "$work/integration"
}

step_fill() { "$bin/counterfoil-interop" fill "$1" "$ENTRIES"; }
step_tree() { "$bin/counterfoil-interop" tree "$1" "$2"; }
step_receipts() { "$bin/counterfoil-interop" receipts "$1" "$2" 50; }
step_files() { "$bin/counterfoil-interop" files "$2" "$1"; }

step_openssl() { # URL VKEY
	curl -sf --max-time 10 "$1/checkpoint" >"$work/checkpoint"
	scripts/openssl-verify.sh "$2" <"$work/checkpoint"
	if sed '2s/$/0/' "$work/checkpoint" | scripts/openssl-verify.sh "$2" >"$work/openssl" 2>&1; then
		echo "OpenSSL accepted another size"
		return 1
	fi
	grep -q 'Verification Failure' "$work/openssl" || { cat "$work/openssl"; return 1; }
	echo "refused with another size"
}

reading_steps() { # URL VKEY
	step "Tessera fsck over HTTP" step_fsck "$1" "$2"
	step "golang.org/x/mod: checkpoint, bundles, tiles, proofs" step_tree "$1" "$2"
	step "OpenSSL: the log's Ed25519 signature" step_openssl "$1" "$2"
}

writing_steps() { # URL VKEY
	step "Tessera hammer, ${SECONDS_OF_HAMMER} s" step_hammer "$1" "$2"
	step "Tessera live-log integration test" step_integration "$1" "$2"
}

# Starts a new log of our own in $work/log; sets url and vkey.
start_our_log() {
	binary=$(scripts/binary)
	vkey=$("$binary" --quiet log init "$work/log" --origin example.com/counterfoil/interop)
	"$binary" log run --config "$work/log" --listen 127.0.0.1:0 --log-filter warn >"$work/server.out" 2>"$work/server.err" &
	server=$!
	url=$(ready "$work/server.out" "$work/server.err" "$server")
	echo "interop: our log is at $url"
}

# What our own submit writes beside the files is read by the other program.
step_submit() { # URL VKEY
	cp -r docs "$work/files"
	"$binary" --quiet submit "$work/files" --log "$1/" --policy "$work/log/policy" >"$work/submit"
	step_files "$work/files" "$2"
}

scripts/need go curl openssl
scripts/peers.sh

case ${1:-} in
--against | --against-writing)
	[ $# -ge 3 ] && [ $# -le 4 ] || usage
	[ "$1" = --against ] || writing_steps "${2%/}" "$3"
	reading_steps "${2%/}" "$3"
	if [ $# = 4 ]; then step "golang.org/x/mod: receipts in $4" step_files "$4" "$3"; fi
	finish
	;;
"") ;;
*) usage ;;
esac

scripts/need rust cc
start_our_log
step "$ENTRIES entries by batches" step_fill "$url"
writing_steps "$url" "$vkey"
step "our submit, receipts read by golang.org/x/mod" step_submit "$url" "$vkey"
reading_steps "$url" "$vkey"
step "golang.org/x/mod: receipts over HTTP" step_receipts "$url" "$vkey"
stop_server
step "Tessera fsck on the data directory of the stopped log" step_fsck_files "$work/log/data" "$vkey"
finish
