//! The outcomes of a request that is not refused.

use super::request::{Correlation, RequestInfo, request_accessors};
use super::times::StepTimes;
use crate::endpoint::Endpoint;
use crate::identity::ClientIdentity;

/// A request whose client was authenticated.
///
/// [`identity`](Self::identity) has the client, the method, the algorithm, the `kid` and the
/// thumbprint of the key, the policy, and whether the audience was lax.
#[derive(Debug)]
pub struct Accepted<'a> {
    pub(crate) identity: &'a ClientIdentity,
    pub(crate) request: RequestInfo<'a>,
}

impl<'a> Accepted<'a> {
    /// Returns who the client is, and how that was proven. The handler gets the same.
    pub fn identity(&self) -> &'a ClientIdentity {
        self.identity
    }

    request_accessors!();
}

/// A request without an assertion, which an [optional](crate::ClientAssertionLayer::optional) layer
/// has passed on, or for which [`verify_optional`](crate::Verifier::verify_optional) has returned
/// `None`.
#[derive(Debug)]
pub struct LetPass<'a> {
    pub(crate) request: RequestInfo<'a>,
}

impl<'a> LetPass<'a> {
    request_accessors!();
}
