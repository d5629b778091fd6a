//! How the fetcher finds the addresses of a host.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::port::BoxFuture;

/// Finds the addresses of hosts for [`HyperFetch`](crate::jwks::HyperFetch).
///
/// Implemented by closures that return a future, and by an [`Arc`] of a resolver.
///
/// Rules for implementations:
///
/// - Return every address, public or not: the [guard](crate::jwks::AddressGuard) judges each one
///   before the fetcher connects to it. The fetcher tries them in the given order.
/// - Return an error or no address if the name does not resolve.
/// - The wait counts towards the [timeout](crate::jwks::KeySetCacheBuilder::timeout) of the fetch.
///   Dropping the future ends the look-up.
pub trait Resolve: Send + Sync + 'static {
    /// Returns the addresses of `host`, which is a name and never an address.
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

impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        (**self).resolve(host)
    }
}

/// The resolver of the operating system.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}
