//! An HTTP client for key sets: no redirects, no proxies, no cookies, no compression, no connection
//! that is kept.
//!
//! It has its own connector, which connects to the address that the guard has checked. The
//! connector also checks hosts that are written as an address, for which no resolver is called.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;

use super::connector::GuardedConnector;
use super::error::FetchError;
use super::fact::FetchFact;
use super::request::{JwksFetch, JwksRequest};
use super::resolve::{Resolve, SystemResolver};
use super::response::collect;
use crate::loosening::risk;
use crate::port::{BoxFuture, PortError};

/// Fetches key sets over HTTP/1.1 and TLS 1.2 or 1.3.
///
/// It follows no redirect, uses no proxy, and opens a connection for each fetch. It never uses the
/// crypto provider of the process: the constructors with roots name that of aws-lc-rs, and
/// [`with_tls_config`](Self::with_tls_config) takes yours.
///
/// ```no_run
/// use tower_client_assertion::jwks::{HyperFetch, KeySetCache};
///
/// let fetch = HyperFetch::with_platform_roots()?;
/// let cache = KeySetCache::builder(fetch).build()?;
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HyperFetch {
    tls: ClientConfig,
    resolve: Arc<dyn Resolve>,
    pub(super) certificates: FetchFact,
}

impl HyperFetch {
    /// Returns a client with this configuration of rustls: its roots, its crypto provider and its
    /// client certificates. Its ALPN protocols are not used.
    ///
    /// This is the constructor for programs with another crypto provider than aws-lc-rs, such as
    /// *ring*, and the only one with the feature `jwks-client-no-provider`. The feature
    /// `jwks-client` enables the provider aws-lc-rs of rustls 0.23 **for the whole program**: see
    /// the [features](crate#features).
    ///
    /// Its verifier of certificates is used as it is.
    #[doc = risk!(TlsConfig)]
    ///
    /// ```
    /// use rustls::{ClientConfig, RootCertStore};
    /// use tower_client_assertion::jwks::HyperFetch;
    ///
    /// # use rustls::crypto::aws_lc_rs as ring;
    /// fn fetcher(roots: RootCertStore) -> Result<HyperFetch, rustls::Error> {
    ///     // In a program with the feature `ring` of rustls: `rustls::crypto::ring`.
    ///     let provider = ring::default_provider();
    ///     let config = ClientConfig::builder_with_provider(provider.into())
    ///         .with_safe_default_protocol_versions()?
    ///         .with_root_certificates(roots)
    ///         .with_no_client_auth();
    ///     Ok(HyperFetch::with_tls_config(config))
    /// }
    /// # assert!(fetcher(RootCertStore::empty()).is_ok());
    /// ```
    pub fn with_tls_config(mut config: ClientConfig) -> Self {
        // hyper-rustls sets them, and panics if there are any.
        config.alpn_protocols.clear();
        Self {
            tls: config,
            resolve: Arc::new(Arc::new(SystemResolver::default())),
            certificates: FetchFact::ConfiguredTls,
        }
    }

    /// Sets how host names are resolved. Default: by the operating system.
    #[must_use]
    pub fn resolver(mut self, resolve: impl Resolve) -> Self {
        self.resolve = Arc::new(resolve);
        self
    }

    /// Returns a client for one fetch, since its guard comes with the request.
    fn client(&self, request: &JwksRequest) -> Client<HttpsConnector<GuardedConnector>, EmptyBody> {
        let connector = GuardedConnector { request: request.clone(), resolve: Arc::clone(&self.resolve) };
        let https = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http().enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0).retry_canceled_requests(false).http1_max_buf_size(MAX_HEAD);
        builder.build(https.wrap_connector(connector))
    }
}

/// The maximum size of the head of a response, in bytes.
const MAX_HEAD: usize = 32 * 1024;

impl JwksFetch for HyperFetch {
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let client = self.client(&request);
        Box::pin(async move {
            let response = client.request(request.to_http()).await.map_err(|error| explained(&error))?;
            collect(response, request.max_bytes()).await
        })
    }

    fn about(&self) -> Vec<FetchFact> {
        vec![FetchFact::Guarded, self.certificates]
    }
}

/// Finds the error that matters in the chain in which the libraries wrap it.
fn explained(error: &(dyn Error + Send + Sync + 'static)) -> FetchError {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut deepest = error.to_string();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<FetchError>() {
            return error.clone();
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return FetchError::Tls(PortError::new(tls.clone()));
        }
        deepest = error.to_string();
        // `source` of an I/O error skips the error that it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    FetchError::Unreachable(PortError::new(deepest))
}

impl fmt::Debug for HyperFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperFetch").finish_non_exhaustive()
    }
}

/// The empty body of a GET.
#[derive(Default)]
struct EmptyBody;

impl Body for EmptyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(0)
    }
}
