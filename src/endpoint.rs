//! The endpoints of an authorization server at which clients authenticate, and the value by which a
//! form announces an assertion.

/// The only `client_assertion_type` that this crate supports (RFC 7523, section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An endpoint at which clients authenticate. The same rules apply to all of them, except that only
/// a request to the token endpoint needs a `grant_type`.
///
/// Put a layer of the same [`Verifier`](crate::Verifier) in front of each endpoint. The layers then
/// share one replay store, and an assertion is valid for one request at one of the endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint (RFC 6749, section 3.2).
    #[default]
    Token,
    /// The pushed authorization request endpoint (RFC 9126, section 2).
    PushedAuthorizationRequest,
    /// The introspection endpoint (RFC 7662, section 2).
    Introspection,
    /// The revocation endpoint (RFC 7009, section 2).
    Revocation,
    /// The device authorization endpoint (RFC 8628, section 3.1).
    DeviceAuthorization,
    /// Any other endpoint, for example a gRPC service.
    Other,
}

impl Endpoint {
    /// Every endpoint, in the order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::Token,
        Self::PushedAuthorizationRequest,
        Self::Introspection,
        Self::Revocation,
        Self::DeviceAuthorization,
        Self::Other,
    ];

    /// Returns a name that never changes, for logs and labels: `token`,
    /// `pushed_authorization_request`, `introspection`, `revocation`, `device_authorization` or
    /// `other`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::PushedAuthorizationRequest => "pushed_authorization_request",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::DeviceAuthorization => "device_authorization",
            Self::Other => "other",
        }
    }
}
