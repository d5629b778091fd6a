//! The layer in wrong places: mounted twice, or inside a layer that has read the body. The operator
//! is told, and no request is accepted because of it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use crate::common::{
    CLIENT, Jwt, NOW, Signer, body_of, client, fixture, form, key_set, kind, now_or_never, post, verifier, verify,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::policy::AudienceRule;
use tower_client_assertion::port::Awaited;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::replay::{AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, JWT_BEARER, Policy, RequestBody};

const TWICE: RejectionKind = RejectionKind::Server(ServerFault::MountedTwice);
const REPLAYED: RejectionKind = RejectionKind::Client(ClientFault::Replayed);

/// Sends a request through these layers, the outer one first. The handler answers with the client
/// that it sees.
fn send(layers: [&ClientAssertionLayer; 2], request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        let seen = request.extensions().get::<ClientIdentity>().map(|identity| identity.client_id().to_string());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(seen.unwrap_or_else(|| "anonymous".to_owned()))))
    });
    let [outer, inner] = layers.map(|layer| layer.clone().preserve_body_types());
    now_or_never(outer.layer(inner.layer(handler)).call(request)).unwrap()
}

/// A store that never looks, and so finds a replay only when it is asked to admit.
#[derive(Debug)]
struct Blind(MemoryReplay);

impl AsyncReplayStore for Blind {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        self.0.admit(key, until, now).get().await
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

#[test]
fn a_layer_mounted_twice_is_reported_as_misconfiguration() {
    let blind = Awaited::new(Blind(MemoryReplay::new(100).unwrap()));
    for builder in [fixture().builder(), fixture().replay(blind).builder()] {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let verifier = builder.events(event::sink(move |event| {
            let event = match event {
                Event::Refused(refused) => refused.rejection().to_string(),
                _ => "accepted".to_owned(),
            };
            sink.lock().unwrap().push(event);
        }));
        let layer = ClientAssertionLayer::new(verifier.build().unwrap());
        let response = send([&layer, &layer.clone()], post(form(&Jwt::new().signed())));
        assert_eq!((response.status(), kind(&response)), (StatusCode::INTERNAL_SERVER_ERROR, Some(TWICE)));
        assert!(!response.headers().contains_key("retry-after"));
        let expected = r#"{"error":"server_error","error_description":"The authorization server is misconfigured"}"#;
        assert_eq!(body_of(response), expected);
        let events = events.lock().unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[0], "accepted");
        assert!(events[1].contains("mount one of the two"), "{}", events[1]);
    }
}

#[test]
fn mounting_twice_is_recognized_without_a_jti() {
    let policy = Policy::REDOX.dangerous().optional_jti();
    let layer = ClientAssertionLayer::new(fixture().policy(policy).build());
    let nameless = |jwt: Jwt| form(&jwt.without_claim("jti").signed());
    let twice = |form: String| kind(&send([&layer, &layer.clone()], post(form)));
    assert_eq!(twice(nameless(Jwt::new())), Some(TWICE));
    assert_eq!(twice(nameless(Jwt::new())), Some(REPLAYED), "the outer layer refuses it");
    assert_eq!(twice(nameless(Jwt::new().claim("exp", NOW + 200))), Some(TWICE));
}

#[test]
fn layers_with_separate_stores_can_be_nested() {
    let (outer, inner) = (ClientAssertionLayer::new(verifier()), ClientAssertionLayer::new(verifier()));
    let assertion = form(&Jwt::new().signed());
    assert_eq!(body_of(send([&outer, &inner], post(assertion.clone()))), CLIENT);
    let again = send([&outer, &inner], post(assertion));
    assert_eq!(kind(&again), Some(REPLAYED), "the outer one sees no identity of another layer");
}

#[test]
fn layers_sharing_a_store_cannot_be_nested() {
    let store = Arc::new(MemoryReplay::new(100).unwrap());
    let layer = || ClientAssertionLayer::new(fixture().replay(Arc::clone(&store)).build());
    assert_eq!(kind(&send([&layer(), &layer()], post(form(&Jwt::new().signed())))), Some(TWICE));
}

#[test]
fn layers_of_two_tenants_can_share_a_store_and_be_nested() {
    let store = Arc::new(MemoryReplay::new(100).unwrap());
    let layer = |tenant: &str| {
        let builder = fixture().replay(Arc::clone(&store)).builder().tenant(tenant);
        ClientAssertionLayer::new(builder.build().unwrap())
    };
    let assertion = form(&Jwt::new().signed());
    assert_eq!(body_of(send([&layer("outer"), &layer("inner")], post(assertion.clone()))), CLIENT);
    assert_eq!(kind(&send([&layer("inner"), &layer("outer")], post(assertion))), Some(REPLAYED));
}

#[test]
fn an_outer_optional_layer_conflicts_only_for_assertions() {
    let required = ClientAssertionLayer::new(verifier());
    let optional = required.clone().optional();
    let refused = send([&optional, &required], post("grant_type=client_credentials"));
    assert_eq!(kind(&refused), Some(RejectionKind::Client(ClientFault::NoAuthentication(None))));
    for layers in [[&optional, &required], [&required, &optional], [&optional, &optional]] {
        assert_eq!(kind(&send(layers, post(form(&Jwt::new().signed())))), Some(TWICE));
    }
    assert_eq!(body_of(send([&optional, &optional], post("a=b"))), "anonymous");
}

#[test]
fn an_optional_layer_removes_a_foreign_identity() {
    let optional = ClientAssertionLayer::new(verifier()).optional().preserve_body_types();
    let mut request = post("a=b");
    request.extensions_mut().insert(verify(&verifier(), &form(&Jwt::new().signed())).unwrap());
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        assert!(request.extensions().get::<ClientIdentity>().is_none());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    assert_eq!(now_or_never(optional.layer(handler).call(request)).unwrap().status(), StatusCode::OK);
}

/// An identity that others put into the extensions is neither trusted nor a reason to refuse.
#[test]
fn a_foreign_identity_has_no_effect() {
    let other = Signer::es384("key-2");
    let clients = [client(), Client::new("clinic-8", key_set(&[other.jwk()])).unwrap()];
    let verifier = Arc::new(fixture().clients(clients).build());
    let layer = ClientAssertionLayer::new(Arc::clone(&verifier));
    let alone = |form: String, earlier: &ClientIdentity| {
        let mut request = post(form);
        request.extensions_mut().insert(earlier.clone());
        let handler = service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        kind(&now_or_never(layer.clone().preserve_body_types().layer(handler).call(request)).unwrap())
    };
    let spent = Jwt::new().claim("jti", "the-same");
    let identity = verify(&verifier, &form(&spent.signed())).unwrap();
    let fresh = verify(&verifier, &form(&Jwt::new().signed())).unwrap();
    let same_jti = Jwt::by(&other, "clinic-8").claim("jti", "the-same").signed_by(&other);
    let theirs = verify(&verifier, &form(&same_jti)).unwrap();

    assert_eq!(alone(form(&spent.signed()), &fresh), Some(REPLAYED), "of another assertion");
    assert_eq!(alone(form(&spent.signed()), &theirs), Some(REPLAYED), "of another client");
    assert_eq!(alone(form(&spent.signed()), &identity), Some(TWICE), "of this assertion");
    let forged = Jwt::new().claim("jti", "never-seen").signed_by(&other);
    assert_eq!(alone(form(&forged), &identity), Some(RejectionKind::Client(ClientFault::BadSignature)));
    let nothing = "grant_type=client_credentials".to_owned();
    assert_eq!(alone(nothing, &identity), Some(RejectionKind::Client(ClientFault::NoAuthentication(None))));
    assert_eq!(alone(form(&Jwt::new().signed()), &identity), None, "a valid assertion is still accepted");
}

#[test]
fn a_grpc_service_guarded_twice_is_reported() {
    let layer = GrpcAssertionLayer::new(verifier());
    let handler = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let request = Request::post("/package.Service/Method").header("client-assertion-type", JWT_BEARER);
    let request = request.header("client-assertion", Jwt::new().signed()).body(()).unwrap();
    let response = now_or_never(layer.layer(layer.layer(handler)).call(request)).unwrap();
    assert_eq!(kind(&response), Some(TWICE));
    assert_eq!(response.headers()["grpc-status"], "13");
}

#[test]
fn a_body_shorter_than_announced_is_the_clients_fault() {
    let layer = ClientAssertionLayer::new(verifier()).preserve_body_types();
    let handler =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let unreadable = Some(RejectionKind::Client(ClientFault::BodyUnreadable));
    for (more, coding, expected) in
        [(0, None, None), (1, None, unreadable), (-1, None, None), (1, Some("chunked"), None)]
    {
        let body = form(&Jwt::new().signed());
        let length = body.len() as i64 + more;
        let mut request = post(body);
        request.headers_mut().insert("content-length", length.into());
        if let Some(coding) = coding {
            request.headers_mut().insert("transfer-encoding", coding.parse().unwrap());
        }
        let response = now_or_never(layer.layer(handler).call(request)).unwrap();
        assert_eq!(kind(&response), expected, "{more} {coding:?}");
    }
}

/// A body that ends without announcing its end. Over HTTP/2, a stream that is reset can look like
/// this.
struct Reset;

impl http_body::Body for Reset {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(None)
    }
}

#[test]
fn a_reset_stream_is_not_mistaken_for_a_consumed_body() {
    let handler = service_fn(|_: Request<RequestBody<Reset>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = post("").map(|_| Reset);
    request.headers_mut().insert("content-length", 700.into());
    let response = now_or_never(ClientAssertionLayer::new(verifier()).layer(handler).call(request)).unwrap();
    assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::BodyUnreadable)));
}

#[test]
fn transfer_codings_other_than_chunked_are_refused() {
    let layer = ClientAssertionLayer::new(verifier()).preserve_body_types();
    let handler =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let encoded = Some(RejectionKind::Client(ClientFault::ContentEncoding));
    for (coding, expected) in
        [("chunked", None), ("Chunked", None), ("gzip, chunked", encoded.clone()), ("gzip", encoded)]
    {
        let mut request = post(form(&Jwt::new().signed()));
        request.headers_mut().insert("transfer-encoding", coding.parse().unwrap());
        let response = now_or_never(layer.layer(handler).call(request)).unwrap();
        assert_eq!(kind(&response), expected, "{coding}");
    }
}

#[test]
fn a_consumed_body_is_reported_as_misconfiguration() {
    // A policy that leaves the grant type to the handler.
    let policy = Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls);
    let layer = fixture().policy(policy).at_issuer_and_url().layer();
    let cases = [
        (Some("700"), RejectionKind::Server(ServerFault::BodyConsumed)),
        (Some("1"), RejectionKind::Server(ServerFault::BodyConsumed)),
        (Some("0"), RejectionKind::Client(ClientFault::NoAuthentication(None))),
        (None, RejectionKind::Client(ClientFault::NoAuthentication(None))),
    ];
    for (length, expected) in cases {
        let mut request = post("");
        if let Some(length) = length {
            request.headers_mut().insert("content-length", length.parse().unwrap());
        }
        let handler = service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let response = now_or_never(layer.layer(handler).call(request)).unwrap();
        assert_eq!(kind(&response), Some(expected.clone()), "{length:?}");
        let lasting = matches!(expected, RejectionKind::Server(_));
        assert_eq!(response.status() == StatusCode::INTERNAL_SERVER_ERROR, lasting, "{length:?}");
    }
}
