//! Fuzz targets for the parsers and verifiers of `counterfoil-tiles`, `counterfoil-rfc3161` and `counterfoil-evidence`: `make fuzz`, or `cargo fuzz run -s none NAME`.

#![forbid(unsafe_code)]

pub mod bodies;
pub mod evidence;
pub mod tokens;
