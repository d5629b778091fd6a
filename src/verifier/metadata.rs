//! What an authorization server publishes about client authentication (RFC 8414, section 2), taken
//! from the configuration that the verifier uses.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::client::AuthMethod;
use crate::endpoint::Endpoint;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::policy::Policy;

/// The members of an authorization server's metadata that describe client authentication. It
/// serialises as a JSON object. Add it to your own document with `#[serde(flatten)]`.
///
/// ```
/// use tower_client_assertion::registry::FixedRegistry;
/// use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::{Endpoint, Policy, Verifier};
///
/// #[derive(serde::Serialize)]
/// struct Metadata {
///     issuer: &'static str,
///     token_endpoint: &'static str,
///     #[serde(flatten)]
///     client_auth: tower_client_assertion::ClientAuthMetadata,
/// }
///
/// let (registry, replay) = (FixedRegistry::new([])?, MemoryReplay::new(100_000)?);
/// let verifier = Verifier::builder(Policy::FAPI2, registry, replay)
///     .issuer("https://as.example.com")
///     .build()?;
/// let metadata = serde_json::to_value(Metadata {
///     issuer: "https://as.example.com",
///     token_endpoint: "https://as.example.com/token",
///     client_auth: verifier.metadata().with_endpoint(Endpoint::Revocation),
/// })?;
/// assert_eq!(
///     metadata["token_endpoint_auth_methods_supported"],
///     serde_json::json!(["private_key_jwt"]),
/// );
/// assert_eq!(
///     metadata["revocation_endpoint_auth_signing_alg_values_supported"],
///     serde_json::json!(["PS256", "ES256", "EdDSA", "Ed25519"]),
/// );
/// let introspection = "introspection_endpoint_auth_methods_supported";
/// assert!(metadata.get(introspection).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClientAuthMetadata {
    algorithms: AlgorithmSet,
    methods: Vec<&'static str>,
    introspection: bool,
    revocation: bool,
}

impl ClientAuthMetadata {
    pub(crate) fn of(policies: &[Policy]) -> Self {
        let algorithms = policies.iter().fold(AlgorithmSet::EMPTY, |all, policy| all.union(policy.algorithms));
        let no_methods = Self { algorithms, methods: Vec::new(), introspection: false, revocation: false };
        algorithms.iter().fold(no_methods, |metadata, algorithm| metadata.with_method(AuthMethod::of(algorithm).name()))
    }

    /// Adds the members of this endpoint. Only the introspection and the revocation endpoint have
    /// any. The members of the token endpoint are always present and apply to the other endpoints
    /// as well (RFC 9126, section 2; RFC 8628, section 3.1).
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.introspection |= endpoint == Endpoint::Introspection;
        self.revocation |= endpoint == Endpoint::Revocation;
        self
    }

    /// Adds a method that your own code supports behind an
    /// [optional](crate::ClientAssertionLayer::optional) layer, for example `client_secret_basic`.
    pub fn with_method(mut self, name: &'static str) -> Self {
        if !self.methods.contains(&name) {
            self.methods.push(name);
        }
        self
    }

    /// Returns the values of `token_endpoint_auth_methods_supported`.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.methods.iter().copied()
    }

    /// Returns the values of `token_endpoint_auth_signing_alg_values_supported`.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }
}

impl Serialize for ClientAuthMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let algorithms: Vec<_> = self.algorithms.iter().map(Algorithm::name).collect();
        let mut members = serializer.serialize_map(None)?;
        let endpoints = [("token", true), ("introspection", self.introspection), ("revocation", self.revocation)];
        for (endpoint, _) in endpoints.into_iter().filter(|(_, included)| *included) {
            members.serialize_entry(&format!("{endpoint}_endpoint_auth_methods_supported"), &self.methods)?;
            members.serialize_entry(&format!("{endpoint}_endpoint_auth_signing_alg_values_supported"), &algorithms)?;
        }
        members.end()
    }
}
