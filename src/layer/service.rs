//! The service: which requests are guarded, and which inner service they will meet.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::Guard;
use super::body_mode::{BodyMode, WrappedBodies};
use super::future::ResponseFuture;
use super::readied::Readied;

/// A service behind client authentication. Made by a [`ClientAssertionLayer`](crate::ClientAssertionLayer).
///
/// Requests that it does not guard reach the inner service untouched and at once. Its readiness and its error are the inner
/// service's own: a refusal is a response.
///
/// Whatever the inner service reserved when it was found ready, a permit of a `ConcurrencyLimit` say, is given back as soon
/// as a request has to be waited for, and asked for again once its client is authenticated: clients that send slowly hold
/// nothing. See [the order of layers](crate::manual::layers).
#[derive(Clone)]
#[must_use]
pub struct ClientAssertion<S, M = WrappedBodies> {
    inner: S,
    guard: Arc<Guard>,
    mode: M,
}

impl<S, M> ClientAssertion<S, M> {
    pub(crate) fn new(inner: S, guard: Arc<Guard>, mode: M) -> Self {
        Self { inner, guard, mode }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, without its guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, M, B, RB> Service<Request<B>> for ClientAssertion<S, M>
where
    B: Body<Data = Bytes>,
    M: BodyMode<B> + BodyMode<RB>,
    S: Service<Request<<M as BodyMode<B>>::Request>, Response = Response<RB>> + Clone,
{
    type Response = Response<<M as BodyMode<RB>>::Response>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, B, M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (guard, mode) = (&self.guard, self.mode.clone());
        if !guard.covers(request.uri().path()) {
            let request = request.map(|body| <M as BodyMode<B>>::untouched(&mode, body));
            return ResponseFuture::passed(self.inner.call(request), mode);
        }
        // Taken even if it is not going to be called: what it reserved must not outlast the request.
        let inner = Readied::take(&mut self.inner);
        ResponseFuture::guarded(Arc::clone(guard), inner, request, mode)
    }
}

impl<S: std::fmt::Debug, M> std::fmt::Debug for ClientAssertion<S, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAssertion").field("inner", &self.inner).field("guard", &self.guard).finish()
    }
}
