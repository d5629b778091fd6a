//! The way of one request: read the body, verify it, then call the inner service or answer in its place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Guard;
use super::body::BufferedBody;
use super::body_mode::BodyMode;
use super::collect::Collector;
use super::head::{self, Declared};
use super::readied::Readied;
use crate::identity::ClientIdentity;
use crate::rejection::Rejection;
use crate::verifier::{Answered, Progress, Waiting};

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
        // The head is large, and stays where it is while the steps change.
        Guarded { token: Option<Token<S>>, #[pin] step: Step<B> },
        Calling { #[pin] future: F },
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<B> {
        Reading { #[pin] body: B, collector: Collector },
        // Boxed, since it is large, and most requests wait for nothing.
        Verifying { body: BufferedBody, waiting: Box<Waiting> },
        Entering { body: BufferedBody },
        Refused { rejection: Rejection },
    }
}

/// A guarded request without its body, and the service that it is for.
struct Token<S> {
    guard: Arc<Guard>,
    inner: Readied<S>,
    parts: Parts,
    declared: Declared,
    /// Whether the body was at its end when it came.
    came_empty: bool,
}

impl<S, F, B, M> ResponseFuture<S, F, B, M> {
    pub(crate) fn passed(future: F, mode: M) -> Self {
        Self { state: State::Calling { future }, mode }
    }

    pub(crate) fn guarded(guard: Arc<Guard>, inner: Readied<S>, request: Request<B>, mode: M) -> Self
    where
        B: Body,
    {
        let (parts, body) = request.into_parts();
        let declared = Declared::by(&parts.headers);
        let came_empty = body.is_end_stream();
        let step = match head::check(&parts.method, &declared, guard.body_limit) {
            Ok(()) => Step::Reading { body, collector: Collector::default() },
            Err(fault) => Step::refused_unread(&guard, fault.into()),
        };
        let token = Some(Token { guard, inner, parts, declared, came_empty });
        Self { state: State::Guarded { token, step }, mode }
    }
}

impl<B> Step<B> {
    fn refused_unread(guard: &Guard, rejection: Rejection) -> Self {
        guard.verifier.report_unread(&rejection);
        Self::Refused { rejection }
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
            let (guarded, mut step) = match state.as_mut().project() {
                StateProj::Guarded { token, step } => (token, step),
                StateProj::Calling { future } => {
                    let inner = |body| <M as BodyMode<RB>>::inner(mode, body);
                    return future.poll(cx).map_ok(|response| response.map(inner));
                }
            };
            // Gone only after completion, when nobody may ask.
            let Some(token) = guarded else { return Poll::Pending };
            let next = match step.as_mut().project() {
                StepProj::Reading { body, collector } => {
                    let Poll::Ready(read) = collector.poll(body, &token.guard, cx) else { return token.wait() };
                    token.verify(read)
                }
                StepProj::Verifying { body, waiting } => {
                    let Poll::Ready(answered) = waiting.poll(cx) else { return token.wait() };
                    token.resume(std::mem::take(body), answered)
                }
                StepProj::Entering { body } => {
                    ready!(token.inner.poll_ready(cx))?;
                    let Some(Token { inner, parts, .. }) = guarded.take() else { return Poll::Pending };
                    let body = <M as BodyMode<B>>::rebuilt(mode, std::mem::take(body));
                    state.set(State::Calling { future: inner.call(Request::from_parts(parts, body)) });
                    continue;
                }
                StepProj::Refused { rejection } => {
                    let response = token.guard.refuse(rejection, token.parts.version);
                    *guarded = None;
                    return Poll::Ready(Ok(response.map(|bytes| <M as BodyMode<RB>>::generated(mode, bytes))));
                }
            };
            step.set(next);
        }
    }
}

impl<S: Clone> Token<S> {
    /// While a body or a port is slow, others may have what the inner service reserved.
    fn wait<T>(&mut self) -> Poll<T> {
        self.inner.release();
        Poll::Pending
    }
}

impl<S> Token<S> {
    fn verify<B>(&mut self, read: Result<BufferedBody, Rejection>) -> Step<B> {
        let body = match read.and_then(|body| self.complete(body)) {
            Ok(body) => body,
            Err(rejection) => return Step::refused_unread(&self.guard, rejection),
        };
        let request = head::token_request(&self.guard, &self.parts, &self.declared, &body.data);
        let progress = self.guard.verifier.start(&request);
        self.go_on(body, progress)
    }

    fn complete(&self, body: BufferedBody) -> Result<BufferedBody, Rejection> {
        head::check_complete(&self.declared, self.came_empty, &body.data)?;
        Ok(body)
    }

    fn resume<B>(&mut self, body: BufferedBody, answered: Answered) -> Step<B> {
        let request = head::token_request(&self.guard, &self.parts, &self.declared, &body.data);
        let progress = self.guard.verifier.resume(&request, answered);
        self.go_on(body, progress)
    }

    fn go_on<B>(&mut self, body: BufferedBody, progress: Progress) -> Step<B> {
        match progress {
            Progress::Waiting(waiting) => Step::Verifying { body, waiting: Box::new(waiting) },
            Progress::Done(Ok(identity)) => self.enter(body, identity),
            Progress::Done(Err(rejection)) => Step::Refused { rejection },
        }
    }

    fn enter<B>(&mut self, body: BufferedBody, identity: Option<ClientIdentity>) -> Step<B> {
        head::describe_buffered(&mut self.parts.headers, &self.declared, body.data.len());
        head::identify(&mut self.parts.extensions, identity);
        Step::Entering { body }
    }
}

impl<S, F, B, M> std::fmt::Debug for ResponseFuture<S, F, B, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
