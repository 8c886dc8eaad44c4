#!/usr/bin/env bash
# bench.sh - measure, and say on what machine: the functions, then the running log (bench-log.sh) and witness (bench-witness.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

echo "machine:"
echo "  $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "  features: $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo | head -n 1 | tr ' ' '\n' | grep -E '^(sha_ni|avx2|avx512(f|bw|vl))$' | tr '\n' ' ')"
echo "  memory: $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), kernel $(uname -r), $(rustc --version)"
echo "  commit: $(git describe --always --dirty)"

cargo bench --locked --quiet --workspace --bench '*'
scripts/bench-log.sh
scripts/bench-witness.sh
