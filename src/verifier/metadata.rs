//! What an authorization server tells clients of how they may authenticate (RFC 8414, section 2), from the configuration that
//! decides whether they do.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::endpoint::Endpoint;
use crate::identity::AuthMethod;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::policy::Policy;

/// The members of an authorization server's metadata that speak of client authentication. It serialises as a JSON object; put
/// it into your own document with `#[serde(flatten)]`.
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
/// let verifier = Verifier::builder(Policy::FAPI2, FixedRegistry::new([])?, MemoryReplay::new(100_000)?)
///     .issuer("https://as.example.com")
///     .build()?;
/// let metadata = serde_json::to_value(Metadata {
///     issuer: "https://as.example.com",
///     token_endpoint: "https://as.example.com/token",
///     client_auth: verifier.metadata().endpoint(Endpoint::Revocation),
/// })?;
/// assert_eq!(metadata["token_endpoint_auth_methods_supported"], serde_json::json!(["private_key_jwt"]));
/// assert_eq!(
///     metadata["revocation_endpoint_auth_signing_alg_values_supported"],
///     serde_json::json!(["PS256", "ES256", "EdDSA", "Ed25519"]),
/// );
/// assert!(metadata.get("introspection_endpoint_auth_methods_supported").is_none());
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
        let nothing = Self { algorithms, methods: Vec::new(), introspection: false, revocation: false };
        algorithms.iter().fold(nothing, |metadata, algorithm| metadata.method(AuthMethod::of(algorithm).name()))
    }

    /// Adds the members of this endpoint: the introspection and the revocation endpoint have their own. Those of the token
    /// endpoint are always there, and speak for the others too (RFC 9126, section 2; RFC 8628, section 3.1).
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.introspection |= endpoint == Endpoint::Introspection;
        self.revocation |= endpoint == Endpoint::Revocation;
        self
    }

    /// Adds a method that something else than this crate serves, `client_secret_basic` say: behind a layer that is
    /// [optional](crate::ClientAssertionLayer::optional).
    pub fn method(mut self, name: &'static str) -> Self {
        if !self.methods.contains(&name) {
            self.methods.push(name);
        }
        self
    }

    /// The values of `token_endpoint_auth_methods_supported`.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.methods.iter().copied()
    }

    /// The values of `token_endpoint_auth_signing_alg_values_supported`.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }
}

impl Serialize for ClientAuthMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let algorithms: Vec<_> = self.algorithms.iter().map(Algorithm::name).collect();
        let mut members = serializer.serialize_map(None)?;
        let endpoints = [("token", true), ("introspection", self.introspection), ("revocation", self.revocation)];
        for (endpoint, _) in endpoints.into_iter().filter(|(_, named)| *named) {
            members.serialize_entry(&format!("{endpoint}_endpoint_auth_methods_supported"), &self.methods)?;
            members.serialize_entry(&format!("{endpoint}_endpoint_auth_signing_alg_values_supported"), &algorithms)?;
        }
        members.end()
    }
}
