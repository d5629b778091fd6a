//! A server of a vector, and what its layer explains.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::{Explanation, Verdict};
use tower_client_assertion::replay::ReplayStore;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, PreservedBodies, Rejection};

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

/// What the layer does with a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// The client, the policy and the method.
    Accepted(String, String, &'static str),
    LetPass,
    Refused {
        code: &'static str,
        proven: bool,
        status: u16,
        /// `error`, `error_description` and `error_uri`.
        texts: [Option<String>; 3],
    },
}

/// Sends the request to the layer.
pub(crate) fn send(layer: &TestLayer, request: &Request<Bytes>) -> Found {
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        let identity = request.extensions().get::<ClientIdentity>().cloned();
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(identity);
        Ok::<_, std::convert::Infallible>(response)
    });
    let response = now_or_never(layer.layer(handler).call(request.clone().map(Full::new))).unwrap();
    match response.extensions().get::<Option<ClientIdentity>>() {
        Some(Some(identity)) => {
            let (client, policy) = (identity.client_id().to_string(), identity.policy().to_owned());
            Found::Accepted(client, policy, identity.method().name())
        }
        Some(None) => Found::LetPass,
        None => refused(response),
    }
}

fn refused(response: Response<Full<Bytes>>) -> Found {
    let rejection = response.extensions().get::<Rejection>().cloned().unwrap();
    let status = response.status().as_u16();
    let body = now_or_never(response.into_body().collect()).unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let texts = ["error", "error_description", "error_uri"].map(|name| body[name].as_str().map(str::to_owned));
    Found::Refused { code: rejection.code(), proven: rejection.is_proven(), status, texts }
}

/// What an explanation says that the layer does.
pub(crate) fn said(explanation: &Explanation) -> Option<Found> {
    Some(match explanation.verdict() {
        Verdict::Accepted { client, policy, method, .. } => {
            Found::Accepted(client.to_string(), policy.to_string(), method.name())
        }
        Verdict::LetPass => Found::LetPass,
        Verdict::Refused { reason, proven, .. } | Verdict::Unavailable { reason, proven, .. } => {
            let answer = explanation.answer().unwrap();
            let texts = [&answer.error, &answer.error_description, &answer.error_uri].map(Option::clone);
            Found::Refused { code: reason.code(), proven: *proven, status: answer.status, texts }
        }
        _ => return None,
    })
}
