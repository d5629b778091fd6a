//! What a minter needs of each key that signs for it: at its build, and when keys change later.

use super::signer::Signer;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::public_jwk::PublicJwk;
use crate::policy::Limits;

/// The longest RSA signature that verifiers of this crate accept: 8192 bits.
pub(super) const LONGEST_RSA_SIGNATURE: usize = 1024;

/// The dates and the `jti`, in bytes at most.
pub(super) const VARYING_CLAIMS: usize = 96;

/// What a minter needs of a key.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) algorithms: AlgorithmSet,
    /// The size of the header without `alg` and `kid`, in bytes.
    pub(super) header: usize,
    /// The size of the claims without those that vary, in bytes.
    pub(super) claims: usize,
}

/// Why a signer does not serve a minter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Algorithm { algorithm: Algorithm, allowed: AlgorithmSet },
    PublicKey { algorithm: Algorithm },
    TooLarge { what: &'static str, limit: usize },
}

impl Needs {
    pub(super) fn judge(&self, signer: &dyn Signer) -> Result<(), Misfit> {
        let (algorithm, allowed) = (signer.algorithm(), self.algorithms);
        if !allowed.contains(algorithm) {
            return Err(Misfit::Algorithm { algorithm, allowed });
        }
        self.judge_size(signer)
    }

    fn judge_size(&self, signer: &dyn Signer) -> Result<(), Misfit> {
        let (limits, algorithm) = (Limits::default(), signer.algorithm());
        let kid = signer.public_jwk().map(|key| serde_json::Value::from(key.key_id()).to_string().len());
        // Two members with their names, quotation marks and commas.
        let header = self.header + algorithm.name().len() + kid.unwrap_or(0) + r#","alg":"","kid":"#.len();
        if header > limits.header {
            return Err(Misfit::TooLarge { what: "the header", limit: limits.header });
        }
        let signature = algorithm.signature_len().unwrap_or(LONGEST_RSA_SIGNATURE);
        let encoded = |bytes: usize| (bytes * 4).div_ceil(3);
        let size = encoded(header) + encoded(self.claims + VARYING_CLAIMS) + encoded(signature) + 2;
        match size > limits.assertion {
            true => Err(Misfit::TooLarge { what: "the assertion", limit: limits.assertion }),
            false => Ok(()),
        }
    }
}

/// A signer with a key publishes it for the algorithm that it signs with, and one with a secret
/// publishes nothing.
pub(super) fn judge_public_key(signer: &dyn Signer) -> Result<(), Misfit> {
    let algorithm = signer.algorithm();
    let is_consistent = match signer.public_jwk().map(PublicJwk::algorithm) {
        Some(published) => published == algorithm && !algorithm.is_mac(),
        None => algorithm.is_mac(),
    };
    is_consistent.then_some(()).ok_or(Misfit::PublicKey { algorithm })
}
