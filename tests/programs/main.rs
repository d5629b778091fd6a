//! The examples as programs: each runs as a process and is judged by what it prints and answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

#[cfg(unix)]
mod audit;
#[cfg(unix)]
mod browser;
#[cfg(all(unix, feature = "axum"))]
mod client_secret_basic;
#[cfg(unix)]
mod config_file;
#[cfg(all(unix, feature = "axum"))]
mod examples;
#[cfg(unix)]
mod explain;
#[path = "../../examples/explain/input/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod explain_input;
#[cfg(unix)]
mod field;
#[cfg(all(unix, feature = "metrics"))]
mod first_day;
#[cfg(all(unix, feature = "metrics"))]
mod metrics;
#[cfg(all(unix, feature = "metrics"))]
mod observability;
#[cfg(unix)]
mod server;
mod sqlite_store;
#[cfg(unix)]
mod token_server;
