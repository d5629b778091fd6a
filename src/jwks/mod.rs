//! Keys by URL: a client's `jwks_uri`, fetched within limits and kept fresh.
//!
//! A [`KeySetCache`] fetches through a [`JwksFetch`] and remembers. For each client and URL it hands out a [`KeySource`]; the
//! client's assertions are verified with what that source has. `HyperFetch` (feature `jwks-client`) is an HTTP client made
//! for this; an `async` closure around your own client is as good:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::Response;
//! use http_body_util::Full;
//! use tower_client_assertion::clock::UnixTime;
//! use tower_client_assertion::jwks::{FetchError, JwksRequest, JwksUrl, KeySetCache};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Stands for your HTTP client.
//! let fetch = |request: JwksRequest| async move {
//!     let body: &'static [u8] = match request.url().host() {
//!         "clinic.example" => br#"{"keys":[
//!             {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
//!         _ => b"<html>",
//!     };
//!     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(body))))
//! };
//! let cache = KeySetCache::builder(fetch).build()?;
//! let now = UnixTime::from_secs(1_700_000_000);
//!
//! let source = cache.source("clinic-7", &JwksUrl::parse("https://clinic.example/keys")?)?;
//! let keys = source.keys(now).get().await?;
//! assert_eq!(keys.len(), 1);
//!
//! let source = cache.source("clinic-8", &JwksUrl::parse("https://other.example/keys")?)?;
//! let unavailable = source.keys(now).get().await.unwrap_err();
//! assert!(matches!(unavailable.error(), FetchError::Malformed));
//!
//! let forbidden = JwksUrl::parse("https://169.254.169.254/latest/meta-data")?;
//! assert!(cache.source("clinic-9", &forbidden).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # When it fetches
//!
//! - When a request needs keys and there are none, or none that are fresh: the request waits, together with all others of that
//!   source. However many there are, one fetch is under way.
//! - When a request meets keys that will soon be too old: in the background. The request does not wait.
//! - When an assertion names a `kid` that is not in the set, or does not verify under the key that it names: a client may have
//!   changed its keys a moment ago. At most once for each source in each cool-down, since anybody can write a `kid`.
//!
//! A fetch goes on when those who wait for it go away. One that fails is not tried again at once, but after a pause that
//! doubles each time. Nothing is fetched for a client that nobody claims to
//! be, unless it is [prefetched](KeySetCache::prefetch).
//!
//! # What it believes
//!
//! A new set replaces the old one as a whole. While none can be had, the old one serves on for a day, as is reported; the
//! answers 404 and 410 end it at once. What the client's server does wrong is held against the client, never against us.

mod cache;
mod config_error;
pub(crate) mod fetch;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;

pub use cache::{
    KeySetCache, KeySetCacheBuilder, KeySetObserver, KeySource, Keys, KeysUnavailable, Prefetched, SourceState,
};
pub use cache::{KeySetEvent, KeySetNews};
#[cfg(feature = "jwks-client")]
pub use config_error::FetcherError;
pub use config_error::{AddressError, KeySetCacheError};
pub use fetch::{AddressGuard, FetchError, JwksUrl, RefusedAddress, UrlError};
#[cfg(feature = "jwks-client")]
pub use fetch::{HyperFetch, Resolve};

use crate::port::{BoxFuture, PortError};

/// Fetches the document of a key set.
///
/// Implemented by `async` closures and functions that take a [`JwksRequest`] and return an [`http::Response`], with any body:
/// its size is bounded as it comes. The cache bounds the time, judges the status and the headers, and reads the keys. What it
/// cannot see is up to you: **follow no redirect, and connect to no address but those that
/// [`guard`](JwksRequest::guard) does not refuse.** An error that is not a [`FetchError`] counts as
/// [`Unreachable`](FetchError::Unreachable).
#[diagnostic::on_unimplemented(
    note = "a closure is one if it writes out the type of its parameter: `|request: JwksRequest| async move {{ .. }}`"
)]
pub trait JwksFetch: Send + Sync + 'static {
    /// Fetches what `request` names. Dropping the future ends the attempt.
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>>;
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
        Box::pin(async move { fetch::collect(response.await.map_err(as_fetch_error)?, limit).await })
    }
}

fn as_fetch_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> FetchError {
    match error.into().downcast() {
        Ok(error) => *error,
        Err(other) => FetchError::Unreachable(PortError::new(other)),
    }
}

/// What to fetch, and within which bounds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JwksRequest {
    url: JwksUrl,
    max_bytes: usize,
    guard: Arc<AddressGuard>,
}

impl JwksRequest {
    /// The URL that the client registered.
    pub fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// The longest body, in bytes, that will be read.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Judges the addresses at which the host is found.
    pub fn guard(&self) -> &AddressGuard {
        &self.guard
    }

    /// The request as it should go out: GET, `Accept`, and no compression.
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
