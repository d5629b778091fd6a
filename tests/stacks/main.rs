//! The layer in whole stacks over real sockets, together with the middleware of axum, hyper and
//! tonic.

// Whole stacks take long to build and do not depend on single features, so they are tested with all
// features only.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod axum_routers;
mod extract;
mod hyper_servers;
mod limits;
mod logs;
mod page;
mod server;
mod tonic_services;
