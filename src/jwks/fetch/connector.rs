//! Connects only to addresses that the guard allows.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::error::FetchError;
use super::race::first_to_connect;
use super::request::JwksRequest;
use super::resolve::Resolve;
use crate::port::{BoxFuture, PortError};

#[derive(Clone)]
pub(super) struct GuardedConnector {
    pub(super) request: JwksRequest,
    pub(super) resolve: Arc<dyn Resolve>,
}

impl GuardedConnector {
    async fn connect(self, port: u16) -> Result<TcpStream, FetchError> {
        let allowed = timeout(self.request.time_left(), self.allowed_addresses()).await;
        let allowed = allowed.unwrap_or(Err(FetchError::LookUpTimeout))?;
        let connect = |address| TcpStream::connect(SocketAddr::new(address, port));
        let connected = timeout(self.request.time_left(), first_to_connect(&allowed, connect)).await;
        connected.map_err(|_| FetchError::ConnectTimeout)?.map_err(unreachable)
    }

    /// Returns the addresses of the host that may be connected to. A host that is written as an
    /// address is judged here as well, since no resolver is asked.
    async fn allowed_addresses(&self) -> Result<Vec<IpAddr>, FetchError> {
        let (url, guard) = (self.request.url(), self.request.guard());
        let found = match url.address() {
            Some(address) => vec![address],
            None => self.resolve.resolve(url.host()).await.map_err(unreachable)?,
        };
        let judged = found.into_iter().map(|address| guard.judge(url.host(), address).map(|()| address));
        let (allowed, refused): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
        match refused.into_iter().find_map(Result::err) {
            Some(refused) if allowed.is_empty() => Err(refused.into()),
            _ => Ok(allowed.into_iter().flatten().collect()),
        }
    }
}

/// A resolver of this crate can say more than an I/O error does.
fn unreachable(error: io::Error) -> FetchError {
    error.downcast().unwrap_or_else(|error| FetchError::Unreachable(PortError::new(error)))
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::jwks::fetch::guard::AddressGuard;
    use crate::jwks::fetch::url::JwksUrl;

    /// What the connector makes of these addresses of the host.
    async fn allowed(url: &str, guard: AddressGuard, found: &'static [&str]) -> Result<Vec<String>, String> {
        let resolve = move |_: &str| async move { Ok(found.iter().map(|address| address.parse().unwrap()).collect()) };
        let request = JwksRequest::new(JwksUrl::parse(url).unwrap(), 1, Arc::new(guard), Instant::now());
        let addresses = GuardedConnector { request, resolve: Arc::new(resolve) }.allowed_addresses().await;
        let addresses = addresses.map(|addresses| addresses.iter().map(ToString::to_string).collect());
        addresses.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn every_address_is_judged_when_it_is_connected_to() {
        let name = "https://clinic.example/";
        let private = || AddressGuard::default().allow_range("10.0.0.0/8").unwrap();
        for (url, guard, found, expected) in [
            (
                name,
                AddressGuard::default(),
                &["1.1.1.1", "2606:4700::1111"][..],
                Ok(&["1.1.1.1", "2606:4700::1111"][..]),
            ),
            (name, AddressGuard::default(), &["10.0.0.1", "1.1.1.1", "::1"], Ok(&["1.1.1.1"])),
            (name, private(), &["10.0.0.1", "1.1.1.1", "::1"], Ok(&["10.0.0.1", "1.1.1.1"])),
            (name, AddressGuard::default(), &["10.0.0.1", "::1"], Err("the address 10.0.0.1 is private")),
            (name, AddressGuard::default(), &[], Ok(&[])),
            // Hosts that are written as addresses.
            ("https://1.1.1.1/", AddressGuard::default(), &["2.2.2.2"], Ok(&["1.1.1.1"])),
            ("https://10.0.0.1/", private(), &["2.2.2.2"], Ok(&["10.0.0.1"])),
            ("https://10.0.0.1/", AddressGuard::default(), &["2.2.2.2"], Err("the address 10.0.0.1 is private")),
            ("https://127.0.0.1/", private(), &["2.2.2.2"], Err("the address 127.0.0.1 is loopback")),
            ("https://[::1]/", AddressGuard::default(), &["2.2.2.2"], Err("the address ::1 is loopback")),
            (
                "https://[::ffff:10.0.0.1]/",
                AddressGuard::default(),
                &["2.2.2.2"],
                Err("the address 10.0.0.1 is private"),
            ),
        ] {
            let expected = expected.map(|addresses| addresses.iter().map(|text| (*text).to_owned()).collect());
            assert_eq!(allowed(url, guard, found).await, expected.map_err(str::to_owned), "{url} {found:?}");
        }
    }
}
