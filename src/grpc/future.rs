//! The way of one call: verify its metadata, then call the inner service or answer in its place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{form, hide, status, token_request};
use crate::layer::head;
use crate::layer::readied::Readied;
use crate::rejection::{ClientFault, Rejection};
use crate::verifier::{Progress, Verifier, Waiting};

pin_project! {
    /// The response of a [`GrpcAssertion`](super::GrpcAssertion), in the making.
    ///
    /// Dropping it drops the call, whatever it was waiting for.
    pub struct ResponseFuture<S, F, B> {
        #[pin]
        state: State<S, F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Starting { call: Option<Call<S, B>> },
        Verifying { call: Option<Call<S, B>>, waiting: Waiting },
        Entering { call: Option<Call<S, B>> },
        Calling { #[pin] future: F },
        Refused { rejection: Rejection },
    }
}

struct Call<S, B> {
    verifier: Arc<Verifier>,
    inner: Readied<S>,
    parts: Parts,
    body: B,
    form: String,
}

impl<S, F, B> ResponseFuture<S, F, B> {
    pub(super) fn new(verifier: Arc<Verifier>, inner: Readied<S>, request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        let form = form(&parts);
        Self { state: State::Starting { call: Some(Call { verifier, inner, parts, body, form }) } }
    }
}

impl<S, B, RB> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    RB: Default,
{
    type Output = Result<Response<RB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // A call is gone only after completion, when nobody may ask.
                StateProj::Starting { call } => {
                    let Some(call) = call.take() else { return Poll::Pending };
                    let progress = call.verifier.start(&token_request(&call.form, &call.parts));
                    call.go_on(progress)
                }
                StateProj::Verifying { call, waiting } => {
                    let Poll::Ready(answered) = waiting.poll(cx) else { return Call::wait(call) };
                    let Some(call) = call.take() else { return Poll::Pending };
                    let progress = call.verifier.resume(&token_request(&call.form, &call.parts), answered);
                    call.go_on(progress)
                }
                StateProj::Entering { call } => {
                    let Some(waiting) = call else { return Poll::Pending };
                    ready!(waiting.inner.poll_ready(cx))?;
                    let Some(Call { inner, parts, body, .. }) = call.take() else { return Poll::Pending };
                    State::Calling { future: inner.call(Request::from_parts(parts, body)) }
                }
                StateProj::Calling { future } => return future.poll(cx),
                StateProj::Refused { rejection } => return Poll::Ready(Ok(status::response(rejection))),
            };
            state.set(next);
        }
    }
}

impl<S: Clone, B> Call<S, B> {
    /// While a port is slow, others may have what the inner service reserved.
    fn wait<T>(call: &mut Option<Self>) -> Poll<T> {
        call.iter_mut().for_each(|call| call.inner.release());
        Poll::Pending
    }
}

impl<S, B> Call<S, B> {
    fn go_on<F>(mut self, progress: Progress) -> State<S, F, B> {
        match progress {
            Progress::Waiting(waiting) => State::Verifying { call: Some(self), waiting },
            Progress::Done(Ok(Some(identity))) => {
                head::identify(&mut self.parts.extensions, Some(identity));
                hide(&mut self.parts.headers);
                State::Entering { call: Some(self) }
            }
            Progress::Done(Ok(None)) => State::Refused { rejection: ClientFault::NoAuthentication(None).into() },
            Progress::Done(Err(rejection)) => State::Refused { rejection },
        }
    }
}

impl<S, F, B> std::fmt::Debug for ResponseFuture<S, F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
