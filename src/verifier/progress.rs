//! How far a verification has come, and what it waits for.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::identity::ClientIdentity;
use crate::jose::keys::KeySet;
use crate::jwks::Keys;
use crate::port::BoxFuture;
use crate::registry::{Client, Found};
use crate::rejection::Rejection;
use crate::replay::AdmitResult;
use crate::verifier::signature::Unspent;

/// Who the client is, if it had to say or has said.
pub(crate) type Outcome = Result<Option<ClientIdentity>, Rejection>;

pub(crate) enum Progress {
    Done(Outcome),
    Waiting(Waiting),
}

/// What ports have answered so far, of one request.
#[derive(Default)]
pub(super) struct Known {
    pub(super) found: Option<Found>,
    /// Fetched for the sake of this request, so that it asks for none that are newer.
    pub(super) keys: Option<Keys>,
}

/// What a port is being asked.
pub(crate) enum Waiting {
    Client(BoxFuture<Found>),
    Keys(Arc<Client>, BoxFuture<Keys>),
    /// Whether there are keys that are newer than those by which the request is about to be refused.
    NewerKeys(Box<Refusal>, BoxFuture<Option<Arc<KeySet>>>),
    Admission(Option<Unspent>, BoxFuture<AdmitResult>),
}

/// How a request ends, unless its client has other keys by now.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(super) client: Arc<Client>,
    pub(super) rejection: Rejection,
}

/// What a port has answered.
pub(crate) enum Answered {
    Client(Found),
    Keys(Arc<Client>, Keys),
    NewerKeys(Refusal, Option<Arc<KeySet>>),
    Admission(Unspent, AdmitResult),
}

impl Waiting {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answered> {
        match self {
            Self::Client(future) => future.as_mut().poll(cx).map(Answered::Client),
            Self::Keys(client, future) => future.as_mut().poll(cx).map(|keys| Answered::Keys(Arc::clone(client), keys)),
            Self::NewerKeys(refusal, future) => {
                future.as_mut().poll(cx).map(|newer| Answered::NewerKeys(Refusal::clone(refusal), newer))
            }
            Self::Admission(unspent, future) => {
                // Taken with the answer, and there is but one answer.
                let Some(taken) = unspent.take() else { return Poll::Pending };
                match future.as_mut().poll(cx) {
                    Poll::Ready(admitted) => Poll::Ready(Answered::Admission(taken, admitted)),
                    Poll::Pending => {
                        *unspent = Some(taken);
                        Poll::Pending
                    }
                }
            }
        }
    }
}
