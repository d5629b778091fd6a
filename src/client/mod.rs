//! A registered client: its id, its keys or secret, and what else it registered.
//!
//! A client is made in code, or read from its metadata. Registries hand it to the verifier, and the
//! verifier to handlers, as part of the identity. This room knows neither of them.

mod data;
mod error;
mod id;
mod metadata;
mod method;
mod others;
mod reader;

pub use error::ClientError;
pub use id::{ClientId, InvalidClientId};
pub(crate) use metadata::{Fault, Metadata, Reading};
pub use method::AuthMethod;
pub use reader::ClientReader;

use serde::Deserialize;

use data::Data;
use others::Others;

use crate::clock::UnixTime;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::candidates::{Candidates, NoCandidate};
use crate::jose::keys::KeySet;
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
///     {"kty":"OKP","crv":"Ed25519","kid":"a",
///      "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#)?;
/// let client = Client::new("clinic-7", keys)?.with_scope("system/Patient.rs");
/// assert_eq!(client.id().as_str(), "clinic-7");
/// assert_eq!(client.scope(), Some("system/Patient.rs"));
///
/// let secret = ClientSecret::new("0f8fad5b-d9cb-469f-a165-70867728950e")?;
/// let client = Client::with_secret("lab-1", secret)?.with_policy("legacy");
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
    others: Others,
    data: Option<Data>,
}

/// The credential of a client. A client never has two (OpenID Connect Core, section 9).
#[derive(Clone, Debug)]
enum Credential {
    /// `private_key_jwt`.
    Keys(KeySet),
    /// `private_key_jwt`, with keys that the client publishes.
    Url(KeySource),
    /// `client_secret_jwt`.
    Secret(ClientSecret),
    /// The registration cannot be used, for this reason.
    Nothing(Box<str>),
}

/// The keys or the secret that a signature is checked with.
pub(crate) enum Proof<'c> {
    Keys(Candidates<'c>),
    Secret(&'c ClientSecret),
}

impl Client {
    /// Creates a client with public keys, which authenticates by `private_key_jwt`.
    ///
    /// # Errors
    ///
    /// Fails if the id is empty or not printable ASCII, or if there is no usable key.
    pub fn new(id: &str, keys: KeySet) -> Result<Self, ClientError> {
        if keys.is_empty() {
            let (skipped, reasons) = (keys.skipped().len(), keys.skipped_reasons());
            return Err(ClientError::NoKeys { client_id: id.to_owned(), skipped, reasons });
        }
        Self::of(id, Credential::Keys(keys))
    }

    /// Creates a client that publishes its public keys at a URL: `jwks_uri` (RFC 7591, section 2).
    /// They are fetched when they are first needed, and kept in `cache`.
    ///
    /// # Errors
    ///
    /// Fails if the id is empty or not printable ASCII, or if the cache may not fetch from this
    /// URL.
    pub fn with_key_set_url(id: &str, url: &JwksUrl, cache: &KeySetCache) -> Result<Self, ClientError> {
        let refused = |error| ClientError::KeySetUrl { client_id: id.to_owned(), error };
        Self::of(id, Credential::Url(cache.source(id, url).map_err(refused)?))
    }

    /// Creates a client with a secret, which authenticates by `client_secret_jwt` if its policy
    /// allows that.
    ///
    /// # Errors
    ///
    /// Fails if the id is empty or not printable ASCII.
    pub fn with_secret(id: &str, secret: ClientSecret) -> Result<Self, ClientError> {
        Self::of(id, Credential::Secret(secret))
    }

    /// Creates a client that is registered without a usable credential. It is always refused.
    pub(crate) fn unusable(id: ClientId, why: &str) -> Self {
        Self::with(id, Credential::Nothing(why.into()))
    }

    fn of(id: &str, credential: Credential) -> Result<Self, ClientError> {
        let id = ClientId::new(id)?;
        Ok(Self::with(id, credential))
    }

    fn with(id: ClientId, credential: Credential) -> Self {
        Self { id, credential, signing_alg: None, policy: None, scope: None, others: Others::default(), data: None }
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.problem().is_none()
    }

    /// Returns why the registration cannot be used: the member of the metadata, and what is wrong
    /// with it.
    pub(crate) fn problem(&self) -> Option<&str> {
        match &self.credential {
            Credential::Keys(_) | Credential::Url(_) | Credential::Secret(_) => None,
            Credential::Nothing(why) => Some(why),
        }
    }

    /// Refuses assertions of this client that are signed with another algorithm:
    /// `token_endpoint_auth_signing_alg` (OpenID Connect Registration, section 2). Default: every
    /// algorithm of its keys or its secret that the policy allows.
    ///
    /// # Errors
    ///
    /// Fails if neither its keys nor its secret can verify the algorithm.
    pub fn with_signing_alg(self, algorithm: Algorithm) -> Result<Self, ClientError> {
        let usable = self.credential.algorithms();
        if usable.contains(algorithm) {
            return Ok(Self { signing_alg: Some(algorithm), ..self });
        }
        let client_id = self.id.to_string();
        Err(ClientError::SigningAlg { client_id, algorithm, usable })
    }

    /// Judges this client by the policy of the verifier that has this [name](crate::Policy::name):
    /// see [`client_policy`](crate::VerifierBuilder::client_policy). Default: the first policy of
    /// the verifier.
    ///
    /// If the verifier has no policy of this name, the client is refused as unavailable (503),
    /// because the mistake is the server's.
    #[must_use]
    pub fn with_policy(mut self, name: &str) -> Self {
        self.policy = Some(name.into());
        self
    }

    /// Sets the scope that the client registered (RFC 7591, section 2). This crate passes it on to
    /// the handler and does not read it. Default: none.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Attaches a value of your application, for its handlers: for example a row of a database, or
    /// the account that the client belongs to. This crate never reads it. A client has one value: a
    /// later call replaces it, also with a value of another type. Default: none.
    ///
    /// Clones of the client share the value. `Debug` output hides it. A registry that attaches
    /// another value to a client has changed the registration: it must return another `Arc`, as for
    /// [any other change](crate::registry::ClientRegistry::find).
    ///
    /// ```
    /// # use tower_client_assertion::keys::KeySet;
    /// use tower_client_assertion::ClientIdentity;
    /// use tower_client_assertion::registry::Client;
    ///
    /// struct Account {
    ///     token_lifetime: u32,
    /// }
    ///
    /// # let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
    /// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
    /// // In the registry:
    /// let account = Account { token_lifetime: 600 };
    /// let client = Client::new("clinic-7", keys)?.with_data(account);
    ///
    /// // In the handler:
    /// fn token_lifetime(identity: &ClientIdentity) -> u32 {
    ///     let account: Option<&Account> = identity.client().data();
    ///     account.map_or(300, |account| account.token_lifetime)
    /// }
    /// # assert!(client.data().is_some_and(|account: &Account| account.token_lifetime == 600));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data = Some(Data::new(value));
        self
    }

    /// Returns the value of your application, if the client carries one of this type.
    pub fn data<T: 'static>(&self) -> Option<&T> {
        self.data.as_ref()?.get()
    }

    /// Returns the id of the client.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// Returns the registered public keys, unless the client has a secret or registered the URL of
    /// its keys.
    pub fn keys(&self) -> Option<&KeySet> {
        match &self.credential {
            Credential::Keys(keys) => Some(keys),
            Credential::Url(_) | Credential::Secret(_) | Credential::Nothing(_) => None,
        }
    }

    /// Returns the source of the client's keys, if it registered their URL.
    pub fn key_source(&self) -> Option<&KeySource> {
        match &self.credential {
            Credential::Url(source) => Some(source),
            Credential::Keys(_) | Credential::Secret(_) | Credential::Nothing(_) => None,
        }
    }

    /// Returns the name of the policy that judges the client, unless it is the verifier's first.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// Returns the registered scope.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Returns a member of the client's metadata that this crate does not read, for example
    /// `client_name`, or one that only your server knows. It is `None` if the client did not
    /// register it, if the client was made in code, and for each member that this crate reads.
    ///
    /// A member that is `null`, `""` or `[]` counts as left out. So does one that may be secret:
    /// `registration_access_token` (RFC 7592, section 3), and each whose name has `secret`,
    /// `password` or `private` in it. `Debug` output shows names only.
    ///
    /// ```
    /// use tower_client_assertion::registry::Client;
    ///
    /// let client = Client::from_metadata(br#"{"client_id":"clinic-7",
    ///     "client_name":"Clinic 7","token_lifetime":600,
    ///     "registration_access_token":"8gFj",
    ///     "jwks":{"keys":[{"kty":"OKP","crv":"Ed25519",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}"#)?;
    /// assert_eq!(client.other_metadata("client_name")?, Some("Clinic 7"));
    /// assert_eq!(client.other_metadata("token_lifetime")?, Some(600));
    /// assert!(client.other_metadata::<u32>("client_name").is_err());
    ///
    /// let names: Vec<_> = client.other_metadata_names().collect();
    /// assert_eq!(names, ["client_name", "token_lifetime"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the value is not a `T`, or if the member occurs more than once.
    pub fn other_metadata<'c, T: Deserialize<'c>>(&'c self, name: &str) -> serde_json::Result<Option<T>> {
        self.others.get(name)
    }

    /// Returns the names for which [`other_metadata`](Self::other_metadata) has a value, in the
    /// order of the metadata.
    pub fn other_metadata_names(&self) -> impl Iterator<Item = &str> {
        self.others.names()
    }

    /// Returns the only algorithm that the client may use, if it registered one.
    pub fn signing_alg(&self) -> Option<Algorithm> {
        self.signing_alg
    }

    /// Returns the secret of the client, if it has one.
    pub(crate) fn secret(&self) -> Option<&ClientSecret> {
        match &self.credential {
            Credential::Secret(secret) => Some(secret),
            Credential::Keys(_) | Credential::Url(_) | Credential::Nothing(_) => None,
        }
    }

    /// Returns whether the secret of the client has expired.
    pub(crate) fn has_expired(&self, now: UnixTime) -> bool {
        match &self.credential {
            Credential::Secret(secret) => secret.is_expired(now),
            Credential::Keys(_) | Credential::Url(_) | Credential::Nothing(_) => false,
        }
    }

    /// Returns the algorithms that this client may use as far as its policy allows them: the
    /// registered one, or those of its keys or its secret. Keys at a URL can be of any type.
    pub fn algorithms(&self) -> AlgorithmSet {
        let usable = self.credential.algorithms();
        self.signing_alg.map_or(usable, |registered| usable.intersection(AlgorithmSet::of(&[registered])))
    }

    /// Compares what the client registered with the algorithm that it used.
    pub(crate) fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), ClientFault> {
        match &self.credential {
            Credential::Keys(_) | Credential::Url(_) if algorithm.is_mac() => {
                return Err(ClientFault::MethodNotRegistered);
            }
            Credential::Secret(_) if !algorithm.is_mac() => return Err(ClientFault::MethodNotRegistered),
            Credential::Keys(_) | Credential::Url(_) | Credential::Secret(_) | Credential::Nothing(_) => {}
        }
        match self.signing_alg {
            Some(registered) if registered != algorithm => Err(ClientFault::AlgorithmNotRegistered),
            _ => Ok(()),
        }
    }

    /// Returns the key set URL that the client registered.
    pub(crate) fn key_set_url(&self) -> Option<&str> {
        self.key_source().map(|source| source.url().as_str())
    }

    /// Returns the keys or the secret to check a signature with `algorithm`. If the client
    /// publishes its keys at a URL, these are the `fetched` ones.
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
            Credential::Secret(_) | Credential::Nothing(_) => Err(ClientFault::NoKey),
        }
    }
}

impl Credential {
    fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Keys(keys) => keys.algorithms(),
            Self::Url(_) => AlgorithmSet::ASYMMETRIC,
            Self::Secret(secret) => secret.algorithms(),
            Self::Nothing(_) => AlgorithmSet::EMPTY,
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
