//! The troubleshooting page as a route of axum and as a service of hyper.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use tower_client_assertion::render::{Redox, Troubleshooting};

use crate::common::fixture;

fn page() -> Troubleshooting {
    Troubleshooting::of(&Redox::default(), &fixture().build())
}

#[tokio::test]
async fn axum_serves_the_page() {
    let app: Router = Router::new().route_service("/errors", page().service());
    let request = |path| Request::get(path).body(Body::empty()).unwrap();
    let found = app.clone().oneshot(request("/errors")).await.unwrap();
    assert_eq!(found.status(), StatusCode::OK);
    assert_eq!(to_bytes(found.into_body(), usize::MAX).await.unwrap(), page().html());
    assert_eq!(app.oneshot(request("/error")).await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hyper_serves_the_page() {
    let length = page().html().len();
    for (method, body) in [("GET", length), ("HEAD", 0)] {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let service = TowerToHyperService::new(page().service());
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let request = format!("{method} /errors HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let (served, read) = tokio::join!(serving, client.read_to_string(&mut text));
        served.unwrap();
        read.unwrap();
        let (head, content) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains(&format!("content-length: {length}")), "{head}");
        assert_eq!(content.len(), body, "{method}");
    }
}
