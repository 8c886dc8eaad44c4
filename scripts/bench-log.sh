#!/usr/bin/env bash
# bench-log.sh - measure the running log, side by side with Tessera's POSIX server where Go is installed.
#
#   scripts/bench-log.sh [adds] [batches] [reads] [ceiling] [large] [tessera]     all of them without arguments
#
# The server runs on core 0, the load on core 1 ("pinned"), unless BOTH=1: then both may use all cores.
# SECONDS_EACH=6 for each load, ENTRIES=10000000 for "large". Servers listen on 127.0.0.1 on free ports; everything that is
# started is stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc wrk curl python3
each=${SECONDS_EACH:-6} entries=${ENTRIES:-10000000}
if [ -n "${BOTH:-}" ]; then server_cpus=0-$(($(nproc) - 1)) load_cpus=$server_cpus; else server_cpus=0 load_cpus=1; fi
[ "$(nproc)" -gt 1 ] || { echo "bench-log: needs two cores" >&2; exit 1; }

cargo build --quiet --locked --release -p counterfoil
bin=$PWD/target/release/counterfoil
dir=$(mktemp -d "${TMPDIR:-/tmp}/counterfoil-bench.XXXXXX")
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

now() { date +%s.%N; }
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; } # CPU time of a process in 1/100 s
rss() { awk '/^VmRSS/ {printf "%.0f MiB", $2 / 1024}' "/proc/$1/status"; }
size() { curl -sf --max-time 5 "${1}checkpoint" | sed -n 2p; }
row() { printf '| %s | %s |\n' "$1" "$2"; }

# Starts our log in $dir/$1; sets pid and url, and prints how long it took to be ready.
start_log() { # NAME
	local began
	[ -d "$dir/$1" ] || "$bin" --quiet log init "$dir/$1" --origin "example.com/bench/$1" >/dev/null
	began=$(now)
	taskset -c "$server_cpus" "$bin" log run --config "$dir/$1" --listen 127.0.0.1:0 --log-filter warn >"$dir/$1.out" 2>"$dir/$1.err" &
	pid=$!
	pids+=("$pid")
	until grep -q 'ready at' "$dir/$1.out"; do
		kill -0 "$pid" 2>/dev/null || { cat "$dir/$1.err" >&2; exit 1; }
		sleep 0.005
	done
	started=$(awk -v a="$began" -v b="$(now)" 'BEGIN {printf "%.0f ms", (b - a) * 1000}')
	url=$(sed -n 's/.* is ready at //p' "$dir/$1.out" | head -n 1)
}

stop() { # PID
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

cat >"$dir/add.lua" <<'L'
local n, pre = 0, ""
wrk.method = "POST"
function init(args) local f = io.open("/dev/urandom", "rb"); pre = f:read(8):gsub(".", function(c) return string.format("%02x", c:byte()) end); f:close() end
function request() n = n + 1; return wrk.format(nil, nil, nil, pre .. string.format("%016d", n)) end
L

# One line of figures of a wrk run: rate, p50, p99, errors, and the server's CPU time per request.
load() { # PID URL CONNECTIONS [wrk arguments]
	local pid=$1 target=$2 connections=$3 c0 c1
	shift 3
	c0=$(ticks "$pid")
	taskset -c "$load_cpus" wrk -t1 -c"$connections" -d"${each}s" --latency "$@" "$target" >"$dir/wrk.out"
	c1=$(ticks "$pid")
	awk -v cpu=$((c1 - c0)) -v s="$each" '/^ +50%/{p=$2} /^ +99%/{q=$2} /Non-2xx/{e=$NF} /requests in/{n=$1} /Requests\/sec/{r=$2}
		END {printf "%.0f/s, p50 %s, p99 %s, %d errors, %.1f us of server CPU each", r, p, q, e, n ? cpu * 10000 / n : 0}' "$dir/wrk.out"
}

bench_adds() {
	local connections
	start_log adds
	for connections in 1 64 512; do
		row "adds, 32 bytes, $connections connections" "$(load "$pid" "${url}add" "$connections" -s "$dir/add.lua")"
	done
	stop "$pid"
}

# A body of 65,536 entries of 32 bytes, as add-batch takes it.
batch_body() { # FILE ENTRIES BYTES
	python3 -c 'import os, struct, sys
n, size = int(sys.argv[2]), int(sys.argv[3])
with open(sys.argv[1], "wb") as f:
    f.write(b"".join(struct.pack(">H", size) + os.urandom(size) for _ in range(n)))' "$1" "$2" "$3"
}

post_batches() { # FILE COUNT
	local i
	for i in $(seq "$2"); do echo "url = \"${url}add-batch\""; echo "data-binary = \"@$1\""; echo "output = /dev/null"; [ "$i" = "$2" ] || echo next; done >"$dir/curl.conf"
	taskset -c "$load_cpus" curl -sSf --no-progress-meter --parallel --parallel-max 2 -H 'Content-Type: application/octet-stream' -K "$dir/curl.conf"
}

timed_batches() { # FILE COUNT ENTRIES-EACH BYTES-EACH
	local began took
	began=$(now)
	post_batches "$1" "$2"
	took=$(now)
	awk -v a="$began" -v b="$took" -v n=$(($2 * $3)) -v bytes="$4" 'BEGIN {printf "%.0f leaves/s, %.0f MB/s", n / (b - a), n * bytes / (b - a) / 1e6}'
}

bench_batches() {
	batch_body "$dir/batch32" 65536 32
	batch_body "$dir/batch10k" 800 10240
	start_log batches
	post_batches "$dir/batch32" 4
	row "batches of 65,536 x 32 bytes" "$(timed_batches "$dir/batch32" 40 65536 32)"
	row "batches of 800 x 10 KiB" "$(timed_batches "$dir/batch10k" 40 800 10240)"
	stop "$pid"
	row "flushed writes of 1 MiB, this disk" "$(dd if=/dev/zero of="$dir/flushed" bs=1M count=256 oflag=dsync 2>&1 | sed -n 's/.*, //p')"
	rm -f "$dir/flushed"
}

bench_reads() {
	batch_body "$dir/batch32" 65536 32
	start_log reads
	post_batches "$dir/batch32" 2
	until [ "$(size "$url")" = 131072 ]; do sleep 0.1; done
	row "GET full tile, 64 connections" "$(load "$pid" "${url}tile/0/000" 64)"
	row "GET checkpoint, 64 connections" "$(load "$pid" "${url}checkpoint" 64)"
	row "GET receipt, 64 connections" "$(load "$pid" "${url}receipt/77777" 64)"
	stop "$pid"
}

# The same front over a log that answers at once, and a bare hyper server with the same bytes: what HTTP alone allows.
bench_ceiling() {
	local kind
	cargo build --quiet --locked --release -p counterfoil-log-server --example http_ceiling
	for kind in front bare; do
		rm -f "$dir/ceiling.out"
		taskset -c "$server_cpus" target/release/examples/http_ceiling "$kind" >"$dir/ceiling.out" &
		pid=$!
		pids+=("$pid")
		until [ -s "$dir/ceiling.out" ]; do sleep 0.05; done
		url=http://127.0.0.1:$(grep -o '[0-9]*$' "$dir/ceiling.out" | head -n 1)/
		row "$kind: POST add, 512 connections" "$(load "$pid" "${url}add" 512 -s "$dir/add.lua")"
		row "$kind: GET full tile, 64 connections" "$(load "$pid" "${url}tile/0/000" 64)"
		row "$kind: GET checkpoint, 64 connections" "$(load "$pid" "${url}checkpoint" 64)"
		stop "$pid"
	done
}

bench_large() {
	local batches=$(((entries + 65535) / 65536)) vkey
	batch_body "$dir/batch32" 65536 32
	start_log large
	row "filling $((batches * 65536)) entries" "$(timed_batches "$dir/batch32" "$batches" 65536 32)"
	until [ "$(size "$url")" = $((batches * 65536)) ]; do sleep 0.1; done
	row "memory at that size" "$(rss "$pid")"
	until curl -sf "${url}status" | grep -q "\"indexed_size\":$((batches * 65536))"; do sleep 0.5; done
	row "memory when the lookup index has caught up" "$(rss "$pid")"
	stop "$pid"
	start_log large
	row "start-up at that size" "$started"
	row "memory after that start" "$(rss "$pid")"
	vkey=$(curl -sf "${url}policy" | sed -n 's/^log \([^ ]*\).*/\1/p' | head -n 1)
	audit "audit over HTTP" "$url" "$vkey" $((batches * 65536))
	if command -v go >/dev/null; then
		scripts/peers.sh >&2
		fsck "Tessera's fsck over HTTP, of this log" "$url" "$vkey" $((batches * 65536))
	fi
	# kill -9 under full load, then start again.
	taskset -c "$load_cpus" wrk -t1 -c512 -d4s -s "$dir/add.lua" "${url}add" >/dev/null &
	local loader=$!
	sleep 2
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	start_log large
	row "ready again after kill -9 under load" "$started"
	wait "$loader" 2>/dev/null || true
	stop "$pid"
	local leaves
	leaves=$(sed -n 2p "$dir/large/data/checkpoint")
	audit "audit from files" "$dir/large/data" "$vkey" "$leaves"
	if command -v go >/dev/null; then
		fsck "Tessera's fsck from files, of this log" "file://$dir/large/data/" "$vkey" "$leaves"
	fi
	row "on disk" "$(du -sh --apparent-size "$dir/large/data" | cut -f1)"
}

# A row for a check of LEAVES leaves: its time, and its CPU time (its own, not the server's).
timed_check() { # LABEL LEAVES COMMAND...
	local label=$1 leaves=$2 took
	shift 2
	TIMEFORMAT='%R %U %S'
	took=$( { time taskset -c "$load_cpus" "$@" >"$dir/check.out" 2>"$dir/check.err"; } 2>&1 | tail -n 1)
	row "$label" "$(awk -v t="$took" -v n="$leaves" 'BEGIN {split(t, x, " "); printf "%.2f s, %.2f M leaves/s, %.2f M leaves/CPU-s", x[1], n / x[1] / 1e6, n / (x[2] + x[3]) / 1e6}')"
}

audit() { # LABEL PLACE VKEY LEAVES
	timed_check "$1" "$4" "$bin" --quiet audit "$2" --vkey "$3" --state "$dir/audit.$RANDOM"
}

# Tessera's fsck, on the same log. It ends with 0 even when the check failed, so its own word counts.
fsck() { # LABEL STORAGE-URL VKEY LEAVES
	printf %s "$3" >"$dir/vkey"
	timed_check "$1" "$4" .peers/bin/fsck --storage_url="$2" --public_key="$dir/vkey" --ui=false -N=8
	grep -q Successfully "$dir/check.out" "$dir/check.err" || { tail -n 3 "$dir/check.err" >&2; exit 1; }
}

# Tessera's POSIX conformance server under the same loads.
bench_tessera() {
	if ! command -v go >/dev/null; then
		echo "tessera: skipped, Go is not installed"
		return
	fi
	scripts/peers.sh >&2
	local port key connections
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	# The published test key of Tessera's own documentation.
	key='PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg'
	LOG_PRIVATE_KEY=$key taskset -c "$server_cpus" .peers/bin/posix --storage_dir="$dir/tessera" --listen="127.0.0.1:$port" >"$dir/tessera.out" 2>&1 &
	pid=$! url=http://127.0.0.1:$port/
	pids+=("$pid")
	until curl -sf "${url}checkpoint" >/dev/null; do sleep 0.1; done
	for connections in 1 64 512; do
		row "Tessera: adds, 32 bytes, $connections connections" "$(load "$pid" "${url}add" "$connections" -s "$dir/add.lua")"
	done
	row "Tessera: GET full tile, 64 connections" "$(load "$pid" "${url}tile/0/000" 64)"
	row "Tessera: GET checkpoint, 64 connections" "$(load "$pid" "${url}checkpoint" 64)"
	stop "$pid"
}

row what figure
row --- ---
for part in "${@:-adds batches reads ceiling large tessera}"; do
	for one in $part; do "bench_$one"; done
done
