//! Which clients are known, how a file of clients is loaded and reloaded, and their scope.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod cached;
mod conformance;
mod data;
mod metadata;
mod reach;
mod registry;
mod scope;
