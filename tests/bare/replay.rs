//! The replay stores of `tests/replay/`, without the conformance suite, which also runs on other
//! stores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../replay/memory.rs"]
mod memory;
#[path = "../replay/tiered.rs"]
mod tiered;
