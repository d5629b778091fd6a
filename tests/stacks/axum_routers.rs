//! The layer at the places where users of axum mount it, with common middleware around it, over
//! real sockets.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use crate::common::{CLIENT, FORM};
use crate::server::{TOKEN, TokenForm, guard, issue, layer, pass, router, serve, token_form};
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, map_request, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{BoxError, Extension, Form, Router};
use http::{HeaderName, StatusCode, header};
use tower::util::{BoxCloneSyncService, MapRequestLayer, option_layer};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_client_assertion::ClientIdentity;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

#[tokio::test]
async fn a_layer_on_a_router_guards_its_path() {
    let server = serve(router().layer(guard())).await;
    server.check().await;
    assert_eq!(server.send("GET", TOKEN, "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_route_layer_guards_the_routes_added_so_far() {
    let guarded = Router::new().route(TOKEN, post(issue)).route_layer(layer());
    serve(guarded.route("/health", get(pass))).await.check().await;
}

#[tokio::test]
async fn a_layer_on_a_method_guards_that_method() {
    let server = serve(Router::new().route(TOKEN, post(issue).layer(layer()).get(pass))).await;
    server.check_guarded(TOKEN, false).await;
    server.send("GET", TOKEN, "").await.is(StatusCode::OK, "passed");
}

#[tokio::test]
async fn a_layer_in_a_nested_router_guards_its_route() {
    let inner = Router::new().route("/auth/token", post(issue)).route_layer(layer());
    serve(Router::new().nest("/v2", inner).route("/health", get(pass))).await.check().await;
    let inner = Router::new().route("/auth/token", post(issue)).route_layer(layer());
    serve(Router::new().nest_service("/v2", inner).route("/health", get(pass))).await.check().await;
}

#[tokio::test]
async fn a_layer_around_nested_routers_guards_the_full_path() {
    let inner = Router::new().route("/auth/token", post(issue));
    serve(Router::new().nest("/v2", inner).route("/health", get(pass)).layer(guard())).await.check().await;
}

#[tokio::test]
async fn fallbacks_are_guarded_like_routes() {
    let fallback = || Router::new().route("/health", get(pass));
    serve(fallback().fallback_service(post(issue).layer(layer()))).await.check().await;
    serve(fallback().fallback(issue).layer(guard())).await.check().await;
}

#[tokio::test]
async fn state_reaches_the_handler() {
    async fn issue(
        State(name): State<&'static str>,
        client: Extension<ClientIdentity>,
        form: Form<TokenForm>,
    ) -> String {
        assert_eq!(name, "state");
        crate::server::issue(client, form).await
    }
    let router = Router::new().route(TOKEN, post(issue)).route("/health", get(pass));
    serve(router.layer(guard()).with_state("state")).await.check().await;
}

#[tokio::test]
async fn a_router_wrapped_as_a_whole_is_served() {
    let service = guard().preserve_body_types().layer(router());
    crate::server::serve_made(axum::ServiceExt::<Request>::into_make_service(service)).await.check().await;
}

/// Sees every request outside the layer, where no identity exists yet.
async fn before(request: Request) -> Request {
    assert!(request.extensions().get::<ClientIdentity>().is_none());
    request
}

/// Sees every request inside the layer, where a token request has an identity.
async fn behind(request: Request) -> Request {
    assert_eq!(request.extensions().get::<ClientIdentity>().is_some(), request.uri().path() == TOKEN);
    request
}

async fn note(request: Request, next: Next) -> Response {
    let mut response = next.run(behind(request).await).await;
    response.headers_mut().insert("x-noted", "yes".parse().unwrap());
    response
}

async fn failed(error: BoxError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

fn request_id() -> SetRequestIdLayer<MakeRequestUuid> {
    SetRequestIdLayer::x_request_id(MakeRequestUuid)
}

fn timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(60))
}

fn shedding() -> tower::layer::util::Stack<
    tower::limit::ConcurrencyLimitLayer,
    tower::layer::util::Stack<tower::load_shed::LoadShedLayer, tower::layer::util::Identity>,
> {
    ServiceBuilder::new().load_shed().concurrency_limit(8).into_inner()
}

/// Each wraps a whole router and must keep all exchanges working.
macro_rules! arrangements {
    ($($name:ident: $stack:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            serve(router().layer($stack)).await.check().await;
        }
    )*};
}

arrangements! {
    trace_outside: ServiceBuilder::new().layer(TraceLayer::new_for_http()).layer(guard());
    trace_inside: ServiceBuilder::new().layer(guard()).layer(TraceLayer::new_for_http());
    cors_outside: ServiceBuilder::new().layer(CorsLayer::permissive()).layer(guard());
    cors_inside: ServiceBuilder::new().layer(guard()).layer(CorsLayer::permissive());
    compression_outside: ServiceBuilder::new().layer(CompressionLayer::new()).layer(guard());
    compression_inside: ServiceBuilder::new().layer(guard()).layer(CompressionLayer::new());
    decompression_outside: ServiceBuilder::new().layer(RequestDecompressionLayer::new()).layer(guard());
    decompression_inside: ServiceBuilder::new().layer(guard()).layer(RequestDecompressionLayer::new());
    timeout_outside: ServiceBuilder::new().layer(timeout()).layer(guard());
    timeout_inside: ServiceBuilder::new().layer(guard()).layer(timeout());
    body_limit_outside: ServiceBuilder::new().layer(RequestBodyLimitLayer::new(9_000)).layer(guard());
    body_limit_inside: ServiceBuilder::new().layer(guard()).layer(RequestBodyLimitLayer::new(9_000));
    catch_panic_outside: ServiceBuilder::new().layer(CatchPanicLayer::new()).layer(guard());
    catch_panic_inside: ServiceBuilder::new().layer(guard()).layer(CatchPanicLayer::new());
    request_id_outside: ServiceBuilder::new().layer(request_id()).layer(guard());
    request_id_inside: ServiceBuilder::new().layer(guard()).layer(request_id());
    sensitive_headers_outside: ServiceBuilder::new().layer(sensitive()).layer(guard());
    sensitive_headers_inside: ServiceBuilder::new().layer(guard()).layer(sensitive());
    from_fn_outside: ServiceBuilder::new().layer(from_fn(|request: Request, next: Next| next.run(request))).layer(guard());
    from_fn_inside: ServiceBuilder::new().layer(guard().preserve_body_types()).layer(from_fn(note));
    map_request_outside: ServiceBuilder::new().layer(map_request(before)).layer(guard());
    map_request_inside: ServiceBuilder::new().layer(guard().preserve_body_types()).layer(map_request(behind));
    towers_map_request_outside: ServiceBuilder::new().layer(MapRequestLayer::new(|request: Request| request)).layer(guard());
    towers_map_request_inside: ServiceBuilder::new().layer(guard().preserve_body_types())
        .layer(MapRequestLayer::new(|request: Request| request));
    map_response_outside: ServiceBuilder::new().layer(map_response(|response: Response| async { response }))
        .layer(guard().preserve_body_types());
    handle_error_outside: ServiceBuilder::new().layer(HandleErrorLayer::new(failed)).layer(shedding()).layer(guard());
    handle_error_inside: ServiceBuilder::new().layer(guard()).layer(HandleErrorLayer::new(failed)).layer(shedding());
    option_layer_around: ServiceBuilder::new().layer(option_layer(Some(guard().preserve_body_types())));
    all_of_them_outside: ServiceBuilder::new()
        .layer(CatchPanicLayer::new()).layer(request_id()).layer(sensitive()).layer(TraceLayer::new_for_http())
        .layer(timeout()).layer(CorsLayer::permissive()).layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(9_000)).layer(RequestDecompressionLayer::new()).layer(guard());
    all_of_them_inside: ServiceBuilder::new().layer(guard())
        .layer(CatchPanicLayer::new()).layer(request_id()).layer(sensitive()).layer(TraceLayer::new_for_http())
        .layer(timeout()).layer(CorsLayer::permissive()).layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(9_000)).layer(RequestDecompressionLayer::new());
    boxed_outside: tower::layer::layer_fn(|route: axum::routing::Route| {
        let service = ServiceExt::<Request>::map_response(guard().layer(route), |response| response.map(Body::new));
        BoxCloneSyncService::new(service)
    });
    boxed_inside: tower::layer::layer_fn(|route: axum::routing::Route| {
        guard().preserve_body_types().layer(BoxCloneSyncService::<Request, Response, Infallible>::new(route))
    });
}

fn sensitive() -> SetSensitiveHeadersLayer {
    SetSensitiveHeadersLayer::new([header::AUTHORIZATION])
}

#[tokio::test]
async fn outer_cors_answers_preflights_and_covers_refusals() {
    let cors = CorsLayer::new().allow_origin(Any).allow_headers([header::CONTENT_TYPE]);
    let server = serve(router().layer(guard()).layer(cors)).await;
    let preflight = server.request("OPTIONS", TOKEN).header("origin", "https://app.example.com");
    let preflight = preflight.header("access-control-request-method", "POST").body("").unwrap();
    assert_eq!(server.exchange(preflight, false).await.status, StatusCode::OK);
    let refused = server.request("POST", TOKEN).header("origin", "https://app.example.com").body("").unwrap();
    let refused = server.exchange(refused, false).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn outer_compression_compresses_refusals() {
    let server = serve(router().layer(guard()).layer(CompressionLayer::new())).await;
    let request = server.request("POST", TOKEN).header("accept-encoding", "gzip").body("").unwrap();
    let refused = server.exchange(request, false).await;
    assert_eq!((refused.status, refused.header("content-encoding")), (StatusCode::BAD_REQUEST, Some("gzip")));
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_forms_need_an_outer_decompression_layer() {
    let outside = ServiceBuilder::new().layer(RequestDecompressionLayer::new()).layer(guard());
    let inside = ServiceBuilder::new().layer(guard()).layer(RequestDecompressionLayer::new());
    let (outside, inside) = (serve(router().layer(outside)).await, serve(router().layer(inside)).await);
    for (server, status) in [(outside, StatusCode::OK), (inside, StatusCode::UNSUPPORTED_MEDIA_TYPE)] {
        let request = server.request("POST", TOKEN).header("content-encoding", "gzip");
        let answer = server.exchange(request.body(gzip(&token_form())).unwrap(), false).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn outer_and_inner_body_limits_keep_their_responses() {
    let large = || "x=".to_owned() + &"x".repeat(70_000);
    let server = serve(router().layer(guard()).layer(RequestBodyLimitLayer::new(1_000))).await;
    server.post(large()).await.is(StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded");
    let server = serve(router().layer(guard())).await;
    let refused = server.post(large()).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.body.contains("Request body too large"), "{}", refused.body);
}

#[tokio::test]
async fn refusals_carry_the_request_id() {
    let ids = ServiceBuilder::new().layer(request_id()).layer(PropagateRequestIdLayer::x_request_id()).layer(guard());
    let refused = serve(router().layer(ids)).await.post("").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.header("x-request-id").is_some());
}

#[tokio::test]
async fn refused_requests_do_not_reach_inner_middleware() {
    let server = serve(router().layer(from_fn(note)).layer(guard())).await;
    assert_eq!(server.post(token_form()).await.header("x-noted"), Some("yes"));
    assert_eq!(server.post("").await.header("x-noted"), None);
    assert_eq!(server.send("GET", "/health", "").await.header("x-noted"), Some("yes"));
}

#[tokio::test]
async fn a_handler_panic_is_caught_by_an_outer_layer() {
    async fn panics() {
        panic!("on purpose")
    }
    let server = serve(Router::new().route(TOKEN, post(panics)).layer(guard()).layer(CatchPanicLayer::new())).await;
    assert_eq!(server.post(token_form()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn extractors_read_forms_of_any_content_type_spelling() {
    let server = serve(router().layer(guard())).await;
    for content_type in [FORM, "Application/X-WWW-Form-Urlencoded; Charset=UTF-8"] {
        let mut request = server.request("POST", TOKEN).body(token_form()).unwrap();
        request.headers_mut().insert(HeaderName::from_static("content-type"), content_type.parse().unwrap());
        server.exchange(request, false).await.is(StatusCode::OK, &format!("{CLIENT} asked for a b"));
    }
}

const MISCONFIGURED: &str =
    r#"{"error":"server_error","error_description":"The authorization server is misconfigured"}"#;

#[tokio::test]
async fn a_layer_on_router_and_route_is_a_misconfiguration() {
    let verifier = std::sync::Arc::new(crate::common::verifier());
    let layer = || tower_client_assertion::ClientAssertionLayer::new(std::sync::Arc::clone(&verifier));
    let router = Router::new().route(TOKEN, post(issue).layer(layer()));
    let server = serve(router.layer(layer().path(TOKEN).unwrap())).await;
    server.post(token_form()).await.is(StatusCode::INTERNAL_SERVER_ERROR, MISCONFIGURED);
}

#[tokio::test]
async fn a_body_read_by_outer_middleware_is_a_misconfiguration() {
    let reads = from_fn(|request: Request, next: Next| async {
        let (parts, body) = request.into_parts();
        axum::body::to_bytes(body, 9_000).await.unwrap();
        next.run(Request::from_parts(parts, Body::empty())).await
    });
    let server = serve(router().layer(guard()).layer(reads)).await;
    server.post(token_form()).await.is(StatusCode::INTERNAL_SERVER_ERROR, MISCONFIGURED);
}

/// Why the manual says that middleware which rewrites paths belongs outside.
#[tokio::test]
async fn only_paths_rewritten_outside_are_guarded() {
    fn shorten(mut request: Request) -> Request {
        if request.uri().path() == "/token" {
            *request.uri_mut() = TOKEN.parse().unwrap();
        }
        request
    }
    let rewriting = || MapRequestLayer::new(shorten);
    // In a builder, the first layer is the outermost.
    let outside = ServiceBuilder::new().layer(rewriting()).layer(guard().preserve_body_types()).service(router());
    let server = serve(Router::new().fallback_service(outside)).await;
    server.check_guarded("/token", false).await;
    server.check_guarded(TOKEN, false).await;

    let inside = ServiceBuilder::new().layer(guard().preserve_body_types()).layer(rewriting()).service(router());
    let server = serve(Router::new().fallback_service(inside)).await;
    server.check_guarded(TOKEN, false).await;
    // It reaches the handler unguarded, which is not called for lack of an identity.
    let answer = server.send("POST", "/token", token_form()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("ClientIdentity"), "{}", answer.body);
}

#[tokio::test]
async fn a_handler_requiring_the_identity_fails_without_a_layer() {
    let nested = Router::new().nest("/v2", Router::new().route("/auth/token", post(issue)).layer(guard()));
    for router in [router(), nested] {
        let answer = serve(router).await.post(token_form()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body.contains("ClientIdentity"), "{}", answer.body);
    }
}
