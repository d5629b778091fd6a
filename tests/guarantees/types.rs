//! Guarantees of the types: they are `Send` and `Sync`, they are small, they can be named, and
//! their `Debug` output shows no secret.

use std::fmt::Debug;
use std::future::Pending;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::{Jwt, form, now_or_never};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::{Clock, TimeRangeError, UnixTime};
use tower_client_assertion::event::{Event, EventSink, Excerpt, Finding, Refused};
use tower_client_assertion::grpc::{GrpcAssertion, GrpcAssertionLayer};
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, JwksFetch, JwksUrl, KeySetCache, KeySetObserver, KeySource, KeysUnavailable, Resolve,
    SourceState, UrlError,
};
use tower_client_assertion::keys::{KeySet, VerificationKey};
use tower_client_assertion::overload::{SignatureCheck, SignatureChecks};
use tower_client_assertion::policy::{Limits, Policy};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::{Cached, Client, ClientRegistry, FileRegistry, FixedRegistry};
use tower_client_assertion::render::{
    Opaque, PageBody, Redox, RenderRejection, Rfc6749, Troubleshooting, TroubleshootingPage,
};
use tower_client_assertion::replay::{MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{
    BufferedBody, ClientAssertion, ClientAssertionLayer, ClientAuthMetadata, ClientId, ClientIdentity, ConfigError,
    Endpoint, PreservedBodies, Readiness, RebuiltBodies, Rejection, RequestBody, ResponseBody, ResponseFuture,
    TokenRequest, VerifiedClaims, Verifier, VerifierBuilder, WrappedBodies, grpc,
};

fn shared<T: Send + Sync + Unpin + 'static>() {}
fn sent<T: Send + Debug>() {}
fn printed<T: Debug>() {}
fn cheap_clone<T: Clone>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

type Handler = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, std::convert::Infallible>;
type Made = fn(BufferedBody) -> Full<Bytes>;

/// A service whose future is empty, so that only this crate's part is measured.
struct Sizeless;

impl<B> Service<Request<B>> for Sizeless {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = Pending<Result<Response<()>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn public_types_are_send_and_sync() {
    shared::<ClientAssertionLayer>();
    shared::<ClientAssertionLayer<PreservedBodies>>();
    shared::<ClientAssertionLayer<RebuiltBodies<Made>>>();
    shared::<ClientAssertion<()>>();
    shared::<GrpcAssertionLayer>();
    shared::<GrpcAssertion<()>>();
    shared::<BufferedBody>();
    shared::<PageBody>();
    shared::<Troubleshooting>();
    shared::<TroubleshootingPage>();
    shared::<RequestBody<Full<Bytes>>>();
    shared::<ResponseBody<Full<Bytes>>>();
    shared::<Verifier>();
    shared::<VerifierBuilder>();
    shared::<SignatureChecks>();
    shared::<SignatureCheck>();
    shared::<ClientIdentity>();
    shared::<VerifiedClaims>();
    shared::<ClientAuthMetadata>();
    shared::<ClientId>();
    shared::<Rejection>();
    shared::<Policy>();
    shared::<Limits>();
    shared::<KeySet>();
    shared::<VerificationKey>();
    shared::<Client>();
    shared::<ClientSecret>();
    shared::<FixedRegistry>();
    shared::<FileRegistry>();
    shared::<Cached<FixedRegistry>>();
    shared::<Readiness>();
    shared::<MemoryReplay>();
    shared::<Endpoint>();
    shared::<Awaited<()>>();
    shared::<KeySetCache>();
    shared::<KeySource>();
    shared::<SourceState>();
    shared::<AddressGuard>();
    shared::<Redox>();
    shared::<Rfc6749>();
    shared::<Opaque>();
    error::<ConfigError>();
    error::<FetchError>();
    error::<KeysUnavailable>();
    error::<UrlError>();
    error::<Rejection>();
    error::<PortError>();
    error::<TimeRangeError>();
    shared::<UnixTime>();
    #[cfg(feature = "axum")]
    error::<tower_client_assertion::extract::NoIdentity>();
}

/// A future that is not `Send` cannot be spawned, and a type without `Debug` breaks derives of its
/// users.
#[test]
fn futures_are_send_and_types_implement_debug() {
    sent::<ResponseFuture<Handler, Full<Bytes>, PreservedBodies>>();
    sent::<grpc::ResponseFuture<Handler, Full<Bytes>>>();
    sent::<Event<'_>>();
    sent::<Answer<()>>();
    printed::<(Refused<'_>, Finding<'_>, Excerpt<'_>, TokenRequest<'_>, ReplayKey<'_>)>();
    printed::<(WrappedBodies, PreservedBodies, RebuiltBodies<Made>)>();
    printed::<(ClientAssertionLayer<RebuiltBodies<Made>>, ClientAssertion<(), RebuiltBodies<Made>>)>();
}

#[test]
fn per_request_types_are_small_and_cheap_to_clone() {
    cheap_clone::<ClientAssertionLayer>();
    cheap_clone::<GrpcAssertionLayer>();
    cheap_clone::<SignatureChecks>();
    cheap_clone::<ClientIdentity>();
    cheap_clone::<KeySetCache>();
    cheap_clone::<KeySource>();
    cheap_clone::<JwksUrl>();
    let sizes = [
        ("ClientIdentity", size_of::<ClientIdentity>(), 192),
        ("Rejection", size_of::<Rejection>(), 32),
        ("ClientAssertionLayer", size_of::<ClientAssertionLayer>(), 16),
        ("ClientAssertionLayer of a function", size_of::<ClientAssertionLayer<RebuiltBodies<Made>>>(), 24),
        ("GrpcAssertionLayer", size_of::<GrpcAssertionLayer>(), 16),
        ("ClientAssertion", size_of::<ClientAssertion<()>>(), 16),
        ("RequestBody, over a body", size_of::<RequestBody<()>>(), 136),
        ("ResponseFuture", size_of::<ResponseFuture<Sizeless, Full<Bytes>>>(), 568),
        ("grpc::ResponseFuture", size_of::<grpc::ResponseFuture<Sizeless, ()>>(), 472),
    ];
    for (name, size, most) in sizes {
        assert!(size <= most, "{name} has {size} bytes");
    }
}

/// Nothing that is printed, in any state, shows a part of an assertion.
#[test]
fn debug_output_never_shows_an_assertion() {
    let assertion = Jwt::new().signed();
    let printed = std::sync::Mutex::new(Vec::new());
    let handler = service_fn(|request: Request<RequestBody<Full<Bytes>>>| {
        printed.lock().unwrap().push(format!("{request:?}"));
        async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let mut service = ClientAssertionLayer::new(crate::common::verifier()).layer(handler);
    let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    let future = service.call(request.body(Full::from(form(&assertion))).unwrap());
    printed.lock().unwrap().push(format!("{future:?}"));
    let response = now_or_never(future).unwrap();
    let mut printed = printed.into_inner().unwrap();
    printed.push(format!("{response:?} {:?}", response.extensions().get::<Rejection>()));
    assert!(printed.iter().any(|text| text.contains("BufferedBody")), "{printed:?}");
    for part in assertion.split('.') {
        assert!(printed.iter().all(|text| !text.contains(part)), "{printed:?}");
    }
}

#[test]
fn ports_and_renderers_are_dyn_compatible() {
    fn _takes(_: &dyn ClientRegistry, _: &dyn ReplayStore, _: &dyn JwksFetch, _: &dyn RenderRejection) {}
    fn _also(_: &dyn Clock, _: &dyn EventSink, _: &dyn KeySetObserver, _: &dyn Resolve) {}
}

/// One implementation serves several builders, and its type can be left open.
#[test]
fn every_port_can_be_shared_in_an_arc() {
    fn clock<T: Clock>() {}
    fn registry<T: ClientRegistry>() {}
    fn store<T: ReplayStore>() {}
    fn fetcher<T: JwksFetch>() {}
    fn resolver<T: Resolve>() {}
    fn sink<T: EventSink + KeySetObserver>() {}
    fn renderer<T: RenderRejection>() {}
    clock::<Arc<dyn Clock>>();
    registry::<Arc<dyn ClientRegistry>>();
    store::<Arc<dyn ReplayStore>>();
    fetcher::<Arc<dyn JwksFetch>>();
    resolver::<Arc<dyn Resolve>>();
    sink::<Arc<dyn EventSink>>();
    renderer::<Arc<dyn RenderRejection>>();
}

/// A plain struct can hold them without naming type parameters.
#[test]
fn layer_and_service_types_can_be_named_in_structs() {
    #[derive(Clone, Debug)]
    #[allow(dead_code, reason = "that it can be made is the point")]
    struct State {
        layer: ClientAssertionLayer,
        calls: GrpcAssertionLayer,
        boxed: ClientAssertionLayer<RebuiltBodies<Made>>,
        service: ClientAssertion<Handler, PreservedBodies>,
    }
    let verifier = Arc::new(crate::common::verifier());
    let layer = ClientAssertionLayer::new(Arc::clone(&verifier)).body_timeout(Duration::from_secs(1)).unwrap();
    let handler = Handler::new(service_fn(|_| async { Ok(Response::default()) }));
    let make: Made = |_| Full::default();
    let state = State {
        service: layer.clone().preserve_body_types().layer(handler),
        boxed: layer.clone().rebuild_bodies_with(make),
        calls: GrpcAssertionLayer::new(verifier),
        layer,
    };
    assert!(format!("{:?}", state.clone()).contains("redox"));
}
