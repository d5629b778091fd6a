//! The layer where users put it: in axum's routers and in front of a bare hyper service, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use bytes::Bytes;
use common::{CLIENT, Jwt, form, verifier};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{Layer, ServiceBuilder, service_fn};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, RequestBody};

const TOKEN: &str = "/v2/auth/token";

/// A server on loopback that stops with the test.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server { address, task }
}

impl Server {
    async fn send(&self, method: &str, path: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::<Bytes>::from(body))
            .unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// One accepted, one refused and, where there is one, one passed request.
    async fn check(&self, passes: Option<&str>) {
        let body = form(&Jwt::new().signed()) + "&scope=a+b";
        let accepted = self.send("POST", TOKEN, body.clone()).await;
        assert_eq!(accepted, (StatusCode::OK, format!("{CLIENT} wants a b")));
        let (status, body) = self.send("POST", TOKEN, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body, r#"{"error":"invalid_request","error_description":"Unexpected jti claim value"}"#);
        if let Some(path) = passes {
            assert_eq!(self.send("GET", path, String::new()).await, (StatusCode::OK, "passed".to_owned()));
        }
    }
}

#[derive(serde::Deserialize)]
struct TokenForm {
    scope: String,
}

/// Reads the identity and, after the layer has read it, the form.
async fn issue(Extension(client): Extension<ClientIdentity>, Form(form): Form<TokenForm>) -> String {
    format!("{} wants {}", client.client_id(), form.scope)
}

fn layer() -> ClientAssertionLayer {
    ClientAssertionLayer::new(verifier())
}

#[tokio::test]
async fn on_a_whole_axum_router_it_guards_its_path() {
    let router = Router::new().route(TOKEN, post(issue)).route("/health", get(|| async { "passed" }));
    let server = serve(router.layer(layer().path(TOKEN).unwrap())).await;
    server.check(Some("/health")).await;
    assert_eq!(server.send("GET", TOKEN, String::new()).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn on_the_routes_added_so_far_it_guards_them_all() {
    let router = Router::new().route(TOKEN, post(issue)).route_layer(layer());
    let server = serve(router.route("/health", get(|| async { "passed" }))).await;
    server.check(Some("/health")).await;
}

#[tokio::test]
async fn on_one_method_of_one_route_it_guards_that() {
    let token = post(issue).layer(layer()).get(|| async { "passed" });
    let server = serve(Router::new().route(TOKEN, token)).await;
    server.check(Some(TOKEN)).await;
}

#[tokio::test]
async fn with_body_types_preserved_it_stands_beside_from_fn_in_one_builder() {
    let note = axum::middleware::from_fn(|request: axum::extract::Request, next: axum::middleware::Next| async move {
        assert!(request.extensions().get::<ClientIdentity>().is_some() || request.uri().path() != TOKEN);
        next.run(request).await
    });
    let guard = layer().path(TOKEN).unwrap().preserve_body_types();
    let stack = ServiceBuilder::new().layer(guard).layer(note);
    let router = Router::new().route(TOKEN, post(issue)).route("/health", get(|| async { "passed" }));
    serve(router.layer(stack)).await.check(Some("/health")).await;
}

#[tokio::test]
async fn in_front_of_hyper_it_takes_the_incoming_body_as_it_is() {
    let handler = service_fn(|request: Request<RequestBody<Incoming>>| async move {
        let (parts, body) = request.into_parts();
        let text = match parts.extensions.get::<ClientIdentity>() {
            None => "passed".to_owned(),
            Some(client) => {
                let body = body.collect().await.unwrap().to_bytes();
                let TokenForm { scope } = serde_urlencoded::from_bytes(&body).unwrap();
                format!("{} wants {scope}", client.client_id())
            }
        };
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text)))
    });
    let service = layer().path(TOKEN).unwrap().layer(handler);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                builder.serve_connection(TokioIo::new(stream), service).await
            });
        }
    });
    Server { address, task }.check(Some("/health")).await;
}
