//! The service over real sockets: a real database, real keys, real files.

#[path = "../../../bastion/tests/common/mod.rs"]
mod common;
#[path = "../../../bastion/tests/backend/fake.rs"]
#[allow(dead_code, reason = "the bastion's own tests use more of it")]
mod fake;
#[path = "../common/mod.rs"]
mod history;
#[path = "../../../log-server/tests/http/raw.rs"]
#[allow(dead_code, reason = "the log's own tests use more of it")]
mod raw;

mod bastion;
mod calls;
mod connections;
mod limits;
mod page;
mod reading;
mod reload;
mod restart;
mod service;
