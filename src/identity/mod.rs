//! Who the client was proven to be.

pub(crate) mod claims;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::KeyId;
use crate::text::is_printable_ascii;

pub use claims::VerifiedClaims;

/// The identifier of a client (RFC 6749, section 2.2): printable ASCII (appendix A.1), not empty. Cheap to clone.
///
/// Identifiers are compared byte for byte, without any normalisation.
///
/// ```
/// use tower_client_assertion::ClientId;
///
/// assert_eq!(ClientId::new("clinic-7").unwrap().as_str(), "clinic-7");
/// assert!(ClientId::new("").is_none());
/// assert!(ClientId::new("clinic\n7").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// The identifier `id`, or `None` if it is empty or has a character outside `%x20-7E`.
    pub fn new(id: &str) -> Option<Self> {
        Self::is_valid(id).then(|| Self(Arc::from(id)))
    }

    pub(crate) fn is_valid(id: &str) -> bool {
        !id.is_empty() && is_printable_ascii(id)
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a client authenticated (RFC 7591, section 2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// With a private key, of which it registered the public half.
    PrivateKeyJwt,
    /// With a secret that it shares with us.
    ClientSecretJwt,
}

impl AuthMethod {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
        }
    }

    pub(crate) const fn of(algorithm: Algorithm) -> Self {
        if algorithm.is_mac() { Self::ClientSecretJwt } else { Self::PrivateKeyJwt }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The verified identity of the client that sent a request, and what else its assertion proved.
///
/// Only a [`Verifier`](crate::Verifier) makes one, after the signature was checked and the assertion was recorded as spent.
/// The layer puts it into the request's extensions; a handler that finds one there may rely on it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    pub(crate) client_id: ClientId,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Option<Arc<KeyId>>,
    pub(crate) policy: &'static str,
    pub(crate) lax_audience: bool,
    pub(crate) valid_until: UnixTime,
    pub(crate) claims: VerifiedClaims,
}

impl ClientIdentity {
    /// The client: the `iss` and `sub` of its assertion, and the id under which it is registered.
    ///
    /// An authorization server that also has users must keep client identifiers apart from user identifiers, lest one pass
    /// for the other (RFC 9700, section 4.15).
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// How it authenticated.
    pub fn method(&self) -> AuthMethod {
        AuthMethod::of(self.algorithm)
    }

    /// The algorithm of the signature that was verified.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` of the key that verified the signature, if there was a key and it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key.as_ref()?.kid.as_deref()
    }

    /// The JWK thumbprint of the key that verified the signature, with SHA-256 (RFC 7638, section 3); `None` for a secret.
    /// Encode it as base64url to bind a token to the key.
    pub fn key_thumbprint(&self) -> Option<[u8; 32]> {
        self.key.as_ref().map(|key| key.thumbprint)
    }

    /// The name of the [policy](crate::Policy::name) that accepted the assertion.
    pub fn policy(&self) -> &'static str {
        self.policy
    }

    /// Whether the assertion was accepted only because its policy lets more pass than the issuer as the sole value, as RFC 7523
    /// has it since 2026. When no client needs that any more, the policy can be tightened to
    /// [`sole_issuer`](crate::Policy::sole_issuer). Never where the profile itself has
    /// nothing but [URLs](crate::policy::AudienceRule::Urls), as Redox's and SMART's.
    pub fn has_lax_audience(&self) -> bool {
        self.lax_audience
    }

    /// From this moment on the assertion cannot be accepted any more, clock skew included.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// The claims of the assertion.
    pub fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }
}
