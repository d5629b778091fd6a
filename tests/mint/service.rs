//! The set that is served.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::mint::{DocumentBody, JwksService, KeyRing};
use tower_client_assertion::policy::Algorithm;

use crate::support::key;

async fn ask(service: &JwksService, method: Method, path: &str, tag: Option<&str>) -> Response<DocumentBody> {
    let request = Request::builder().method(method).uri(path);
    let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
    service.clone().oneshot(request.body(()).unwrap()).await.unwrap()
}

async fn body(response: Response<DocumentBody>) -> bytes::Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn get_and_head_have_the_same_headers() {
    let ring = KeyRing::builder(key(Algorithm::ES256)).max_age(Duration::from_secs(120)).build();
    let service = JwksService::new(ring.clone());
    let get = ask(&service, Method::GET, "/jwks.json", None).await;
    let head = ask(&service, Method::HEAD, "/jwks.json", None).await;
    assert_eq!(get.headers(), head.headers());
    assert_eq!(get.headers()["cache-control"], "public, max-age=120");
    assert_eq!(get.headers()["content-length"], ring.jwks().len().to_string());
    assert!(body(head).await.is_empty());
    let set = body(get).await;
    assert_eq!(set, ring.jwks());
    assert_eq!(KeySet::parse(&set).unwrap().len(), 1);
}

#[tokio::test]
async fn a_set_that_has_not_changed_is_not_sent_again() {
    let ring = KeyRing::new(key(Algorithm::ES256));
    let service = JwksService::new(ring.clone());
    let tag = ask(&service, Method::GET, "/", None).await.headers()["etag"].to_str().unwrap().to_owned();
    for given in [&*tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
        let response = ask(&service, Method::GET, "/", Some(given)).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{given}");
        assert_eq!(response.headers()["etag"], tag.as_str());
        assert!(body(response).await.is_empty());
    }
    assert_eq!(ask(&service, Method::GET, "/", Some("\"other\"")).await.status(), StatusCode::OK);
    ring.replace(key(Algorithm::ES384)).unwrap();
    assert_eq!(ask(&service, Method::GET, "/", Some(&tag)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let service = JwksService::new(KeyRing::new(key(Algorithm::ES256)));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&service, method.clone(), "/", None).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()["allow"], "GET, HEAD");
    }
}

#[tokio::test]
async fn a_document_is_served_at_its_path_alone() {
    let metadata = json!({"client_id": "https://client.example.com/client.json"});
    let service = JwksService::new(KeyRing::new(key(Algorithm::ES256))).document("/client.json", &metadata).unwrap();
    assert!(service.clone().document("/client.json", &metadata).is_err());
    assert!(service.clone().document("client.json", &metadata).is_err());
    let response = ask(&service, Method::GET, "/client.json", None).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(body(response).await, metadata.to_string());
    let response = ask(&service, Method::GET, "/client.json/", None).await;
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
}
