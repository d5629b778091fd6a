//! What a fetcher tells about itself, for a report about the configuration.

/// Something that a fetcher knows about itself: see [`JwksFetch::about`](super::JwksFetch::about).
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use tower_client_assertion::jwks::{
///     FetchError, FetchFact, JwksFetch, JwksRequest,
/// };
/// use tower_client_assertion::port::BoxFuture;
///
/// type Fetched = Result<Response<Bytes>, FetchError>;
///
/// /// Stands for an HTTP client that judges the addresses of a host.
/// struct Guarded;
///
/// impl JwksFetch for Guarded {
/// #     fn fetch(&self, _: JwksRequest) -> BoxFuture<Fetched> {
/// #         Box::pin(async { Err(FetchError::Timeout) })
/// #     }
///     // `fetch` comes here.
///     fn about(&self) -> Vec<FetchFact> {
///         vec![FetchFact::Guarded, FetchFact::Verified]
///     }
/// }
///
/// assert!(Guarded.about().contains(&FetchFact::Guarded));
///
/// // What a closure does is not known.
/// let closure = |_: JwksRequest| async {
///     Err::<Response<String>, _>(FetchError::Timeout)
/// };
/// assert_eq!(JwksFetch::about(&closure), []);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchFact {
    /// It connects only to addresses that the guard of the request allows.
    Guarded,
    /// It accepts only servers whose certificate is valid for the host of the URL.
    Verified,
    /// The certificates that it accepts are those of a given configuration of TLS.
    ConfiguredTls,
}
