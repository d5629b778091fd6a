//! Serves the public keys of a client.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tower_service::Service;

use super::body::DocumentBody;
use super::ring::KeyRing;
use crate::jose::base64url::encode;
use crate::jose::digest::sha256;

/// Serves the public keys of a [`KeyRing`], at the `jwks_uri` of the client. It answers GET and
/// HEAD with an `ETag` and a `Cache-Control` for the time after which the ring [may sign with a new
/// key](KeyRing::rotate). Cheap to clone.
///
/// It answers every path with the keys, except those of its [documents](Self::document): put it on
/// the route of the `jwks_uri`.
///
/// ```
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_client_assertion::mint::{JwksService, KeyRing, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = KeyRing::new(SigningKey::generate(Algorithm::ES256)?);
/// let service = JwksService::new(ring);
/// let get = Request::get("/jwks.json").body(())?;
/// let response = service.clone().oneshot(get).await?;
/// assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
/// assert_eq!(response.headers()["cache-control"], "public, max-age=900");
///
/// let post = Request::post("/jwks.json").body(())?;
/// let response = service.oneshot(post).await?;
/// assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JwksService {
    keys: KeyRing,
    documents: Arc<[Document]>,
}

#[derive(Clone)]
struct Document {
    path: String,
    json: Bytes,
}

impl JwksService {
    /// Serves the keys of this ring, or this one key.
    pub fn new(keys: impl Into<KeyRing>) -> Self {
        Self { keys: keys.into(), documents: Arc::default() }
    }

    /// Also serves a JSON document at exactly this path, such as a client ID metadata document. It
    /// may be kept as long as the keys.
    ///
    /// # Errors
    ///
    /// Fails if the path does not begin with a slash, or has a document already.
    pub fn document(self, path: &str, json: &serde_json::Value) -> Result<Self, DocumentPathError> {
        if !path.starts_with('/') || self.documents.iter().any(|document| document.path == path) {
            return Err(DocumentPathError { path: path.to_owned() });
        }
        let document = Document { path: path.to_owned(), json: json.to_string().into() };
        Ok(Self { documents: self.documents.iter().cloned().chain([document]).collect(), ..self })
    }

    fn respond(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<DocumentBody> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = Response::new(DocumentBody::default());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let document = self.documents.iter().find(|document| document.path == path);
        let (content, content_type) = match document {
            Some(document) => (document.json.clone(), "application/json"),
            None => (self.keys.jwks(), "application/jwk-set+json"),
        };
        let tag = format!("\"{}\"", encode(&sha256(&content)));
        let mut response = Response::new(DocumentBody::default());
        if has_tag(headers, &tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            response.headers_mut().insert(header::CONTENT_LENGTH, content.len().into());
            if method == Method::GET {
                *response.body_mut() = DocumentBody::new(content);
            }
        }
        insert(&mut response, header::ETAG, &tag);
        insert(&mut response, header::CACHE_CONTROL, &cache_control(self.keys.max_age()));
        response
    }
}

fn cache_control(max_age: Duration) -> String {
    format!("public, max-age={}", max_age.as_secs())
}

/// Base64url and numbers are valid in headers.
fn insert(response: &mut Response<DocumentBody>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Returns whether the client has this version (RFC 9110, section 13.1.2). A weak tag counts as
/// well, because proxies that compress weaken tags.
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut given = given.flat_map(|value| value.split(',')).map(str::trim);
    given.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

impl<B> Service<Request<B>> for JwksService {
    type Response = Response<DocumentBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(request.method(), request.uri().path(), request.headers())))
    }
}

impl fmt::Debug for JwksService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.documents.iter().map(|document| &document.path).collect();
        f.debug_struct("JwksService").field("keys", &self.keys).field("documents", &paths).finish()
    }
}

/// A path at which a [`JwksService`] cannot serve a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPathError {
    path: String,
}

impl fmt::Display for DocumentPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document path {:?} does not begin with a slash, or has a document already", self.path)
    }
}

impl Error for DocumentPathError {}
