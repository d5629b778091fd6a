//! The request to a fetcher, and the trait that fetchers implement.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use tokio::time::Instant;

use super::error::FetchError;
use super::fact::FetchFact;
use super::guard::AddressGuard;
use super::response::collect;
use super::url::JwksUrl;
use crate::port::{BoxFuture, PortError};

/// Fetches the document of a key set.
///
/// Implemented by `async` closures and functions that take a [`JwksRequest`] and return an
/// [`http::Response`] with any body, and by an [`Arc`] of a fetcher. `HyperFetch` (feature
/// `jwks-client`) is a fetcher.
///
/// Rules for implementations:
///
/// - Follow no redirect: return the response with its status. A redirect would let a client's
///   server choose another URL than the registered one.
/// - Connect only to addresses that the [guard](JwksRequest::guard) of the request allows. Judge
///   the address to which the connection is made, not the result of an earlier look-up.
/// - Send no credentials and no cookies.
/// - Do not show the query of the URL in an error: it may hold a secret, and errors are logged. The
///   cache hides a query that is written exactly as it was registered.
/// - Do not cache. The cache that calls the fetcher does.
/// - Dropping the future ends the attempt.
///
/// The cache bounds the time and the size, checks the status and the headers, and reads the keys.
/// Closures may return any error; one that is not a [`FetchError`] counts as
/// [`Unreachable`](FetchError::Unreachable).
#[diagnostic::on_unimplemented(
    note = "a closure is a fetcher if it writes out the type of its parameter: `|request: JwksRequest| async move {{ .. }}`"
)]
pub trait JwksFetch: Send + Sync + 'static {
    /// Fetches the document that `request` names, with a body of at most
    /// [`max_bytes`](JwksRequest::max_bytes).
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>>;

    /// Returns what the fetcher knows about itself, for a report about the configuration: see
    /// [`Verifier::posture`](crate::Verifier::posture). Default: nothing, as for a closure. What a
    /// fetcher does not tell is not judged.
    fn about(&self) -> Vec<FetchFact> {
        Vec::new()
    }
}

impl<F, R, B, E> JwksFetch for F
where
    F: Fn(JwksRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let limit = request.max_bytes;
        let response = self(request);
        Box::pin(async move { collect(response.await.map_err(as_fetch_error)?, limit).await })
    }
}

impl<F: JwksFetch + ?Sized> JwksFetch for Arc<F> {
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        (**self).fetch(request)
    }

    fn about(&self) -> Vec<FetchFact> {
        (**self).about()
    }
}

fn as_fetch_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> FetchError {
    match error.into().downcast() {
        Ok(error) => *error,
        Err(other) => FetchError::Unreachable(PortError::new(other)),
    }
}

/// A document to fetch, with the bounds of the fetch. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JwksRequest {
    url: JwksUrl,
    max_bytes: usize,
    guard: Arc<AddressGuard>,
    deadline: Instant,
}

impl JwksRequest {
    pub(in crate::jwks) fn new(url: JwksUrl, max_bytes: usize, guard: Arc<AddressGuard>, deadline: Instant) -> Self {
        Self { url, max_bytes, guard, deadline }
    }

    /// Returns the URL that the client registered.
    pub fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// Returns the maximum size of the body in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the guard that judges the addresses of the host.
    pub fn guard(&self) -> &AddressGuard {
        &self.guard
    }

    /// Returns the time that is left until the cache gives the fetch up. A fetcher that gives up
    /// itself can say what it was waiting for.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the request to send: a GET with `Accept`, and with `Accept-Encoding: identity`.
    pub fn to_http<B: Default>(&self) -> Request<B> {
        let mut request = Request::new(B::default());
        *request.uri_mut() = self.url.uri().clone();
        let headers = request.headers_mut();
        let accept = header::HeaderValue::from_static("application/jwk-set+json, application/json");
        headers.insert(header::ACCEPT, accept);
        headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
        let agent = header::HeaderValue::from_static(concat!("tower-client-assertion/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        request
    }
}
