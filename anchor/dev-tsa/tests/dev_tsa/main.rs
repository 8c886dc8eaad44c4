//! The development TSA over HTTP, and OpenSSL's opinion of it.

mod any_bytes;
mod behaviours;
mod certificates;
mod directory;
mod openssl_tsa;
mod requests;
mod support;
