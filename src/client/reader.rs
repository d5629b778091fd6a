//! Reads clients from their metadata (RFC 7591, section 2).

use serde_json::value::RawValue;

use super::metadata::{Fault, Metadata, Reading};
use super::{Client, ClientError, ClientId};
use crate::jose::document::without_byte_order_mark;
use crate::jwks::KeySetCache;
use crate::policy::Limits;

/// Reads clients from their metadata (RFC 7591, section 2), with settings that
/// [`Client::from_metadata`] does not have. [`FileRegistry`](crate::registry::FileRegistry) lists the members
/// that it reads.
///
/// ```
/// use tower_client_assertion::registry::{Client, ClientReader};
///
/// let reader = ClientReader::new().max_keys(200);
/// let client = reader.read(br#"{"client_id":"clinic-7","jwks":{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a",
///      "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}}"#)?;
/// assert_eq!(client.id().as_str(), "clinic-7");
///
/// let error = Client::from_metadata(br#"{"client_id":"clinic-8"}"#).unwrap_err();
/// let expected = "jwks: the client \"clinic-8\": missing";
/// assert!(error.to_string().starts_with(expected));
/// # Ok::<(), tower_client_assertion::registry::ClientError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClientReader(pub(crate) Reading);

impl ClientReader {
    /// Creates a reader with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the cache that fetches the keys of clients with a `jwks_uri`. Default: none, and such
    /// clients are refused.
    pub fn key_set_cache(mut self, cache: &KeySetCache) -> Self {
        self.0.cache = Some(cache.clone());
        self
    }

    /// Sets the most keys in a `jwks`. Default: [`MAX_KEYS`](crate::keys::MAX_KEYS), which is 100.
    /// [`KeySetCacheBuilder::max_keys`](crate::jwks::KeySetCacheBuilder::max_keys) is the limit for
    /// keys at a URL.
    pub fn max_keys(mut self, limit: usize) -> Self {
        self.0.max_keys = limit;
        self
    }

    /// Sets the longest `jwks`, in bytes. Default: [`MAX_BYTES`](crate::keys::MAX_BYTES), which is
    /// 256 KiB. [`KeySetCacheBuilder::max_bytes`](crate::jwks::KeySetCacheBuilder::max_bytes) is
    /// the limit for keys at a URL.
    pub fn max_key_set_bytes(mut self, limit: usize) -> Self {
        self.0.max_key_set_bytes = limit;
        self
    }

    /// Sets the [limits](crate::VerifierBuilder::limits) of the verifier that will use the clients.
    /// A client that these limits put out of reach is reported. They change nothing else. Default:
    /// [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Reads the metadata of one client: a JSON object. [`Client::keys`] lists the keys of its
    /// `jwks` that were skipped.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a JSON object, if a member has a wrong value or occurs more than
    /// once, or if the client has no usable key or secret.
    pub fn read(&self, json: &[u8]) -> Result<Client, ClientError> {
        let not_json = |error: serde_json::Error| {
            let why = format!("not well-formed JSON at line {}, column {}", error.line(), error.column());
            refused(None, ("metadata", why))
        };
        let json: &RawValue = serde_json::from_slice(without_byte_order_mark(json)).map_err(not_json)?;
        let unreadable = |(id, fault)| refused(id, fault);
        let metadata = Metadata::read(json).map_err(unreadable)?;
        let id: ClientId = metadata.id().map_err(unreadable)?;
        metadata.client(&id, json, &self.0).map_err(|fault| refused(Some(id.to_string()), fault))
    }
}

impl Client {
    /// Reads a client from its metadata (RFC 7591, section 2): one JSON object, as a client sends
    /// it to a registration endpoint, with the `client_id` that it was given. A
    /// [`ClientReader`] reads keys by URL as well, and has other limits.
    ///
    /// # Errors
    ///
    /// Fails like [`ClientReader::read`].
    pub fn from_metadata(json: &[u8]) -> Result<Self, ClientError> {
        ClientReader::new().read(json)
    }
}

fn refused(client_id: Option<String>, (member, why): Fault) -> ClientError {
    ClientError::Metadata { client_id, member, why }
}
