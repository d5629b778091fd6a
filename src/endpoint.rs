//! The endpoints of an authorization server at which clients authenticate.

/// An endpoint at which clients authenticate. All of them do it alike; only the token endpoint has a `grant_type`.
///
/// Put a layer of the same [`Verifier`](crate::Verifier) in front of each, so that they share one replay store: an assertion
/// is then good for one request at one of them.
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
    /// Any other, a gRPC service for one.
    Other,
}
