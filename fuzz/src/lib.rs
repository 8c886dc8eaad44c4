//! Fuzz targets for the parsers and verifiers of `counterfoil-tiles`: `make fuzz`, or `cargo fuzz run -s none NAME`.

#![forbid(unsafe_code)]

pub mod bodies;
