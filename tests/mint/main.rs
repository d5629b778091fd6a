//! What clients mint, and whether verifiers of the same policy accept it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agreement;
mod build;
mod edits;
mod form;
mod keys;
mod ring;
mod service;
mod signers;
mod support;
