//! The verifier without HTTP: the form, the assertion, the signature, the identity that they prove, and the events that
//! the operator sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod assertion;
#[cfg(feature = "tracing")]
mod event;
mod form;
mod identity;
mod overload;
mod secret;
mod signature;
mod verifier;
