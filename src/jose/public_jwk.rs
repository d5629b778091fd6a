//! A public key in the form in which clients register or publish it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
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
#[derive(Clone)]
pub struct PublicJwk(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    algorithm: Algorithm,
    key_id: Box<str>,
    key: PublicKey,
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
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let keys = pem::read_keys(pem.as_ref(), crate::jose::keys::MAX_BYTES, 1).map_err(KeyError::Document)?;
        let Some(key) = keys.into_iter().next() else { return Err(KeyError::NoPem) };
        let (key, algorithms) = key.map_err(KeyError::flawed)?;
        match algorithms.contains(algorithm) {
            true => Ok(Self::of(algorithm, key)),
            false => Err(KeyError::OtherAlgorithm { wanted: algorithm, usable: algorithms }),
        }
    }

    /// The key must be usable with the algorithm.
    pub(crate) fn of(algorithm: Algorithm, key: PublicKey) -> Self {
        let key_id = encode(&key.thumbprint).into();
        Self(Arc::new(Inner { algorithm, key_id, key }))
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

    pub(crate) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        let key = self.0.key.material.parsed(self.0.algorithm);
        key.is_some_and(|key| key.verify_sig(input, signature).is_ok())
    }

    pub(crate) fn has_member(&self, name: &str, value: &str) -> bool {
        self.members().1.iter().any(|(member, own)| *member == name && **own == *value)
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
        self.0.key.thumbprint
    }
}

impl PublicJwk {
    /// Returns the key in PEM, as a `PUBLIC KEY` (RFC 5280, section 4.1.2.7), for servers at which
    /// keys are registered in that form. It has no `kid`.
    ///
    /// # Errors
    ///
    /// Fails if the crypto library does.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let failed = || KeyError::Unusable { problem: "it cannot be written as PEM".to_owned() };
        let key = self.0.key.material.parsed(self.0.algorithm).ok_or_else(failed)?;
        let der = key.as_der().map_err(|_| failed())?;
        Ok(std::mem::take(&mut *pem::write("PUBLIC KEY", der.as_ref())))
    }

    /// Returns `kty` and the members that hold the key (RFC 7518, section 6; RFC 8037, section 2;
    /// RFC 9964, section 3).
    fn members(&self) -> (&'static str, Vec<(&'static str, String)>) {
        let key = match &self.0.key.material {
            Material::Rsa(key) => {
                let (n, e) = key.numbers();
                return ("RSA", vec![("n", encode(n)), ("e", encode(e))]);
            }
            Material::Single(key) => key.as_ref(),
        };
        match Curve::of(self.0.algorithm) {
            // SEC 1, section 2.3.3: the form, and both coordinates in full length.
            Some(curve) => {
                let (_, coordinates) = key.split_first().unwrap_or((&0, &[]));
                let (x, y) = coordinates.split_at_checked(curve.len).unwrap_or_default();
                ("EC", vec![("crv", curve.name.to_owned()), ("x", encode(x)), ("y", encode(y))])
            }
            None if matches!(self.0.algorithm, Algorithm::EdDSA | Algorithm::Ed25519) => {
                ("OKP", vec![("crv", "Ed25519".to_owned()), ("x", encode(key))])
            }
            None => ("AKP", vec![("pub", encode(key))]),
        }
    }
}

impl PartialEq for PublicJwk {
    fn eq(&self, other: &Self) -> bool {
        let identity = |jwk: &Self| (jwk.0.algorithm, jwk.thumbprint());
        identity(self) == identity(other) && self.key_id() == other.key_id()
    }
}

impl Eq for PublicJwk {}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Inner { algorithm, key_id, .. } = &*self.0;
        let (kty, members) = self.members();
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
