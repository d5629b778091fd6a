//! An HTTP client for key sets and nothing else: no redirects, no proxies, no cookies, no compression, no connection kept.
//!
//! It connects by itself, so that the address which is connected to is the one that was judged, also where a host is written
//! as an address: that is where resolvers are not asked.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, Uri};
use http_body::{Body, Frame};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use super::answer::collect;
use super::error::FetchError;
use crate::jwks::FetcherError;
use crate::jwks::{JwksFetch, JwksRequest};
use crate::port::{BoxFuture, PortError};

/// Fetches key sets over HTTP/1.1 and TLS 1.2 or 1.3.
///
/// ```no_run
/// use tower_client_assertion::jwks::{HyperFetch, KeySetCache};
///
/// let cache = KeySetCache::builder(HyperFetch::with_platform_roots()?).build()?;
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HyperFetch {
    tls: ClientConfig,
    resolve: Arc<dyn Resolve>,
}

impl HyperFetch {
    /// A client that trusts the root certificates of the platform, or those that the environment variables `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` name. Reads them from disk; do it before you serve.
    ///
    /// # Errors
    ///
    /// There are none that can be read, as in a container without `ca-certificates`.
    pub fn with_platform_roots() -> Result<Self, FetcherError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let first = found.errors.first().map_or("the platform has none".to_owned(), ToString::to_string);
            return Err(FetcherError::NoRootCertificates { why: first });
        }
        Self::trusting(roots)
    }

    /// A client that trusts the root certificates of Mozilla, as they were when this program was built.
    ///
    /// # Errors
    ///
    /// None so far.
    pub fn with_webpki_roots() -> Result<Self, FetcherError> {
        Self::trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// A client that trusts these root certificates alone, each in DER: those of a private network, say.
    ///
    /// # Errors
    ///
    /// There is none, or one is not a certificate.
    pub fn with_roots<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, FetcherError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            let refused = |error: rustls::Error| FetcherError::InvalidRootCertificate { why: error.to_string() };
            roots.add(CertificateDer::from(certificate)).map_err(refused)?;
        }
        if roots.is_empty() {
            return Err(FetcherError::NoRootCertificates { why: "none was given".to_owned() });
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Result<Self, FetcherError> {
        // Named, because the process's default may be missing, or another.
        let config =
            ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
        let config = config.map_err(|error| FetcherError::Tls { why: error.to_string() })?;
        let tls = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls, resolve: Arc::new(SystemResolver) })
    }

    /// Looks host names up by `resolve`. Default: by the operating system.
    #[must_use]
    pub fn resolver(mut self, resolve: impl Resolve) -> Self {
        self.resolve = Arc::new(resolve);
        self
    }

    /// One for each fetch: what it may connect to is up to the request.
    fn client(&self, request: &JwksRequest) -> Client<HttpsConnector<GuardedConnector>, NoBody> {
        let connector = GuardedConnector { request: request.clone(), resolve: Arc::clone(&self.resolve) };
        let https = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http().enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0).retry_canceled_requests(false).http1_max_buf_size(MAX_HEAD);
        builder.build(https.wrap_connector(connector))
    }
}

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 32 * 1024;

impl JwksFetch for HyperFetch {
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let client = self.client(&request);
        Box::pin(async move {
            let response = client.request(request.to_http()).await.map_err(|error| explained(&error))?;
            collect(response, request.max_bytes()).await
        })
    }
}

/// The error that matters, out of the chain in which libraries wrap it.
fn explained(error: &(dyn Error + Send + Sync + 'static)) -> FetchError {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut deepest = error.to_string();
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<FetchError>() {
            return ours.clone();
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return FetchError::Tls(PortError::new(tls.clone()));
        }
        deepest = error.to_string();
        // An I/O error skips what it wraps when asked for its source.
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

/// Finds the addresses of hosts. Implemented by closures that return a future.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, which is a name and not an address.
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>>;
}

impl<F, R> Resolve for F
where
    F: Fn(&str) -> R + Send + Sync + 'static,
    R: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
{
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        Box::pin(self(host))
    }
}

struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Connects to an address that the guard has let pass, and to no other.
#[derive(Clone)]
struct GuardedConnector {
    request: JwksRequest,
    resolve: Arc<dyn Resolve>,
}

impl GuardedConnector {
    async fn connect(self, port: u16) -> Result<TcpStream, FetchError> {
        let unreachable = |error| FetchError::Unreachable(PortError::new(error));
        let (url, guard) = (self.request.url(), self.request.guard());
        let found = match url.address() {
            Some(address) => vec![address],
            None => self.resolve.resolve(url.host()).await.map_err(unreachable)?,
        };
        let mut failure = FetchError::Unreachable(PortError::new("the host has no address"));
        for address in found {
            if let Err(refused) = guard.judge(url.host(), address) {
                failure = refused.into();
                continue;
            }
            match TcpStream::connect(SocketAddr::new(address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = unreachable(error),
            }
        }
        Err(failure)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = FetchError;
    type Future = BoxFuture<Result<Self::Response, FetchError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let connect = self.clone().connect(port);
        Box::pin(async move { connect.await.map(TokioIo::new) })
    }
}

#[derive(Default)]
struct NoBody;

impl Body for NoBody {
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
