#!/usr/bin/env bash
# pages.sh - build the web pages into web/dist, from where cargo takes them into the binary, unless they are there already and
# newer than what they are made of.
#
#   scripts/pages.sh            ends with 1 where Node is missing
#   scripts/pages.sh optional   goes on without the pages where Node is missing, and says so
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = optional ] && ! scripts/need node; then
	echo "pages: without Node there are no web pages in the program; all else is" >&2
	exit 0
fi
# Folders, too: theirs is the time at which a file was taken away.
newer() { find web/src web/index.html web/verifier.html web/vite.config.ts web/package-lock.json -newer web/dist/verifier.html -print -quit; }
if [ -f web/dist/index.html ] && [ -f web/dist/verifier.html ] && [ -z "$(newer)" ]; then
	exit 0
fi
scripts/npm.sh web build
