//! The future of one request. It reads and verifies the body, then calls the inner service or
//! refuses the request.

use std::fmt;
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

use super::body::BufferedBody;
use super::body_mode::{BodyMode, WrappedBodies};
use super::collect::Collector;
use super::correlate::EventNotes;
use super::credentials::with_other_credentials;
use super::headers::DeclaredHeaders;
use super::options::{LayerOptions, Settings};
use super::ready_inner::ReadyInner;
use super::{findings, forward, head, refusal};
use crate::identity::ClientIdentity;
use crate::rejection::Rejection;
use crate::verifier::{PortAnswer, Progress, TokenRequest, Waiting};

pin_project! {
    /// The response future of a [`ClientAssertion`](crate::ClientAssertion).
    ///
    /// Dropping it drops the request, no matter which step it is waiting for.
    ///
    /// It must not be polled again after it has completed. If it is, and the layer had refused the
    /// request, it returns `Poll::Pending` and never wakes the task; otherwise the inner service
    /// decides what happens.
    pub struct ResponseFuture<S, B, M = WrappedBodies>
    where
        S: Service<Request<<M as BodyMode<B>>::Request>>,
        M: BodyMode<B>,
    {
        #[pin]
        state: State<S, S::Future, B>,
        mode: M,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        // The head is large, so it stays in place while the steps change.
        Guarded { request: Option<GuardedRequest<S>>, #[pin] step: Step<B> },
        Calling { #[pin] future: F },
        // The response gets the identity as well.
        Identified { #[pin] future: F, identity: Option<Box<ClientIdentity>> },
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<B> {
        // Without a collector, the head has not been checked yet.
        Reading { #[pin] body: B, collector: Option<Collector> },
        Verifying { body: BufferedBody, waiting: Box<Waiting> },
        // The identity is absent for a request without an assertion.
        AwaitingInner { body: BufferedBody, identity: Option<ClientIdentity> },
        Refused { rejection: Rejection },
        // Of a request for which no verifier was found, and which is not kept. Taken on completion.
        Answered { response: Option<Box<Response<Bytes>>> },
    }
}

/// A guarded request without its body, and the inner service that will get it.
struct GuardedRequest<S> {
    options: Arc<LayerOptions>,
    inner: ReadyInner<S>,
    parts: Parts,
    headers: DeclaredHeaders,
    notes: EventNotes,
    /// Whether the body was at its end before anything was read from it.
    arrived_empty: bool,
}

impl<S, B, M> ResponseFuture<S, B, M>
where
    S: Service<Request<<M as BodyMode<B>>::Request>>,
    M: BodyMode<B>,
{
    /// The response to a request that is not guarded.
    pub(super) fn passed(future: S::Future, mode: M) -> Self {
        Self { state: State::Calling { future }, mode }
    }

    /// The response to a request for which there is no verifier.
    #[cold]
    pub(super) fn answered(response: Box<Response<Bytes>>, mode: M) -> Self {
        let step = Step::Answered { response: Some(response) };
        Self { state: State::Guarded { request: None, step }, mode }
    }

    /// The response to a guarded request. Its head is checked when it is first polled: it is large,
    /// and no longer moves then.
    pub(super) fn guarded(options: Arc<LayerOptions>, inner: ReadyInner<S>, request: Request<B>, mode: M) -> Self {
        let (parts, body) = request.into_parts();
        let request = Some(GuardedRequest::new(options, inner, parts));
        Self { state: State::Guarded { request, step: Step::Reading { body, collector: None } }, mode }
    }
}

impl<B> Step<B> {
    /// The refusal of a request whose form was not read.
    fn refused_unread(
        rejection: Rejection,
        parts: &Parts,
        headers: &DeclaredHeaders,
        options: &LayerOptions,
        notes: &EventNotes,
    ) -> Self {
        let finding = || findings::finding(&rejection, parts, headers, options);
        options.verifier.report_unread(&rejection, || notes.info(options.settings.endpoint), finding);
        Self::Refused { rejection }
    }

    /// Returns the response to a request that is not kept, once. After that the future has
    /// completed.
    #[cold]
    #[inline(never)]
    fn poll_answered<M, RB, E>(
        self: Pin<&mut Self>,
        mode: &M,
    ) -> Poll<Result<Response<<M as BodyMode<RB>>::Response>, E>>
    where
        M: BodyMode<RB>,
    {
        let StepProj::Answered { response } = self.project() else { return Poll::Pending };
        let Some(response) = response.take() else { return Poll::Pending };
        Poll::Ready(Ok(response.map(|bytes| <M as BodyMode<RB>>::generated(mode, bytes))))
    }
}

impl<S, B, M, RB> Future for ResponseFuture<S, B, M>
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
                StateProj::Guarded { request, step } => (request, step),
                StateProj::Identified { future, identity } => return poll_identified(future, identity, mode, cx),
                StateProj::Calling { future } => {
                    let inner = |body| <M as BodyMode<RB>>::inner(mode, body);
                    return future.poll(cx).map_ok(|response| response.map(inner));
                }
            };
            let Some(request) = guarded else { return step.poll_answered::<M, RB, _>(mode) };
            let next = match step.as_mut().project() {
                StepProj::Reading { body, collector } => {
                    let Poll::Ready(next) = request.read(body, collector, cx) else { return request.wait() };
                    next
                }
                StepProj::Verifying { body, waiting } => {
                    let Poll::Ready(answer) = waiting.poll(cx) else { return request.wait() };
                    request.resume(std::mem::take(body), answer)
                }
                StepProj::AwaitingInner { body, identity } => {
                    if !request.inner.is_ready() {
                        ready!(request.inner.poll_ready(cx))?;
                        if let Some(identity) = identity.as_ref().filter(|_| request.inner.has_waited()) {
                            let progress = request.decide_again(body, identity);
                            let next = request.advance(std::mem::take(body), progress);
                            step.set(next);
                            continue;
                        }
                    }
                    let identified = request.identified(identity.as_ref());
                    request.forward(body, identity.take());
                    let Some(GuardedRequest { inner, parts, .. }) = guarded.take() else { return Poll::Pending };
                    let body = <M as BodyMode<B>>::rebuilt(mode, std::mem::take(body));
                    let future = inner.call(Request::from_parts(parts, body));
                    state.set(match identified {
                        None => State::Calling { future },
                        identity => State::Identified { future, identity },
                    });
                    continue;
                }
                StepProj::Refused { rejection } => {
                    let response = refusal::response(&request.options.responses, rejection, request.parts.version);
                    *guarded = None;
                    return Poll::Ready(Ok(response.map(|bytes| <M as BodyMode<RB>>::generated(mode, bytes))));
                }
                StepProj::Answered { .. } => return step.poll_answered::<M, RB, _>(mode),
            };
            step.set(next);
        }
    }
}

/// Polls the inner service, whose response gets the identity. Out of line, since most layers do not
/// identify responses.
#[cold]
#[inline(never)]
fn poll_identified<F, M, RB, E>(
    future: Pin<&mut F>,
    identity: &mut Option<Box<ClientIdentity>>,
    mode: &M,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<<M as BodyMode<RB>>::Response>, E>>
where
    F: Future<Output = Result<Response<RB>, E>>,
    M: BodyMode<RB>,
{
    let mut response = ready!(future.poll(cx))?;
    forward::identify_response(response.extensions_mut(), identity.take().map(|identity| *identity));
    Poll::Ready(Ok(response.map(|body| <M as BodyMode<RB>>::inner(mode, body))))
}

impl<S: Clone> GuardedRequest<S> {
    /// Lets other requests use the inner service's reservation while a body or a port is slow.
    fn wait<T>(&mut self) -> Poll<T> {
        self.inner.release();
        Poll::Pending
    }
}

impl<S> GuardedRequest<S> {
    fn new(options: Arc<LayerOptions>, inner: ReadyInner<S>, parts: Parts) -> Self {
        let (headers, notes) = (DeclaredHeaders::default(), EventNotes::default());
        Self { options, inner, parts, headers, notes, arrived_empty: false }
    }

    /// Returns the refusal of a request whose head does not permit to read its body.
    fn check_head<B: Body>(&mut self, body: &B) -> Option<Step<B>> {
        let Self { options, parts, .. } = self;
        self.headers = DeclaredHeaders::read(&parts.headers);
        self.arrived_empty = body.is_end_stream();
        self.notes = EventNotes::take(&options.verifier, options.settings.correlate.as_ref(), parts);
        let Err(fault) = head::check(&parts.method, &self.headers, options.settings.body_limit) else {
            self.notes.enter_body();
            return None;
        };
        Some(Step::refused_unread(fault.into(), parts, &self.headers, options, &self.notes))
    }

    /// Reads the body and verifies it, or returns a refusal.
    fn read<B>(&mut self, body: Pin<&mut B>, collector: &mut Option<Collector>, cx: &mut Context<'_>) -> Poll<Step<B>>
    where
        B: Body<Data = Bytes>,
    {
        if collector.is_none()
            && let Some(refused) = self.check_head(&*body)
        {
            return Poll::Ready(refused);
        }
        let Settings { body_limit, body_timeout, .. } = self.options.settings;
        let read = ready!(collector.get_or_insert_default().poll(body, body_limit, body_timeout, cx));
        Poll::Ready(self.verify(read))
    }

    fn verify<B>(&self, read: Result<BufferedBody, Rejection>) -> Step<B> {
        let body = match read.and_then(|body| self.complete(body)) {
            Ok(body) => body,
            Err(rejection) => {
                return Step::refused_unread(rejection, &self.parts, &self.headers, &self.options, &self.notes);
            }
        };
        self.notes.leave_body();
        let progress = self.options.verifier.start(&self.token_request(&body.data));
        self.advance(body, progress)
    }

    fn complete(&self, body: BufferedBody) -> Result<BufferedBody, Rejection> {
        head::check_complete(&self.headers, self.arrived_empty, &body.data)?;
        Ok(body)
    }

    fn resume<B>(&self, body: BufferedBody, answer: PortAnswer) -> Step<B> {
        let progress = self.options.verifier.resume(&self.token_request(&body.data), answer);
        self.advance(body, progress)
    }

    /// While the inner service was waited for, the assertion may have expired, or its client may
    /// have been deleted.
    fn decide_again(&self, body: &BufferedBody, identity: &ClientIdentity) -> Progress {
        self.options.verifier.decide_again(&self.token_request(&body.data), identity)
    }

    /// The request as the verifier sees it.
    fn token_request<'a>(&'a self, body: &'a [u8]) -> TokenRequest<'a> {
        let Settings { endpoint, optional, .. } = self.options.settings;
        let request = TokenRequest::new(body).with_endpoint(endpoint).with_optional(optional);
        with_other_credentials(self.notes.on(request), &self.parts, &self.headers)
    }

    fn advance<B>(&self, body: BufferedBody, progress: Progress) -> Step<B> {
        match progress {
            Progress::Waiting(waiting) => Step::Verifying { body, waiting },
            Progress::Done(Ok(identity)) => Step::AwaitingInner { body, identity },
            Progress::Done(Err(rejection)) => Step::Refused { rejection },
        }
    }

    /// Returns the identity for the response, if responses get one.
    fn identified(&self, identity: Option<&ClientIdentity>) -> Option<Box<ClientIdentity>> {
        let identity = identity.filter(|_| self.options.settings.identify_responses)?;
        Some(Box::new(identity.clone()))
    }

    /// Prepares the head for the inner service, which is called next.
    fn forward(&mut self, body: &BufferedBody, identity: Option<ClientIdentity>) {
        let info = || self.notes.info(self.options.settings.endpoint);
        self.options.verifier.report_passed(identity.as_ref(), info);
        forward::describe_buffered(&mut self.parts.headers, &self.headers, body.data.len());
        forward::identify(&mut self.parts.extensions, identity);
    }
}

impl<S, B, M> fmt::Debug for ResponseFuture<S, B, M>
where
    S: Service<Request<<M as BodyMode<B>>::Request>>,
    M: BodyMode<B>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
