//! The layer among limiters: which requests hold a permit and for how long, which refusal the
//! client sees, and that slow clients block no others.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{FORM, Jwt, Signer, client, fixture, form, key_set};
use crate::server::{Server, TOKEN, guard, issue, router, serve, serve_bare, token_form};
use axum::error_handling::HandleErrorLayer;
use axum::routing::post;
use axum::{BoxError, Router};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tower::balance::p2c::Balance;
use tower::buffer::{Buffer, BufferLayer};
use tower::discover::ServiceList;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer};
use tower::load::Constant;
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy as RetryPolicy, RetryLayer};
use tower::spawn_ready::SpawnReadyLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{BoxCloneSyncService, MapRequestLayer};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_client_assertion::registry::Client;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, RequestBody};
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::{KeyExtractor, PeerIpKeyExtractor};
use tower_governor::{GovernorError, GovernorLayer};

async fn failed(error: BoxError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// A hyper handler that is generic over its body.
async fn bare<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, BoxError>
where
    B: http_body::Body,
{
    let (parts, body) = request.into_parts();
    let Some(client) = parts.extensions.get::<ClientIdentity>().cloned() else {
        return Ok(Response::new(Full::from("passed")));
    };
    let Ok(body) = body.collect().await else { return Err("the body broke".into()) };
    let form: crate::server::TokenForm = serde_urlencoded::from_bytes(&body.to_bytes())?;
    Ok(Response::new(Full::from(format!("{} asked for {}", client.client_id(), form.scope))))
}

type Wrapped = Request<RequestBody<Incoming>>;

fn inner() -> impl Service<Wrapped, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone {
    service_fn(bare::<RequestBody<Incoming>>)
}

fn outer() -> impl Service<
    Request<Incoming>,
    Response = Response<impl http_body::Body<Data = Bytes, Error = Infallible> + Send>,
    Error = BoxError,
    Future: Send,
> + Clone {
    guard().layer(inner())
}

/// Connects this many clients that each send half a token request and then stop. Returns once the
/// server has read it.
async fn stall(server: &Server, clients: usize, arrived: &mut mpsc::UnboundedReceiver<()>) -> Vec<TcpStream> {
    let mut stalled = Vec::new();
    for _ in 0..clients {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let half = format!(
            "POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 900\r\n\r\ngrant_type=client_cre"
        );
        socket.write_all(half.as_bytes()).await.unwrap();
        // If a slow client held a permit, no other request would arrive.
        tokio::time::timeout(Duration::from_secs(60), arrived.recv()).await.expect("a permit is held").unwrap();
        stalled.push(socket);
    }
    stalled
}

fn arrivals()
-> (MapRequestLayer<impl Fn(axum::extract::Request) -> axum::extract::Request + Clone>, mpsc::UnboundedReceiver<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let note = move |request: axum::extract::Request| {
        sender.send(()).unwrap();
        request
    };
    (MapRequestLayer::new(note), receiver)
}

#[tokio::test]
async fn slow_clients_hold_no_permit_of_an_inner_limit() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let (note, mut arrived) = arrivals();
    let server = serve(router().layer(ServiceBuilder::new().layer(note).layer(guard()).layer(limit))).await;
    let stalled = stall(&server, 100, &mut arrived).await;
    server.post(token_form()).await.is_accepted();
    server.send("GET", "/health", "").await.is(StatusCode::OK, "passed");
    drop(stalled);
}

/// The order of the layers decides: an outer limit counts every sender, at any pace.
#[tokio::test]
async fn slow_clients_hold_permits_of_an_outer_limit() {
    let permits = Arc::new(Semaphore::new(3));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let (note, mut arrived) = arrivals();
    let stack = ServiceBuilder::new().layer(limit).layer(note).layer(guard());
    let server = serve(router().layer(stack)).await;
    let stalled = stall(&server, 3, &mut arrived).await;
    assert_eq!(permits.available_permits(), 0);
    drop(stalled);
    server.send("GET", "/health", "").await.is(StatusCode::OK, "passed");
}

#[tokio::test]
async fn a_finished_slow_body_waits_for_a_permit() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let (note, mut arrived) = arrivals();
    let server = serve(router().layer(ServiceBuilder::new().layer(note).layer(guard()).layer(limit))).await;
    let form = token_form();
    let length = form.len();
    let (start, rest) = form.split_at(300);
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let half = format!(
        "POST {TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n{start}"
    );
    socket.write_all(half.as_bytes()).await.unwrap();
    arrived.recv().await.unwrap();
    // The permit is free, because the request that waits for its body holds none.
    let held = permits.acquire().await.unwrap();
    socket.write_all(rest.as_bytes()).await.unwrap();
    drop(held);
    let mut response = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK") && response.ends_with("asked for a b"), "{response}");
}

#[tokio::test]
async fn concurrency_limits_work_on_either_side() {
    let limit = || ConcurrencyLimitLayer::new(1);
    serve(router().layer(ServiceBuilder::new().layer(guard()).layer(limit()))).await.check().await;
    serve(router().layer(ServiceBuilder::new().layer(limit()).layer(guard()))).await.check().await;
    let limit = GlobalConcurrencyLimitLayer::new(1);
    serve(router().layer(ServiceBuilder::new().layer(guard()).layer(limit.clone()))).await.check().await;
    serve(router().layer(ServiceBuilder::new().layer(limit).layer(guard()))).await.check().await;
}

#[tokio::test]
async fn a_shed_request_gets_the_load_shedders_response() {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, mut entries) = mpsc::unbounded_channel();
    let handler = {
        let gate = Arc::clone(&gate);
        move || async move {
            entered.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            "done"
        }
    };
    let shed = ServiceBuilder::new()
        .layer(guard())
        .layer(HandleErrorLayer::new(failed))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1));
    let server = Arc::new(serve(Router::new().route(TOKEN, post(handler)).layer(shed)).await);
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.post(token_form()).await }
    });
    entries.recv().await.unwrap();
    server.post(token_form()).await.is(StatusCode::SERVICE_UNAVAILABLE, "service overloaded");
    assert_eq!(server.post("").await.status, StatusCode::BAD_REQUEST, "refusals need no permit");
    gate.add_permits(1);
    first.await.unwrap().is(StatusCode::OK, "done");
}

#[tokio::test]
async fn load_shedding_works_outside() {
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(failed))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(2))
        .layer(guard());
    serve(router().layer(shed)).await.check().await;
}

#[tokio::test]
async fn buffered_rate_limits_work_on_either_side() {
    let rate = || RateLimitLayer::new(1_000, Duration::from_secs(1));
    let inside = ServiceBuilder::new()
        .layer(guard())
        .layer(HandleErrorLayer::new(failed))
        .layer(BufferLayer::new(8))
        .layer(rate());
    serve(router().layer(inside)).await.check().await;
    let outside = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(failed))
        .layer(BufferLayer::new(8))
        .layer(rate())
        .layer(guard());
    serve(router().layer(outside)).await.check().await;
}

#[tokio::test]
async fn timeouts_work_on_either_side() {
    let timeout = || TimeoutLayer::new(Duration::from_secs(60));
    let inside = ServiceBuilder::new().layer(guard()).layer(HandleErrorLayer::new(failed)).layer(timeout());
    serve(router().layer(inside)).await.check().await;
    let outside = ServiceBuilder::new().layer(HandleErrorLayer::new(failed)).layer(timeout()).layer(guard());
    serve(router().layer(outside)).await.check().await;
}

#[tokio::test]
async fn spawn_ready_behind_a_buffer_works_on_either_side() {
    let inside = ServiceBuilder::new().layer(guard()).layer(BufferLayer::new(8)).layer(SpawnReadyLayer::new());
    serve_bare(inside.service(inner())).await.check().await;
    let outside = ServiceBuilder::new().layer(BufferLayer::new(8)).layer(SpawnReadyLayer::new()).service(outer());
    serve_bare(outside).await.check().await;
}

#[tokio::test]
async fn boxed_services_work_on_either_side() {
    serve_bare(guard().layer(BoxCloneSyncService::new(inner()))).await.check().await;
    serve_bare(BoxCloneSyncService::new(outer())).await.check().await;
}

#[tokio::test]
async fn balanced_services_accept_an_assertion_once() {
    let guarded = guard();
    let services = (0..3).map(move |_| Constant::new(guarded.layer(inner()), 1));
    let balance = Balance::new(ServiceList::new::<Request<Incoming>>(services));
    serve_bare(Buffer::new(balance, 8)).await.check().await;
    let services = (0..3).map(|_| Constant::new(inner(), 1));
    let balance = Balance::new(ServiceList::new::<Wrapped>(services));
    serve_bare(guard().layer(Buffer::new(balance, 8))).await.check().await;
}

/// Sends a request again, once, if it failed.
#[derive(Clone)]
struct Again(Arc<AtomicUsize>);

impl<Res> RetryPolicy<Request<Full<Bytes>>, Res, BoxError> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<Full<Bytes>>, result: &mut Result<Res, BoxError>) -> Option<Ready<()>> {
        (result.is_err() && self.0.fetch_add(1, Ordering::Relaxed) == 0).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

/// Fails at the first call.
fn flaky()
-> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone {
    let calls = Arc::new(AtomicUsize::new(0));
    service_fn(move |request: Request<Full<Bytes>>| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if first { Err("not yet".into()) } else { bare(request).await } }
    })
}

/// Reads whole requests in front of `service`, so that they can be sent again.
async fn serve_whole<S, B>(service: S) -> Server
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let whole = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            service.oneshot(Request::from_parts(parts, Full::new(body))).await
        }
    });
    serve_bare(whole).await
}

#[tokio::test]
async fn an_outer_retry_sends_a_spent_assertion() {
    let retry = || RetryLayer::new(Again(Arc::default()));
    let guard = || guard().preserve_body_types();
    let server = serve_whole(ServiceBuilder::new().layer(guard()).layer(retry()).service(flaky())).await;
    server.post(token_form()).await.is_accepted();
    let server = serve_whole(ServiceBuilder::new().layer(retry()).layer(guard()).service(flaky())).await;
    server.post(token_form()).await.is_replay();
}

#[tokio::test]
async fn an_outer_governor_limits_addresses() {
    let governor = || {
        let config =
            GovernorConfigBuilder::default().per_second(3_600).burst_size(2).key_extractor(PeerIpKeyExtractor).finish();
        GovernorLayer::new(config.unwrap())
    };
    let apart = router().layer(guard()).layer(governor());
    let together = router().layer(ServiceBuilder::new().layer(governor()).layer(guard().preserve_body_types()));
    for router in [apart, together] {
        let server = serve(router).await;
        server.post(token_form()).await.is_accepted();
        assert_eq!(server.post("").await.status, StatusCode::BAD_REQUEST);
        let limited = server.post(token_form()).await;
        assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(limited.body.starts_with("Too Many Requests!"), "{}", limited.body);
        assert!(limited.header("retry-after").is_some());
    }
}

/// Limits by authenticated client, from any address.
#[derive(Clone)]
struct ByClient;

impl KeyExtractor for ByClient {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let identity = request.extensions().get::<ClientIdentity>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(identity.client_id().to_string())
    }
}

#[tokio::test]
async fn an_inner_governor_limits_each_client() {
    let other = Signer::es384("key-2");
    let clients = [client(), Client::new("clinic-8", key_set(&[other.jwk()])).unwrap()];
    let layer = ClientAssertionLayer::new(fixture().clients(clients).build());
    let config = GovernorConfigBuilder::default().per_second(3_600).burst_size(1).key_extractor(ByClient).finish();
    let stack = ServiceBuilder::new().layer(layer).layer(GovernorLayer::new(config.unwrap()));
    let server = serve(Router::new().route(TOKEN, post(issue)).layer(stack)).await;
    assert_eq!(server.post("").await.status, StatusCode::BAD_REQUEST, "a refused request uses no share");
    server.post(token_form()).await.is_accepted();
    assert_eq!(server.post(token_form()).await.status, StatusCode::TOO_MANY_REQUESTS);
    let theirs = form(&Jwt::by(&other, "clinic-8").signed_by(&other)) + "&scope=a";
    server.post(theirs).await.is(StatusCode::OK, "clinic-8 asked for a");
}
