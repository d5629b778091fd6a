//! The way of one request: read the body, verify it, then call the inner service or answer in its place.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::{BodyMode, BufferedBody, Collector};
use crate::head;
use crate::identity::ClientIdentity;
use crate::layer::Guard;
use crate::rejection::Rejection;
use crate::verifier::{Progress, Waiting};

pin_project! {
    /// The response of a [`ClientAssertion`](crate::ClientAssertion), in the making.
    ///
    /// Dropping it drops the request, whatever it was waiting for.
    pub struct ResponseFuture<S, F, B, M> {
        #[pin]
        state: State<S, F, B>,
        mode: PhantomData<fn() -> M>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Reading { token: Option<Token<S>>, #[pin] body: B, collector: Collector },
        Verifying { token: Option<Token<S>>, body: BufferedBody, waiting: Waiting },
        Calling { #[pin] future: F },
        Refused { guard: Arc<Guard>, rejection: Rejection, version: Version },
    }
}

/// A guarded request without its body, and the ready service that it is for.
struct Token<S> {
    guard: Arc<Guard>,
    service: S,
    parts: Parts,
}

impl<S, F, B, M> ResponseFuture<S, F, B, M> {
    fn new(state: State<S, F, B>) -> Self {
        Self { state, mode: PhantomData }
    }

    pub(crate) fn passed(future: F) -> Self {
        Self::new(State::Calling { future })
    }

    pub(crate) fn refused(guard: Arc<Guard>, rejection: Rejection, version: Version) -> Self {
        guard.verifier.report_unread(&rejection);
        Self::new(State::Refused { guard, rejection, version })
    }

    pub(crate) fn reading(guard: Arc<Guard>, service: S, parts: Parts, body: B) -> Self {
        let collector = Collector::new(guard.body_limit, guard.body_timeout);
        Self::new(State::Reading { token: Some(Token { guard, service, parts }), body, collector })
    }
}

impl<S, B, M, RB> Future for ResponseFuture<S, S::Future, B, M>
where
    B: Body<Data = Bytes>,
    M: BodyMode<B> + BodyMode<RB>,
    S: Service<Request<<M as BodyMode<B>>::Request>, Response = Response<RB>>,
{
    type Output = Result<Response<<M as BodyMode<RB>>::Response>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Reading { token, body, collector } => {
                    let read = ready!(collector.poll(body, cx));
                    // Gone only after completion, when nobody may ask.
                    let Some(token) = token.take() else { return Poll::Pending };
                    match read {
                        Ok(body) => token.verify::<B, M>(body),
                        Err(rejection) => token.refuse_unread(rejection),
                    }
                }
                StateProj::Verifying { token, body, waiting } => {
                    let answered = ready!(waiting.poll(cx));
                    let Some(token) = token.take() else { return Poll::Pending };
                    let body = std::mem::take(body);
                    let request = head::token_request(&token.guard, &token.parts, &body.data);
                    let progress = token.guard.verifier.resume(&request, answered);
                    token.go_on::<B, M>(body, progress)
                }
                StateProj::Calling { future } => {
                    return future.poll(cx).map_ok(|response| response.map(<M as BodyMode<RB>>::inner));
                }
                StateProj::Refused { guard, rejection, version } => {
                    let response = guard.refuse(rejection, *version);
                    return Poll::Ready(Ok(response.map(<M as BodyMode<RB>>::generated)));
                }
            };
            state.set(next);
        }
    }
}

impl<S> Token<S> {
    fn verify<B, M>(self, body: BufferedBody) -> State<S, S::Future, B>
    where
        M: BodyMode<B>,
        S: Service<Request<M::Request>>,
    {
        let request = head::token_request(&self.guard, &self.parts, &body.data);
        let progress = self.guard.verifier.start(&request);
        self.go_on::<B, M>(body, progress)
    }

    fn go_on<B, M>(self, body: BufferedBody, progress: Progress) -> State<S, S::Future, B>
    where
        M: BodyMode<B>,
        S: Service<Request<M::Request>>,
    {
        match progress {
            Progress::Waiting(waiting) => State::Verifying { token: Some(self), body, waiting },
            Progress::Done(Ok(identity)) => State::Calling { future: self.call::<B, M>(body, identity) },
            Progress::Done(Err(rejection)) => self.refuse(rejection),
        }
    }

    fn call<B, M>(mut self, body: BufferedBody, identity: Option<ClientIdentity>) -> S::Future
    where
        M: BodyMode<B>,
        S: Service<Request<M::Request>>,
    {
        head::describe_buffered(&mut self.parts.headers, body.data.len());
        if let Some(identity) = identity {
            self.parts.extensions.insert(identity);
        }
        self.service.call(Request::from_parts(self.parts, M::rebuilt(body)))
    }

    fn refuse_unread<F, B>(self, rejection: Rejection) -> State<S, F, B> {
        self.guard.verifier.report_unread(&rejection);
        self.refuse(rejection)
    }

    fn refuse<F, B>(self, rejection: Rejection) -> State<S, F, B> {
        State::Refused { guard: self.guard, rejection, version: self.parts.version }
    }
}

impl<S, F, B, M> std::fmt::Debug for ResponseFuture<S, F, B, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
