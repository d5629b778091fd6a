//! What signs: a key in memory, a secret, or a key that never leaves the place where it is kept.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::jose::algorithm::Algorithm;
use crate::jose::key_error::KeyError;
use crate::jose::public_jwk::PublicJwk;
use crate::jose::secret::ClientSecret;
use crate::jose::signing::SigningKey;
use crate::port::{Answer, Awaited, PortError};

/// Signs with one key.
///
/// [`SigningKey`] and [`SecretSigner`] implement it. For a key in a key management service or a
/// hardware module, implement [`AsyncSigner`] and wrap it in [`Awaited`].
pub trait Signer: fmt::Debug + Send + Sync + 'static {
    /// Returns the algorithm of every signature.
    fn algorithm(&self) -> Algorithm;

    /// Returns the key to publish. `None` only if the signer has a secret. Its `kid` is that of all
    /// assertions, and its algorithm is the signer's.
    fn public_jwk(&self) -> Option<&PublicJwk>;

    /// Returns when the secret of the signer expires. Default: it does not.
    fn expires_at(&self) -> Option<UnixTime> {
        None
    }

    /// Returns the signature of `input`, which is not hashed yet.
    fn sign(&self, input: &[u8]) -> Answer<Result<Signature, PortError>>;
}

/// The twin of [`Signer`] for keys that are kept elsewhere. See [the recipes](crate::manual::minting).
pub trait AsyncSigner: fmt::Debug + Send + Sync + 'static {
    /// Returns the algorithm of every signature.
    fn algorithm(&self) -> Algorithm;

    /// Returns the key to publish, which [`PublicJwk::from_pem`] reads. Its `kid` is that of all
    /// assertions.
    fn public_jwk(&self) -> &PublicJwk;

    /// Returns the signature of `input`, which is not hashed yet. Dropping the future must leave
    /// nothing half done: the [`Minter`](crate::mint::Minter) bounds the wait.
    fn sign(&self, input: Vec<u8>) -> impl Future<Output = Result<Signature, PortError>> + Send;
}

/// A signature, and how it is encoded. ECDSA has two encodings, and a signature does not tell which
/// it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// As in a JWS (RFC 7518, section 3): for ECDSA, R and S in full length, one after the other.
    Jose(Vec<u8>),
    /// Of ECDSA, a sequence of two integers in DER (RFC 3279, section 2.2.3).
    EcdsaDer(Vec<u8>),
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        Self::algorithm(self)
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(Self::public_jwk(self))
    }

    fn sign(&self, input: &[u8]) -> Answer<Result<Signature, PortError>> {
        let failed = || PortError::new("the crypto library could not sign");
        Answer::Ready(Self::sign(self, input).map(Signature::Jose).ok_or_else(failed))
    }
}

impl<S: AsyncSigner> Signer for Awaited<S> {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(self.0.public_jwk())
    }

    fn sign(&self, input: &[u8]) -> Answer<Result<Signature, PortError>> {
        let (signer, input) = (Arc::clone(&self.0), input.to_vec());
        Answer::later(async move { signer.sign(input).await })
    }
}

/// Signs with a secret that the client shares with the server (`client_secret_jwt`, OpenID Connect
/// Core, section 9). It has no `kid`, and nothing to publish.
///
/// ```
/// use tower_client_assertion::mint::SecretSigner;
/// use tower_client_assertion::policy::Algorithm;
/// use tower_client_assertion::secret::ClientSecret;
///
/// // 38 bytes: enough for HS256, and too few for HS384.
/// let secret = ClientSecret::new("a secret of more than thirty-two bytes")?;
/// assert!(SecretSigner::new(secret.clone(), Algorithm::HS256).is_ok());
/// assert!(SecretSigner::new(secret.clone(), Algorithm::HS384).is_err());
/// assert!(SecretSigner::new(secret, Algorithm::ES256).is_err());
/// # Ok::<(), tower_client_assertion::secret::SecretError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SecretSigner {
    secret: ClientSecret,
    algorithm: Algorithm,
}

impl SecretSigner {
    /// Signs with `secret`.
    ///
    /// # Errors
    ///
    /// Fails if `algorithm` is not HS256, HS384 or HS512, and if the secret is too short for it.
    pub fn new(secret: ClientSecret, algorithm: Algorithm) -> Result<Self, KeyError> {
        match algorithm.is_mac() {
            false => Err(KeyError::Asymmetric(algorithm)),
            true if !secret.algorithms().contains(algorithm) => Err(KeyError::ShortSecret(algorithm)),
            true => Ok(Self { secret, algorithm }),
        }
    }
}

impl Signer for SecretSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        None
    }

    fn expires_at(&self) -> Option<UnixTime> {
        self.secret.expires_at()
    }

    fn sign(&self, input: &[u8]) -> Answer<Result<Signature, PortError>> {
        // `new` has checked that the secret serves the algorithm.
        let failed = || PortError::new("the secret does not serve the algorithm");
        Answer::Ready(self.secret.sign(self.algorithm, input).map(Signature::Jose).ok_or_else(failed))
    }
}
