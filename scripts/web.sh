#!/usr/bin/env bash
# web.sh - run a script of web/package.json, such as check or test, with its dependencies installed.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need node

cd web
# npm ci empties node_modules, so that the copy of the lock file in it says which one it was made from.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
	npm ci --no-audit --no-fund --loglevel=error >&2
	cp package-lock.json node_modules/.installed-lock.json
fi
npm run --silent "$1"
