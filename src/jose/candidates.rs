//! The keys that an assertion is checked with, and how many of them.

use crate::jose::algorithm::Algorithm;
use crate::jose::verification_key::VerificationKey;

/// Why a key set has no key for an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoCandidate {
    /// No key fits the `kid`, if there is one, and the algorithm.
    NoKey,
    /// The only such key was skipped because it is too weak.
    Weak,
    /// Several keys fit the `kid`, and only one may be tried.
    Ambiguous,
    /// Several keys fit, and there is no `kid` to choose by.
    KidNeeded,
}

/// The keys that may have signed an assertion. There is at least one.
pub(crate) struct Candidates<'k> {
    keys: &'k [VerificationKey],
    algorithm: Algorithm,
    trials: usize,
}

impl<'k> Candidates<'k> {
    pub(crate) fn new(keys: &'k [VerificationKey], algorithm: Algorithm, trials: usize) -> Self {
        Self { keys, algorithm, trials }
    }

    pub(crate) fn fitting(&self) -> impl Iterator<Item = &'k VerificationKey> + use<'k> {
        let algorithm = self.algorithm;
        self.keys.iter().filter(move |key| key.algorithms().contains(algorithm))
    }

    /// Returns the key that signed `input`. The first is always tried. A key that costs more than
    /// what is left is passed over.
    #[inline(always)]
    pub(crate) fn signer(&self, input: &[u8], signature: &[u8]) -> Option<&'k VerificationKey> {
        let mut left = None;
        for key in self.fitting() {
            let cost = key.cost(self.algorithm);
            if left.is_some_and(|left| cost > left) {
                continue;
            }
            if key.verifies(self.algorithm, input, signature) {
                return Some(key);
            }
            left = Some(left.unwrap_or(self.trials).saturating_sub(cost));
        }
        None
    }
}
