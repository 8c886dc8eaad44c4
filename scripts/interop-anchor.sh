#!/usr/bin/env bash
# interop-anchor.sh - time-stamping authorities that others wrote, with our anchor: unmodified programs at pinned versions.
#
# - an anchor of ours has sigstore's timestamp-server and OpenSSL (`counterfoil dev openssl-tsa` is the HTTP that it lacks)
#   stamp what our log publishes, and both must vouch;
# - `openssl ts -verify` passes on what the anchor has stored: the checkpoint byte for byte, the token, the certificates;
# - evidence made from it verifies with a trust file that has nothing but the log's key and the two roots;
# - the anchor counts no token of a timestamp-server whose root is another than the configured one.
#
# Environment: PROFILE=dev (cargo profile of our program). Everything listens on 127.0.0.1.
# Needs: OpenSSL 3, jq. `make interop` runs it last. The exit code is 0 if every step passed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need go curl rust cc openssl jq
scripts/peers.sh

bin=$PWD/.peers/bin
binary=$(scripts/binary)

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

# Waits until an authority gives out its certificates, and keeps them.
certificates_of() { # NAME URL FILE
	for _ in $(seq 300); do
		if curl -sf --max-time 5 -o "$3" "$2"; then return; fi
		sleep 0.1
	done
	tail -n 20 "$work/$1.err" >&2
	echo "interop: it does not answer: $1" >&2
	return 1
}

# The configuration of an anchor with these authorities, all of which must vouch.
configure() { # ANCHOR REQUIRED AUTHORITY_TABLE...
	{
		printf 'data = "data"\nlisten = ["127.0.0.1:0"]\nrequired = %s\n' "$2"
		printf '[[log]]\nurl = "%s/"\npolicy = "%s"\n' "$log_url" "$work/log/policy"
		printf '[[authority]]\n%s\n' "${@:3}"
	} >"$work/$1/anchor.toml"
}

# The tokens that an anchor has stored.
records() { # ANCHOR
	find "$work/$1/data" -type f -path '*/anchors/*' -name 'rfc3161-*'
}

# A part of a record, as the bytes that it stands for.
part() { # RECORD NAME
	jq -r ".$2" "$1" | base64 -d
}

# Certificates in base64, one a line, as PEM.
pem() {
	while read -r certificate; do
		echo '-----BEGIN CERTIFICATE-----'
		fold -w 64 <<<"$certificate"
		echo '-----END CERTIFICATE-----'
	done
}

step_stamp() {
	"$binary" --quiet submit "$work/files" --log "$log_url/" --policy "$work/log/policy" >"$work/submit"
	curl -sf --max-time 10 -o "$work/published" "$log_url/checkpoint"
	"$binary" --json anchor now --config "$work/anchor" | tee "$work/now" | jq -r '.logs[].authorities[] | "\(.name): \(.outcome)"'
	[ "$(jq '[.logs[].authorities[] | select(.outcome == "counted")] | length' "$work/now")" = 2 ]
}

# With nothing of ours but the stored files, and the roots from the authorities themselves.
step_openssl() {
	local record name
	[ "$(records anchor | wc -l)" = 2 ] || { echo "not two records:"; records anchor; return 1; }
	while read -r record; do
		name=$(jq -r .authority "$record")
		part "$record" checkpoint >"$work/checkpoint"
		part "$record" token >"$work/token"
		jq -r '.certificates[]' "$record" | pem >"$work/chain.pem"
		cmp "$work/checkpoint" "$work/published"
		openssl ts -verify -data "$work/checkpoint" -in "$work/token" -token_in \
			-CAfile "$work/$name.root.pem" -untrusted "$work/chain.pem" 2>&1 | grep '^Verification'
		# It is this checkpoint, and this root, that it verifies.
		echo >>"$work/checkpoint"
		if openssl ts -verify -data "$work/checkpoint" -in "$work/token" -token_in \
			-CAfile "$work/$name.root.pem" -untrusted "$work/chain.pem" >"$work/refused" 2>&1; then
			echo "openssl verifies a changed checkpoint"
			return 1
		fi
		grep -q 'message imprint mismatch' "$work/refused"
		echo "$name: the stored token is of the published checkpoint, and of no other"
	done < <(records anchor)
}

# The trust of somebody who has the roots from the authorities, and the policy from the log's operator.
trust_file() { # MIN_ANCHORS
	local name
	printf 'format = "counterfoil/trust@v1"\nmin_anchors = %s\npolicy = """\n%s\n"""\n' "$1" "$(cat "$work/log/policy")"
	for name in timestamp-server openssl; do
		printf '[[tsa]]\nname = "%s"\nroots = """\n%s\n"""\n' "$name" "$(cat "$work/$name.root.pem")"
	done
}

step_evidence() {
	local file
	# What says that a certificate is not revoked has to be newer than the token: the anchor asks again after some seconds.
	for _ in $(seq 300); do
		[ "$(curl -s --max-time 10 "$anchor_url/status" | jq .unsettled_tokens)" != 0 ] || break
		sleep 0.1
	done
	file=$(find "$work/files" -name '*.md' | sort | head -n 1)
	"$binary" --quiet evidence "$file" --log "$log_url/" --anchor "$anchor_url/" --policy "$work/log/policy" --output "$work/evidence.json"
	trust_file 2 >"$work/trust.toml"
	"$binary" verify "$work/evidence.json" "$file" --trust "$work/trust.toml" >"$work/verdict" || { cat "$work/verdict"; return 1; }
	grep -E '^  anchors |^Verified: ' "$work/verdict"
	# Under the roots of others it shows nothing, though nothing is wrong with it.
	sed '/^\[\[tsa\]\]/,$d' "$work/trust.toml" >"$work/other.toml"
	sed -i 's/^min_anchors = 2/min_anchors = 1/' "$work/other.toml"
	printf '[[tsa]]\nname = "other"\nroots = """\n%s\n"""\n' "$(cat "$work/other.root.pem")" >>"$work/other.toml"
	local code=0
	"$binary" --quiet verify "$work/evidence.json" "$file" --trust "$work/other.toml" >"$work/untold" 2>&1 || code=$?
	[ $code = 3 ] || { cat "$work/untold"; echo "expected exit 3 under another root, got $code"; return 1; }
	echo "under another root: could not tell (exit 3)"
}

step_untrusted() {
	local code=0
	"$binary" --json anchor now --config "$work/strict" >"$work/strict.out" || code=$?
	[ $code = 3 ] || { cat "$work/strict.out"; echo "expected exit 3, got $code"; return 1; }
	jq -r '.logs[].authorities[] | "\(.name): \(.outcome): \(.reason)"' "$work/strict.out"
	[ "$(jq -r '.logs[].authorities[].outcome' "$work/strict.out")" = untrusted ]
	[ -z "$(records strict)" ] || { echo "a token was kept"; return 1; }
}

# Our log, which publishes without witnesses.
"$binary" --quiet log init "$work/log" --origin example.com/counterfoil/anchored >"$work/vkey"
begin log "$binary" log run --config "$work/log" --listen 127.0.0.1:0 --log-filter warn
log_url=$(ready "$work/log.out" "$work/log.err" "${servers[-1]}")
cp -r docs/decisions "$work/files"

sigstore_port=$(scripts/free-port)
begin timestamp-server "$bin/timestamp-server" serve --host 127.0.0.1 --port "$sigstore_port" --timestamp-signer memory \
	--disable-ntp-monitoring
sigstore=http://127.0.0.1:$sigstore_port/api/v1/timestamp
certificates_of timestamp-server "$sigstore/certchain" "$work/timestamp-server.pem"
openssl_port=$(scripts/free-port)
begin openssl "$binary" dev openssl-tsa --listen "127.0.0.1:$openssl_port"
certificates_of openssl "http://127.0.0.1:$openssl_port/root.pem" "$work/openssl.root.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 1 \
	-keyout "$work/other.key" -out "$work/other.root.pem" 2>/dev/null
# Leaf, intermediate, root: its tokens hold the leaf alone.
awk -v begin="$work/timestamp-server." '/BEGIN/ { number++ } { print >(begin number ".pem") }' "$work/timestamp-server.pem"
mv "$work/timestamp-server.3.pem" "$work/timestamp-server.root.pem"

timestamp_server_table=$(printf 'name = "timestamp-server"\nurl = "%s"\nroots = ["%s"]\ncertificates = ["%s"]' \
	"$sigstore" "$work/timestamp-server.root.pem" "$work/timestamp-server.2.pem")
openssl_table=$(printf 'name = "openssl"\nurl = "http://127.0.0.1:%s/tsr"\nroots = ["%s"]' "$openssl_port" "$work/openssl.root.pem")
for anchor in anchor strict; do "$binary" --quiet anchor init "$work/$anchor" >"$work/init"; done
configure anchor 2 "$timestamp_server_table" "$openssl_table"
configure strict 1 "${timestamp_server_table//timestamp-server.root/other.root}"

step "timestamp-server and OpenSSL stamp what our log publishes" step_stamp
step "openssl ts: the stored tokens" step_openssl
begin anchor "$binary" anchor run --config "$work/anchor" --log-filter warn
anchor_url=$(ready "$work/anchor.out" "$work/anchor.err" "${servers[-1]}")
step "evidence with both, under a trust file" step_evidence
step "a timestamp-server under another root" step_untrusted

finish authorities
