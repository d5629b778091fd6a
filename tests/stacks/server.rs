//! What the tests of whole stacks share: servers on loopback that stop with their test, a client,
//! and the three exchanges that must work in every stack.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::IncomingStream;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{BoxError, Service};
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity};

use crate::common::{CLIENT, FORM, Jwt, form, verifier};

pub(crate) const TOKEN: &str = "/v2/auth/token";
pub(crate) const REPLAYED: &str = r#"{"error":"invalid_request","error_description":"Unexpected jti claim value"}"#;

/// On a busy machine, a body may take longer than the 10 s of the default. No test here waits for
/// the timeout.
pub(crate) fn layer() -> ClientAssertionLayer {
    ClientAssertionLayer::new(verifier()).body_timeout(Duration::from_secs(3600)).unwrap()
}

/// A layer for whole routers.
pub(crate) fn guard() -> ClientAssertionLayer {
    layer().path(TOKEN).unwrap()
}

#[derive(serde::Deserialize)]
pub(crate) struct TokenForm {
    pub(crate) scope: String,
}

/// Reads the identity and, after the layer has read it, the form.
pub(crate) async fn issue(
    axum::Extension(client): axum::Extension<ClientIdentity>,
    axum::Form(form): axum::Form<TokenForm>,
) -> String {
    format!("{} asked for {}", client.client_id(), form.scope)
}

pub(crate) async fn pass() -> &'static str {
    "passed"
}

/// A token endpoint, and another route.
pub(crate) fn router() -> Router {
    Router::new().route(TOKEN, axum::routing::post(issue)).route("/health", axum::routing::get(pass))
}

/// A server on loopback that stops with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn serve(router: Router) -> Server {
    serve_made(router.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// Serves the services that `make` makes for axum.
pub(crate) async fn serve_made<M, S>(make: M) -> Server
where
    M: for<'a> Service<IncomingStream<'a, TcpListener>, Error = Infallible, Response = S> + Send + 'static,
    for<'a> <M as Service<IncomingStream<'a, TcpListener>>>::Future: Send,
    S: Service<axum::extract::Request, Response = axum::response::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, make).await.unwrap() });
    Server { address, task }
}

/// Serves HTTP/1 and HTTP/2 with hyper alone.
pub(crate) async fn serve_bare<S, B>(service: S) -> Server
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
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
    Server { address, task }
}

/// The form of a token request that is accepted once.
pub(crate) fn token_form() -> String {
    form(&Jwt::new().signed()) + "&scope=a+b"
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: StatusCode, body: &str) {
        assert_eq!((self.status, &*self.body), (status, body));
    }

    #[track_caller]
    pub(crate) fn is_accepted(&self) {
        self.is(StatusCode::OK, &format!("{CLIENT} asked for a b"));
    }

    #[track_caller]
    pub(crate) fn is_replay(&self) {
        self.is(StatusCode::BAD_REQUEST, REPLAYED);
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

impl Server {
    /// A server that the caller stops.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, task: tokio::spawn(async {}) }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let uri = format!("http://{}{path}", self.address);
        Request::builder().method(method).uri(uri).header("content-type", HeaderValue::from_static(FORM))
    }

    pub(crate) async fn exchange(&self, request: Request<impl Into<Bytes>>, http2: bool) -> Answer {
        let request = request.map(|body| Full::new(body.into()));
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        self.exchange(self.request(method, path).body(body).unwrap(), false).await
    }

    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> Answer {
        self.send("POST", TOKEN, body).await
    }

    /// Sends an accepted, a refused and an unguarded request, over HTTP/1 and over HTTP/2.
    pub(crate) async fn check(&self) {
        for http2 in [false, true] {
            self.check_guarded(TOKEN, http2).await;
            let passed = self.request("GET", "/health").body("").unwrap();
            self.exchange(passed, http2).await.is(StatusCode::OK, "passed");
        }
    }

    /// Sends an accepted and a refused request.
    pub(crate) async fn check_guarded(&self, path: &str, http2: bool) {
        let body = token_form();
        let request = || self.request("POST", path).body(body.clone()).unwrap();
        self.exchange(request(), http2).await.is_accepted();
        self.exchange(request(), http2).await.is_replay();
    }
}
