//! The wall around the signature check. What comes out was signed by the client, and nothing else comes out.

use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::jose::keys::VerificationKey;
use crate::port::PortError;
use crate::registry::{Client, Proof};
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::replay::{Admission, AdmitResult, ReplayKey};
use crate::verifier::claims::BoundAssertion;

/// An assertion whose signature verified. It has still to be recorded as spent.
pub(crate) struct SignedAssertion<'a> {
    bound: BoundAssertion<'a>,
    client: &'a Client,
    key: Option<&'a VerificationKey>,
    replay_key: Option<ReplayKey<'a>>,
}

impl<'a> SignedAssertion<'a> {
    pub(crate) fn verify(
        bound: BoundAssertion<'a>,
        replay_key: Option<ReplayKey<'a>>,
        client: &'a Client,
        proof: &Proof<'a>,
    ) -> Result<Self, ClientFault> {
        let (algorithm, input, signature) = (bound.algorithm, bound.signing_input(), bound.signature());
        let key = match proof {
            Proof::Keys(candidates) => Some(candidates.signer(input, signature).ok_or(ClientFault::BadSignature)?),
            Proof::Secret(secret) if secret.verifies(algorithm, input, signature) => None,
            Proof::Secret(_) => return Err(ClientFault::BadSignature),
        };
        Ok(Self { bound, client, key, replay_key })
    }

    pub(crate) fn replay_key(&self) -> Option<ReplayKey<'a>> {
        self.replay_key
    }

    pub(crate) fn valid_until(&self) -> UnixTime {
        self.bound.valid_until
    }

    pub(crate) fn settle(self, admitted: AdmitResult) -> Result<ClientIdentity, Rejection> {
        check_fresh(admitted)?;
        Ok(self.identity())
    }

    /// An assertion without a `jti` cannot be spent.
    pub(crate) fn unidentified(self) -> ClientIdentity {
        self.identity()
    }

    /// Lets go of the request's bytes, to wait for the replay store.
    pub(crate) fn into_unspent(self) -> Unspent {
        Unspent(self.identity())
    }

    fn identity(self) -> ClientIdentity {
        ClientIdentity {
            client_id: self.client.id().clone(),
            algorithm: self.bound.algorithm,
            key: self.key.map(VerificationKey::shared_id),
            policy: self.bound.rules.policy.name(),
            lax_audience: self.bound.has_lax_audience(),
            valid_until: self.bound.valid_until,
            claims: self.bound.claims(),
        }
    }
}

fn check_fresh(admitted: AdmitResult) -> Result<(), Rejection> {
    let rejection = match admitted {
        Ok(Admission::Fresh) => return Ok(()),
        Ok(Admission::Replayed) => Rejection::from(ClientFault::Replayed),
        Err(cause) => Rejection::unavailable(ServerFault::ReplayStore, cause),
    };
    Err(rejection.of_proven_sender())
}

/// An identity that nobody may see before the replay store has said that its assertion is fresh.
pub(crate) struct Unspent(ClientIdentity);

impl Unspent {
    /// Settles what a store was asked some time ago. By now the store may have forgotten an earlier use, so an assertion that
    /// has expired meanwhile is not let in on its word.
    pub(crate) fn settle(self, admitted: AdmitResult, now: Option<UnixTime>) -> Result<ClientIdentity, Rejection> {
        let Some(now) = now else { return Err(Rejection::from(ServerFault::Clock).of_proven_sender()) };
        let expired = now >= self.0.valid_until;
        check_fresh(admitted.and_then(|admission| match admission {
            Admission::Fresh if expired => {
                Err(PortError::new("the replay store answered after the assertion had expired"))
            }
            Admission::Fresh | Admission::Replayed => Ok(admission),
        }))?;
        Ok(self.0)
    }
}
