//! The service: which requests are guarded, and which inner service they get.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::accessors::inner_accessors;
use super::body_mode::{BodyMode, WrappedBodies};
use super::future::ResponseFuture;
use super::options::{Choosing, Judges, LayerOptions, Settings};
use super::ready_inner::ReadyInner;
use super::refusal;

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
    judges: Judges,
    mode: M,
}

impl<S, M> ClientAssertion<S, M> {
    pub(super) fn new(inner: S, judges: Judges, mode: M) -> Self {
        Self { inner, judges, mode }
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
        let mode = self.mode.clone();
        if !self.judges.settings().guards(request.uri().path()) {
            let request = request.map(|body| <M as BodyMode<B>>::untouched(&mode, body));
            return ResponseFuture::passed(self.inner.call(request), mode);
        }
        // Taken even for a request that is about to be refused, so that its reservation is released
        // with it.
        let inner = ReadyInner::take(&mut self.inner);
        let (options, request) = match &self.judges {
            Judges::One(options) => (Arc::clone(options), request),
            Judges::Chosen(choosing) => match choose(choosing, request) {
                Ok(chosen) => chosen,
                Err(response) => return ResponseFuture::answered(response, mode),
            },
        };
        ResponseFuture::guarded(options, inner, request, mode)
    }
}

/// A request, and what applies to it with its verifier.
type Chosen<B> = (Arc<LayerOptions>, Request<B>);

/// Finds the verifier of a request. Without one, returns the response, for which nothing of the
/// body is read.
#[inline(never)]
fn choose<B>(choosing: &Choosing, request: Request<B>) -> Result<Chosen<B>, Box<Response<Bytes>>> {
    let (parts, body) = request.into_parts();
    match choosing.options(&parts) {
        Some(options) => Ok((options, Request::from_parts(parts, body))),
        None => Err(Box::new(refuse_unknown(choosing, &parts))),
    }
}

pub(super) fn refuse_unknown(choosing: &Choosing, parts: &Parts) -> Response<Bytes> {
    let Settings { endpoint, correlate, .. } = &choosing.settings;
    let rejection = choosing.choice.refuse(parts, *endpoint, correlate.as_ref());
    refusal::response(choosing.responses(), &rejection, parts.version)
}

impl<S: fmt::Debug, M> fmt::Debug for ClientAssertion<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion").field("inner", &self.inner).field("options", &self.judges).finish()
    }
}
