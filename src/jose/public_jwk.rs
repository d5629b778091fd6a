//! A public key in the form in which clients register or publish it.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::jose::algorithm::Algorithm;
use crate::jose::base64url::encode;
use crate::jose::key_error::{KeyError, MAX_KEY_ID};
use crate::jose::pem;
use crate::jose::public_key::{Curve, Material, PublicKey};
use crate::text::has_control;

/// A public key as a JWK (RFC 7517, section 4), with `kty`, `alg`, `kid`, `use` and the members of
/// its type. It serializes and displays as JSON. Cheap to clone.
///
/// ```
/// use tower_client_assertion::mint::{KeyError, PublicJwk};
/// use tower_client_assertion::policy::Algorithm;
///
/// let pem = b"-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// let key = PublicJwk::from_pem(Algorithm::Ed25519, pem)?.with_key_id("2026-11")?;
/// let json = key.to_string();
/// let common = r#"{"kty":"OKP","alg":"Ed25519","kid":"2026-11","use":"sig","#;
/// assert!(json.starts_with(common));
///
/// let error = PublicJwk::from_pem(Algorithm::ES256, pem).unwrap_err();
/// assert_eq!(error.to_string(), "the key is for EdDSA, Ed25519, not for ES256");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicJwk(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    algorithm: Algorithm,
    key_id: Box<str>,
    kty: &'static str,
    members: Vec<(&'static str, Box<str>)>,
    thumbprint: [u8; 32],
}

impl PublicJwk {
    /// Reads the public key of a key that signs elsewhere, from PEM with the label `PUBLIC KEY`,
    /// `RSA PUBLIC KEY` or `CERTIFICATE`. Its `kid` is its thumbprint (RFC 7638) in base64url,
    /// unless [`with_key_id`](Self::with_key_id) sets another.
    ///
    /// # Errors
    ///
    /// Fails if the document does not have exactly one key, if it has a private key, and if the key
    /// is too weak or is not for `algorithm`.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let keys = pem::read_keys(pem, crate::jose::keys::MAX_BYTES, 1).map_err(KeyError::Document)?;
        let Some(key) = keys.into_iter().next() else { return Err(KeyError::NoPem) };
        let (key, algorithms) = key.map_err(KeyError::flawed)?;
        match algorithms.contains(algorithm) {
            true => Ok(Self::of(algorithm, &key)),
            false => Err(KeyError::OtherAlgorithm { wanted: algorithm, usable: algorithms }),
        }
    }

    /// The key must be usable with the algorithm.
    pub(crate) fn of(algorithm: Algorithm, key: &PublicKey) -> Self {
        let (kty, members) = members(algorithm, &key.material);
        let key_id = encode(&key.thumbprint).into();
        Self(Arc::new(Inner { algorithm, key_id, kty, members, thumbprint: key.thumbprint }))
    }

    /// Sets the `kid`: 1 to 256 bytes without control characters.
    ///
    /// # Errors
    ///
    /// Fails if the `kid` is empty, too long, or has a control character.
    pub fn with_key_id(self, key_id: &str) -> Result<Self, KeyError> {
        if key_id.is_empty() || key_id.len() > MAX_KEY_ID || has_control(key_id) {
            return Err(KeyError::KeyId { bytes: key_id.len() });
        }
        Ok(Self(Arc::new(Inner { key_id: key_id.into(), ..Arc::unwrap_or_clone(self.0) })))
    }

    pub(crate) fn has_member(&self, name: &str, value: &str) -> bool {
        self.0.members.iter().any(|(member, own)| *member == name && **own == *value)
    }

    /// Returns the algorithm that the key is published for.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Returns the `kid`.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// Returns the SHA-256 JWK thumbprint of the key (RFC 7638, section 3).
    pub fn thumbprint(&self) -> [u8; 32] {
        self.0.thumbprint
    }
}

/// Returns `kty` and the members that hold the key (RFC 7518, section 6; RFC 8037, section 2;
/// RFC 9964, section 3).
fn members(algorithm: Algorithm, material: &Material) -> (&'static str, Vec<(&'static str, Box<str>)>) {
    let text = |bytes: &[u8]| encode(bytes).into_boxed_str();
    match material {
        Material::Rsa(key) => {
            let (n, e) = key.numbers();
            ("RSA", vec![("n", text(n)), ("e", text(e))])
        }
        Material::Single(key) => match Curve::of(algorithm) {
            // SEC 1, section 2.3.3: the form, and both coordinates in full length.
            Some(curve) => {
                let coordinates = key.as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at_checked(curve.len).unwrap_or_default();
                ("EC", vec![("crv", curve.name.into()), ("x", text(x)), ("y", text(y))])
            }
            None if matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519) => {
                ("OKP", vec![("crv", "Ed25519".into()), ("x", text(key.as_ref()))])
            }
            None => ("AKP", vec![("pub", text(key.as_ref()))]),
        },
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Inner { algorithm, key_id, kty, members, .. } = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", kty)?;
        map.serialize_entry("alg", algorithm)?;
        map.serialize_entry("kid", key_id)?;
        map.serialize_entry("use", "sig")?;
        members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// As JSON.
impl fmt::Display for PublicJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for PublicJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { algorithm, key_id, .. } = &*self.0;
        f.debug_struct("PublicJwk").field("algorithm", algorithm).field("key_id", key_id).finish_non_exhaustive()
    }
}
