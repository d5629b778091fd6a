//! A registered client: its id, what it proves itself with, and what it registered besides.

use super::ClientError;
use crate::clock::UnixTime;
use crate::identity::ClientId;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::keys::{Candidates, KeySet, NoCandidate};
use crate::jose::secret::ClientSecret;
use crate::jwks::{JwksUrl, KeySetCache, KeySource};
use crate::rejection::ClientFault;

/// A registered client.
///
/// ```
/// use tower_client_assertion::keys::KeySet;
/// use tower_client_assertion::registry::Client;
/// use tower_client_assertion::secret::ClientSecret;
///
/// let keys = KeySet::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#)?;
/// let client = Client::new("clinic-7", keys)?.scope("system/Patient.rs");
/// assert_eq!(client.id().as_str(), "clinic-7");
///
/// let secret = ClientSecret::new("0f8fad5b-d9cb-469f-a165-70867728950e")?;
/// let client = Client::with_secret("lab-1", secret)?.policy("legacy");
/// assert!(client.keys().is_none());
///
/// let error = Client::new("clinic-8", KeySet::default()).unwrap_err();
/// assert!(error.to_string().contains("no usable key"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    id: ClientId,
    credential: Credential,
    signing_alg: Option<Algorithm>,
    policy: Option<Box<str>>,
    scope: Option<Box<str>>,
}

/// What a client proves itself with: the one or the other (OpenID Connect Core, section 9).
#[derive(Clone, Debug)]
enum Credential {
    /// `private_key_jwt`
    Keys(KeySet),
    /// `private_key_jwt`, with keys that the client publishes
    Url(KeySource),
    /// `client_secret_jwt`
    Secret(ClientSecret),
    /// What was registered cannot be used.
    Nothing,
}

/// What a signature must be checked with.
pub(crate) enum Proof<'c> {
    Keys(Candidates<'c>),
    Secret(&'c ClientSecret),
}

impl Client {
    /// A client with its public keys, which authenticates by `private_key_jwt`.
    ///
    /// # Errors
    ///
    /// The id is empty or not printable ASCII, or there is no usable key.
    pub fn new(id: &str, keys: KeySet) -> Result<Self, ClientError> {
        if keys.is_empty() {
            let skipped = keys.skipped().len();
            return Err(ClientError::NoKeys { client_id: id.to_owned(), skipped });
        }
        Self::of(id, Credential::Keys(keys))
    }

    /// A client that publishes its public keys at a URL: `jwks_uri` (RFC 7591, section 2). They are fetched when they are first
    /// needed, and kept in `cache`.
    ///
    /// # Errors
    ///
    /// The id is empty or not printable ASCII, or the cache may not fetch from this URL.
    pub fn with_key_set_url(id: &str, url: &JwksUrl, cache: &KeySetCache) -> Result<Self, ClientError> {
        let refused = |error| ClientError::KeySetUrl { client_id: id.to_owned(), error };
        Self::of(id, Credential::Url(cache.source(id, url).map_err(refused)?))
    }

    /// A client with a secret, which authenticates by `client_secret_jwt` where its policy allows that.
    ///
    /// # Errors
    ///
    /// The id is empty or not printable ASCII.
    pub fn with_secret(id: &str, secret: ClientSecret) -> Result<Self, ClientError> {
        Self::of(id, Credential::Secret(secret))
    }

    /// A client that is known, and refused for want of anything that it could prove itself with.
    pub(super) fn unusable(id: ClientId) -> Self {
        Self::with(id, Credential::Nothing)
    }

    fn of(id: &str, credential: Credential) -> Result<Self, ClientError> {
        let id = ClientId::new(id)?;
        Ok(Self::with(id, credential))
    }

    fn with(id: ClientId, credential: Credential) -> Self {
        Self { id, credential, signing_alg: None, policy: None, scope: None }
    }

    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.credential, Credential::Nothing)
    }

    /// Refuses this client's assertions if they are signed with another algorithm: `token_endpoint_auth_signing_alg`
    /// (OpenID Connect Registration, section 2).
    ///
    /// # Errors
    ///
    /// None of its keys, or not its secret, can verify the algorithm.
    pub fn signing_alg(self, algorithm: Algorithm) -> Result<Self, ClientError> {
        let usable = self.credential.algorithms();
        if usable.contains(algorithm) {
            return Ok(Self { signing_alg: Some(algorithm), ..self });
        }
        let client_id = self.id.to_string();
        Err(ClientError::SigningAlg { client_id, algorithm, usable })
    }

    /// Judges this client by the verifier's policy of this [name](crate::Policy::with_name), and not by its first: see
    /// [`client_policy`](crate::VerifierBuilder::client_policy). Where the verifier has no such policy, the client is refused as
    /// unavailable (503): somebody mistyped, and it was not the client.
    #[must_use]
    pub fn policy(mut self, name: &str) -> Self {
        self.policy = Some(name.into());
        self
    }

    /// The scope that the client registered (RFC 7591, section 2). This crate carries it and does not look at it.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The id of the client.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// The public keys that the client registered, unless it has a secret or registered the URL of its keys.
    pub fn keys(&self) -> Option<&KeySet> {
        match &self.credential {
            Credential::Keys(keys) => Some(keys),
            Credential::Url(_) | Credential::Secret(_) | Credential::Nothing => None,
        }
    }

    /// Where the keys of the client come from, if it registered their URL.
    pub fn key_source(&self) -> Option<&KeySource> {
        match &self.credential {
            Credential::Url(source) => Some(source),
            Credential::Keys(_) | Credential::Secret(_) | Credential::Nothing => None,
        }
    }

    /// The name of the policy that the client is judged by, if it is not the verifier's first.
    pub fn policy_name(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The scope that the client registered.
    pub fn registered_scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The algorithms that this client's assertions may use, as far as its policy allows them: those of its keys or of its
    /// secret, or the registered one of them. Keys at a URL may turn out to be of any kind.
    pub fn algorithms(&self) -> AlgorithmSet {
        let usable = self.credential.algorithms();
        self.signing_alg.map_or(usable, |registered| usable.intersection(AlgorithmSet::of(&[registered])))
    }

    /// What this client registered about algorithms, against the one that was used.
    pub(crate) fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), ClientFault> {
        match &self.credential {
            Credential::Keys(_) | Credential::Url(_) if algorithm.is_mac() => {
                return Err(ClientFault::MethodNotRegistered);
            }
            Credential::Secret(_) if !algorithm.is_mac() => return Err(ClientFault::MethodNotRegistered),
            Credential::Keys(_) | Credential::Url(_) | Credential::Secret(_) | Credential::Nothing => {}
        }
        match self.signing_alg {
            Some(registered) if registered != algorithm => Err(ClientFault::AlgorithmNotRegistered),
            _ => Ok(()),
        }
    }

    /// The key set URL that the client registered.
    pub(crate) fn key_set_url(&self) -> Option<&str> {
        self.key_source().map(|source| source.url().as_str())
    }

    /// What a signature with `algorithm` must be checked with: `fetched` keys, if the client publishes its own at a URL.
    pub(crate) fn proof_for<'k>(
        &'k self,
        fetched: Option<&'k KeySet>,
        kid: Option<&str>,
        algorithm: Algorithm,
        trials: usize,
        now: UnixTime,
    ) -> Result<Proof<'k>, ClientFault> {
        let among = |keys: &'k KeySet| keys.candidates(kid, algorithm, trials).map_err(ClientFault::from);
        match &self.credential {
            Credential::Keys(keys) => among(keys).map(Proof::Keys),
            Credential::Url(_) => fetched.ok_or(ClientFault::NoKey).and_then(among).map(Proof::Keys),
            Credential::Secret(secret) if secret.serves(algorithm) && !secret.is_expired(now) => {
                Ok(Proof::Secret(secret))
            }
            Credential::Secret(_) | Credential::Nothing => Err(ClientFault::NoKey),
        }
    }
}

impl Credential {
    fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Keys(keys) => keys.algorithms(),
            Self::Url(_) => AlgorithmSet::ASYMMETRIC,
            Self::Secret(secret) => secret.algorithms(),
            Self::Nothing => AlgorithmSet::EMPTY,
        }
    }
}

impl From<NoCandidate> for ClientFault {
    fn from(none: NoCandidate) -> Self {
        match none {
            NoCandidate::NoKey => Self::NoKey,
            NoCandidate::Weak => Self::WeakKey,
            NoCandidate::Ambiguous => Self::AmbiguousKey,
            NoCandidate::KidNeeded => Self::KidNeeded,
        }
    }
}
