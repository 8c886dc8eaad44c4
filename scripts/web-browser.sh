#!/usr/bin/env bash
# web-browser.sh - drive the web pages in a real Chromium, on a log with its witnesses, an anchor and a chain (anvil), as
# `counterfoil demo` makes them.
#
# Without Chromium it says so and skips, but fails where CI=true or COUNTERFOIL_REQUIRE_VECTORS=1. What the pages look like is kept in
# web/screenshots. COUNTERFOIL_BIN names another binary than the one that is built here.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS

if ! scripts/need chromium; then
	[ "${CI:-}" != true ] && [ "${COUNTERFOIL_REQUIRE_VECTORS:-}" != 1 ] || { echo "web-browser: FAILED: no Chromium" >&2; exit 1; }
	echo "web-browser: skipped: no Chromium, so nothing was tried in a browser"
	exit 0
fi
CHROMIUM=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome-stable google-chrome | head -n 1)}
export CHROMIUM
COUNTERFOIL_ANVIL=$(scripts/anvil.sh)
[ -n "$COUNTERFOIL_ANVIL" ] || { echo "web-browser: FAILED: no anvil (scripts/npm.sh tests/anvil)" >&2; exit 1; }
export COUNTERFOIL_ANVIL
scripts/pages.sh
# All of the workspace, so that the dependencies are those of its tests.
[ -n "${COUNTERFOIL_BIN:-}" ] || cargo build --quiet --locked --workspace --bin counterfoil
rm -rf web/screenshots
scripts/npm.sh web test:browser
echo "web-browser: $((SECONDS - start)) s; what the pages look like is kept:"
find web/screenshots -name '*.png' | sort | sed 's/^/  /'
