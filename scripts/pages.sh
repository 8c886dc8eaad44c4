#!/usr/bin/env bash
# pages.sh - build the web pages into web/dist, from where cargo takes them into the binary, unless they are there already and
# newer than what they are made of.
#
#   scripts/pages.sh            ends with 1 where they cannot be built
#   scripts/pages.sh optional   goes on without them where they cannot be built (Node is missing, or the network), and says so
set -euo pipefail
cd "$(dirname "$0")/.."

# Folders, too: theirs is the time at which a file was taken away.
newer() { find web/src web/index.html web/verifier.html web/vite.config.ts web/tsconfig.json web/package.json web/package-lock.json -newer web/dist/verifier.html -print -quit; }
if [ -f web/dist/index.html ] && [ -f web/dist/verifier.html ] && [ -z "$(newer)" ]; then
	exit 0
fi
scripts/npm.sh web build && exit 0
[ "${1:-}" = optional ] || exit 1
echo "pages: the program goes without its web pages; all else is there" >&2
