//! Client authentication for OAuth 2.0 token endpoints, as a Tower layer.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The HTTP half: may name `http` and `tower`.
mod body;
mod future;
mod head;
mod layer;
pub mod render;
mod service;

// The verification half: bytes and values only.
mod algorithm;
mod assertion;
mod claims;
mod config;
pub mod event;
mod form;
mod identity;
mod json;
mod key;
pub mod policy;
pub mod rejection;
mod signature;
mod verifier;

// Ports, with their implementations.
pub mod clock;
pub mod port;
pub mod registry;
pub mod replay;

pub use body::{BodyMode, PreservedBodies, RequestBody, ResponseBody, WrappedBodies};
pub use config::ConfigError;
pub use form::{JWT_BEARER, TokenRequest};
pub use future::ResponseFuture;
pub use identity::{ClientId, ClientIdentity};
pub use layer::ClientAssertionLayer;
pub use policy::Policy;
pub use rejection::Rejection;
pub use service::ClientAssertion;
pub use verifier::{Verifier, VerifierBuilder};

/// Public keys, judged when they are registered.
pub mod keys {
    pub use crate::key::{KeySet, KeySetError, MAX_BYTES, MAX_KEYS, SkipReason, SkippedKey, VerificationKey};
}
