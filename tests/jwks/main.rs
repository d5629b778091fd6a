//! Keys that clients publish at a URL: when they are fetched, which responses are accepted, and how
//! long they are kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod cache;
#[cfg(feature = "jwks-client")]
mod fetch;
mod responses;
mod script;
mod sharing;
#[cfg(feature = "jwks-client")]
mod verifier;
