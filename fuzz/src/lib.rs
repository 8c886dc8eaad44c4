//! Fuzz targets for the parsers and verifiers of `counterfoil-tiles`, `counterfoil-rfc3161`, `counterfoil-evidence` and `counterfoil-ethereum`:
//! `make fuzz`, or `cargo fuzz run -s none NAME`.

#![forbid(unsafe_code)]

pub mod bodies;
pub mod ethereum;
pub mod evidence;
pub mod tokens;
