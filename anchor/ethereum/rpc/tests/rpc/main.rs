//! The chain by JSON-RPC: against an endpoint that does as geth does and lies when told to, and against anvil.

mod agree;
mod anvil;
mod common;
mod failover;
mod fake;
mod fresh;
mod geth;
mod lies;
mod rounds;
mod signers;
