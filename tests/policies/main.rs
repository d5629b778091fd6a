//! The rules that an assertion must meet: profiles, settings that narrow or widen them, several
//! policies in one verifier, and the metadata that advertises them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod audience;
mod client_policy;
#[cfg(all(feature = "jwks-client", feature = "redis"))]
mod config_file;
#[cfg(all(feature = "jwks-client", feature = "redis"))]
mod config_strictness;
#[cfg(not(any(feature = "jwks-client", feature = "redis")))]
mod config_without_features;
// It also tests the errors of `HyperFetch` and `RedisReplay`.
#[cfg(all(feature = "jwks-client", feature = "redis"))]
mod configuration;
mod metadata;
mod policy;
mod policy_agreement;
mod profiles;
mod tables;
