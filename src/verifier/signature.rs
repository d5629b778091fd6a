//! The signature check. Only this module can create a [`SignedAssertion`], so the client has signed
//! it.

use std::sync::Arc;

use super::overload::RunningCheck;
use super::stages::BoundAssertion;
use crate::client::{Client, Proof};
use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::identity::claims::SingleUse;
use crate::jose::algorithm::Algorithm;
use crate::jose::keys::KeySet;
use crate::jose::verification_key::VerificationKey;
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::replay::{Admission, AdmitResult, ReplayKey};

/// An assertion whose signature verified. It is not recorded as spent yet.
pub(super) struct SignedAssertion<'a> {
    bound: BoundAssertion<'a>,
    client: &'a Arc<Client>,
    key: Option<&'a VerificationKey>,
    replay_key: Option<ReplayKey<'a>>,
}

impl<'a> SignedAssertion<'a> {
    /// Checks the signature. This takes the running check by value, so that it cannot end before.
    pub(super) fn verify(
        bound: BoundAssertion<'a>,
        replay_key: Option<ReplayKey<'a>>,
        client: &'a Arc<Client>,
        proof: &Proof<'a>,
        running: RunningCheck,
    ) -> Result<Self, ClientFault> {
        let key = signer(proof, bound.algorithm, bound.signing_input(), bound.signature())?;
        drop(running);
        Ok(Self { bound, client, key, replay_key })
    }

    pub(super) fn replay_key(&self) -> Option<ReplayKey<'a>> {
        self.replay_key
    }

    pub(super) fn valid_until(&self) -> UnixTime {
        self.bound.valid_until
    }

    /// Returns the identity of an assertion that the replay store has recorded for this request.
    pub(super) fn into_identity(self, _: Admitted) -> ClientIdentity {
        self.identity()
    }

    /// Returns the identity of an assertion that its policy lets clients use again.
    pub(super) fn into_reusable_identity(self) -> ClientIdentity {
        self.identity()
    }

    /// Returns what the identity would be, for an [explanation](super::mode::Mode::Dry). It must reach no
    /// handler: the assertion was not admitted.
    pub(super) fn into_unadmitted_identity(self) -> ClientIdentity {
        self.identity()
    }

    /// Releases the bytes of the request while the replay store is waited for.
    pub(super) fn into_pending(self) -> PendingIdentity {
        PendingIdentity { identity: self.identity() }
    }

    fn identity(self) -> ClientIdentity {
        ClientIdentity {
            client: Arc::clone(self.client),
            algorithm: self.bound.algorithm,
            key: self.key.map(VerificationKey::shared_id),
            policy: self.bound.rules.policy.name.clone(),
            lax_audience: self.bound.has_lax_audience(),
            valid_until: self.bound.valid_until,
            claims: self.bound.claims(self.replay_key),
        }
    }
}

/// Returns the key that verifies a signature, or `None` if a secret does.
#[inline(always)]
pub(crate) fn signer<'k>(
    proof: &Proof<'k>,
    algorithm: Algorithm,
    input: &[u8],
    signature: &[u8],
) -> Result<Option<&'k VerificationKey>, ClientFault> {
    match proof {
        Proof::Keys(candidates) => match candidates.signer(input, signature) {
            Some(key) => Ok(Some(key)),
            None => Err(why_bad(algorithm, signature)),
        },
        Proof::Secret(secret) if secret.verifies(algorithm, input, signature) => Ok(None),
        Proof::Secret(_) => Err(why_bad(algorithm, signature)),
    }
}

/// Returns the fault of a signature that does not verify. One of a wrong length cannot verify by
/// any key.
#[cold]
fn why_bad(algorithm: Algorithm, signature: &[u8]) -> ClientFault {
    match algorithm.signature_len() {
        Some(len) if len != signature.len() => ClientFault::SignatureLength,
        _ => ClientFault::BadSignature,
    }
}

/// The proof that the replay store has recorded the assertion for this request.
#[derive(Clone, Copy)]
pub(super) struct Admitted(());

impl Admitted {
    /// The proof of an earlier decision on the same request. There is none if that decision let the
    /// assertion be used again: the store has not recorded it, and the policy may have changed.
    pub(super) fn before(identity: &ClientIdentity) -> Option<Self> {
        match identity.claims.single_use {
            SingleUse::Jti(_) | SingleUse::SigningInput(_) => Some(Self(())),
            SingleUse::No => None,
        }
    }

    pub(super) fn check(admitted: AdmitResult) -> Result<Self, Rejection> {
        let rejection = match admitted {
            Ok(Admission::Fresh) => return Ok(Self(())),
            Ok(Admission::Replayed) => Rejection::from(ClientFault::Replayed),
            Err(cause) => Rejection::unavailable(ServerFault::ReplayStore, cause),
        };
        Err(rejection.with_proven_sender())
    }
}

/// An identity that must not be used before the replay store has admitted its assertion, and only
/// if what it rests on is still registered then.
pub(super) struct PendingIdentity {
    identity: ClientIdentity,
}

impl PendingIdentity {
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.identity.client
    }

    /// Returns what the replay store has answered after a wait.
    ///
    /// An assertion that has expired meanwhile is refused: the store may have dropped an earlier
    /// use of it, so that its answer proves nothing. `expired` returns the fault of its claims.
    pub(super) fn check(
        &self,
        admitted: AdmitResult,
        now: Option<UnixTime>,
        expired: impl FnOnce(UnixTime) -> ClientFault,
    ) -> Result<Admitted, Rejection> {
        let now = now.ok_or_else(|| Rejection::from(ServerFault::Clock).with_proven_sender())?;
        let admitted = Admitted::check(admitted)?;
        match now < self.identity.valid_until {
            true => Ok(admitted),
            false => Err(Rejection::from(expired(now)).with_proven_sender()),
        }
    }

    /// Returns whether the key that verified the signature is in `keys`, for its algorithm.
    pub(super) fn is_signed_by_one_of(&self, keys: &KeySet) -> bool {
        let ClientIdentity { key, algorithm, .. } = &self.identity;
        key.as_deref().is_some_and(|id| keys.has(id, *algorithm))
    }

    pub(super) fn into_identity(self, _: Admitted) -> ClientIdentity {
        self.identity
    }
}
