//! The future of one call. It verifies the metadata, then calls the inner service or refuses the
//! call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Messages, Options, metadata, status};
use crate::endpoint::Endpoint;
use crate::identity::ClientIdentity;
use crate::layer::{EventNotes, ReadyInner, identify, identify_response};
use crate::rejection::{ClientFault, Rejection};
use crate::verifier::{Progress, TokenRequest, Waiting};

pin_project! {
    /// The response future of a [`GrpcAssertion`](super::GrpcAssertion).
    ///
    /// Dropping it drops the call, no matter which step it is waiting for.
    ///
    /// It must not be polled again after it has completed. If it is, it returns the same refusal
    /// again, or the inner service decides what happens.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Starting { call: Option<Call<S, B>> },
        // Boxed, because it is large and most calls never wait.
        Verifying { call: Option<Call<S, B>>, waiting: Box<Waiting> },
        AwaitingInner { call: Option<(Call<S, B>, ClientIdentity)> },
        Calling { #[pin] future: F },
        // The response gets the identity as well.
        Identified { #[pin] future: F, identity: Option<ClientIdentity> },
        Refused { rejection: Rejection, messages: Messages },
    }
}

/// A call, and the inner service that will get it.
struct Call<S, B> {
    options: Arc<Options>,
    notes: EventNotes,
    inner: ReadyInner<S>,
    parts: Parts,
    body: B,
    form: String,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn new(options: Arc<Options>, inner: ReadyInner<S>, request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        let notes = EventNotes::take(&options.verifier, options.settings.correlate.as_ref(), &parts);
        let form = metadata::form(&parts.headers);
        Self { state: State::Starting { call: Some(Call { options, notes, inner, parts, body, form }) } }
    }

    pub(super) fn refused(rejection: Rejection, messages: Messages) -> Self {
        Self { state: State::Refused { rejection, messages } }
    }
}

impl<S, B, RB> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    RB: Default,
{
    type Output = Result<Response<RB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // The call is absent only while the state is being replaced.
                StateProj::Starting { call } => {
                    let Some(call) = call.take() else { return Poll::Pending };
                    let progress = call.options.verifier.start(&call.token_request());
                    call.advance(progress)
                }
                StateProj::Verifying { call, waiting } => {
                    let Poll::Ready(answer) = waiting.poll(cx) else { return Call::wait(call) };
                    let Some(call) = call.take() else { return Poll::Pending };
                    let progress = call.options.verifier.resume(&call.token_request(), answer);
                    call.advance(progress)
                }
                StateProj::AwaitingInner { call } => {
                    let Some((waiting, _)) = call else { return Poll::Pending };
                    let was_ready = waiting.inner.is_ready();
                    ready!(waiting.inner.poll_ready(cx))?;
                    let Some((call, identity)) = call.take() else { return Poll::Pending };
                    match !was_ready && call.inner.has_waited() {
                        true => call.decide_again(&identity),
                        false if call.options.settings.identify_responses => {
                            State::Identified { identity: Some(identity.clone()), future: call.forward(identity) }
                        }
                        false => State::Calling { future: call.forward(identity) },
                    }
                }
                StateProj::Calling { future } => return future.poll(cx),
                StateProj::Identified { future, identity } => {
                    let mut response = ready!(future.poll(cx))?;
                    identify_response(response.extensions_mut(), identity.take());
                    return Poll::Ready(Ok(response));
                }
                StateProj::Refused { rejection, messages } => {
                    return Poll::Ready(Ok(status::response(rejection, *messages)));
                }
            };
            state.set(next);
        }
    }
}

impl<S: Clone, B> Call<S, B> {
    /// Lets other calls use the inner service's reservation while a port is slow.
    fn wait<T>(call: &mut Option<Self>) -> Poll<T> {
        call.iter_mut().for_each(|call| call.inner.release());
        Poll::Pending
    }
}

impl<S, B> Call<S, B> {
    /// The call as the verifier sees it.
    fn token_request(&self) -> TokenRequest<'_> {
        self.notes.on(metadata::token_request(&self.form, &self.parts))
    }

    /// While the inner service was waited for, the assertion may have expired, or its client may
    /// have been deleted.
    fn decide_again<F>(self, identity: &ClientIdentity) -> State<S, F, B> {
        let progress = self.options.verifier.decide_again(&self.token_request(), identity);
        self.advance(progress)
    }

    /// Calls the inner service, which must be ready.
    fn forward(mut self, identity: ClientIdentity) -> S::Future
    where
        S: Service<Request<B>>,
    {
        self.options.verifier.report_passed(Some(&identity), || self.notes.info(Endpoint::Other));
        identify(&mut self.parts.extensions, Some(identity));
        metadata::mark_sensitive(&mut self.parts.headers);
        self.inner.call(Request::from_parts(self.parts, self.body))
    }

    fn advance<F>(self, progress: Progress) -> State<S, F, B> {
        let messages = self.options.settings.messages;
        match progress {
            Progress::Waiting(waiting) => State::Verifying { call: Some(self), waiting },
            Progress::Done(Ok(Some(identity))) => State::AwaitingInner { call: Some((self, identity)) },
            Progress::Done(Ok(None)) => {
                State::Refused { rejection: ClientFault::NoAuthentication(None).into(), messages }
            }
            Progress::Done(Err(rejection)) => State::Refused { rejection, messages },
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
