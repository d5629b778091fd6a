//! The verified identity of a client.
//!
//! The verifier turns a verified assertion into a [`ClientIdentity`], which a handler receives.
//! This room uses clients, algorithms and times. It must not use policies, registries or HTTP.

pub(crate) mod claims;

use std::fmt;
use std::sync::Arc;

use crate::client::{AuthMethod, Client, ClientId};
use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::verification_key::KeyId;
use crate::name::Name;

pub use claims::VerifiedClaims;

/// The verified identity of the client that sent a request, and what its assertion proved.
///
/// Only a [`Verifier`](crate::Verifier) creates one, after it has checked the signature and
/// recorded the assertion as spent. The layer puts it into the extensions of the request, where a
/// handler can rely on it. Cheap to clone.
///
/// Two identities are equal if their client ids are, and everything that the assertions proved.
/// What else the clients have registered is not compared. `Debug` output shows of the client its
/// id.
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
#[derive(Clone)]
pub struct ClientIdentity {
    pub(crate) client: Arc<Client>,
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
        self.client.id()
    }

    /// Returns the registered client, as the registry returned it when this request was decided on.
    /// No second look-up is needed to read its [scope](Client::scope) or [data](Client::data).
    ///
    /// It may have been changed or removed since. If that must be known, ask the registry again.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
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

/// Clients are compared by their ids.
impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        let Self { client, algorithm, key, policy, lax_audience, valid_until, claims } = self;
        client.id() == other.client.id()
            && *algorithm == other.algorithm
            && *key == other.key
            && *policy == other.policy
            && *lax_audience == other.lax_audience
            && *valid_until == other.valid_until
            && *claims == other.claims
    }
}

impl Eq for ClientIdentity {}

/// Shows the id of the client and not the client.
impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, algorithm, key, policy, lax_audience, valid_until, claims } = self;
        f.debug_struct("ClientIdentity")
            .field("client_id", client.id())
            .field("algorithm", algorithm)
            .field("key", key)
            .field("policy", policy)
            .field("lax_audience", lax_audience)
            .field("valid_until", valid_until)
            .field("claims", claims)
            .finish()
    }
}
