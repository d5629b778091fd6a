//! A key that may verify signatures, and what identifies it.

use std::fmt;
use std::sync::Arc;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::jwk::Judged;
use crate::jose::public_key::Material;

/// A public key that may verify signatures.
#[derive(Clone)]
pub struct VerificationKey {
    id: Arc<KeyId>,
    algorithms: AlgorithmSet,
    material: Material,
}

/// The identifiers of a key, in their own allocation so that a
/// [`ClientIdentity`](crate::ClientIdentity) can share it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyId {
    pub(crate) kid: Option<Box<str>>,
    pub(crate) thumbprint: [u8; 32],
}

impl VerificationKey {
    /// Returns the `kid` of the key, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.id.kid.as_deref()
    }

    /// Returns the SHA-256 JWK thumbprint of the key (RFC 7638, section 3).
    pub fn thumbprint(&self) -> [u8; 32] {
        self.id.thumbprint
    }

    /// Returns whether this is the key with these identifiers, and may verify `algorithm`.
    pub(crate) fn serves_as(&self, id: &KeyId, algorithm: Algorithm) -> bool {
        *self.id == *id && self.algorithms.contains(algorithm)
    }

    pub(crate) fn shared_id(&self) -> Arc<KeyId> {
        Arc::clone(&self.id)
    }

    /// Returns the algorithms that the key may verify: those of its type, or the one that its `alg`
    /// names.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    pub(crate) fn named(self, kid: &str) -> Self {
        let id = KeyId { kid: Some(kid.into()), thumbprint: self.id.thumbprint };
        Self { id: Arc::new(id), ..self }
    }

    /// Lets the key also verify what another entry for it permits.
    pub(crate) fn permit(&mut self, algorithms: AlgorithmSet) {
        self.algorithms = self.algorithms.union(algorithms);
    }

    /// Returns the size of the modulus of an RSA key in bits; zero for other keys.
    pub(crate) fn rsa_bits(&self) -> usize {
        self.material.rsa_bits()
    }

    /// Returns what a check with this key costs, in checks of an ordinary key, rounded: how many of
    /// the [trials](crate::Policy::key_trials) it uses up. A client chooses its keys, and each
    /// forged assertion that names them pays for all that are tried.
    ///
    /// A key counts twice if its check can take more than ten times as many instructions as one for
    /// an RSA key of 2048 bits. The factor is 2.5 for P-256, 8.5 for P-384 and 16 for P-521; for
    /// RSA, it is 3.5 with 4096 bits and 13.5 with 8192. `benches/baseline.txt` has the counts.
    pub(crate) fn cost(&self, algorithm: Algorithm) -> usize {
        match algorithm {
            Algorithm::ES512 => 2,
            _ if self.material.rsa_bits() > 4096 => 2,
            _ => 1,
        }
    }

    /// Returns whether `signature` is a signature of `input` by this key with `algorithm`. The key
    /// must be usable with that algorithm.
    pub(crate) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        let parsed = self.material.parsed(algorithm).filter(|_| self.algorithms.contains(algorithm));
        parsed.is_some_and(|key| key.verify_sig(input, signature).is_ok())
    }
}

impl From<Judged> for VerificationKey {
    fn from(Judged { key, algorithms, kid }: Judged) -> Self {
        let id = Arc::new(KeyId { kid, thumbprint: key.thumbprint });
        Self { id, algorithms, material: key.material }
    }
}

/// Shows the identifiers of the key and no key material.
impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerificationKey");
        debug.field("key_id", &self.key_id()).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}
