//! The way of one request: read the body, verify it, then call the inner service or answer in its place.

use std::future::Future;
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
use crate::readied::Readied;
use crate::rejection::Rejection;
use crate::verifier::{Progress, Waiting};

pin_project! {
    /// The response of a [`ClientAssertion`](crate::ClientAssertion), in the making.
    ///
    /// Dropping it drops the request, whatever it was waiting for.
    pub struct ResponseFuture<S, F, B, M> {
        #[pin]
        state: State<S, F, B>,
        mode: M,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Reading { token: Option<Token<S>>, #[pin] body: B, collector: Collector },
        Verifying { token: Option<Token<S>>, body: BufferedBody, waiting: Waiting },
        Entering { token: Option<Token<S>>, body: BufferedBody },
        Calling { #[pin] future: F },
        Refused { guard: Arc<Guard>, rejection: Rejection, version: Version },
    }
}

/// A guarded request without its body, and the service that it is for.
struct Token<S> {
    guard: Arc<Guard>,
    inner: Readied<S>,
    parts: Parts,
    /// Whether the body was at its end when it came.
    came_empty: bool,
}

impl<S, F, B, M> ResponseFuture<S, F, B, M> {
    pub(crate) fn passed(future: F, mode: M) -> Self {
        Self { state: State::Calling { future }, mode }
    }

    pub(crate) fn refused(guard: Arc<Guard>, rejection: Rejection, version: Version, mode: M) -> Self {
        guard.verifier.report_unread(&rejection);
        Self { state: State::Refused { guard, rejection, version }, mode }
    }

    pub(crate) fn reading(guard: Arc<Guard>, inner: Readied<S>, parts: Parts, body: B, mode: M) -> Self
    where
        B: Body,
    {
        let collector = Collector::new(guard.body_limit, guard.body_timeout);
        let token = Some(Token { guard, inner, parts, came_empty: body.is_end_stream() });
        Self { state: State::Reading { token, body, collector }, mode }
    }
}

impl<S, B, M, RB> Future for ResponseFuture<S, S::Future, B, M>
where
    B: Body<Data = Bytes>,
    M: BodyMode<B> + BodyMode<RB>,
    S: Service<Request<<M as BodyMode<B>>::Request>, Response = Response<RB>> + Clone,
{
    type Output = Result<Response<<M as BodyMode<RB>>::Response>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, mode) = (this.state, &*this.mode);
        loop {
            let next = match state.as_mut().project() {
                StateProj::Reading { token, body, collector } => {
                    let Poll::Ready(read) = collector.poll(body, cx) else { return Token::wait(token) };
                    // Gone only after completion, when nobody may ask.
                    let Some(token) = token.take() else { return Poll::Pending };
                    match read.and_then(|body| token.complete(body)) {
                        Ok(body) => token.verify(body),
                        Err(rejection) => token.refuse_unread(rejection),
                    }
                }
                StateProj::Verifying { token, body, waiting } => {
                    let Poll::Ready(answered) = waiting.poll(cx) else { return Token::wait(token) };
                    let Some(token) = token.take() else { return Poll::Pending };
                    let body = std::mem::take(body);
                    let request = head::token_request(&token.guard, &token.parts, &body.data);
                    let progress = token.guard.verifier.resume(&request, answered);
                    token.go_on(body, progress)
                }
                StateProj::Entering { token, body } => {
                    let Some(waiting) = token else { return Poll::Pending };
                    ready!(waiting.inner.poll_ready(cx))?;
                    let Some(Token { inner, parts, .. }) = token.take() else { return Poll::Pending };
                    let body = <M as BodyMode<B>>::rebuilt(mode, std::mem::take(body));
                    State::Calling { future: inner.call(Request::from_parts(parts, body)) }
                }
                StateProj::Calling { future } => {
                    let inner = |body| <M as BodyMode<RB>>::inner(mode, body);
                    return future.poll(cx).map_ok(|response| response.map(inner));
                }
                StateProj::Refused { guard, rejection, version } => {
                    let response = guard.refuse(rejection, *version);
                    return Poll::Ready(Ok(response.map(|bytes| <M as BodyMode<RB>>::generated(mode, bytes))));
                }
            };
            state.set(next);
        }
    }
}

impl<S: Clone> Token<S> {
    /// While a body or a port is slow, others may have what the inner service reserved.
    fn wait<T>(token: &mut Option<Self>) -> Poll<T> {
        token.iter_mut().for_each(|token| token.inner.release());
        Poll::Pending
    }
}

impl<S> Token<S> {
    fn complete(&self, body: BufferedBody) -> Result<BufferedBody, Rejection> {
        head::check_complete(&self.parts.headers, self.came_empty, &body.data)?;
        Ok(body)
    }

    fn verify<F, B>(self, body: BufferedBody) -> State<S, F, B> {
        let request = head::token_request(&self.guard, &self.parts, &body.data);
        let progress = self.guard.verifier.start(&request);
        self.go_on(body, progress)
    }

    fn go_on<F, B>(self, body: BufferedBody, progress: Progress) -> State<S, F, B> {
        match progress {
            Progress::Waiting(waiting) => State::Verifying { token: Some(self), body, waiting },
            Progress::Done(Ok(identity)) => self.enter(body, identity),
            Progress::Done(Err(rejection)) => self.refuse(rejection),
        }
    }

    fn enter<F, B>(mut self, body: BufferedBody, identity: Option<ClientIdentity>) -> State<S, F, B> {
        head::describe_buffered(&mut self.parts.headers, body.data.len());
        head::identify(&mut self.parts.extensions, identity);
        State::Entering { token: Some(self), body }
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
