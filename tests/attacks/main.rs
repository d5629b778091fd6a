//! Known attacks and pitfalls, numbered E01 to E56 in `tests/README.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod jose;
mod requests;
