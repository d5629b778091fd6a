//! The verifier without HTTP: the form, the assertion, the signature, the resulting identity, and
//! the events for the operator.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod admissions;
mod assertion;
mod audit;
mod audit_lines;
mod client;
#[cfg(feature = "tracing")]
mod event;
mod findings;
mod form;
mod identity;
mod migrating;
mod overload;
mod ready;
mod restart;
mod secret;
mod signature;
mod tenant;
mod times;
mod verifier;
mod waits;
