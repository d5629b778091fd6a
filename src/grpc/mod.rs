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
//! | `NOT_FOUND` | the layer [chooses](GrpcAssertionLayer::choose) its verifiers, and has none for this call |
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

use crate::endpoint::Endpoint;
use crate::event::{Correlation, EventSink};
use crate::layer::{Choice, Correlate, ReadyInner, inner_accessors};
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
    judges: Judges,
}

/// Who judges the calls of a layer.
#[derive(Clone, Debug)]
enum Judges {
    /// One verifier judges all of them.
    One(Arc<Options>),
    /// The head of each call decides.
    Chosen(Arc<Choosing>),
}

/// What applies to a call with its verifier.
#[derive(Clone, Debug)]
struct Options {
    verifier: Arc<Verifier>,
    settings: Settings,
}

/// What applies to all calls until their verifiers are chosen.
#[derive(Clone, Debug)]
struct Choosing {
    choice: Choice,
    settings: Settings,
}

/// What does not depend on the verifier.
#[derive(Clone, Debug)]
struct Settings {
    messages: Messages,
    correlate: Option<Correlate>,
    identify_responses: bool,
}

impl Settings {
    const DEFAULT: Self = Self { messages: Messages::Sent, correlate: None, identify_responses: false };
}

impl Choosing {
    fn call<S, B>(&self, inner: ReadyInner<S>, request: Request<B>) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        let Settings { messages, correlate, .. } = &self.settings;
        let (parts, body) = request.into_parts();
        let Some(verifier) = self.choice.verifier(&parts) else {
            let rejection = self.choice.refuse(&parts, Endpoint::Other, correlate.as_ref());
            return ResponseFuture::refused(rejection, *messages);
        };
        let options = Options { verifier, settings: self.settings.clone() };
        ResponseFuture::new(Arc::new(options), inner, Request::from_parts(parts, body))
    }
}

impl GrpcAssertionLayer {
    /// Creates a layer that guards every call of the service. Grant types are not checked.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        let options = Options { verifier: verifier.into(), settings: Settings::DEFAULT };
        Self { judges: Judges::One(Arc::new(options)) }
    }

    /// Creates a layer that asks `choose` for the verifier of each call, like
    /// [`ClientAssertionLayer::choose`](crate::ClientAssertionLayer::choose). If it returns `None`,
    /// the call is refused with `NOT_FOUND`, and nothing is looked up for it.
    ///
    /// The path of a call names its method, so tenants are told apart by their host or by other
    /// metadata.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Arc;
    ///
    /// use tower_client_assertion::Verifier;
    /// use tower_client_assertion::grpc::GrpcAssertionLayer;
    ///
    /// fn layer(tenants: HashMap<String, Arc<Verifier>>) -> GrpcAssertionLayer {
    ///     GrpcAssertionLayer::choose(move |head| {
    ///         let name = head.headers.get("x-tenant")?.to_str().ok()?;
    ///         tenants.get(name).cloned()
    ///     })
    /// }
    /// ```
    pub fn choose(choose: impl Fn(&Parts) -> Option<Arc<Verifier>> + Send + Sync + 'static) -> Self {
        let choosing = Choosing { choice: Choice::new(choose), settings: Settings::DEFAULT };
        Self { judges: Judges::Chosen(Arc::new(choosing)) }
    }

    /// Reports calls for which [`choose`](Self::choose) finds no verifier, like
    /// [`ClientAssertionLayer::report_unknown_tenants`][1]. Default: they are not reported.
    ///
    /// [1]: crate::ClientAssertionLayer::report_unknown_tenants
    pub fn report_unknown_tenants(mut self, events: impl EventSink) -> Self {
        if let Judges::Chosen(choosing) = &mut self.judges {
            Arc::make_mut(choosing).choice.unknown = Some(Arc::new(events));
        }
        self
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

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(match &mut self.judges {
            Judges::One(options) => &mut Arc::make_mut(options).settings,
            Judges::Chosen(choosing) => &mut Arc::make_mut(choosing).settings,
        });
        self
    }
}

impl<S> Layer<S> for GrpcAssertionLayer {
    type Service = GrpcAssertion<S>;

    fn layer(&self, inner: S) -> GrpcAssertion<S> {
        GrpcAssertion { inner, judges: self.judges.clone() }
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
    judges: Judges,
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
        match &self.judges {
            Judges::One(options) => ResponseFuture::new(Arc::clone(options), inner, request),
            Judges::Chosen(choosing) => choosing.call(inner, request),
        }
    }
}
