//! Properties of the whole crate: its types, its public interface, what must not compile, and that
//! each requirement of the specifications has a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod architecture;
mod checkers;
#[cfg(all(unix, feature = "axum"))]
mod compile_fail;
#[cfg(all(
    unix,
    feature = "axum",
    feature = "jsonwebtoken",
    feature = "jwks-client",
    feature = "redis",
    feature = "tracing"
))]
mod config_reach;
mod modules;
#[cfg(all(
    unix,
    feature = "axum",
    feature = "jsonwebtoken",
    feature = "jwks-client",
    feature = "redis",
    feature = "tracing"
))]
mod public_api;
mod requirements;
mod source;
mod types;
mod words;
