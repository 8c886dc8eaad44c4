//! Fuzz targets for the parsers and verifiers of `counterfoil-tiles` and `counterfoil-rfc3161`: `make fuzz`, or `cargo fuzz run -s none NAME`.

#![forbid(unsafe_code)]

pub mod bodies;
pub mod tokens;
