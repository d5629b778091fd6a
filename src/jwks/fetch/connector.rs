//! Connects only to addresses that the guard allows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::error::FetchError;
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
