module counterfoil.invalid/interop

go 1.25.0

// Not below v0.40.0: older ones do not verify every tile (CVE-2026-56865), which the altered tiles would show.
require golang.org/x/mod v0.40.0
