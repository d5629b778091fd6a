//! The signature check. Only this module can create a [`SignedAssertion`], so the client has signed
//! it.

use super::stages::BoundAssertion;
use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::jose::algorithm::Algorithm;
use crate::jose::verification_key::VerificationKey;
use crate::port::PortError;
use crate::registry::{Client, Proof};
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::replay::{Admission, AdmitResult, ReplayKey};

/// An assertion whose signature verified. It is not recorded as spent yet.
pub(super) struct SignedAssertion<'a> {
    bound: BoundAssertion<'a>,
    client: &'a Client,
    key: Option<&'a VerificationKey>,
    replay_key: Option<ReplayKey<'a>>,
}

impl<'a> SignedAssertion<'a> {
    pub(super) fn verify(
        bound: BoundAssertion<'a>,
        replay_key: Option<ReplayKey<'a>>,
        client: &'a Client,
        proof: &Proof<'a>,
    ) -> Result<Self, ClientFault> {
        let (algorithm, input, signature) = (bound.algorithm, bound.signing_input(), bound.signature());
        let key = match proof {
            Proof::Keys(candidates) => match candidates.signer(input, signature) {
                Some(key) => Some(key),
                None => return Err(why_bad(algorithm, signature)),
            },
            Proof::Secret(secret) if secret.verifies(algorithm, input, signature) => None,
            Proof::Secret(_) => return Err(why_bad(algorithm, signature)),
        };
        Ok(Self { bound, client, key, replay_key })
    }

    pub(super) fn replay_key(&self) -> Option<ReplayKey<'a>> {
        self.replay_key
    }

    pub(super) fn valid_until(&self) -> UnixTime {
        self.bound.valid_until
    }

    /// Returns the identity, if the replay store has just admitted the assertion.
    pub(super) fn into_identity(self, admitted: AdmitResult) -> Result<ClientIdentity, Rejection> {
        check_admitted(admitted)?;
        Ok(self.identity())
    }

    /// Returns the identity of an assertion that its policy lets clients use again.
    pub(super) fn into_reusable_identity(self) -> ClientIdentity {
        self.identity()
    }

    /// Releases the bytes of the request while the replay store is waited for.
    pub(super) fn into_pending(self) -> PendingIdentity {
        PendingIdentity(self.identity())
    }

    fn identity(self) -> ClientIdentity {
        ClientIdentity {
            client_id: self.client.id().clone(),
            algorithm: self.bound.algorithm,
            key: self.key.map(VerificationKey::shared_id),
            policy: self.bound.rules.policy.name.clone(),
            lax_audience: self.bound.has_lax_audience(),
            valid_until: self.bound.valid_until,
            claims: self.bound.claims(self.replay_key),
        }
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

fn check_admitted(admitted: AdmitResult) -> Result<(), Rejection> {
    let rejection = match admitted {
        Ok(Admission::Fresh) => return Ok(()),
        Ok(Admission::Replayed) => Rejection::from(ClientFault::Replayed),
        Err(cause) => Rejection::unavailable(ServerFault::ReplayStore, cause),
    };
    Err(rejection.with_proven_sender())
}

/// An identity that must not be used before the replay store has admitted its assertion.
pub(crate) struct PendingIdentity(ClientIdentity);

impl PendingIdentity {
    /// Returns the identity, if the replay store has admitted the assertion after a wait.
    ///
    /// An assertion that has expired meanwhile is refused: the store may have dropped an earlier
    /// use of it, so that its answer proves nothing.
    pub(super) fn into_identity(
        self,
        admitted: AdmitResult,
        now: Option<UnixTime>,
    ) -> Result<ClientIdentity, Rejection> {
        let Some(now) = now else { return Err(Rejection::from(ServerFault::Clock).with_proven_sender()) };
        let expired = now >= self.0.valid_until;
        check_admitted(admitted.and_then(|admission| match admission {
            Admission::Fresh if expired => {
                Err(PortError::new("the replay store answered after the assertion had expired"))
            }
            Admission::Fresh | Admission::Replayed => Ok(admission),
        }))?;
        Ok(self.0)
    }
}
