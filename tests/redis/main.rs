//! The replay store on Redis or Valkey, tested with real servers: its contract, its failures, and
//! several nodes that share one store.

#![cfg(all(unix, feature = "redis"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod failure;
mod fleet;
mod health;
mod store;
