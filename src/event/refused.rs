//! The details of a refusal.

use super::finding::Finding;
use super::request::{Correlation, RequestInfo, request_accessors};
use super::times::StepTimes;
use crate::endpoint::Endpoint;
use crate::rejection::Rejection;
use crate::text::Excerpt;

/// A refusal with its details.
#[derive(Debug)]
pub struct Refused<'a> {
    pub(crate) rejection: &'a Rejection,
    pub(crate) request: RequestInfo<'a>,
    pub(crate) policy: &'a str,
    pub(crate) claimed_client: Option<Excerpt<'a>>,
    pub(crate) key_id: Option<Excerpt<'a>>,
    pub(crate) jti_hash: Option<[u8; 32]>,
    pub(crate) findings: &'a [Finding<'a>],
}

impl<'a> Refused<'a> {
    /// A refusal of a request of which nothing else is known.
    pub(crate) fn new(rejection: &'a Rejection, policy: &'a str, request: RequestInfo<'a>) -> Self {
        Self { rejection, request, policy, claimed_client: None, key_id: None, jti_hash: None, findings: &[] }
    }

    /// Returns the fault that the client is told, with its cause if the server is at fault.
    /// [`Rejection::is_proven`] returns whether the sender is the client that it claims to be.
    pub fn rejection(&self) -> &'a Rejection {
        self.rejection
    }

    /// Returns the stable code of the fault: see [`Rejection::code`].
    pub fn code(&self) -> &'static str {
        self.rejection.code()
    }

    /// Returns the [name](crate::Policy::name) of the policy that the refusal is based on. It is
    /// the first policy of the verifier if no other had been chosen yet, and empty if the layer
    /// [finds no verifier](crate::ClientAssertionLayer::report_unknown_tenants).
    pub fn policy(&self) -> &'a str {
        self.policy
    }

    request_accessors!();

    /// Returns the client that the sender claims to be: the `iss` of the assertion or, if none can
    /// be read, the parameter `client_id`. A parameter that looks like an assertion is not shown.
    /// [`Rejection::is_proven`] returns whether a signature has proven it.
    pub fn claimed_client(&self) -> Option<Excerpt<'a>> {
        self.claimed_client
    }

    /// Returns the `kid` that the sender named.
    pub fn key_id(&self) -> Option<Excerpt<'a>> {
        self.key_id
    }

    /// Returns the SHA-256 hash of the `jti` of a replay. The event of the first use has [the
    /// same](crate::VerifiedClaims::jti_hash). It is `None` for all other faults, and for an
    /// assertion without `jti`.
    pub fn jti_hash(&self) -> Option<[u8; 32]> {
        self.jti_hash
    }

    /// Returns what exactly was wrong: every claim that failed, in the order of the checks, or the
    /// one fault of another kind with what was expected and received. Empty if the rejection says
    /// everything.
    pub fn findings(&self) -> &'a [Finding<'a>] {
        self.findings
    }
}
