//! The HTTP front over real sockets, in front of a log in memory that fails on demand.

mod adding;
mod auth;
mod connections;
mod fake;
mod input;
mod openapi;
mod pages;
mod raw;
mod reading;
mod server;
mod site;
mod tls;
