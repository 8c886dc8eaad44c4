#!/usr/bin/env bash
# peer-witness.sh - start, stop and restart a witness that others wrote, built by scripts/peers.sh, or ours beside them.
#
#   scripts/peer-witness.sh start omniwitness|litewitness|counterfoil DIR COUNTERFOIL VKEY...
#                                        makes DIR, and starts there a witness that follows the logs with these vkeys (COUNTERFOIL
#                                        is our binary: it makes the keys); DIR/url and DIR/vkeys say what it is
#   scripts/peer-witness.sh stop DIR     ends it, and its ssh-agent
#   scripts/peer-witness.sh restart DIR  kills it (SIGKILL) and starts it again with the same keys, state and address
#
# It listens on 127.0.0.1, on a port that is free. Keys and state are in DIR and are for tests only.
# Needs: curl; for litewitness: ssh-agent, ssh-keygen, sqlite3.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.peers/bin

usage() { sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }
die() { echo "peer-witness: $*" >&2; exit 1; }

make_omniwitness() { # DIR COUNTERFOIL VKEY...
	local dir=$1 counterfoil=$2 vkey algorithm
	shift 2
	for algorithm in ed25519-cosignature ml-dsa-44; do
		"$counterfoil" --quiet key generate --name example.com/omniwitness --algorithm $algorithm "$dir/$algorithm.key"
	done >"$dir/vkeys"
	echo "Logs:" >"$dir/logs.yaml"
	for vkey; do printf '  - Origin: %s\n    URL: http://127.0.0.1/\n    PublicKey: %s\n' "${vkey%%+*}" "$vkey"; done >>"$dir/logs.yaml"
}

run_omniwitness() { # DIR
	"$bin/omniwitness" --listen="127.0.0.1:$(cat "$1/port")" --metrics_listen= --additional_logs="$1/logs.yaml" \
		--db_file="$1/witness.db" --private_key_path="$1/ed25519-cosignature.key" --private_key_path="$1/ml-dsa-44.key" \
		>>"$1/out" 2>&1 &
	echo $! >"$1/pid"
}

# Its logs are rows of its database: what its witnessctl writes, which cannot be built from the module proxy alone.
make_litewitness() { # DIR COUNTERFOIL VKEY...
	local dir=$1 vkey
	shift 2
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$dir/key"
	{
		cat <<-SQL
			CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
			CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
		SQL
		for vkey; do
			printf "INSERT OR IGNORE INTO log VALUES ('%s', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');\n" "${vkey%%+*}"
			printf "INSERT INTO key VALUES ('%s', '%s');\n" "${vkey%%+*}" "$vkey"
		done
	} | sqlite3 "$dir/witness.db"
	ssh-agent -D -a "$dir/agent" >/dev/null 2>&1 &
	echo $! >"$dir/agent.pid"
	for _ in $(seq 100); do
		[ -S "$dir/agent" ] && break
		sleep 0.1
	done
	SSH_AUTH_SOCK=$dir/agent ssh-add -q "$dir/key"
}

run_litewitness() { # DIR
	"$bin/litewitness" -name=example.com/litewitness -db="$1/witness.db" -ssh-agent="$1/agent" \
		-listen="127.0.0.1:$(cat "$1/port")" -key="$(ssh-keygen -lf "$1/key.pub" | awk '{print $2}')" >>"$1/out" 2>&1 &
	echo $! >"$1/pid"
}

make_counterfoil() { # DIR COUNTERFOIL VKEY...
	local dir=$1 counterfoil=$2
	shift 2
	"$counterfoil" --quiet witness init "$dir/witness" --name example.com/counterfoil >"$dir/vkeys"
	"$counterfoil" --quiet witness add-log --config "$dir/witness" "$@" >/dev/null
	realpath "$counterfoil" >"$dir/binary"
}

run_counterfoil() { # DIR
	"$(cat "$1/binary")" witness run --config "$1/witness" --listen "127.0.0.1:$(cat "$1/port")" >>"$1/out" 2>&1 &
	echo $! >"$1/pid"
}

# Starts what DIR/kind says, and waits until it answers.
run() { # DIR
	"run_$(cat "$1/kind")" "$1"
	local pid url
	pid=$(cat "$1/pid") url=$(cat "$1/url")
	for _ in $(seq 200); do
		if curl -s --max-time 1 -o "$1/probe" "$url"; then
			rm -f "$1/probe"
			return
		fi
		kill -0 "$pid" 2>/dev/null || { tail -n 20 "$1/out" >&2; die "the witness did not start"; }
		sleep 0.1
	done
	die "the witness does not answer at $url"
}

start() { # KIND DIR COUNTERFOIL VKEY...
	local kind=$1 dir
	[ "$kind" = counterfoil ] || [ -x "$bin/$kind" ] || die "$bin/$kind is missing: run scripts/peers.sh"
	mkdir -p "$2"
	dir=$(cd "$2" && pwd)
	shift 2
	(umask 077 && "make_$kind" "$dir" "$@")
	echo "$kind" >"$dir/kind"
	scripts/free-port >"$dir/port"
	echo "http://127.0.0.1:$(cat "$dir/port")/" >"$dir/url"
	run "$dir"
	if [ "$kind" = litewitness ]; then sed -n 's/.*vkey="\{0,1\}\([^" ]*\).*/\1/p' "$dir/out" | head -n 1 >"$dir/vkeys"; fi
	[ -s "$dir/vkeys" ] || die "the witness says no vkey"
}

# Ends a process, with force when it has not gone after 10 s. It is no child of this shell: only its id is known.
end() { # PIDFILE SIGNAL
	[ -f "$1" ] || return 0
	local pid
	pid=$(cat "$1")
	kill "-$2" "$pid" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	rm -f "$1"
}

case ${1:-} in
start)
	[ $# -ge 5 ] || usage
	shift
	case $1 in omniwitness | litewitness | counterfoil) start "$@" ;; *) usage ;; esac
	;;
stop)
	[ $# = 2 ] || usage
	end "$2/pid" TERM
	end "$2/agent.pid" TERM
	;;
restart)
	[ $# = 2 ] || usage
	end "$2/pid" KILL
	run "$(cd "$2" && pwd)"
	;;
*) usage ;;
esac
