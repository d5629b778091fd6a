//! The wall around the signature check. What comes out was signed by the client, and nothing else comes out.

use std::borrow::Cow;

use crate::claims::BoundAssertion;
use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::port::PortError;
use crate::registry::{Client, Proof};
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::replay::{Admission, Admitted, ReplayKey};

/// An assertion whose signature verified. It has still to be recorded as spent.
pub(crate) struct SignedAssertion<'a> {
    jti: Option<Cow<'a, str>>,
    unspent: Unspent,
}

impl<'a> SignedAssertion<'a> {
    pub(crate) fn verify(bound: BoundAssertion<'a>, client: &Client, proof: &Proof<'_>) -> Result<Self, ClientFault> {
        let (algorithm, input, signature) = (bound.algorithm, bound.signing_input, bound.signature);
        let key = match proof {
            Proof::Keys(candidates) => {
                let key = candidates.signer(input, signature).ok_or(ClientFault::BadSignature)?;
                Some(key.shared_name())
            }
            Proof::Secret(secret) if secret.verifies(algorithm, input, signature) => None,
            Proof::Secret(_) => return Err(ClientFault::BadSignature),
        };
        let identity = ClientIdentity {
            client_id: client.id().clone(),
            algorithm,
            key,
            policy: bound.policy,
            lax_audience: bound.lax_audience,
            valid_until: bound.valid_until,
            claims: bound.claims(),
        };
        Ok(Self { jti: bound.jti, unspent: Unspent(identity) })
    }

    /// What identifies it; `None` if the policy let it go without a `jti`, and it is good for as often as it is sent.
    pub(crate) fn replay_key(&self) -> Option<ReplayKey<'_>> {
        Some(ReplayKey::new(self.unspent.0.client_id.as_str(), self.jti.as_deref()?))
    }

    pub(crate) fn valid_until(&self) -> UnixTime {
        self.unspent.0.valid_until
    }

    /// Lets go of the request's bytes, to wait for the replay store.
    pub(crate) fn into_unspent(self) -> Unspent {
        self.unspent
    }
}

/// An identity that nobody may see before the replay store has said that its assertion is fresh.
pub(crate) struct Unspent(ClientIdentity);

impl Unspent {
    /// Settles what a store was asked some time ago. By now the store may have forgotten an earlier use, so an assertion that
    /// has expired meanwhile is not let in on its word.
    pub(crate) fn settle_late(self, admitted: Admitted, now: Option<UnixTime>) -> Result<ClientIdentity, Rejection> {
        let Some(now) = now else { return Err(Rejection::from(ServerFault::Clock).of_proven_sender()) };
        let expired = now >= self.0.valid_until;
        let admitted = admitted.and_then(|admission| match admission {
            Admission::Fresh if expired => {
                Err(PortError::new("the replay store answered after the assertion had expired"))
            }
            Admission::Fresh | Admission::Replayed => Ok(admission),
        });
        self.settle(admitted)
    }

    pub(crate) fn settle(self, admitted: Admitted) -> Result<ClientIdentity, Rejection> {
        let rejection = match admitted {
            Ok(Admission::Fresh) => return Ok(self.0),
            Ok(Admission::Replayed) => Rejection::from(ClientFault::Replayed),
            Err(cause) => Rejection::unavailable(ServerFault::ReplayStore, cause),
        };
        Err(rejection.of_proven_sender())
    }

    /// An assertion without a `jti` cannot be spent.
    pub(crate) fn unidentified(self) -> ClientIdentity {
        self.0
    }
}
