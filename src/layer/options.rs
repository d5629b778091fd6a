//! The options that all services of one layer share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::correlate::Correlate;
use crate::endpoint::Endpoint;
use crate::policy::Wording;
use crate::render::{Redox, ResponseCache, Rfc6749};
use crate::verifier::Verifier;

/// The options of a [`ClientAssertionLayer`](crate::ClientAssertionLayer).
#[derive(Clone)]
pub(super) struct LayerOptions {
    pub(super) verifier: Arc<Verifier>,
    pub(super) responses: Arc<ResponseCache>,
    /// The only guarded path. Without one, every request is guarded.
    pub(super) path: Option<Box<str>>,
    pub(super) endpoint: Endpoint,
    pub(super) optional: bool,
    pub(super) body_limit: usize,
    pub(super) body_timeout: Duration,
    pub(super) correlate: Option<Correlate>,
    pub(super) identify_responses: bool,
}

impl LayerOptions {
    /// Returns the defaults, with the renderer that the verifier's first policy asks for.
    pub(super) fn new(verifier: Arc<Verifier>) -> Self {
        let responses = match verifier.first_policy().wording {
            Wording::Redox => ResponseCache::new(Redox::default()),
            Wording::Rfc6749 => ResponseCache::new(Rfc6749::default()),
        };
        Self {
            verifier,
            responses: Arc::new(responses),
            path: None,
            endpoint: Endpoint::Token,
            optional: false,
            body_limit: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            correlate: None,
            identify_responses: false,
        }
    }

    /// Whether requests for this path are guarded.
    pub(super) fn guards(&self, path: &str) -> bool {
        self.path.as_deref().is_none_or(|guarded| guarded == path)
    }
}

impl fmt::Debug for LayerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerOptions")
            .field("verifier", &self.verifier)
            .field("path", &self.path)
            .field("endpoint", &self.endpoint)
            .field("optional", &self.optional)
            .field("body_limit", &self.body_limit)
            .field("body_timeout", &self.body_timeout)
            .field("correlate", &self.correlate)
            .field("identify_responses", &self.identify_responses)
            .finish_non_exhaustive()
    }
}
