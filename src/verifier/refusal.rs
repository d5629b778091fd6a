//! A rejection on its way out of the steps, with the policy that it is based on.

use crate::rejection::{ClientFault, Rejection, ServerFault};

/// The position of a policy in its verifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PolicyIndex(pub(super) u8);

/// A rejection, and the policy that was applied to the request.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) rejection: Rejection,
    /// The first policy, if no other had been chosen yet.
    pub(super) policy: PolicyIndex,
}

impl Refusal {
    /// The same refusal, based on the policy of the client.
    pub(super) fn under(self, policy: PolicyIndex) -> Self {
        Self { policy, ..self }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, policy: PolicyIndex::default() }
    }
}

impl From<ClientFault> for Refusal {
    fn from(fault: ClientFault) -> Self {
        Rejection::from(fault).into()
    }
}

impl From<ServerFault> for Refusal {
    fn from(fault: ServerFault) -> Self {
        Rejection::from(fault).into()
    }
}
