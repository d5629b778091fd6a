//! What the verifier needs from a request, without HTTP.

use std::fmt;

use crate::endpoint::Endpoint;
use crate::event::{Correlation, RequestInfo, Stopwatch, TimedStep};
use crate::identity::ClientIdentity;
use crate::rejection::AuthScheme;

/// The part of a request that a [`Verifier`](crate::Verifier) reads: the form, and everything
/// else that could carry credentials.
///
/// The layer makes one for every request it guards. Make one yourself to verify without HTTP.
///
/// ```
/// use tower_client_assertion::{Endpoint, TokenRequest};
///
/// let body = b"token=mF_9.B5f-4.1JqM&client_assertion=..";
/// let request = TokenRequest::new(body)
///     .with_endpoint(Endpoint::Revocation)
///     .with_query("resource=notes")
///     .with_authorization(b"Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
/// assert_eq!(request.endpoint(), Endpoint::Revocation);
/// ```
#[derive(Clone)]
#[must_use]
pub struct TokenRequest<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) query: &'a [u8],
    pub(crate) authorization: Option<AuthScheme>,
    pub(super) attestation: bool,
    pub(crate) endpoint: Endpoint,
    pub(crate) optional: bool,
    /// Who an outer layer says the client is. It is not trusted; it only explains a replay.
    pub(super) earlier: Option<&'a ClientIdentity>,
    pub(super) correlation: Option<&'a Correlation>,
    /// Only if a sink needs times.
    pub(super) stopwatch: Option<&'a Stopwatch>,
}

impl<'a> TokenRequest<'a> {
    /// Creates a request with this form as its body and no other credentials.
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            query: b"",
            authorization: None,
            attestation: false,
            endpoint: Endpoint::default(),
            optional: false,
            earlier: None,
            correlation: None,
            stopwatch: None,
        }
    }

    /// Sets the endpoint that the request is for. Default: [`Endpoint::Token`].
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Sets the query of the request's URI, without the question mark. A query that contains client
    /// credentials is refused. Default: empty.
    pub fn with_query(mut self, query: &'a str) -> Self {
        self.query = query.as_bytes();
        self
    }

    /// Sets the value of the `Authorization` header. Only its scheme is read. The header is another
    /// authentication mechanism, so an assertion next to it is refused. An empty value carries no
    /// credential and counts as none. If the header is repeated, call this for each value: any that
    /// is not empty counts. Default: none.
    pub fn with_authorization(mut self, value: &[u8]) -> Self {
        self.authorization = self.authorization.or_else(|| AuthScheme::of(value));
        self
    }

    /// States that the request has an `OAuth-Client-Attestation` header. Like `Authorization`, it
    /// is another authentication mechanism. Default: it has none.
    pub fn with_attestation(mut self) -> Self {
        self.attestation = true;
        self
    }

    /// Sets the name by which other logs know the request. The [events](crate::event) about it have
    /// the name, and nothing else depends on it. An empty name counts as none. Default: none.
    pub fn with_correlation(mut self, correlation: &'a Correlation) -> Self {
        self.correlation = Some(correlation).filter(|name| !name.as_str().is_empty());
        self
    }

    /// Returns the endpoint that the request is for.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Sets whether the request may come without an assertion.
    pub(crate) fn with_optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// Sets the identity that an outer layer left in the request.
    pub(crate) fn with_earlier(self, earlier: Option<&'a ClientIdentity>) -> Self {
        Self { earlier, ..self }
    }

    /// Sets what times the steps.
    pub(crate) fn with_stopwatch(self, stopwatch: Option<&'a Stopwatch>) -> Self {
        Self { stopwatch, ..self }
    }

    /// Returns what events say about the request.
    pub(crate) fn info(&self) -> RequestInfo<'a> {
        RequestInfo::new(self.endpoint, self.correlation, self.stopwatch)
    }

    #[inline]
    pub(super) fn enter(&self, step: TimedStep) {
        if let Some(stopwatch) = self.stopwatch {
            stopwatch.enter(step);
        }
    }

    #[inline]
    pub(super) fn leave(&self) {
        if let Some(stopwatch) = self.stopwatch {
            stopwatch.leave();
        }
    }

    /// Sets which other mechanisms the headers use.
    pub(crate) fn with_other_credentials(self, authorization: Option<AuthScheme>, attestation: bool) -> Self {
        Self { authorization, attestation, ..self }
    }
}

/// Shows the length of the form and nothing else, because a form contains secrets.
impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest").field("body_len", &self.body.len()).finish_non_exhaustive()
    }
}
