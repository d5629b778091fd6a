//! The verified identity of a client.
//!
//! The verifier turns a verified assertion into a [`ClientIdentity`], which a handler receives.
//! This room uses algorithms and times. It must not use policies, registries or HTTP.

pub(crate) mod claims;
mod client_id;

use std::fmt;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::verification_key::KeyId;
use crate::name::Name;

pub use claims::VerifiedClaims;
pub use client_id::{ClientId, InvalidClientId};

/// How a client authenticated (RFC 7591, section 2, `token_endpoint_auth_method`). Displays as the
/// registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// With a private key. The client registered its public key.
    PrivateKeyJwt,
    /// With a secret that the client shares with the server.
    ClientSecretJwt,
}

impl AuthMethod {
    /// Returns the registered name.
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

/// The verified identity of the client that sent a request, and what its assertion proved.
///
/// Only a [`Verifier`](crate::Verifier) creates one, after it has checked the signature and
/// recorded the assertion as spent. The layer puts it into the extensions of the request, where a
/// handler can rely on it. Cheap to clone.
///
/// ```
/// use tower_client_assertion::ClientIdentity;
///
/// fn greet(request: &http::Request<()>) -> Result<String, &'static str> {
///     let client = request.extensions().get::<ClientIdentity>();
///     // None means that no layer is here: a mistake, not an anonymous client.
///     let client = client.ok_or("this handler is not behind the layer")?;
///     Ok(format!("hello {}", client.client_id()))
/// }
/// # assert!(greet(&http::Request::new(())).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    pub(crate) client_id: ClientId,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Option<Arc<KeyId>>,
    pub(crate) policy: Name,
    pub(crate) lax_audience: bool,
    pub(crate) valid_until: UnixTime,
    pub(crate) claims: VerifiedClaims,
}

impl ClientIdentity {
    /// Returns the id of the client: the `iss` and `sub` of its assertion, and the id that it is
    /// registered under.
    ///
    /// An authorization server that also has users must keep client identifiers apart from user
    /// identifiers, so that a client cannot be mistaken for a user (RFC 9700, section 4.15).
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Returns how the client authenticated.
    pub fn method(&self) -> AuthMethod {
        AuthMethod::of(self.algorithm)
    }

    /// Returns the algorithm of the verified signature.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the `kid` of the key that verified the signature. It is `None` for a secret and for
    /// a key without `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key.as_ref()?.kid.as_deref()
    }

    /// Returns the JWK thumbprint, with SHA-256 (RFC 7638, section 3), of the key that verified the
    /// signature. It is `None` for a secret. Encode it as base64url to bind a token to the key.
    pub fn key_thumbprint(&self) -> Option<[u8; 32]> {
        self.key.as_ref().map(|key| key.thumbprint)
    }

    /// Returns the [name](crate::Policy::name) of the policy that accepted the assertion.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Returns whether the assertion was accepted only because its policy accepts more in `aud`
    /// than the issuer as the sole value, which RFC 10070 requires.
    ///
    /// Once no client depends on this, tighten the policy with
    /// [`require_sole_issuer`](crate::Policy::require_sole_issuer). It is always `false` under
    /// profiles that accept only [URLs](crate::policy::AudienceRule::Urls), such as those of Redox
    /// and SMART.
    pub fn has_lax_audience(&self) -> bool {
        self.lax_audience
    }

    /// Returns the time at which the assertion stops being acceptable, clock skew included.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// Returns the claims of the assertion.
    pub fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }
}
