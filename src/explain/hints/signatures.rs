//! Which other key or encoding explains a signature that does not verify.

use std::sync::Arc;

use super::excerpt;
use crate::client::{Client, Proof};
use crate::clock::UnixTime;
use crate::explain::hint::Hint;
use crate::explain::kind::SecretText;
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::keys::{KeySet, VerificationKey};
use crate::jose::secret::Decoding;

/// The most checks with other keys of the client.
pub(super) const TRIALS: usize = 8;

/// The most checks with keys of other clients, if these are searched.
pub(super) const SEARCH_TRIALS: usize = 64;

/// The most checks with secrets of other clients.
const SECRET_TRIALS: usize = 1_024;

/// A signature, and what it should be of.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) kid: Option<&'a str>,
    pub(super) algorithm: Algorithm,
    pub(super) input: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Signed<'_> {
    /// Returns the first of the keys that verifies the signature. Each check costs as many of the
    /// trials as the verifier counts for it.
    fn signer<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k VerificationKey>,
        trials: &mut usize,
    ) -> Option<&'k VerificationKey> {
        keys.find(|key| {
            let Some(left) = trials.checked_sub(key.cost(self.algorithm)) else { return false };
            *trials = left;
            key.verifies(self.algorithm, self.input, self.signature)
        })
    }

    /// The keys that may verify the algorithm.
    fn fitting<'k>(&self, keys: &'k KeySet) -> impl Iterator<Item = &'k VerificationKey> + use<'k> {
        let algorithm = self.algorithm;
        keys.iter().filter(move |key| key.algorithms().contains(algorithm))
    }

    fn is_named(&self, key: &VerificationKey) -> bool {
        self.kid.is_some() && key.key_id() == self.kid
    }
}

/// Returns the key of the client that signed, if it is not the one that `kid` names.
pub(super) fn other_key(signed: &Signed<'_>, keys: &KeySet) -> Option<Hint> {
    let others = signed.fitting(keys).filter(|key| !signed.is_named(key));
    let key = signed.signer(others, &mut { TRIALS })?;
    Some(Hint::OtherKey { kid: key.key_id().map(excerpt), thumbprint: base64url::encode(&key.thumbprint()) })
}

/// Returns the client whose key or secret signed. Keys with the same `kid` are tried first.
pub(super) fn other_client(signed: &Signed<'_>, clients: &[&Arc<Client>], now: UnixTime) -> Option<Hint> {
    let (mut trials, mut secrets) = (SEARCH_TRIALS, SECRET_TRIALS);
    let mut signed_by = |client: &Client, named: bool| match client.keys() {
        Some(keys) => {
            let keys = signed.fitting(keys).filter(|key| signed.is_named(key) == named);
            signed.signer(keys, &mut trials).is_some()
        }
        None => named && is_by_secret_of(signed, client, now, &mut secrets),
    };
    let found = [true, false].into_iter().find_map(|named| clients.iter().find(|client| signed_by(client, named)));
    found.map(|client| Hint::OtherClient { client_id: excerpt(client.id().as_str()) })
}

/// Each check of an HMAC takes one of the trials.
fn is_by_secret_of(signed: &Signed<'_>, client: &Client, now: UnixTime, trials: &mut usize) -> bool {
    let Ok(Proof::Secret(secret)) = client.proof_for(None, signed.kid, signed.algorithm, 1, now) else { return false };
    let Some(left) = trials.checked_sub(1) else { return false };
    *trials = left;
    secret.verifies_once(signed.algorithm, signed.input, signed.signature)
}

/// Returns how the client decoded its secret, if that explains the signature.
pub(super) fn secret_as_text(signed: &Signed<'_>, client: &Client, now: UnixTime) -> Option<Hint> {
    let Ok(Proof::Secret(secret)) = client.proof_for(None, signed.kid, signed.algorithm, 1, now) else { return None };
    let kind = match secret.verifies_decoded(signed.algorithm, signed.input, signed.signature)? {
        Decoding::Base64 => SecretText::Base64,
        Decoding::Hex => SecretText::Hex,
    };
    Some(Hint::SecretAsBase64 { kind })
}

/// Whether the algorithm is ECDSA.
pub(super) fn is_ecdsa(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512)
}
