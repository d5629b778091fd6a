//! The layer on one port with gRPC services, and in front of a gRPC service that authenticates
//! its clients, over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;

use crate::common::{CLIENT, Jwt, Signer, verifier};
use crate::server::{TOKEN, guard, issue, layer, router, serve, serve_bare, token_form};
use http::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::tokio_stream as stream;
use tonic::service::{InterceptorLayer, LayerExt, Routes};
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::{ClientIdentity, JWT_BEARER};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::GlobalKeyExtractor;

/// Answers 1 to authenticated callers and 2 to others. A watch streams that three times and ends in
/// trailers.
struct Who;

fn seen(request: &tonic::Request<HealthCheckRequest>) -> HealthCheckResponse {
    let identity = request.extensions().get::<ClientIdentity>();
    assert!(identity.is_none_or(|identity| identity.client_id().as_str() == CLIENT));
    HealthCheckResponse { status: if identity.is_some() { 1 } else { 2 } }
}

#[tonic::async_trait]
impl Health for Who {
    type WatchStream = stream::Iter<std::vec::IntoIter<Result<HealthCheckResponse, Status>>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        Ok(tonic::Response::new(seen(&request)))
    }

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        let seen = seen(&request);
        let mut last = Status::out_of_range("no more");
        last.metadata_mut().insert("x-trailer", "kept".parse().unwrap());
        Ok(tonic::Response::new(stream::iter(vec![Ok(seen), Ok(seen), Ok(seen), Err(last)])))
    }
}

struct Stopping(JoinHandle<()>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves with tonic's own server, on a port of the system's choice.
macro_rules! serve_tonic {
    ($router:expr) => {{
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let serving = $router.serve_with_incoming(incoming);
        (address, Stopping(tokio::spawn(async move { serving.await.unwrap() })))
    }};
}

fn client(address: SocketAddr) -> HealthClient<Channel> {
    HealthClient::new(Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy())
}

type Metadata<'a> = [(&'static str, &'a str)];

fn call(metadata: &Metadata<'_>) -> tonic::Request<HealthCheckRequest> {
    let mut request = tonic::Request::new(HealthCheckRequest { service: String::new() });
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn with_assertion(assertion: &str) -> tonic::Request<HealthCheckRequest> {
    call(&[("client-assertion-type", JWT_BEARER), ("client-assertion", assertion)])
}

/// A unary call and a stream with trailers, both of which see `expected`.
async fn check_calls(address: SocketAddr, expected: i32, request: impl Fn() -> tonic::Request<HealthCheckRequest>) {
    let mut client = client(address);
    assert_eq!(client.check(request()).await.unwrap().into_inner().status, expected);
    let mut watch = client.watch(request()).await.unwrap().into_inner();
    for _ in 0..3 {
        assert_eq!(watch.message().await.unwrap().unwrap().status, expected);
    }
    let last = watch.message().await.unwrap_err();
    assert_eq!((last.code(), last.message()), (Code::OutOfRange, "no more"));
    assert_eq!(last.metadata().get("x-trailer").unwrap(), "kept");
}

async fn check_token_endpoint(address: SocketAddr) {
    let server = crate::server::Server::at(address);
    server.check_guarded(TOKEN, true).await;
}

#[tokio::test]
async fn calls_pass_next_to_a_token_route_on_tonics_server() {
    let routes = Routes::from(router()).add_service(HealthServer::new(Who));
    let (address, _stopping) = serve_tonic!(Server::builder().layer(guard()).add_routes(routes));
    check_calls(address, 2, || call(&[])).await;
    check_token_endpoint(address).await;
}

#[tokio::test]
async fn calls_pass_next_to_a_token_route_on_axums_router() {
    let routes = Routes::new(HealthServer::new(Who)).into_axum_router();
    let server = serve(routes.route(TOKEN, axum::routing::post(issue)).layer(guard())).await;
    check_calls(server.address, 2, || call(&[])).await;
    server.check_guarded(TOKEN, false).await;
    server.check_guarded(TOKEN, true).await;
}

#[tokio::test]
async fn calls_pass_with_an_interceptor() {
    let interceptor = InterceptorLayer::new(|mut request: tonic::Request<()>| {
        request.metadata_mut().insert("x-seen", "yes".parse().unwrap());
        Ok::<_, Status>(request)
    });
    let stack = ServiceBuilder::new().layer(guard()).layer(interceptor).into_inner();
    let (address, _stopping) = serve_tonic!(Server::builder().layer(stack).add_service(HealthServer::new(Who)));
    check_calls(address, 2, || call(&[])).await;
}

#[tokio::test]
async fn rebuilt_bodies_satisfy_services_that_need_tonics_body() {
    type Insists = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;
    let insists = tower::layer::layer_fn(|inner: Routes| -> Insists { BoxCloneSyncService::new(inner) });
    let stack = ServiceBuilder::new().layer(guard().rebuild_bodies_with(Body::new)).layer(insists).into_inner();
    let routes = Routes::from(router()).add_service(HealthServer::new(Who));
    let (address, _stopping) = serve_tonic!(Server::builder().layer(stack).add_routes(routes));
    check_calls(address, 2, || call(&[])).await;
    check_token_endpoint(address).await;
}

#[tokio::test]
async fn an_outer_governor_answers_with_tonics_body() {
    let config =
        GovernorConfigBuilder::default().per_second(3_600).burst_size(5).key_extractor(GlobalKeyExtractor).finish();
    let guard = guard().rebuild_bodies_with(Body::new);
    let stack = ServiceBuilder::new().layer(GovernorLayer::new(config.unwrap())).layer(guard).into_inner();
    let routes = Routes::from(router()).add_service(HealthServer::new(Who));
    let (address, _stopping) = serve_tonic!(Server::builder().layer(stack).add_routes(routes));
    check_calls(address, 2, || call(&[])).await;
    check_token_endpoint(address).await;
    let server = crate::server::Server::at(address);
    let fifth = server.exchange(server.request("POST", TOKEN).body(token_form()).unwrap(), true).await;
    assert_eq!(fifth.status, StatusCode::OK, "{}", fifth.body);
    let limited = server.exchange(server.request("POST", TOKEN).body(token_form()).unwrap(), true).await;
    assert_eq!(limited.header("grpc-status"), Some("8"), "a refusal in its own shape");
}

#[tokio::test]
async fn a_guarded_service_sees_the_calling_client() {
    let health = GrpcAssertionLayer::new(verifier()).named_layer(HealthServer::new(Who));
    let (address, _stopping) = serve_tonic!(Server::builder().add_service(health.clone()));
    check_calls(address, 1, || with_assertion(&Jwt::new().signed())).await;

    // The same service in routes, on the port of another verifier, next to a token endpoint with
    // the same verifier.
    let shared = std::sync::Arc::new(verifier());
    let health = GrpcAssertionLayer::new(std::sync::Arc::clone(&shared)).named_layer(HealthServer::new(Who));
    let token = tower_client_assertion::ClientAssertionLayer::new(shared);
    let routes = Routes::new(health).into_axum_router();
    let server = serve(routes.route(TOKEN, axum::routing::post(issue).layer(token))).await;
    check_calls(server.address, 1, || with_assertion(&Jwt::new().signed())).await;
    let form = token_form();
    server.post(form.clone()).await.is_accepted();
    let spent = form.split('&').find_map(|pair| pair.strip_prefix("client_assertion=")).unwrap();
    let status = client(server.address).check(with_assertion(spent)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "one assertion, one use, over both protocols");
}

#[tokio::test]
async fn guarded_calls_work_without_tonics_server() {
    let health = HealthServer::new(Who);
    let server = serve_bare(GrpcAssertionLayer::new(verifier()).layer(health)).await;
    check_calls(server.address, 1, || with_assertion(&Jwt::new().signed())).await;
}

#[tokio::test]
async fn refused_calls_have_a_status_and_a_message() {
    let health = GrpcAssertionLayer::new(verifier()).named_layer(HealthServer::new(Who));
    let (address, _stopping) = serve_tonic!(Server::builder().add_service(health));
    let spent = Jwt::new().signed();
    client(address).check(with_assertion(&spent)).await.unwrap();
    let stranger = Signer::es384("key-1");
    let forged = Jwt::new().signed_by(&stranger);
    let long = "a".repeat(16 * 1024 + 1);
    let bearer = ("client-assertion-type", JWT_BEARER);
    let good = Jwt::new().signed();
    let cases: &[(&Metadata<'_>, Code, &str)] = &[
        (&[], Code::Unauthenticated, "Client authentication required"),
        (&[bearer, ("client-assertion", &spent)], Code::Unauthenticated, "Client assertion has already been used"),
        (&[bearer, ("client-assertion", &forged)], Code::Unauthenticated, "Client assertion signature is invalid"),
        (
            &[bearer, ("client-assertion", "a%2Eb+c")],
            Code::Unauthenticated,
            "Client assertion must have three components",
        ),
        (&[bearer], Code::InvalidArgument, "Missing client-assertion metadata"),
        (&[("client-assertion", &good)], Code::InvalidArgument, "Missing client-assertion-type metadata"),
        (
            &[("client-assertion-type", "saml"), ("client-assertion", &good)],
            Code::InvalidArgument,
            "Unsupported client-assertion-type",
        ),
        (
            &[bearer, ("client-assertion", &good), ("client-assertion", &good)],
            Code::InvalidArgument,
            "Client assertion metadata must not be repeated",
        ),
        (
            &[bearer, ("client-assertion", &good), ("authorization", "Bearer x")],
            Code::Unauthenticated,
            "More than one client authentication method was used",
        ),
    ];
    for (metadata, code, message) in cases {
        for status in [
            client(address).check(call(metadata)).await.unwrap_err(),
            client(address).watch(call(metadata)).await.unwrap_err(),
        ] {
            assert_eq!((status.code(), status.message()), (*code, *message));
        }
    }
    // Above the size of headers that a server reads, the server itself refuses.
    client(address).check(call(&[bearer, ("client-assertion", &long)])).await.unwrap_err();
    client(address).check(with_assertion(&good)).await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_on_tonics_server_answers_http() {
    let routes = Routes::from(axum::Router::new().route(TOKEN, axum::routing::post(issue).layer(layer())));
    let (address, _stopping) = serve_tonic!(Server::builder().accept_http1(true).add_routes(routes));
    let server = crate::server::Server::at(address);
    server.check_guarded(TOKEN, false).await;
    assert_eq!(server.post("").await.status, StatusCode::BAD_REQUEST);
}
