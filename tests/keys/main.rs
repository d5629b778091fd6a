//! The public keys of a client: which key sets are accepted, and which of their keys an assertion
//! is checked with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod documents;
mod field;
mod key_selection;
mod keys;
mod pem;
