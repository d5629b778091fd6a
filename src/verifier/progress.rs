//! The progress of a verification, and the port that it waits for.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::admissions::OpenCharge;
use super::deadline::Deadline;
use super::refusal::Refusal;
use super::replay_watch::ReplayWatch;
use super::signature::{Admitted, PendingIdentity};
use crate::client::Client;
use crate::identity::ClientIdentity;
use crate::jose::keys::KeySet;
use crate::jwks::KeysResult;
use crate::port::{BoxFuture, PortError};
use crate::registry::FindResult;
use crate::rejection::{Rejection, ServerFault};
use crate::replay::AdmitResult;

/// The end of a verification. It is `None` for a request without an assertion, where that is
/// allowed.
pub(crate) type Outcome = Result<Option<ClientIdentity>, Rejection>;

pub(crate) enum Progress {
    Done(Outcome),
    /// Boxed, because it is large and most requests never wait.
    Waiting(Box<Waiting>),
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
    Waiting(Question),
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
#[expect(clippy::large_enum_variant, reason = "there is one for each request that waits, and no allocation")]
pub(super) enum Question {
    Client(BoxFuture<FindResult>),
    Keys(Arc<Client>, BoxFuture<KeysResult>),
    /// Whether there are newer keys than those by which the request is about to be refused.
    NewerKeys(Box<PendingRefusal>, BoxFuture<Option<Arc<KeySet>>>),
    Admission(Option<(PendingIdentity, OpenCharge)>, BoxFuture<AdmitResult>, Option<Box<ReplayWatch>>),
}

/// A refusal that stands unless the client has newer keys.
#[derive(Clone)]
pub(super) struct PendingRefusal {
    pub(super) client: Arc<Client>,
    /// See [`KeySource::generation`](crate::jwks::KeySource::generation).
    pub(super) generation: u64,
    pub(super) refusal: Refusal,
}

/// What is kept of a request from one wait to the next. Everything else is decided again.
pub(super) struct Journey {
    pub(super) deadline: Deadline,
    /// The replay store has recorded the assertion for this request.
    pub(super) admitted: Option<Admitted>,
}

/// A request that waits for a port.
pub(crate) struct Waiting {
    question: Question,
    /// Absent once the port has answered.
    journey: Option<Journey>,
}

/// What a port has answered, with what the verification needs to go on.
pub(crate) struct PortAnswer {
    pub(super) reply: Reply,
    pub(super) journey: Journey,
}

pub(super) enum Reply {
    Client(FindResult),
    Keys(Arc<Client>, KeysResult),
    NewerKeys(PendingRefusal, Option<Arc<KeySet>>),
    Admission(PendingIdentity, OpenCharge, AdmitResult),
    /// The time is over.
    Nothing(Refusal),
}

impl Waiting {
    pub(super) fn new(question: Question, journey: Journey) -> Self {
        Self { question, journey: Some(journey) }
    }

    /// Must not be polled again after it was ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<PortAnswer> {
        let Some(mut journey) = self.journey.take() else { return Poll::Pending };
        let reply = match self.question.poll(cx) {
            Poll::Ready(reply) => reply,
            Poll::Pending => match journey.deadline.poll(self.question.port(), cx) {
                Poll::Ready(rejection) => self.question.unanswered(rejection),
                Poll::Pending => {
                    self.journey = Some(journey);
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(PortAnswer { reply, journey })
    }
}

impl Question {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        match self {
            Self::Client(future) => future.as_mut().poll(cx).map(Reply::Client),
            Self::Keys(client, future) => future.as_mut().poll(cx).map(|keys| Reply::Keys(Arc::clone(client), keys)),
            Self::NewerKeys(refusal, future) => {
                future.as_mut().poll(cx).map(|newer| Reply::NewerKeys(PendingRefusal::clone(refusal), newer))
            }
            Self::Admission(pending, future, watch) => {
                // The identity leaves with the answer, and there is only one answer.
                let Some((identity, charge)) = pending.take() else { return Poll::Pending };
                match future.as_mut().poll(cx) {
                    Poll::Ready(admitted) => {
                        end(watch, admitted.as_ref().err());
                        Poll::Ready(Reply::Admission(identity, charge, admitted))
                    }
                    Poll::Pending => {
                        *pending = Some((identity, charge));
                        Poll::Pending
                    }
                }
            }
        }
    }

    /// Returns the fault of a port that does not answer.
    fn port(&self) -> ServerFault {
        match self {
            Self::Client(_) => ServerFault::Registry,
            Self::Keys(..) | Self::NewerKeys(..) => ServerFault::KeySetFetch,
            Self::Admission(..) => ServerFault::ReplayStore,
        }
    }

    /// Returns the reply of a port that does not answer in time.
    fn unanswered(&mut self, rejection: Rejection) -> Reply {
        match self {
            // The keys that the client is known to have do not verify the assertion.
            Self::NewerKeys(pending, _) => Reply::Nothing(pending.refusal.clone()),
            Self::Admission(_, _, watch) => {
                end(watch, rejection.cause());
                Reply::Nothing(rejection.with_proven_sender().into())
            }
            Self::Client(_) | Self::Keys(..) => Reply::Nothing(rejection.into()),
        }
    }
}

fn end(watch: &mut Option<Box<ReplayWatch>>, failure: Option<&PortError>) {
    if let Some(watch) = watch.take() {
        watch.end(failure);
    }
}
