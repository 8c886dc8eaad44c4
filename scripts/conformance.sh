#!/usr/bin/env bash
# conformance.sh - try the requirements of tlog-witness on witnesses, and write down what came.
#
#   scripts/conformance.sh [WITNESS...]   counterfoil, omniwitness, litewitness; without names, all of them.
#                                         Writes docs/conformance/WITNESS.md (or DIR/WITNESS.md: CONFORMANCE_DIR=DIR)
#
# Each witness is started anew in a temporary directory on 127.0.0.1, with eight logs, three of them with two keys, and is
# killed and restarted by the suite. The exit code is 0 if every suite ran to its end, whatever it found.
# Environment: PROFILE=dev (cargo profile of our program).
# Needs: what scripts/peer-witness.sh needs, and scripts/peers.sh run before.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${CONFORMANCE_DIR:-docs/conformance}
binary=$(scripts/binary)

work=$(mktemp -d)
started=
cleanup() {
	if [ -n "$started" ]; then scripts/peer-witness.sh stop "$started" || true; fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# The keys of the logs: the first three have two.
make_logs() {
	local number
	for number in 1 2 3 4 5 6 7 8; do
		"$binary" --quiet key generate --name "example.com/conformance/$number" "$work/$number.key"
	done >"$work/log-vkeys"
	for number in 1 2 3; do
		"$binary" --quiet key generate --name "example.com/conformance/$number" "$work/$number-second.key"
	done >"$work/second-vkeys"
}

# Says which logs a witness follows: log_keys and log_vkeys. omniwitness ends at once when a log has two keys.
choose_logs() { # WITNESS
	local number second
	mapfile -t log_vkeys <"$work/log-vkeys"
	log_keys=()
	for number in 1 2 3 4 5 6 7 8; do log_keys+=(--log-key "$work/$number.key"); done
	[ "$1" != omniwitness ] || return 0
	mapfile -t second <"$work/second-vkeys"
	log_vkeys+=("${second[@]}")
	for number in 1 2 3; do log_keys+=(--log-key "$work/$number-second.key"); done
}

# The version of a peer, from the module that pins it.
version_of() { # MODULE FOLDER
	sed -n "s|^require $1 ||p; s|^[[:space:]]$1 ||p" "interop/peers/$2/go.mod" | head -n 1
}

what_is() { # WITNESS
	case $1 in
	omniwitness) echo "\`omniwitness\` of github.com/transparency-dev/witness $(version_of github.com/transparency-dev/witness witness), unmodified" ;;
	litewitness) echo "\`litewitness\` of filippo.io/torchwood $(version_of filippo.io/torchwood torchwood), unmodified" ;;
	counterfoil) echo "\`counterfoil witness\` $("$binary" --version | awk '{print $2}')" ;;
	esac
}

try() { # WITNESS
	local witness=$1 dir=$work/$1 code=0
	choose_logs "$witness"
	scripts/peer-witness.sh start "$witness" "$dir" "$binary" "${log_vkeys[@]}"
	started=$dir
	"$binary" conformance witness "$(cat "$dir/url")" "${log_keys[@]}" --vkeys "$dir/vkeys" \
		--restart-command "scripts/peer-witness.sh restart $dir" --markdown >"$work/report" || code=$?
	scripts/peer-witness.sh stop "$dir"
	started=
	case $code in 0 | 1) ;; *) echo "conformance: the suite ended with $code" >&2; return 1 ;; esac
	{
		echo "# Conformance: $witness"
		echo
		echo "What \`counterfoil conformance witness\` found on $(what_is "$witness")."
		echo "Recorded by \`scripts/conformance.sh $witness\`; the sentences are those of the specifications at https://c2sp.org."
		echo
		cat "$work/report"
	} >"$out/$witness.md"
	echo "conformance: $witness: $(head -n 1 "$work/report") ($out/$witness.md)"
}

mkdir -p "$out"
make_logs
[ $# -gt 0 ] || set -- counterfoil omniwitness litewitness
for witness; do try "$witness"; done
