//! gRPC calls with the assertion in their metadata, without a gRPC framework: what reaches the
//! service, how slow ports behave, and how server faults are reported.

use std::convert::Infallible;
use std::sync::Arc;

use crate::common::{CLIENT, Jwt, client, clock, fixture, form, kind, now_or_never, verifier, verify};
use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::port::{Awaited, PortError};
use tower_client_assertion::registry::{AsyncClientRegistry, FindResult};
use tower_client_assertion::rejection::{Base64UrlFault, ClientFault, JwtPart, RejectionKind, ServerFault};
use tower_client_assertion::{ClientIdentity, JWT_BEARER};

/// A call with a known body, to show that the body arrives unchanged.
fn call(assertion: &str) -> Request<&'static str> {
    let request = Request::post("/package.Service/Method").header("content-type", "application/grpc");
    request
        .header("client-assertion-type", JWT_BEARER)
        .header("client-assertion", assertion)
        .body("the messages")
        .unwrap()
}

async fn handler(request: Request<&'static str>) -> Result<Response<String>, Infallible> {
    let client = request.extensions().get::<ClientIdentity>().unwrap().client_id();
    Ok(Response::new(format!("{client} sent {}", request.body())))
}

#[test]
fn accepted_calls_keep_their_body_and_get_an_identity() {
    let mut service = GrpcAssertionLayer::new(verifier()).layer(service_fn(handler));
    let response = now_or_never(service.call(call(&Jwt::new().signed()))).unwrap();
    assert_eq!(response.body(), &format!("{CLIENT} sent the messages"));
}

#[test]
fn debug_output_of_a_call_hides_the_assertion() {
    let handler = service_fn(|request: Request<&'static str>| async move {
        assert!(request.headers().contains_key("client-assertion"));
        Ok::<_, Infallible>(Response::new(format!("{request:?}")))
    });
    let assertion = Jwt::new().signed();
    let response = now_or_never(GrpcAssertionLayer::new(verifier()).layer(handler).call(call(&assertion))).unwrap();
    let printed = response.body();
    assert!(
        printed.contains("client-assertion") && assertion.split('.').all(|part| !printed.contains(part)),
        "{printed}"
    );
}

#[test]
fn a_refused_call_gets_a_trailers_only_response() {
    let mut service = GrpcAssertionLayer::new(verifier()).layer(service_fn(handler));
    let response = now_or_never(service.call(call("a.b.c"))).unwrap();
    assert_eq!((response.status(), &**response.body()), (StatusCode::OK, ""));
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()["grpc-message"], "Client assertion is not complete base64url");
    assert_eq!(
        kind(&response),
        Some(RejectionKind::Client(ClientFault::NotBase64Url(JwtPart::Header, Base64UrlFault::Incomplete)))
    );
}

#[test]
fn an_opaque_layer_sends_the_status_without_a_message() {
    let opaque = |call| {
        let mut service = GrpcAssertionLayer::new(verifier()).opaque().layer(service_fn(handler));
        now_or_never(service.call(call)).unwrap()
    };
    let told = |call| {
        let mut service = GrpcAssertionLayer::new(verifier()).layer(service_fn(handler));
        now_or_never(service.call(call)).unwrap()
    };
    let bare = || Request::post("/package.Service/Method").body("").unwrap();
    let expired = Jwt::new().claim("exp", 1).signed();
    let unknown = Jwt::new().header("kid", "x").signed();
    for (name, request) in [
        ("malformed", [call("a.b.c"), call("a.b.c")]),
        ("expired", [call(&expired), call(&expired)]),
        ("unknown key", [call(&unknown), call(&unknown)]),
        ("nothing", [bare(), bare()]),
    ] {
        let [first, second] = request;
        let (opaque, told) = (opaque(first), told(second));
        assert_eq!(opaque.headers()["grpc-status"], told.headers()["grpc-status"], "{name}");
        assert!(told.headers().contains_key("grpc-message"), "{name}");
        assert!(!opaque.headers().contains_key("grpc-message"), "{name}");
        assert_eq!(kind(&opaque), kind(&told), "middleware sees the rejection: {name}");
    }
    assert_eq!(opaque(call(&Jwt::new().signed())).body(), &format!("{CLIENT} sent the messages"));
}

#[test]
fn metadata_values_are_not_decoded() {
    let mut service = GrpcAssertionLayer::new(verifier()).layer(service_fn(handler));
    let good = Jwt::new().signed();
    // Escapes and the separators of forms have no meaning in metadata.
    for altered in [good.replacen('.', "%2E", 1), format!("{good}&client_id=x"), format!("{good}+"), format!("{good}=")]
    {
        let response = now_or_never(service.call(call(&altered))).unwrap();
        assert_eq!(response.headers()["grpc-status"], "16", "{altered}");
    }
    let mut request = call(&good);
    request.headers_mut().insert("client-assertion", http::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    let response = now_or_never(service.call(request)).unwrap();
    assert_eq!(response.headers()["grpc-status"], "3");
    assert_eq!(response.headers()["grpc-message"], "Metadata are not valid UTF-8");
    assert_eq!(now_or_never(service.call(call(&good))).unwrap().body(), &format!("{CLIENT} sent the messages"));
}

#[test]
fn query_credentials_and_foreign_identities_are_refused() {
    let mut service = GrpcAssertionLayer::new(verifier()).layer(service_fn(handler));
    let mut request = call(&Jwt::new().signed());
    *request.uri_mut() = "/package.Service/Method?client_secret=hush".parse().unwrap();
    let response = now_or_never(service.call(request)).unwrap();
    assert_eq!(response.headers()["grpc-status"], "3");

    let identity = verify(&verifier(), &form(&Jwt::new().signed())).unwrap();
    let mut request = Request::post("/package.Service/Method").body("").unwrap();
    request.extensions_mut().insert(identity);
    let response = now_or_never(service.call(request)).unwrap();
    assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::NoAuthentication(None))));
}

#[test]
fn server_faults_have_the_status_unavailable() {
    let time = clock();
    let verifier = fixture().clock(&time).build();
    time.stop();
    let mut service = GrpcAssertionLayer::new(verifier).layer(service_fn(handler));
    let response = now_or_never(service.call(call(&Jwt::new().signed()))).unwrap();
    assert_eq!(kind(&response), Some(RejectionKind::Server(ServerFault::Clock)));
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-message"], "The authorization server is temporarily unavailable");
}

/// Answers when a permit is available, and fails when the semaphore is closed.
#[derive(Debug)]
struct Registry(Arc<Semaphore>);

impl AsyncClientRegistry for Registry {
    async fn find(&self, client_id: &str) -> FindResult {
        self.0.acquire().await.map_err(PortError::new)?.forget();
        Ok((client_id == CLIENT).then(|| Arc::new(client())))
    }
}

fn waiting() -> (GrpcAssertionLayer, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let registry = Awaited::new(Registry(Arc::clone(&permits)));
    (GrpcAssertionLayer::new(fixture().registry(registry).build()), permits)
}

#[tokio::test]
async fn a_waiting_call_holds_no_permit_of_an_inner_limit() {
    let (layer, registry) = waiting();
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let mut service = layer.layer(limit.layer(service_fn(handler)));
    let mut pending = Box::pin(service.ready().await.unwrap().call(call(&Jwt::new().signed())));
    assert_eq!(permits.available_permits(), 0, "it is ready");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(pending.as_mut().poll(&mut context).is_pending());
    assert_eq!(permits.available_permits(), 1, "it waits");
    let held = permits.acquire().await.unwrap();
    // The registry is asked again after the wait for the inner service.
    registry.add_permits(2);
    let (response, ()) = tokio::join!(pending, async {
        tokio::task::yield_now().await;
        drop(held);
    });
    assert_eq!(response.unwrap().body(), &format!("{CLIENT} sent the messages"));
}

#[tokio::test]
async fn a_port_failing_late_is_a_server_fault() {
    let (layer, registry) = waiting();
    registry.close();
    let response = layer.layer(service_fn(handler)).oneshot(call(&Jwt::new().signed())).await.unwrap();
    assert_eq!(kind(&response), Some(RejectionKind::Server(ServerFault::Registry)));
    assert_eq!(response.headers()["grpc-status"], "14");
}
