//! Clients that authenticate to a gRPC service: the assertion travels in the metadata of each call.
//!
//! A call has no form, so what would stand in one stands in its metadata: `client-assertion-type` and `client-assertion`. The
//! same [`Verifier`] judges both, by the same rules, and with one replay store for an assertion that is good once. Messages
//! pass untouched in both directions, however they stream. Where an assertion has a `jti`, it is good for one call: a client
//! signs a new one for each, also for a retry.
//!
//! No crate of a gRPC framework is needed for it. tonic wants to know a service's name, so there say `named_layer`:
//!
//! ```
//! use tonic::service::LayerExt as _;
//! use tower_client_assertion::Verifier;
//! use tower_client_assertion::grpc::GrpcAssertionLayer;
//!
//! # async fn serve(verifier: Verifier) {
//! let (_, health) = tonic_health::server::health_reporter();
//! let router = tonic::transport::Server::builder()
//!     .add_service(GrpcAssertionLayer::new(verifier).named_layer(health));
//! # let _ = router;
//! # }
//! ```
//!
//! A handler finds the [`ClientIdentity`](crate::ClientIdentity) in `request.extensions()`. Who is refused gets a status, and
//! none of it depends on a renderer:
//!
//! | status | where |
//! |---|---|
//! | `UNAUTHENTICATED` | there is no assertion, or it does not prove a client |
//! | `INVALID_ARGUMENT` | the metadata themselves are wrong: one of the two is missing, repeated, of another type |
//! | `UNAVAILABLE` | we could not find out; the same call may succeed later |
//! | `RESOURCE_EXHAUSTED` | too many signatures are being [checked](crate::overload) for this client |
//! | `INTERNAL` | the server is set up wrongly, see [`ServerFault`](crate::rejection::ServerFault) |
//!
//! Metadata are headers: mind that servers bound their size, hyper to 16 KiB, and that whoever prints headers prints these too.
//! A handler's request has them marked as sensitive; outside of this layer, `SetSensitiveRequestHeadersLayer` does it.

mod future;
mod status;

use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::endpoint::Endpoint;
use crate::layer::head::{self, Declared};
use crate::layer::readied::Readied;
use crate::verifier::TokenRequest;
use crate::verifier::Verifier;

pub use future::ResponseFuture;

/// Puts client authentication in front of a gRPC service. See the [module](self). Cloning it is cheap.
#[derive(Clone, Debug)]
#[must_use]
pub struct GrpcAssertionLayer {
    verifier: Arc<Verifier>,
}

impl GrpcAssertionLayer {
    /// Guards every call of the service. Grant types are none of its business.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self { verifier: verifier.into() }
    }
}

impl<S> Layer<S> for GrpcAssertionLayer {
    type Service = GrpcAssertion<S>;

    fn layer(&self, inner: S) -> GrpcAssertion<S> {
        GrpcAssertion { inner, verifier: Arc::clone(&self.verifier) }
    }
}

/// A gRPC service behind client authentication. Made by a [`GrpcAssertionLayer`].
///
/// As with [`ClientAssertion`](crate::ClientAssertion), what the inner service reserved is given back while a call waits.
#[derive(Clone, Debug)]
#[must_use]
pub struct GrpcAssertion<S> {
    inner: S,
    verifier: Arc<Verifier>,
}

impl<S> GrpcAssertion<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, without its guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, RB> Service<Request<B>> for GrpcAssertion<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    RB: Default,
{
    type Response = Response<RB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Readied::take(&mut self.inner);
        ResponseFuture::new(Arc::clone(&self.verifier), inner, request)
    }
}

const METADATA: [(HeaderName, &str); 2] = [
    (HeaderName::from_static("client-assertion-type"), "client_assertion_type"),
    (HeaderName::from_static("client-assertion"), "client_assertion"),
];

/// The form that the metadata would have been, so that there is one grammar and one judge. What is repeated there is repeated
/// here.
fn form(parts: &Parts) -> String {
    let mut form = String::with_capacity(1024);
    for (metadata, parameter) in &METADATA {
        for value in parts.headers.get_all(metadata) {
            form.push_str(if form.is_empty() { "" } else { "&" });
            form.push_str(parameter);
            form.push('=');
            escape(value.as_bytes(), &mut form);
        }
    }
    form
}

/// Keeps the metadata out of what a handler may print of its request.
fn hide(headers: &mut HeaderMap) {
    for (metadata, _) in &METADATA {
        if let Some(value) = headers.get_mut(metadata) {
            value.set_sensitive(true);
        }
    }
}

/// Percent-encodes whatever is more than an unreserved character (RFC 3986, section 2.3) or a colon.
fn escape(value: &[u8], form: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    for &byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => form.push(char::from(byte)),
            _ => form.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

fn token_request<'a>(form: &'a str, parts: &'a Parts) -> TokenRequest<'a> {
    let request = TokenRequest::new(form.as_bytes()).endpoint(Endpoint::Other);
    head::beside_form(request, parts, &Declared::by(&parts.headers))
}
