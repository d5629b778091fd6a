//! The wall around the signature check. What comes out was signed with a key of the client, and nothing else comes out.

use std::borrow::Cow;

use crate::claims::PlausibleAssertion;
use crate::clock::UnixTime;
use crate::identity::ClientIdentity;
use crate::keys::VerificationKey;
use crate::port::PortError;
use crate::registry::Client;
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::replay::{Admission, Admitted, ReplayKey};

/// An assertion whose signature verified. It has still to be recorded as spent.
pub(crate) struct SignedAssertion<'a> {
    jti: Cow<'a, str>,
    unspent: Unspent,
}

impl<'a> SignedAssertion<'a> {
    pub(crate) fn verify(
        plausible: PlausibleAssertion<'a>,
        client: &Client,
        key: &VerificationKey,
    ) -> Result<Self, ClientFault> {
        let parsed = key.parsed(plausible.algorithm).ok_or(ClientFault::NoKey)?;
        parsed.verify_sig(plausible.signing_input, plausible.signature).map_err(|_| ClientFault::BadSignature)?;
        let identity = ClientIdentity {
            client_id: client.id().clone(),
            algorithm: plausible.algorithm,
            key_id: key.shared_key_id(),
            valid_until: plausible.valid_until,
        };
        Ok(Self { jti: plausible.jti, unspent: Unspent(identity) })
    }

    pub(crate) fn replay_key(&self) -> ReplayKey<'_> {
        ReplayKey::new(self.unspent.0.client_id.as_str(), &self.jti)
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
}
