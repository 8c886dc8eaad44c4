#!/usr/bin/env bash
# soak.sh - what `make test` does in a short form, for long: kill -9 under load, all schedules of three faults (log and
# sender of Ethereum anchors), many seeds, many clusters.
#
#   KILLS=1000 SEEDS=100000 FAULTS=3 CLUSTERS=10000 scripts/soak.sh
set -euo pipefail
cd "$(dirname "$0")/.."

COUNTERFOIL_KILLS=${KILLS:-1000} cargo test --locked -p counterfoil --test kill -- --nocapture
COUNTERFOIL_SEEDS=${SEEDS:-100000} cargo test --locked -p counterfoil-sequencer --test simulation -- --nocapture
COUNTERFOIL_FAULTS=${FAULTS:-3} cargo test --locked -p counterfoil-sequencer --test schedules -- --nocapture
COUNTERFOIL_SEEDS=${SEEDS:-100000} COUNTERFOIL_FAULTS=${FAULTS:-3} cargo test --locked -p counterfoil-ethereum-sender --test schedules -- --nocapture
COUNTERFOIL_SEEDS=${CLUSTERS:-10000} cargo test --locked -p counterfoil-tests --test cluster -- --nocapture
