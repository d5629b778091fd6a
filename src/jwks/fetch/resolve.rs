//! How the fetcher finds the addresses of a host.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::slots::Slots;
use crate::port::BoxFuture;

/// Finds the addresses of hosts for [`HyperFetch`](crate::jwks::HyperFetch).
///
/// Implemented by closures that return a future, and by an [`Arc`] of a resolver.
///
/// Rules for implementations:
///
/// - Return every address, public or not: the [guard](crate::jwks::AddressGuard) judges each one
///   before the fetcher connects to it. The fetcher begins with the first, and alternates between
///   IPv6 and IPv4 (RFC 8305, section 4). It tries 8 addresses at most.
/// - Return an error or no address if the name does not resolve.
/// - The wait counts towards the [timeout](crate::jwks::KeySetCacheBuilder::timeout) of the fetch.
///   Dropping the future ends the look-up. A look-up that cannot be ended must be bounded in
///   number.
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
///
/// It blocks, and nothing can end it: a look-up occupies a thread as long as the system takes. It
/// therefore has a slot until it returns, even if its fetch has timed out long before.
pub(super) struct SystemResolver {
    slots: Slots,
    look_up: Arc<LookUp>,
}

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(|host| Ok((host, 0).to_socket_addrs()?.map(|found| found.ip()).collect()))
    }
}

impl SystemResolver {
    /// The most concurrent look-ups. Tokio has 512 blocking threads by default.
    const MOST: usize = 16;
    /// The most concurrent look-ups of one name, so that a name whose servers hang leaves slots to
    /// the others.
    const MOST_OF_A_NAME: usize = 2;
    /// How long a look-up waits for a slot: long enough for 256 fetches that start together and
    /// need 100 ms each, and short enough to fail before the fetch does, so that the reason is
    /// known.
    const LONGEST_WAIT: Duration = Duration::from_secs(2);

    fn new(look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self { slots: Slots::new(Self::MOST, Self::MOST_OF_A_NAME), look_up: Arc::new(look_up) }
    }
}

impl Resolve for Arc<SystemResolver> {
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        let (resolver, host) = (Arc::clone(self), host.to_owned());
        Box::pin(async move {
            let slot = resolver.slots.acquire(&host, SystemResolver::LONGEST_WAIT).await.map_err(io::Error::other)?;
            let look_up = Arc::clone(&resolver.look_up);
            let looked_up = spawn_blocking(move || {
                let _until_it_returns = slot;
                look_up(&host)
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use tokio::runtime::Builder;
    use tokio::time::advance;
    use tokio_test::task::spawn;

    use super::*;
    use crate::jwks::fetch::error::FetchError;
    use crate::lock::lock;

    /// A resolver whose look-ups report that they have begun, and hang until the lock is free.
    fn hanging(until: &Arc<Mutex<()>>) -> (Arc<SystemResolver>, mpsc::Receiver<String>) {
        let (begun, begins) = mpsc::channel();
        let until = Arc::clone(until);
        let look_up = move |host: &str| {
            begun.send(host.to_owned()).unwrap();
            drop(lock(&until));
            Ok(vec!["1.1.1.1".parse().unwrap()])
        };
        (Arc::new(SystemResolver::new(look_up)), begins)
    }

    /// Time stands still, and there is one thread for other blocking work.
    fn run(test: impl Future<Output = ()>) {
        let threads = SystemResolver::MOST + 1;
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).max_blocking_threads(threads).build().unwrap().block_on(test);
    }

    #[test]
    fn look_ups_that_hang_leave_a_thread_to_other_work() {
        let until = Arc::new(Mutex::new(()));
        let hang = lock(&until);
        let (resolver, begins) = hanging(&until);
        run(async {
            let waiting = (0..10 * SystemResolver::MOST).map(|index| resolver.resolve(&format!("host-{index}")));
            let mut waiting: Vec<_> = waiting.map(spawn).collect();
            assert!(waiting.iter_mut().all(|look_up| look_up.poll().is_pending()));
            assert_eq!(begins.iter().take(SystemResolver::MOST).count(), SystemResolver::MOST);
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
            // The fetches give up. Their look-ups still have their slots.
            drop(waiting);
            let mut late = spawn(resolver.resolve("late"));
            assert!(late.poll().is_pending());
            advance(SystemResolver::LONGEST_WAIT).await;
            let error = late.await.unwrap_err().downcast::<FetchError>().unwrap();
            assert!(matches!(error, FetchError::Busy), "{error}");
            assert!(begins.try_recv().is_err());
            drop(hang);
            assert_eq!(resolver.resolve("again").await.unwrap(), ["1.1.1.1".parse::<IpAddr>().unwrap()]);
        });
    }

    #[test]
    fn a_name_that_hangs_leaves_slots_to_others() {
        let until = Arc::new(Mutex::new(()));
        let hang = lock(&until);
        let (resolver, begins) = hanging(&until);
        run(async {
            let mut slow: Vec<_> = (0..SystemResolver::MOST).map(|_| spawn(resolver.resolve("slow"))).collect();
            assert!(slow.iter_mut().all(|look_up| look_up.poll().is_pending()));
            let mut quick = spawn(resolver.resolve("quick"));
            assert!(quick.poll().is_pending());
            let begun: Vec<_> = begins.iter().take(SystemResolver::MOST_OF_A_NAME + 1).collect();
            assert_eq!(begun.iter().filter(|host| *host == "slow").count(), SystemResolver::MOST_OF_A_NAME);
            assert!(begun.iter().any(|host| host == "quick"));
            // The name has run out of time, not the server.
            advance(SystemResolver::LONGEST_WAIT).await;
            let late = slow.pop().unwrap().await.unwrap_err().downcast::<FetchError>().unwrap();
            assert!(matches!(late, FetchError::HostBusy), "{late}");
            drop(hang);
        });
    }
}
