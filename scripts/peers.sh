#!/usr/bin/env bash
# peers.sh - build the pinned programs of others that ours are tried with, into .peers/bin.
#
# From Tessera, at the version and hashes in interop/peers/go.mod and go.sum, through the Go module proxy:
#   posix                     a POSIX log server ("conformance"), to try the same steps on
#   hammer                    a load generator that reads and writes
#   fsck                      a checker of whole logs
#   tessera-integration.test  the test of a live log
# From transparency-dev/witness (interop/peers/witness) and torchwood (interop/peers/torchwood):
#   omniwitness, litewitness  witnesses; scripts/peer-witness.sh starts and stops them
#   litebastion               a bastion
# From sigstore/timestamp-authority (interop/peers/timestamp):
#   timestamp-server          a time-stamping authority
# With these libraries, small programs of our own:
#   tesseralog                a Tessera log that publishes with a quorum of witnesses only
#   cosignatures, policy      verify cosignatures with transparency-dev's library, and with torchwood's policies
# and our own interop/ as counterfoil-interop. What is built and unchanged costs nothing again.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need go

bin=$PWD/.peers/bin
tessera=github.com/transparency-dev/tessera
mkdir -p "$bin"
export GOFLAGS='-buildvcs=false -mod=readonly'

# A test binary and an internal package cannot be had by "go install path@version"; from a module that requires them
# they can, and go.sum then pins all of their dependencies as well.
cd interop/peers
GOBIN=$bin go install $tessera/cmd/conformance/posix $tessera/cmd/fsck $tessera/internal/hammer ./tesseralog
go test -c -o "$bin/tessera-integration.test" $tessera/integration
# Modules of their own, because their dependencies differ.
(cd witness && GOBIN=$bin go install github.com/transparency-dev/witness/cmd/omniwitness ./cosignatures)
(cd torchwood && GOBIN=$bin go install filippo.io/torchwood/cmd/litewitness filippo.io/torchwood/cmd/litebastion ./policy)
(cd timestamp && GOBIN=$bin go install github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server)
cd ..
go build -o "$bin/counterfoil-interop" .
