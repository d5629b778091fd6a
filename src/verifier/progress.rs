//! The progress of a verification, and the port that it waits for.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::admissions::Charge;
use super::refusal::Refusal;
use super::signature::PendingIdentity;
use crate::identity::ClientIdentity;
use crate::jose::keys::KeySet;
use crate::jwks::KeysResult;
use crate::port::BoxFuture;
use crate::registry::{Client, FindResult};
use crate::rejection::Rejection;
use crate::replay::AdmitResult;

/// The end of a verification. It is `None` for a request without an assertion, where that is
/// allowed.
pub(crate) type Outcome = Result<Option<ClientIdentity>, Rejection>;

pub(crate) enum Progress {
    Done(Outcome),
    Waiting(Waiting),
}

/// What ports have answered so far for one request.
#[derive(Default)]
pub(super) struct PortAnswers {
    pub(super) client: Option<FindResult>,
    /// Keys that were fetched for this request. It does not ask for newer ones.
    pub(super) keys: Option<KeysResult>,
}

/// Why the steps end without an identity.
pub(super) enum Stop {
    /// The request has no assertion and needs none.
    Anonymous,
    Waiting(Waiting),
    Refused(Refusal),
}

impl Stop {
    /// The same stop. A refusal is based on this policy.
    pub(super) fn under(self, policy: super::refusal::PolicyIndex) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.under(policy)),
            Self::Anonymous | Self::Waiting(_) => self,
        }
    }
}

impl<R> From<R> for Stop
where
    Refusal: From<R>,
{
    fn from(refusal: R) -> Self {
        Self::Refused(Refusal::from(refusal))
    }
}

/// A question that a port has not answered yet.
pub(crate) enum Waiting {
    Client(BoxFuture<FindResult>),
    Keys(Arc<Client>, BoxFuture<KeysResult>),
    /// Whether there are newer keys than those by which the request is about to be refused.
    NewerKeys(Box<PendingRefusal>, BoxFuture<Option<Arc<KeySet>>>),
    Admission(Option<(PendingIdentity, Charge)>, BoxFuture<AdmitResult>),
}

/// A refusal that stands unless the client has newer keys.
#[derive(Clone)]
pub(crate) struct PendingRefusal {
    pub(super) client: Arc<Client>,
    pub(super) refusal: Refusal,
}

/// What a port has answered, with what the verification needs to go on.
pub(crate) enum PortAnswer {
    Client(FindResult),
    Keys(Arc<Client>, KeysResult),
    NewerKeys(PendingRefusal, Option<Arc<KeySet>>),
    Admission(PendingIdentity, Charge, AdmitResult),
}

impl Waiting {
    /// Must not be polled again after it was ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<PortAnswer> {
        match self {
            Self::Client(future) => future.as_mut().poll(cx).map(PortAnswer::Client),
            Self::Keys(client, future) => {
                future.as_mut().poll(cx).map(|keys| PortAnswer::Keys(Arc::clone(client), keys))
            }
            Self::NewerKeys(refusal, future) => {
                future.as_mut().poll(cx).map(|newer| PortAnswer::NewerKeys(PendingRefusal::clone(refusal), newer))
            }
            Self::Admission(identity, future) => {
                // The identity leaves with the answer, and there is only one answer.
                let Some((taken, charge)) = identity.take() else { return Poll::Pending };
                match future.as_mut().poll(cx) {
                    Poll::Ready(admitted) => Poll::Ready(PortAnswer::Admission(taken, charge, admitted)),
                    Poll::Pending => {
                        *identity = Some((taken, charge));
                        Poll::Pending
                    }
                }
            }
        }
    }
}
