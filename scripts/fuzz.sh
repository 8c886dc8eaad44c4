#!/usr/bin/env bash
# fuzz.sh - run every target of fuzz/ for FUZZ_SECONDS (60) each, or those named as arguments.
#
# On the stable toolchain, without the address sanitizer (the parsers have no unsafe code). What was found is kept in
# fuzz/artifacts, and ends the run with an error.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need rust cc c++
fuzz=$(scripts/tool cargo-fuzz)
targets=("$@")
if [ ${#targets[@]} = 0 ]; then mapfile -t targets < <("$fuzz" list); fi
for target in "${targets[@]}"; do
	echo "fuzz: $target for ${FUZZ_SECONDS:-60} s"
	"$fuzz" run --sanitizer none "$target" -- -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1
done
