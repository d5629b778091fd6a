//! A rejection on its way out of the steps, with the policy that it is based on.

use std::sync::Arc;

use crate::client::Client;
use crate::jose::keys::KeySet;
use crate::rejection::{ClientFault, Rejection, RejectionKind, ServerFault};

/// The position of a policy in its verifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyIndex(pub(super) u8);

/// A rejection, and the policy that was applied to the request.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) rejection: Rejection,
    /// The first policy, if no other had been chosen yet.
    pub(super) policy: PolicyIndex,
    /// What the client registered, if it had been found yet. Only the report reads it.
    pub(super) evidence: Option<Evidence>,
}

/// The client and the keys by which an assertion was judged.
#[derive(Clone)]
pub(crate) struct Evidence {
    pub(crate) client: Arc<Client>,
    /// The keys that were fetched, if the client publishes them at a URL.
    pub(crate) keys: Option<Arc<KeySet>>,
}

impl Refusal {
    /// The same refusal, based on the policy of the client.
    pub(super) fn under(self, policy: PolicyIndex) -> Self {
        Self { policy, ..self }
    }

    /// The same refusal of an assertion that was judged by this client and the keys fetched for it.
    pub(super) fn judged_by(self, client: &Arc<Client>, keys: Option<&Arc<KeySet>>) -> Self {
        let evidence = Evidence { client: Arc::clone(client), keys: keys.map(Arc::clone) };
        Self { evidence: Some(evidence), ..self }
    }

    /// The same refusal of a request whose signature was verified before. Its sender stays proven,
    /// unless the refusal is about the client or the keys that have proven it.
    pub(super) fn after_admission(self) -> Self {
        let rejection = match self.rejection.kind() {
            RejectionKind::Client(ClientFault::Claim(..)) | RejectionKind::Server(_) => {
                self.rejection.with_proven_sender()
            }
            RejectionKind::Client(_) => self.rejection,
        };
        Self { rejection, ..self }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, policy: PolicyIndex::default(), evidence: None }
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
