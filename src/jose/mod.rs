//! JOSE without OAuth: algorithms, strict JSON and base64url, JSON Web Keys, secrets.
//!
//! The input is the bytes of an assertion or of a registered key set. The output is typed values,
//! keys that were checked and parsed once, and the outcome of a signature check. Only this room
//! names the crates `aws_lc_rs` and `curve25519_dalek` for cryptography, and `spki` for the formats
//! of keys. It must not use HTTP, clients or policies.

pub(crate) mod algorithm;
pub(crate) mod base64url;
pub(crate) mod candidates;
pub(crate) mod digest;
pub(crate) mod document;
pub(crate) mod json;
mod jwk;
#[cfg(feature = "mint")]
pub(crate) mod key_error;
pub(crate) mod key_set_error;
pub mod keys;
pub(crate) mod media_type;
pub(crate) mod member;
mod pem;
pub(crate) mod private;
#[cfg(feature = "mint")]
pub(crate) mod public_jwk;
mod public_key;
pub mod secret;
#[cfg(feature = "mint")]
pub(crate) mod signing;
mod skip;
pub(crate) mod stride;
pub(crate) mod verification_key;
