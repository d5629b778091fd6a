//! JOSE without OAuth: algorithms, strict JSON and base64url, JSON Web Keys, secrets.
//!
//! Bytes come in from an assertion or a registered key set; typed values, keys that were judged and
//! parsed once, and the outcome of a signature check go out. This room is the wall around the
//! crypto crates: nothing outside of it names `aws_lc_rs` or `curve25519_dalek`. It knows nothing
//! of HTTP, of clients or of policies.

pub(crate) mod algorithm;
pub(crate) mod base64url;
pub(crate) mod digest;
pub(crate) mod json;
mod jwk;
pub mod keys;
pub(crate) mod media_type;
pub mod secret;
pub(crate) mod stride;
