#!/usr/bin/env bash
# interop-bastion.sh - bastions and witnesses that others wrote, with ours: unmodified programs at pinned versions.
#
# - our witness behind litebastion, and litewitness behind our bastion: each cosigns what our log publishes, and its receipts verify;
# - what is on no list does not get in, and what is not connected is not reached.
#
# Environment: PROFILE=dev (cargo profile of our program). Everything listens on 127.0.0.1.
# Needs: what scripts/peer-witness.sh needs. `make interop` runs it after scripts/interop-witness.sh. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need go curl rust cc sqlite3 ssh-agent
scripts/peers.sh

bin=$PWD/.peers/bin
binary=$(scripts/binary)

work=$(mktemp -d)
# Steps run in shells of their own: what they start is known by files.
end() { # NAME
	local pid
	pid=$(cat "$work/$1.pid")
	kill "$pid" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	rm "$work/$1.pid"
}
cleanup() {
	local file
	for file in "$work"/*.pid; do [ ! -f "$file" ] || end "$(basename "$file" .pid)"; done
	if [ -d "$work/lite/witness" ]; then scripts/peer-witness.sh stop "$work/lite/witness"; fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# shellcheck source=scripts/interop-steps.sh
. scripts/interop-steps.sh

# Starts a program, whose output goes to $work/NAME.out.
begin() { # NAME COMMAND...
	"${@:2}" >"$work/$1.out" 2>&1 &
	echo $! >"$work/$1.pid"
}

is_ready() { ready "$work/$1.out" "$work/$1.out" "$(cat "$work/$1.pid")"; } # NAME

status_of() { curl -s --max-time 10 -o /dev/null -w '%{http_code}' --cacert "$certificate" "$@"; }

# Waits until a URL answers with a status.
expect() { # STATUS URL
	local found
	for _ in $(seq 200); do
		found=$(status_of "$2")
		[ "$found" != "$1" ] || return 0
		sleep 0.1
	done
	echo "expected $1 from $2, found $found"
	return 1
}

# A log of ours with a witness as its quorum: what it publishes is cosigned through the bastion, and the receipts verify.
log_with() { # NAME WITNESS_VKEY URL
	local url
	{
		grep '^log ' "$work/$1/policy"
		printf 'witness w %s %s\nquorum w\n' "$2" "$3"
	} >"$work/$1.policy"
	mv "$work/$1.policy" "$work/$1/policy"
	begin "$1" "$binary" log run --config "$work/$1" --listen 127.0.0.1:0 --log-witness-ca "$certificate" --log-filter warn
	url=$(is_ready "$1")
	cp -r docs/decisions "$work/$1-files"
	"$binary" --quiet submit "$work/$1-files" --log "$url/" --policy "$work/$1/policy" >"$work/submit"
	"$binary" --quiet verify "$work/$1-files/"*.md --policy "$work/$1/policy" | tail -n 2
	end "$1"
}

# The hash by which a bastion knows a backend: SHA-256 of its Ed25519 key, the 32 bytes after the type in the vkey.
hash_of() { # VKEY
	local material=${1#*+}
	printf %s "${material#*+}" | base64 -d | tail -c 32 | sha256sum | cut -d' ' -f1
}

step_litebastion() {
	local hash url
	hash=$(hash_of "$backend_vkey")
	url=https://localhost:$port/$hash/
	: >"$work/accepted"
	begin litebastion "$bin/litebastion" -listen "127.0.0.1:$port" -backends "$work/accepted" \
		-tls-cert "$certificate" -tls-key "$work/bastion/server.key"
	begin witness "$binary" witness run --config "$work/witness" --listen 127.0.0.1:0
	is_ready witness >"$work/witness.url"
	sleep 2
	local before
	before=$(status_of "$url")
	[ "$before" != 200 ] || { echo "reached through litebastion though it is on no list"; return 1; }
	echo "on no list: not let in, litebastion answers $before"
	echo "$hash" >"$work/accepted"
	kill -HUP "$(cat "$work/litebastion.pid")"
	expect 200 "$url"
	echo "on its list: let in, and reached"
	log_with first "$(sed -n 1p "$work/vkeys")" "$url"
	end witness
	expect 502 "$url"
	echo "gone: litebastion answers 502"
	end litebastion
}

begin_litewitness() {
	cd "$work/lite" # where it looks for rootCA.pem
	begin litewitness "$bin/litewitness" -name=example.com/litewitness -db=witness/witness.db -ssh-agent=witness/agent \
		-no-listen -testcert -bastion "localhost:$port" -key="$(ssh-keygen -lf witness/key.pub | awk '{print $2}')"
	cd "$OLDPWD"
}

step_litewitness() {
	local vkey hash url
	port=$(scripts/free-port)
	mkdir "$work/lite"
	scripts/peer-witness.sh start litewitness "$work/lite/witness" "$binary" "$second_vkey"
	# Started again without a port of its own: through the bastion or not at all.
	vkey=$(cat "$work/lite/witness/vkeys")
	kill "$(cat "$work/lite/witness/pid")"
	hash=$(hash_of "$vkey")
	url=https://localhost:$port/$hash/
	cp "$certificate" "$work/lite/rootCA.pem"
	begin bastion "$binary" bastion run --config "$work/bastion" --listen "127.0.0.1:$port"
	is_ready bastion >"$work/bastion.url"
	begin_litewitness
	sleep 2
	expect 421 "$url"
	echo "on no list: our bastion answers 421"
	echo "$hash litewitness" >>"$work/bastion/backends"
	kill -HUP "$(cat "$work/bastion.pid")"
	# It takes a refusal for an answer, and does not ask again soon.
	end litewitness
	begin_litewitness
	expect 200 "$url"
	echo "on its list: let in, and reached"
	log_with second "$vkey" "$url"
	end litewitness
	expect 503 "$url"
	echo "gone: our bastion answers 503"
	end bastion
}

port=$(scripts/free-port)
"$binary" --quiet bastion init "$work/bastion" --self-signed localhost --listen "127.0.0.1:$port" >"$work/init"
certificate=$work/bastion/server.pem
first_vkey=$("$binary" --quiet log init "$work/first" --origin example.com/counterfoil/behind-litebastion)
second_vkey=$("$binary" --quiet log init "$work/second" --origin example.com/counterfoil/behind-our-bastion)
"$binary" --quiet witness init "$work/witness" --name example.com/counterfoil >"$work/vkeys"
"$binary" --quiet witness add-log --config "$work/witness" "$first_vkey" >"$work/added"
backend_vkey=$("$binary" --quiet key generate --name example.com/backend "$work/witness/bastion.key")
printf '\n[[bastion]]\naddress = "localhost:%s"\nkey = "bastion.key"\nca = "%s"\n' "$port" "$certificate" >>"$work/witness/witness.toml"

step "our witness behind litebastion" step_litebastion
step "litewitness behind our bastion" step_litewitness

finish bastions
