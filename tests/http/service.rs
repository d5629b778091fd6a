//! The service's contract with Tower: readiness, which instance is called, what passes unchanged,
//! and what the inner service receives.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::common::{CLIENT, FORM, Jwt, body_of, form, now_or_never, post, verifier, verify};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::sync::{Semaphore, mpsc};
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, RequestBody};

fn layer() -> ClientAssertionLayer {
    ClientAssertionLayer::new(verifier())
}

fn token_request() -> Request<Full<Bytes>> {
    post(form(&Jwt::new().signed()))
}

#[test]
fn readiness_is_that_of_the_inner_service() {
    let (service, mut handle) = tower_test::mock::pair::<Request<RequestBody<Full<Bytes>>>, Response<Full<Bytes>>>();
    let mut service = layer().layer(service);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let ready = |service: &mut _, context: &mut Context<'_>| {
        Service::<Request<Full<Bytes>>>::poll_ready(service, context)
            .map(|ready: Result<_, tower::BoxError>| ready.is_ok())
    };

    handle.allow(0);
    assert_eq!(ready(&mut service, &mut context), Poll::Pending);
    handle.allow(1);
    assert_eq!(ready(&mut service, &mut context), Poll::Ready(true));
    handle.send_error("closed");
    assert_eq!(ready(&mut service, &mut context), Poll::Ready(false));
}

#[test]
fn the_inner_service_of_both_services_is_accessible() {
    let mut service = layer().layer(1);
    *service.get_mut() += 1;
    assert_eq!((*service.get_ref(), service.into_inner()), (2, 2));

    let mut service = GrpcAssertionLayer::new(verifier()).layer(1);
    *service.get_mut() += 1;
    assert_eq!((*service.get_ref(), service.into_inner()), (2, 2));
}

#[test]
fn a_refusal_polled_again_stays_pending() {
    let mut service = layer().layer(service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let mut future = pin!(service.call(post("")));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Ok(refused)) = future.as_mut().poll(&mut context) else { panic!("expected a refusal") };
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(future.as_mut().poll(&mut context).is_pending());
}

/// Panics if it is called before it was ready, as the contract allows.
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false, calls: Arc::clone(&self.calls) }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::default()))
    }
}

#[test]
fn the_ready_instance_is_the_one_called() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service = layer().layer(Strict { ready: false, calls: Arc::clone(&calls) });
    for _ in 0..3 {
        let response = now_or_never((&mut service).oneshot(token_request())).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[test]
fn an_inner_concurrency_permit_is_released_after_each_request() {
    let inner = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service = layer().layer(ConcurrencyLimit::new(inner, 1));
    for attempt in [token_request(), post("nonsense"), token_request(), token_request()] {
        now_or_never((&mut service).oneshot(attempt)).unwrap();
    }
}

/// A body with one half available and the other sent later.
struct Halves(mpsc::Receiver<Bytes>);

impl Body for Halves {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// A token request. The rest of its body goes into the sender.
fn slow_request() -> (Request<Halves>, mpsc::Sender<Bytes>, Bytes) {
    let whole = Bytes::from(form(&Jwt::new().signed()));
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(whole.slice(..300)).unwrap();
    (token_request().map(|_| Halves(receiver)), sender, whole.slice(300..))
}

#[tokio::test]
async fn a_waiting_request_releases_its_reservation() {
    let permits = Arc::new(Semaphore::new(1));
    let inner = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits))
        .layer(Strict { ready: false, calls: Arc::default() });
    let mut service = layer().layer(inner);
    let (request, sender, rest) = slow_request();
    let mut response = pin!(ServiceExt::<Request<Halves>>::ready(&mut service).await.unwrap().call(request));
    assert_eq!(permits.available_permits(), 0, "it is ready");
    assert!(poll_once(response.as_mut()).is_pending());
    assert_eq!(permits.available_permits(), 1, "it waits for the body");

    let held = permits.acquire().await.unwrap();
    sender.send(rest).await.unwrap();
    drop(sender);
    assert!(poll_once(response.as_mut()).is_pending(), "it waits for the permit");
    drop(held);
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn a_request_refused_by_its_head_reserves_nothing() {
    let permits = Arc::new(Semaphore::new(1));
    let inner = service_fn(saw_identity::<RequestBody<Full<Bytes>>>);
    let mut service = layer().layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits)).layer(inner));
    let request = Request::get("/token").body(Full::<Bytes>::default()).unwrap();
    let mut response = pin!((&mut service).oneshot(request));
    assert_eq!(now_or_never(response.as_mut()).unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(permits.available_permits(), 1);
}

/// Ready once and never again.
struct Closing(bool);

impl Clone for Closing {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl<B> Service<Request<B>> for Closing {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Self::Response, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(if self.0 { Ok(()) } else { Err("closed") })
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn an_inner_service_closed_meanwhile_returns_its_error() {
    let mut service = layer().layer(Closing(true));
    let (request, sender, rest) = slow_request();
    let mut response = pin!(ServiceExt::<Request<Halves>>::ready(&mut service).await.unwrap().call(request));
    assert!(poll_once(response.as_mut()).is_pending());
    sender.send(rest).await.unwrap();
    drop(sender);
    assert_eq!(response.await.unwrap_err(), "closed");
}

#[test]
fn only_accepted_requests_reach_the_handler() {
    let calls = AtomicUsize::new(0);
    let inner = service_fn(|request: Request<RequestBody<Full<Bytes>>>| {
        calls.fetch_add(1, Ordering::Relaxed);
        let identity = request.extensions().get::<ClientIdentity>().cloned();
        async move {
            assert_eq!(identity.unwrap().client_id().as_str(), CLIENT);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let mut service = layer().layer(inner);
    let response = now_or_never(service.call(post("grant_type=client_credentials"))).unwrap();
    assert_eq!((response.status(), calls.load(Ordering::Relaxed)), (StatusCode::BAD_REQUEST, 0));
    let response = now_or_never(service.call(token_request())).unwrap();
    assert_eq!((response.status(), calls.load(Ordering::Relaxed)), (StatusCode::OK, 1));
}

/// Answers whether it saw an identity.
async fn saw_identity<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let seen = request.extensions().get::<ClientIdentity>().is_some();
    Ok(Response::new(Full::from(if seen { "seen" } else { "none" })))
}

#[test]
fn requests_for_other_paths_pass_untouched() {
    let mut service = layer().path("/token").unwrap().layer(service_fn(saw_identity::<RequestBody<Full<Bytes>>>));
    for uri in ["/", "/token/", "/Token", "/token2", "/%74oken", "//token", "/other?x=/token"] {
        let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
        let response = now_or_never(service.call(request)).unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{uri}");
        assert_eq!(body_of(response), "none", "{uri}");
    }
    for uri in ["/token", "/token?x=1", "http://api.example.com/token"] {
        let request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
        assert_eq!(now_or_never(service.call(request)).unwrap().status(), StatusCode::METHOD_NOT_ALLOWED, "{uri}");
    }
}

#[test]
fn an_existing_identity_does_not_change_a_refusal() {
    let identity = verify(&verifier(), &form(&Jwt::new().signed())).unwrap();
    let mut service = layer().layer(service_fn(saw_identity::<RequestBody<Full<Bytes>>>));
    let mut request = post("grant_type=client_credentials");
    request.extensions_mut().insert(identity.clone());
    assert_eq!(now_or_never(service.call(request)).unwrap().status(), StatusCode::BAD_REQUEST);

    let mut request = token_request();
    request.extensions_mut().insert(identity);
    assert_eq!(now_or_never(service.call(request)).unwrap().status(), StatusCode::OK);
}

#[test]
fn the_inner_service_gets_the_same_bytes_and_fitting_headers() {
    let sent = form(&Jwt::new().signed()) + "&note=%zz&note=a+b%20c&empty&scope=x%26y";
    let expected = Bytes::from(sent.clone());
    let inner = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let expected = expected.clone();
        async move {
            let (parts, body) = request.into_parts();
            assert_eq!(parts.headers["content-length"], expected.len().to_string());
            assert!(!parts.headers.contains_key("transfer-encoding"));
            assert_eq!(parts.headers["content-type"], FORM);
            assert_eq!(parts.headers["x-other"], "kept");
            assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), expected);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("fine")))
        }
    });
    let mut request = post(sent);
    request.headers_mut().insert("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8".parse().unwrap());
    request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    request.headers_mut().insert("x-other", "kept".parse().unwrap());
    let response = now_or_never(layer().layer(inner).call(request)).unwrap();
    assert_eq!(body_of(response), "fine");
}

#[test]
fn errors_of_the_inner_service_pass_unchanged() {
    #[derive(Debug, PartialEq)]
    struct Mine;
    let inner = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async { Err::<Response<Full<Bytes>>, _>(Mine) });
    let error = now_or_never(layer().layer(inner).call(token_request())).unwrap_err();
    assert_eq!(error, Mine);
}

#[test]
fn other_credentials_are_refused_with_a_challenge() {
    let standard = tower_client_assertion::render::Rfc6749::default();
    let cases = [
        ("authorization", "Basic YTpi", StatusCode::UNAUTHORIZED, Some("Basic realm=\"token endpoint\"")),
        ("authorization", "bearer x", StatusCode::UNAUTHORIZED, Some("Bearer realm=\"token endpoint\"")),
        ("authorization", "DPoP x", StatusCode::UNAUTHORIZED, Some("DPoP realm=\"token endpoint\"")),
        ("authorization", "Hoba x", StatusCode::BAD_REQUEST, None),
        ("oauth-client-attestation", "x", StatusCode::BAD_REQUEST, None),
        ("oauth-client-attestation-pop", "x", StatusCode::BAD_REQUEST, None),
    ];
    for (name, value, status, challenge) in cases {
        // Without an assertion, only `Basic` was an attempt to authenticate.
        let bare = if value.starts_with("Basic") { (status, challenge) } else { (StatusCode::BAD_REQUEST, None) };
        let requests =
            [(form(&Jwt::new().signed()), (status, challenge)), ("grant_type=client_credentials".to_owned(), bare)];
        for (body, (status, challenge)) in requests {
            let mut request = post(body.clone());
            request.headers_mut().insert(name, value.parse().unwrap());
            let inner = service_fn(saw_identity::<RequestBody<Full<Bytes>>>);
            let response = now_or_never(layer().render(standard.clone()).layer(inner).call(request)).unwrap();
            assert_eq!(response.status(), status, "{value}, {body}");
            let found = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
            assert_eq!(found, challenge, "{value}, {body}");
        }
        let mut request = token_request();
        request.headers_mut().insert(name, value.parse().unwrap());
        let inner = service_fn(saw_identity::<RequestBody<Full<Bytes>>>);
        let response = now_or_never(layer().layer(inner).call(request)).unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "in Redox's profile, {value}");
        assert!(!response.headers().contains_key("www-authenticate"), "in Redox's profile, {value}");
    }
}

#[test]
fn the_content_type_must_be_a_form_in_any_case() {
    let cases = [
        ("application/x-www-form-urlencoded", true),
        ("APPLICATION/X-www-form-URLENCODED", true),
        ("application/x-www-form-urlencoded;", true),
        ("application/x-www-form-urlencoded ; charset=utf-8", true),
        ("application/x-www-form-urlencoded;charset=\"UTF-8\"", true),
        ("application/x-www-form-urlencoded; charset=us-ascii; x=y", true),
        ("application/x-www-form-urlencoded; charset=latin1", false),
        ("application/x-www-form-urlencoded; charset", false),
        ("application/x-www-form-urlencoded; charset=", false),
        ("application/x-www-form-urlencoded; charset=\"\"utf-8\"", false),
        ("application/x-www-form-urlencoded; a=b, multipart/form-data", false),
        ("application/x-www-form-urlencoded, text/plain", false),
        ("application/x-www-form-urlencoded2", false),
        ("x-www-form-urlencoded", false),
        ("multipart/form-data", false),
        ("", false),
    ];
    for (value, accepted) in cases {
        let mut request = token_request();
        request.headers_mut().insert("content-type", value.parse().unwrap());
        let inner = service_fn(saw_identity::<RequestBody<Full<Bytes>>>);
        let response = now_or_never(layer().layer(inner).call(request)).unwrap();
        assert_eq!(response.status() == StatusCode::OK, accepted, "{value}");
    }
}

#[test]
fn invalid_settings_are_named() {
    for path in
        ["", "token", "/token?x", "/token#x", "/to ken", "/tok\u{e9}n", "/{tenant}/token", "/{*rest}", "/a<b", "/a`b"]
    {
        let error = layer().path(path).unwrap_err().to_string();
        assert!(error.starts_with("path: ") && error.contains("slash"), "{error}");
    }
    let error = layer().body_limit(0).unwrap_err().to_string();
    assert!(error.starts_with("body_limit: 0 is not allowed"), "{error}");
    let error = layer().body_timeout(std::time::Duration::ZERO).unwrap_err().to_string();
    assert!(error.starts_with("body_timeout: 0 is not allowed"), "{error}");
}
