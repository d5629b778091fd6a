//! Single use of assertions: the store in memory, the tiered store, and the conformance suite for
//! all stores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod conformance;
mod memory;
mod tiered;
