//! Client authentication in front of gRPC services: the assertion travels in the metadata of each
//! call.
//!
//! A call has no form. The two parameters that a form would carry are metadata instead:
//! `client-assertion-type` and `client-assertion`. One [`Verifier`] can judge both, by the same
//! rules, and an assertion that was used in one place is spent in the other. Messages pass
//! untouched in both directions, streaming or not.
//!
//! An assertion with a `jti` is valid for one call. The client signs a new one for each call, and
//! for each retry.
//!
//! This module depends on no gRPC framework. tonic needs to know a service's name, so use
//! `named_layer` there:
//!
//! ```
//! use tonic::{service::LayerExt as _, transport::Server};
//! use tower_client_assertion::Verifier;
//! use tower_client_assertion::grpc::GrpcAssertionLayer;
//!
//! # async fn serve(verifier: Verifier) {
//! let (_, health) = tonic_health::server::health_reporter();
//! let layer = GrpcAssertionLayer::new(verifier);
//! let router = Server::builder().add_service(layer.named_layer(health));
//! # let _ = router;
//! # }
//! ```
//!
//! A handler finds the [`ClientIdentity`](crate::ClientIdentity) in `request.extensions()`. A
//! refused call is answered with a gRPC status and, unless the layer is
//! [opaque](GrpcAssertionLayer::opaque), a message; renderers are not consulted:
//!
//! | status | when |
//! |---|---|
//! | `UNAUTHENTICATED` | there is no assertion, or it does not authenticate a client |
//! | `INVALID_ARGUMENT` | the metadata are malformed: one of the two is missing, repeated, or of an unsupported type |
//! | `UNAVAILABLE` | the server cannot decide; the same call may succeed later |
//! | `RESOURCE_EXHAUSTED` | too many signatures are being [checked](crate::overload) for this client, or it has too many [unexpired assertions](crate::rejection::ServerFault::ClientQuota) |
//! | `INTERNAL` | the server is misconfigured, see [`ServerFault`](crate::rejection::ServerFault) |
//!
//! Metadata are HTTP headers. Servers limit their total size (hyper: 16 KiB), and anything that
//! logs headers logs them too. This layer marks them as sensitive in the handler's request; outside
//! of it, use `SetSensitiveRequestHeadersLayer`.

mod future;
mod metadata;
mod status;

use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::event::Correlation;
use crate::layer::{Correlate, ReadyInner, inner_accessors};
use crate::verifier::Verifier;

pub use future::ResponseFuture;
pub(crate) use status::Messages;
#[cfg(test)]
pub(crate) use status::response;

/// Puts client authentication in front of a gRPC service. See the [module](self).
///
/// Cloning the layer is cheap.
#[derive(Clone, Debug)]
#[must_use]
pub struct GrpcAssertionLayer {
    options: Arc<Options>,
}

/// What all services of one layer share.
#[derive(Clone, Debug)]
struct Options {
    verifier: Arc<Verifier>,
    messages: Messages,
    correlate: Option<Correlate>,
    identify_responses: bool,
}

impl GrpcAssertionLayer {
    /// Creates a layer that guards every call of the service. Grant types are not checked.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self {
            options: Arc::new(Options {
                verifier: verifier.into(),
                messages: Messages::Sent,
                correlate: None,
                identify_responses: false,
            }),
        }
    }

    /// Answers refused calls with their status and no message, like
    /// [`render::Opaque`](crate::render::Opaque). Use it where even a hint about a client's
    /// registration is too much. The reason is in the [events](crate::event) and in the
    /// [`Rejection`](crate::Rejection) in the response's extensions. Default: with a message.
    ///
    /// ```
    /// use tower_client_assertion::Verifier;
    /// use tower_client_assertion::grpc::GrpcAssertionLayer;
    ///
    /// fn layer(verifier: Verifier) -> GrpcAssertionLayer {
    ///     GrpcAssertionLayer::new(verifier).opaque()
    /// }
    /// ```
    pub fn opaque(self) -> Self {
        self.with(|options| options.messages = Messages::Withheld)
    }

    /// Sets how other logs know a call, like
    /// [`ClientAssertionLayer::correlate`](crate::ClientAssertionLayer::correlate), whose rules
    /// hold here too. Default: none, at no cost.
    pub fn correlate(self, find: impl Fn(&Parts) -> Option<Correlation> + Send + Sync + 'static) -> Self {
        self.with(|options| options.correlate = Some(Correlate::new(find)))
    }

    /// Puts the [`ClientIdentity`](crate::ClientIdentity) also into the extensions of responses,
    /// like [`ClientAssertionLayer::identify_responses`][1]. Default: only requests have it.
    ///
    /// [1]: crate::ClientAssertionLayer::identify_responses
    pub fn identify_responses(self) -> Self {
        self.with(|options| options.identify_responses = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl<S> Layer<S> for GrpcAssertionLayer {
    type Service = GrpcAssertion<S>;

    fn layer(&self, inner: S) -> GrpcAssertion<S> {
        GrpcAssertion { inner, options: Arc::clone(&self.options) }
    }
}

/// A gRPC service behind client authentication. Created by [`GrpcAssertionLayer`].
///
/// Like [`ClientAssertion`](crate::ClientAssertion), it gives the inner service's reservation back
/// while a call has to wait.
#[derive(Clone, Debug)]
#[must_use]
pub struct GrpcAssertion<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S> GrpcAssertion<S> {
    inner_accessors!();
}

impl<S, B, RB> Service<Request<B>> for GrpcAssertion<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    RB: Default,
{
    type Response = Response<RB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = ReadyInner::take(&mut self.inner);
        ResponseFuture::new(Arc::clone(&self.options), inner, request)
    }
}
