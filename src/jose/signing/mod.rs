//! Private keys: made, read and used to sign.

mod read;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, PqdsaSigningAlgorithm,
    RsaEncoding,
};
use zeroize::Zeroizing;

use crate::jose::algorithm::Algorithm;
use crate::jose::key_error::KeyError;
use crate::jose::pem;
use crate::jose::public_jwk::PublicJwk;
use crate::jose::public_key::{Curve, PublicKey};
use crate::jose::skip::Flaw;

/// A private key with its algorithm and its `kid`. Cheap to clone. `Debug` shows those two. The key
/// is parsed once, and its memory is wiped when the last clone is dropped.
///
/// ```
/// use tower_client_assertion::mint::{KeyError, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// let key = SigningKey::generate(Algorithm::ES384)?;
/// let stored = key.to_pem()?;
///
/// let read = SigningKey::from_pem(Algorithm::ES384, stored.expose())?;
/// assert_eq!(read.public_jwk(), key.public_jwk());
///
/// let other = SigningKey::from_pem(Algorithm::ES256, stored.expose());
/// let error = other.unwrap_err().to_string();
/// assert_eq!(error, "the key is for ES384, not for ES256");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    public: PublicJwk,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    MlDsa(PqdsaKeyPair),
}

/// What a private key for an algorithm is read and made as.
#[derive(Clone, Copy)]
enum Kind {
    Ec(&'static EcdsaSigningAlgorithm),
    Ed25519,
    Rsa(&'static dyn RsaEncoding),
    MlDsa(&'static PqdsaSigningAlgorithm),
}

impl Kind {
    /// Returns `None` for HMAC, which has no private key.
    fn of(algorithm: Algorithm) -> Option<Self> {
        Some(match algorithm {
            Algorithm::RS256 => Self::Rsa(&signature::RSA_PKCS1_SHA256),
            Algorithm::RS384 => Self::Rsa(&signature::RSA_PKCS1_SHA384),
            Algorithm::RS512 => Self::Rsa(&signature::RSA_PKCS1_SHA512),
            Algorithm::PS256 => Self::Rsa(&signature::RSA_PSS_SHA256),
            Algorithm::PS384 => Self::Rsa(&signature::RSA_PSS_SHA384),
            Algorithm::PS512 => Self::Rsa(&signature::RSA_PSS_SHA512),
            Algorithm::ES256 => Self::Ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => Self::Ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::ES512 => Self::Ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDSA | Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::MlDsa44 => Self::MlDsa(&signature::ML_DSA_44_SIGNING),
            Algorithm::MlDsa65 => Self::MlDsa(&signature::ML_DSA_65_SIGNING),
            Algorithm::MlDsa87 => Self::MlDsa(&signature::ML_DSA_87_SIGNING),
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return None,
        })
    }
}

impl SigningKey {
    /// Makes a new key. RSA keys have 3072 bits and the exponent 65537. The `kid` is the thumbprint
    /// of the key (RFC 7638) in base64url, unless [`with_key_id`](Self::with_key_id) sets another.
    ///
    /// # Errors
    ///
    /// Fails for HMAC, and if the crypto library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let kind = Kind::of(algorithm).ok_or(KeyError::Symmetric(algorithm))?;
        let pair = match kind {
            Kind::Ec(signing) => EcdsaKeyPair::generate(signing).map(Pair::Ec),
            Kind::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Kind::Rsa(encoding) => RsaKeyPair::generate(KeySize::Rsa3072).map(|pair| Pair::Rsa(pair, encoding)),
            Kind::MlDsa(signing) => PqdsaKeyPair::generate(signing).map(Pair::MlDsa),
        };
        Self::of(algorithm, pair.map_err(|_| KeyError::NotGenerated(algorithm))?)
    }

    /// Judges the public half by the rules for registered keys, so that no verifier of this crate
    /// refuses it.
    fn of(algorithm: Algorithm, pair: Pair) -> Result<Self, KeyError> {
        let judged = match &pair {
            Pair::Ec(pair) => ec_key(algorithm, pair.public_key().as_ref())?,
            Pair::Ed25519(pair) => PublicKey::ed25519(pair.public_key().as_ref()),
            Pair::Rsa(pair, _) => rsa_key(pair.public_key().as_ref()).ok_or(KeyError::NotDer(algorithm))?,
            Pair::MlDsa(pair) => PublicKey::ml_dsa(algorithm, pair.public_key().as_ref()),
        };
        let public = PublicJwk::of(algorithm, judged.map_err(KeyError::flawed)?);
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// Sets the `kid`, for a server that has the key under another name.
    ///
    /// # Errors
    ///
    /// Fails if the `kid` is empty, longer than 256 bytes, or has a control character.
    pub fn with_key_id(self, key_id: &str) -> Result<Self, KeyError> {
        Ok(Self { public: self.public.with_key_id(key_id)?, ..self })
    }

    /// Returns the algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Returns the `kid`.
    pub fn key_id(&self) -> &str {
        self.public.key_id()
    }

    /// Returns the public half, to be registered at the server.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.public
    }

    /// Returns the key as PKCS #8 in PEM, to be stored where secrets are stored.
    ///
    /// # Errors
    ///
    /// Fails for an ML-DSA key that was not read from its seed.
    pub fn to_pem(&self) -> Result<PrivatePem, KeyError> {
        let not_written = |_| KeyError::Unusable { problem: "it cannot be written as PKCS #8".to_owned() };
        let der = match &*self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Rsa(pair, _) => pair.as_der().map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::MlDsa(pair) => pair.to_pkcs8v1().map(|der| Zeroizing::new(der.as_ref().to_vec())),
        };
        Ok(PrivatePem(pem::write("PRIVATE KEY", &der.map_err(not_written)?)))
    }

    /// Returns the signature of `input` in the encoding of JOSE, or `None` if the crypto library
    /// fails.
    pub(crate) fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        match &*self.pair {
            Pair::Ec(pair) => Some(pair.sign(&SystemRandom::new(), input).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(input).ok()?.as_ref().to_vec()),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), input, &mut signature).ok()?;
                Some(signature)
            }
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; self.algorithm().signature_len()?];
                let len = pair.sign(input, &mut signature).ok()?;
                (len == signature.len()).then_some(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, key_id) = (self.algorithm(), self.key_id());
        f.debug_struct("SigningKey").field("algorithm", &algorithm).field("key_id", &key_id).finish_non_exhaustive()
    }
}

/// A private key in PEM. It is wiped when it is dropped, and `Debug` shows nothing of it.
pub struct PrivatePem(Zeroizing<String>);

impl PrivatePem {
    /// Returns the text. With it, anyone can authenticate as the client.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivatePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivatePem(..)")
    }
}

type Judged = Result<PublicKey, Flaw>;

fn ec_key(algorithm: Algorithm, point: &[u8]) -> Result<Judged, KeyError> {
    let curve = Curve::of(algorithm).ok_or(KeyError::NotDer(algorithm))?;
    let coordinates = point.split_first().and_then(|(_, coordinates)| coordinates.split_at_checked(curve.len));
    let (x, y) = coordinates.ok_or(KeyError::NotDer(algorithm))?;
    Ok(PublicKey::ec(curve, x, y))
}

/// RFC 8017, appendix A.1.1: the form in which the crypto library returns the public half.
fn rsa_key(der: &[u8]) -> Option<Judged> {
    pem::two_numbers(der).ok().map(|(n, e)| PublicKey::rsa(n.as_bytes(), e.as_bytes()))
}

/// Fills bytes with random ones. Returns `None` if the system has none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns an ECDSA signature in the encoding of JOSE (RFC 7518, section 3.4), from a sequence of
/// two integers in DER (RFC 3279, section 2.2.3).
pub(crate) fn ecdsa_from_der(algorithm: Algorithm, der: &[u8]) -> Option<Vec<u8>> {
    let len = Curve::of(algorithm)?.len;
    let (r, s) = pem::two_numbers(der).ok()?;
    let mut signature = Vec::with_capacity(2 * len);
    for number in [r.as_bytes(), s.as_bytes()] {
        let zeros = len.checked_sub(number.len())?;
        signature.resize(signature.len() + zeros, 0);
        signature.extend_from_slice(number);
    }
    Some(signature)
}
