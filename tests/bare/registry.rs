//! The registries of `tests/registry/`, without the conformance suite, which also runs on SQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../registry/registry.rs"]
mod registry;
