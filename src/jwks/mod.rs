//! Keys by URL: a client's `jwks_uri`, fetched within limits and kept fresh.
//!
//! A [`KeySetCache`] fetches through a [`JwksFetch`] and keeps the results, one set for each URL.
//! For each client and URL it hands out a [`KeySource`], whose keys verify the client's assertions.
//! `HyperFetch` (feature `jwks-client`) is an HTTP client made for this. An `async` closure around
//! your own client works as well:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::Response;
//! use http_body_util::Full;
//! use tower_client_assertion::clock::UnixTime;
//! use tower_client_assertion::jwks::{
//!     FetchError, JwksRequest, JwksUrl, KeySetCache,
//! };
//!
//! const KEYS: &[u8] = br#"{"keys":[{
//!     "kty": "OKP", "crv": "Ed25519", "kid": "a",
//!     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
//! }]}"#;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Stands for your HTTP client.
//! let fetch = |request: JwksRequest| async move {
//!     let body = match request.url().host() {
//!         "clinic.example" => KEYS,
//!         _ => b"<html>",
//!     };
//!     let body = Full::new(Bytes::from_static(body));
//!     Ok::<_, Infallible>(Response::new(body))
//! };
//! let cache = KeySetCache::builder(fetch).build()?;
//! let now = UnixTime::from_secs(1_700_000_000);
//!
//! let url = JwksUrl::parse("https://clinic.example/keys")?;
//! let source = cache.source("clinic-7", &url)?;
//! let keys = source.keys(now).get().await?;
//! assert_eq!(keys.len(), 1);
//!
//! let url = JwksUrl::parse("https://other.example/keys")?;
//! let source = cache.source("clinic-8", &url)?;
//! let unavailable = source.keys(now).get().await.unwrap_err();
//! assert!(matches!(unavailable.error(), FetchError::KeySet(_)));
//!
//! let metadata = "https://169.254.169.254/latest/meta-data";
//! assert!(cache.source("clinic-9", &JwksUrl::parse(metadata)?).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # When the cache fetches
//!
//! - A request needs keys, and there are none or only stale ones. The request waits. All requests
//!   for the same URL share one fetch, whichever clients they come from.
//! - A request meets keys that will soon be stale. The fetch runs in the background, and the
//!   request does not wait.
//! - An assertion names a `kid` that is not in the set, or does not verify under the key that it
//!   names: the client may have just changed its keys. This happens at most once in each cool-down
//!   of a URL, since any sender can write any `kid` of any client.
//!
//! A fetch continues if the requests that wait for it are dropped. Each failure is followed by a
//! pause, which doubles from one failure to the next. Nothing is fetched for a client that no
//! assertion has named, unless it is [prefetched](KeySetCache::prefetch).
//!
//! # How keys are replaced
//!
//! A new set replaces the old one as a whole. While fetches fail, the old set stays in use for an
//! hour after it went stale (see [`stale_for`](KeySetCacheBuilder::stale_for)), which is reported.
//! The statuses 404 and 410 end it immediately. A failure of the client's server counts as the
//! client's fault, not as the authorization server's.
//!
//! # Structure
//!
//! `fetch` retrieves one document through a guard and reads it. `cache` decides when to fetch and
//! what to keep; it uses `fetch`, and `fetch` never uses `cache`. This module reports through a
//! [`KeySetObserver`], so it does not depend on other [events](crate::event).

mod cache;
mod fetch;

pub(crate) use cache::Settings as CacheSettings;
pub use cache::{
    KeySetCache, KeySetCacheBuilder, KeySetCacheError, KeySetCounts, KeySetEvent, KeySetNews, KeySetObserver,
    KeySource, KeysResult, KeysUnavailable, Prefetched, SourceState,
};
#[cfg(feature = "jwks-client")]
pub use fetch::FetcherError;
pub(crate) use fetch::NoFetch;
pub use fetch::{
    AddressError, AddressGuard, FetchError, FetchFact, JwksFetch, JwksRequest, JwksUrl, RefusedAddress, UrlError,
};
#[cfg(feature = "jwks-client-no-provider")]
pub use fetch::{HyperFetch, Resolve};
