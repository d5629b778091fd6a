//! The clients of the suite.

use crate::client::Client;
use crate::jose::keys::KeySet;

/// The public key of RFC 8037, appendix A.2.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// A client to register: an id and a key set, in every form that a registry might store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    client_id: String,
    kid: String,
}

impl Registration {
    /// The key of each client has a different `kid`, so that a mix-up is noticed.
    pub(super) fn new(client_id: impl Into<String>, number: usize) -> Self {
        Self { client_id: client_id.into(), kid: format!("key-{number}") }
    }

    /// Returns the id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the key set as JSON (RFC 7517, section 5).
    pub fn jwks(&self) -> String {
        self.jwks_value().to_string()
    }

    /// Returns the client's metadata as a JSON object (RFC 7591, section 2), with `client_id` and
    /// `jwks`.
    pub fn metadata(&self) -> String {
        serde_json::json!({"client_id": self.client_id, "jwks": self.jwks_value()}).to_string()
    }

    /// Returns the client itself.
    #[expect(clippy::expect_used, reason = "the id is printable ASCII, and the key set has one key")]
    pub fn client(&self) -> Client {
        let keys = KeySet::parse(self.jwks().as_bytes()).expect("the key set of a registration is valid");
        Client::new(&self.client_id, keys).expect("the id of a registration is valid")
    }

    fn jwks_value(&self) -> serde_json::Value {
        serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": X}]})
    }
}
