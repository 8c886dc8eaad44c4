#!/usr/bin/env bash
# bench-witness.sh - measure the witness, side by side with omniwitness and litewitness where Go is installed.
#
#   scripts/bench-witness.sh [limit] [ours] [mldsa] [flushes] [omniwitness] [litewitness]     all of them without arguments
#
# Each log has one update in flight and grows by one entry each time; what counts are answers 200 with a cosignature that is
# durable. The witness runs on core 0, the load on core 1, unless BOTH=1: then both may use all cores.
# SECONDS_EACH=6 for each load; LOGS="50 200". BENCH_DIR chooses the disk. Our rates of logs are lifted, as the others have none.
# Servers listen on 127.0.0.1 on free ports; everything that is started is stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc curl
each=${SECONDS_EACH:-6} logs=${LOGS:-50 200}
if [ -n "${BOTH:-}" ]; then server_cpus=0-$(($(nproc) - 1)) load_cpus=$server_cpus; else server_cpus=0 load_cpus=1; fi
[ "$(nproc)" -gt 1 ] || { echo "bench-witness: needs two cores" >&2; exit 1; }

cargo build --quiet --locked --release --workspace --bin counterfoil --example witness_load
bin=$PWD/target/release/counterfoil load_bin=$PWD/target/release/examples/witness_load
dir=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/counterfoil-bench.XXXXXX")
pids=() peers=()
cleanup() {
	local one
	for one in "${pids[@]}"; do kill "$one" 2>/dev/null || true; done
	for one in "${peers[@]}"; do scripts/peer-witness.sh stop "$one" || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

row() { printf '| %s | %s |\n' "$1" "$2"; }

# CPU time of processes in 1/100 s.
ticks() { # PID...
	local one
	for one; do sed 's/.*) //' "/proc/$one/stat"; done | awk '{n += $12 + $13} END {print n}'
}

# Starts our witness with as many logs; sets pid and url. Further arguments are those of init.
start_ours() { # NAME LOGS [init arguments]
	local name=$1 count=$2
	shift 2
	"$bin" --quiet witness init "$dir/$name" --name bench.example/w "$@" >/dev/null
	"$load_bin" vkeys "$count" >>"$dir/$name/logs"
	taskset -c "$server_cpus" "$bin" witness run --config "$dir/$name" --listen 127.0.0.1:0 --log-filter warn --log-rate 1000000 \
		>"$dir/$name.out" 2>"$dir/$name.err" &
	pid=$!
	pids+=("$pid")
	until grep -q 'ready at' "$dir/$name.out"; do
		kill -0 "$pid" 2>/dev/null || { cat "$dir/$name.err" >&2; exit 1; }
		sleep 0.01
	done
	url=$(sed -n 's/.* is ready at \([^ ]*\).*/\1/p' "$dir/$name.out" | head -n 1)
}

stop() { # PID
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# One line of figures of a load on the witness at $url, with the CPU time of these processes.
measure() { # LABEL LOGS PID...
	local label=$1 count=$2 c0 c1
	shift 2
	# The load makes its requests ready first; the server does nothing meanwhile.
	c0=$(ticks "$@")
	taskset -c "$load_cpus" "$load_bin" run "$url" "$count" "$each" >"$dir/load.out"
	c1=$(ticks "$@")
	row "$label, $count logs" "$(tr ' ' '\n' <"$dir/load.out" | awk -F= -v cpu=$((c1 - c0)) '{v[$1] = $2}
		END {printf "%d/s, p50 %.1f ms, p99 %.1f ms, max %.0f ms, %.0f us of its CPU each", v["rate"], v["p50"], v["p99"], v["max"], v["done"] ? cpu * 10000 / v["done"] : 0}'), other answers: $(sed 's/.*others="\(.*\)"/\1/' "$dir/load.out")"
}

bench_limit() {
	taskset -c "$server_cpus" "$load_bin" limit >"$dir/limit.out"
	row "one core, only a log's signature verified and an Ed25519 cosignature made" "$(sed -n 's/^ed25519=//p' "$dir/limit.out")/s"
	row "the same, and an ML-DSA-44 cosignature" "$(sed -n 's/^both=//p' "$dir/limit.out")/s"
}

bench_ours() {
	local count
	for count in $logs; do
		start_ours "ed25519-$count" "$count" --only ed25519
		measure "Counterfoil, Ed25519" "$count" "$pid"
		stop "$pid"
	done
}

bench_mldsa() {
	local count
	for count in $logs; do
		start_ours "both-$count" "$count"
		measure "Counterfoil, Ed25519 and ML-DSA-44" "$count" "$pid"
		stop "$pid"
	done
}

# Flushes for an update, by strace, which slows the witness: a run of its own.
bench_flushes() {
	command -v strace >/dev/null || { row "flushes for an update" "skipped, strace is not installed"; return; }
	local count tracer flushes
	for count in 1 $logs; do
		start_ours "flushes-$count" "$count" --only ed25519
		strace -f -qq -e trace=fsync,fdatasync,syncfs -o "$dir/flushes.out" -p "$pid" &
		tracer=$!
		pids+=("$tracer")
		sleep 1 # until it has attached
		taskset -c "$load_cpus" "$load_bin" run "$url" "$count" 3 >"$dir/load.out"
		stop "$tracer"
		stop "$pid"
		flushes=$(grep -c 'sync' "$dir/flushes.out" || true)
		row "flushes for an update, $count logs" "$(tr ' ' '\n' <"$dir/load.out" | awk -F= -v n="$flushes" '$1 == "done" {printf "%.3f (%d for %d)", n / $2, n, $2}')"
	done
}

# A witness that others wrote.
bench_peer() { # KIND
	local kind=$1 count vkeys
	if ! command -v go >/dev/null; then
		row "$kind" "skipped, Go is not installed"
		return
	fi
	scripts/peers.sh >&2
	for count in $logs; do
		mapfile -t vkeys < <("$load_bin" vkeys "$count")
		peers+=("$dir/$kind-$count")
		taskset -c "$server_cpus" scripts/peer-witness.sh start "$kind" "$dir/$kind-$count" "$bin" "${vkeys[@]}"
		url=$(cat "$dir/$kind-$count/url")
		# shellcheck disable=SC2046 # one or two process ids
		measure "$kind" "$count" $(cat "$dir/$kind-$count/pid" "$dir/$kind-$count/agent.pid" 2>/dev/null)
		scripts/peer-witness.sh stop "$dir/$kind-$count"
	done
}

bench_omniwitness() { bench_peer omniwitness; }
bench_litewitness() { bench_peer litewitness; }

row what figure
row --- ---
for part in "${@:-limit ours mldsa flushes omniwitness litewitness}"; do
	for one in $part; do "bench_$one"; done
done
