//! An error response of RFC 6749, section 5.2: what all three renderers fill in and send.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use crate::rejection::AuthScheme;

/// An error response, still without an `error_uri`.
pub(crate) struct ErrorResponse {
    pub(super) status: StatusCode,
    /// The header that the status calls for.
    pub(super) header: Option<(HeaderName, &'static str)>,
    pub(super) error: &'static str,
    pub(crate) description: Cow<'static, str>,
}

/// The body, in the order of RFC 6749.
#[derive(serde::Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<&'a str>,
}

impl ErrorResponse {
    /// A 400, the status of every error for which RFC 6749 does not name another.
    pub(super) fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, header: None, error, description: description.into() }
    }

    pub(super) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_client", description)
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// A 401 if the client used an `Authorization` header, with a challenge of the same scheme
    /// (RFC 6749, section 5.2).
    pub(super) fn challenging(self, scheme: Option<AuthScheme>) -> Self {
        let challenge = match scheme {
            Some(AuthScheme::Basic) => "Basic realm=\"token endpoint\"",
            Some(AuthScheme::Bearer) => "Bearer realm=\"token endpoint\"",
            Some(AuthScheme::DPoP) => "DPoP realm=\"token endpoint\"",
            // A 401 needs a challenge (RFC 9110, section 15.5.2), and none is known for other
            // schemes.
            Some(AuthScheme::Other) | None => return self,
        };
        self.with_status(StatusCode::UNAUTHORIZED).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Adds `Retry-After`, in seconds (RFC 9110, section 10.2.3).
    pub(super) fn with_retry_after(self, seconds: &'static str) -> Self {
        self.with_header(header::RETRY_AFTER, seconds)
    }

    /// Returns the response with this description, which renderers may leave out or replace.
    pub(super) fn respond(&self, description: Option<&str>, error_uri: Option<&str>) -> Response<Bytes> {
        let body = ErrorBody { error: self.error, error_description: description, error_uri };
        // Serialising three strings cannot fail. If it did, an empty body would still refuse.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Bytes::from(json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        response
    }
}
