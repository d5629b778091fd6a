//! A server of a vector, and what its layer explains.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::Explanation;
use tower_client_assertion::rejection::RejectionKind;
use tower_client_assertion::replay::ReplayStore;
use tower_client_assertion::{ClientAssertionLayer, PreservedBodies, Rejection};

use crate::common::vectors::Server;
use crate::common::{NOW, now_or_never, store};

pub(crate) const AT: UnixTime = UnixTime::from_secs(NOW);

pub(crate) type TestLayer = ClientAssertionLayer<PreservedBodies>;

/// The layer of this server, with a fresh store.
pub(crate) fn layer(server: Server) -> TestLayer {
    layer_with(server, store())
}

pub(crate) fn layer_with(server: Server, replay: impl ReplayStore) -> TestLayer {
    ClientAssertionLayer::new(server.builder(Arc::new(replay)).build().unwrap()).preserve_body_types()
}

/// The request with its body in memory.
pub(crate) fn whole(request: Request<Full<Bytes>>) -> Request<Bytes> {
    let (parts, body) = request.into_parts();
    Request::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes())
}

pub(crate) fn explain(layer: &TestLayer, request: &Request<Bytes>, at: UnixTime) -> Explanation {
    now_or_never(layer.explain(request, at))
}

/// What the layer does with the request: its code, or nothing if the handler is called.
pub(crate) fn code(layer: &TestLayer, request: &Request<Bytes>) -> Option<(&'static str, bool, http::Response<Bytes>)> {
    let handler = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    let request = request.clone().map(Full::new);
    let response = now_or_never(layer.layer(handler).call(request)).unwrap();
    let rejection = response.extensions().get::<Rejection>().cloned()?;
    let (parts, body) = response.into_parts();
    let response = http::Response::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes());
    let _: &RejectionKind = rejection.kind();
    Some((rejection.code(), rejection.is_proven(), response))
}
