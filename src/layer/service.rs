//! The service: which requests are guarded, and which inner service they get.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::accessors::inner_accessors;
use super::body_mode::{BodyMode, WrappedBodies};
use super::future::ResponseFuture;
use super::options::LayerOptions;
use super::ready_inner::ReadyInner;

/// A service behind client authentication. Created by
/// [`ClientAssertionLayer`](crate::ClientAssertionLayer).
///
/// Requests that are not guarded reach the inner service immediately and untouched. Readiness and
/// errors are those of the inner service: a refusal is a response, not an error.
///
/// When the inner service becomes ready, it may reserve something for the next call, for example a
/// permit of a `ConcurrencyLimit`. If a request has to wait, this service gives the reservation
/// back, and asks for a new one once the client is authenticated. Clients that send slowly
/// therefore hold no reservation. See [the order of layers](crate::manual::layers).
#[derive(Clone)]
#[must_use]
pub struct ClientAssertion<S, M = WrappedBodies> {
    inner: S,
    options: Arc<LayerOptions>,
    mode: M,
}

impl<S, M> ClientAssertion<S, M> {
    pub(super) fn new(inner: S, options: Arc<LayerOptions>, mode: M) -> Self {
        Self { inner, options, mode }
    }

    inner_accessors!();
}

impl<S, M, B, RB> Service<Request<B>> for ClientAssertion<S, M>
where
    B: Body<Data = Bytes>,
    M: BodyMode<B> + BodyMode<RB>,
    S: Service<Request<<M as BodyMode<B>>::Request>, Response = Response<RB>> + Clone,
{
    type Response = Response<<M as BodyMode<RB>>::Response>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (options, mode) = (&self.options, self.mode.clone());
        if !options.guards(request.uri().path()) {
            let request = request.map(|body| <M as BodyMode<B>>::untouched(&mode, body));
            return ResponseFuture::passed(self.inner.call(request), mode);
        }
        // Taken even for a request that is about to be refused, so that its reservation is released
        // with it.
        let inner = ReadyInner::take(&mut self.inner);
        ResponseFuture::guarded(Arc::clone(options), inner, request, mode)
    }
}

impl<S: fmt::Debug, M> fmt::Debug for ClientAssertion<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion").field("inner", &self.inner).field("options", &self.options).finish()
    }
}
