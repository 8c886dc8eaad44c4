#!/usr/bin/env bash
# openssl-verify.sh - verify a checkpoint's Ed25519 signature with OpenSSL 3 and nothing else.
#
#   scripts/openssl-verify.sh VKEY <CHECKPOINT
#
# c2sp.org/signed-note: the vkey is <name>+<key id, 8 hex digits>+base64(0x01 || public key); the signature line is
# "— <name> base64(key id || signature)"; what is signed is the text up to and including the newline before the
# empty line. A checkpoint's text has no empty lines of its own.
set -euo pipefail
[ $# = 1 ] || { sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }

die() { echo "openssl-verify: $*" >&2; exit 1; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/note"

name=${1%%+*} rest=${1#*+}
id=${rest%%+*} key=${rest#*+}
printf %s "$key" | base64 -d >"$dir/key" || die "the vkey's third part is not base64"
[ "$(wc -c <"$dir/key")" = 33 ] && [ "$(head -c 1 "$dir/key" | hex)" = 01 ] || die "the vkey is not an Ed25519 key (0x01)"

# SubjectPublicKeyInfo of Ed25519 (RFC 8410): a fixed head of 12 bytes, then the key.
{ printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; tail -c 32 "$dir/key"; } >"$dir/key.der"
sed '/^$/,$d' "$dir/note" >"$dir/text"

found=0
while read -r dash signer signature; do
	[ "$dash" = — ] && [ "$signer" = "$name" ] || continue
	printf %s "$signature" | base64 -d >"$dir/signature" 2>/dev/null || die "a signature of $name is not base64"
	[ "$(head -c 4 "$dir/signature" | hex)" = "$id" ] || continue
	found=1
	tail -c +5 "$dir/signature" >"$dir/signature.raw"
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$dir/key.der" -rawin -in "$dir/text" -sigfile "$dir/signature.raw"
done < <(sed '1,/^$/d' "$dir/note")
[ $found = 1 ] || die "no signature by $name with key id $id"
