//! Explanations: their verdict is that of the server, they leave no trace, and they show no secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod agreement;
mod goes_on;
mod goldens;
mod hints;
mod layer;
mod mutations;
mod parts;
mod random;
mod schema;
mod secrets;
mod servers;
mod text;
mod traces;
mod window;
