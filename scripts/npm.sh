#!/usr/bin/env bash
# npm.sh - install what the package.json of a folder names, unless it is there, and run one of its scripts.
#
#   scripts/npm.sh FOLDER           only install
#   scripts/npm.sh FOLDER SCRIPT    run a script of the folder, such as check or test
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need node

cd "$1"
# npm ci empties node_modules, so that the copy of the lock file in it says which one it was made from.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
	npm ci --no-audit --no-fund --loglevel=error >&2
	cp package-lock.json node_modules/.installed-lock.json
fi
[ $# -lt 2 ] || npm run --silent "$2"
