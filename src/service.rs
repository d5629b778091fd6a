//! The service: which requests are guarded, and which inner service they will meet.

use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::{BodyMode, WrappedBodies};
use crate::future::ResponseFuture;
use crate::head;
use crate::identity::ClientIdentity;
use crate::layer::Guard;

/// A service behind client authentication. Made by a [`ClientAssertionLayer`](crate::ClientAssertionLayer).
///
/// Requests that it does not guard reach the inner service untouched and at once. Its readiness and its error are the inner
/// service's own: a refusal is a response.
#[must_use]
pub struct ClientAssertion<S, M = WrappedBodies> {
    inner: S,
    guard: Arc<Guard>,
    mode: PhantomData<fn() -> M>,
}

impl<S, M> ClientAssertion<S, M> {
    pub(crate) fn new(inner: S, guard: Arc<Guard>) -> Self {
        Self { inner, guard, mode: PhantomData }
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
        if !self.guard.covers(request.uri().path()) {
            return ResponseFuture::passed(self.inner.call(request.map(M::untouched)));
        }
        let (mut parts, body) = request.into_parts();
        parts.extensions.remove::<ClientIdentity>();
        if let Err(fault) = head::check(&parts, self.guard.body_limit) {
            return ResponseFuture::refused(Arc::clone(&self.guard), fault.into(), parts.version);
        }
        // It is this instance that was found ready. A clone may not be, so the clone stays and this one goes.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::reading(Arc::clone(&self.guard), ready, parts, body)
    }
}

impl<S: Clone, M> Clone for ClientAssertion<S, M> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.guard))
    }
}

impl<S: std::fmt::Debug, M> std::fmt::Debug for ClientAssertion<S, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAssertion").field("inner", &self.inner).field("guard", &self.guard).finish()
    }
}
