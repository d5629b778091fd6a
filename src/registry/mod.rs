//! Who may authenticate: the registered clients and their keys.
//!
//! [`FixedRegistry`] holds clients that the program knows, [`FileRegistry`] those of a file. A database implements
//! [`ClientRegistry`], or [`AsyncClientRegistry`] if it would rather write an `async fn`.

mod file;
mod fixed;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use file::{ClientProblem, FileRegistry};
pub use fixed::FixedRegistry;

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::claims::PlausibleAssertion;
use crate::config::ConfigError;
use crate::identity::ClientId;
use crate::keys::{KeySet, VerificationKey};
use crate::port::{Answer, Awaited, PortError};
use crate::rejection::ClientFault;

/// What a registry says of a client id: the client, or that there is none.
pub type Found = Result<Option<Arc<Client>>, PortError>;

/// Finds clients by their id.
#[diagnostic::on_unimplemented(note = "an `AsyncClientRegistry` becomes one by `port::Awaited::new`")]
pub trait ClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// The client registered under `client_id`, which came from an unproven assertion: printable ASCII of bounded length,
    /// and otherwise anything. Compare it byte for byte.
    ///
    /// An error refuses the request as unavailable (503). So does a client whose id is not the one that was asked for.
    fn find(&self, client_id: &str) -> Answer<Found>;

    /// Every algorithm that some registered key can verify, or `None` if that is not known or may change. A verifier whose
    /// policy allows none of them does not build.
    fn algorithms(&self) -> Option<AlgorithmSet> {
        None
    }
}

impl<R: ClientRegistry + ?Sized> ClientRegistry for Arc<R> {
    fn find(&self, client_id: &str) -> Answer<Found> {
        (**self).find(client_id)
    }

    fn algorithms(&self) -> Option<AlgorithmSet> {
        (**self).algorithms()
    }
}

/// [`ClientRegistry`] as an ordinary `async fn`; [`Awaited`] makes the one of the other.
pub trait AsyncClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// As [`ClientRegistry::find`].
    fn find(&self, client_id: &str) -> impl Future<Output = Found> + Send;
}

impl<R: AsyncClientRegistry> ClientRegistry for Awaited<R> {
    fn find(&self, client_id: &str) -> Answer<Found> {
        let registry = Arc::clone(&self.0);
        let client_id = String::from(client_id);
        Answer::later(async move { registry.find(&client_id).await })
    }
}

/// A registered client.
///
/// ```
/// use tower_client_assertion::keys::KeySet;
/// use tower_client_assertion::registry::Client;
///
/// let keys = KeySet::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#)?;
/// let client = Client::new("clinic-7", keys)?.scope("system/Patient.rs");
/// assert_eq!(client.id().as_str(), "clinic-7");
///
/// let error = Client::new("clinic-8", KeySet::default()).unwrap_err();
/// assert!(error.to_string().contains("no usable key"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    id: ClientId,
    keys: KeySet,
    signing_alg: Option<Algorithm>,
    scope: Option<Box<str>>,
}

impl Client {
    /// A client with its public keys.
    ///
    /// # Errors
    ///
    /// The id is empty or not printable ASCII, or there is no usable key.
    pub fn new(id: &str, keys: KeySet) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            let skipped = keys.skipped().len();
            return Err(ConfigError::NoKeys { client_id: id.to_owned(), skipped });
        }
        let client = Self::unusable(id)?;
        Ok(Self { keys, ..client })
    }

    /// A client that is known, and without a key refused.
    fn unusable(id: &str) -> Result<Self, ConfigError> {
        let id = ClientId::new(id).ok_or_else(|| ConfigError::InvalidClientId { client_id: id.to_owned() })?;
        Ok(Self { id, keys: KeySet::default(), signing_alg: None, scope: None })
    }

    /// Refuses this client's assertions if they are signed with another algorithm: `token_endpoint_auth_signing_alg`
    /// (OpenID Connect Registration, section 2).
    #[must_use]
    pub fn signing_alg(mut self, algorithm: Algorithm) -> Self {
        self.signing_alg = Some(algorithm);
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

    /// The public keys of the client.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// The scope that the client registered.
    pub fn registered_scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The algorithms that this client's assertions may use: those of its keys, or the registered one of them.
    pub fn algorithms(&self) -> AlgorithmSet {
        let registered = self.signing_alg.map(|algorithm| AlgorithmSet::of(&[algorithm]));
        registered.map_or(self.keys.algorithms(), |registered| registered.intersection(self.keys.algorithms()))
    }

    /// The key that `assertion` says it was signed with.
    pub(crate) fn key_for(&self, assertion: &PlausibleAssertion<'_>) -> Result<&VerificationKey, ClientFault> {
        if self.signing_alg.is_some_and(|registered| registered != assertion.algorithm) {
            return Err(ClientFault::AlgorithmNotRegistered);
        }
        // `jku` must be the registered key set URL (SMART App Launch, key retrieval), and no client has registered one:
        // its keys are part of its registration.
        if assertion.has_jku {
            return Err(ClientFault::KeySetUrl);
        }
        self.keys.select(&assertion.kid, assertion.algorithm)
    }
}
