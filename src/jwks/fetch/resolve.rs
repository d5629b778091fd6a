//! How the fetcher finds the addresses of a host.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::FetchError;
use crate::lock::lock;
use crate::port::{BoxFuture, PortError};

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
/// therefore has a slot until it returns, even if its fetch has timed out long before. Fetches from
/// one host share one look-up, so that a name whose servers hang leaves slots to the others.
pub(super) struct SystemResolver {
    slots: Arc<Semaphore>,
    running: Mutex<Running>,
    look_up: Arc<LookUp>,
}

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

type Found = Result<Vec<IpAddr>, FetchError>;

/// The look-ups that run or wait for a slot. Each holds its sender.
#[derive(Default)]
struct Running {
    by_host: HashMap<Box<str>, Weak<Sender<Option<Found>>>>,
    prune_at: usize,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(|host| Ok((host, 0).to_socket_addrs()?.map(|found| found.ip()).collect()))
    }
}

impl SystemResolver {
    /// The most concurrent look-ups. Tokio has 512 blocking threads by default.
    const MOST: usize = 16;
    /// How long a look-up waits for a slot: long enough for 256 names that are looked up together
    /// and need 100 ms each, and short enough to fail before the fetch does, so that the reason is
    /// known.
    const LONGEST_WAIT: Duration = Duration::from_secs(2);

    fn new(look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        let slots = Arc::new(Semaphore::new(Self::MOST));
        Self { slots, running: Mutex::default(), look_up: Arc::new(look_up) }
    }

    /// Returns where the addresses of this host will arrive.
    fn find(&self, host: String) -> Receiver<Option<Found>> {
        let (sender, receiver) = {
            let mut running = lock(&self.running);
            if let Some(sender) = running.by_host.get(&*host).and_then(Weak::upgrade) {
                return sender.subscribe();
            }
            running.start(&host)
        };
        let (slots, look_up) = (Arc::clone(&self.slots), Arc::clone(&self.look_up));
        tokio::spawn(async move {
            let found = look_up_in_a_slot(slots, look_up, host).await;
            // Unlike `send`, this stores the addresses if no fetch is waiting: one may begin to.
            sender.send_replace(Some(found));
        });
        receiver
    }
}

impl Running {
    fn start(&mut self, host: &str) -> (Arc<Sender<Option<Found>>>, Receiver<Option<Found>>) {
        if self.by_host.len() >= self.prune_at {
            self.by_host.retain(|_, sender| sender.strong_count() > 0);
            self.prune_at = self.by_host.len() * 2 + 64;
        }
        let (sender, receiver) = channel(None);
        let sender = Arc::new(sender);
        self.by_host.insert(host.into(), Arc::downgrade(&sender));
        (sender, receiver)
    }
}

async fn look_up_in_a_slot(slots: Arc<Semaphore>, look_up: Arc<LookUp>, host: String) -> Found {
    let slot = timeout(SystemResolver::LONGEST_WAIT, slots.acquire_owned()).await;
    let Ok(Ok(slot)) = slot else { return Err(FetchError::Busy) };
    let looked_up = spawn_blocking(move || {
        let _until_it_returns = slot;
        look_up(&host)
    });
    let found = looked_up.await.map_err(io::Error::other).and_then(|found| found);
    found.map_err(|error| FetchError::Unreachable(PortError::new(error)))
}

impl Resolve for Arc<SystemResolver> {
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Vec<IpAddr>>> {
        let (resolver, host) = (Arc::clone(self), host.to_owned());
        Box::pin(async move {
            let mut receiver = resolver.find(host);
            let found = receiver.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
            // There is no result if the runtime of the look-up was shut down.
            found.unwrap_or(Err(FetchError::Aborted)).map_err(io::Error::other)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::Builder;
    use tokio::task::yield_now;
    use tokio::time::advance;
    use tokio_test::task::spawn;

    use super::*;

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

    /// Runs all tasks that are ready.
    async fn settle() {
        for _ in 0..20 {
            yield_now().await;
        }
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
            settle().await;
            assert_eq!(begins.iter().take(SystemResolver::MOST).count(), SystemResolver::MOST);
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
            // The fetches give up. Their look-ups still have their slots.
            drop(waiting);
            let mut late = spawn(resolver.resolve("late"));
            assert!(late.poll().is_pending());
            settle().await;
            advance(SystemResolver::LONGEST_WAIT).await;
            let error = late.await.unwrap_err().downcast::<FetchError>().unwrap();
            assert!(matches!(error, FetchError::Busy), "{error}");
            assert!(begins.try_recv().is_err());
            drop(hang);
            assert_eq!(resolver.resolve("again").await.unwrap(), ["1.1.1.1".parse::<IpAddr>().unwrap()]);
        });
    }

    #[test]
    fn fetches_from_one_host_share_a_look_up() {
        let until = Arc::new(Mutex::new(()));
        let hang = lock(&until);
        let (resolver, begins) = hanging(&until);
        run(async {
            let mut slow: Vec<_> = (0..10 * SystemResolver::MOST).map(|_| spawn(resolver.resolve("slow"))).collect();
            assert!(slow.iter_mut().all(|look_up| look_up.poll().is_pending()));
            let mut quick = spawn(resolver.resolve("quick"));
            assert!(quick.poll().is_pending());
            settle().await;
            let mut begun: Vec<_> = begins.iter().take(2).collect();
            begun.sort();
            assert_eq!(begun, ["quick", "slow"], "a name that hangs leaves slots to others");
            // The fetch that began the look-up gives up. The others keep it.
            drop(slow.remove(0));
            advance(2 * SystemResolver::LONGEST_WAIT).await;
            drop(hang);
            for found in slow {
                assert_eq!(found.await.unwrap(), ["1.1.1.1".parse::<IpAddr>().unwrap()]);
            }
            assert!(begins.try_recv().is_err(), "one look-up for all");
            resolver.resolve("slow").await.unwrap();
            assert_eq!(begins.try_recv().unwrap(), "slow", "nothing is kept");
        });
    }

    #[test]
    fn a_failed_look_up_fails_for_all_and_is_not_kept() {
        let (begun, begins) = mpsc::channel();
        let look_up = move |_: &str| {
            begun.send(()).unwrap();
            Err(io::Error::other("no such host"))
        };
        let resolver = Arc::new(SystemResolver::new(look_up));
        run(async {
            for _ in 0..2 {
                let mut waiting: Vec<_> = (0..5).map(|_| spawn(resolver.resolve("gone"))).collect();
                assert!(waiting.iter_mut().all(|look_up| look_up.poll().is_pending()));
                for failed in waiting {
                    let error = failed.await.unwrap_err().downcast::<FetchError>().unwrap();
                    assert!(matches!(&error, FetchError::Unreachable(cause) if cause.to_string() == "no such host"));
                }
                assert_eq!(begins.try_iter().count(), 1);
            }
        });
    }

    #[test]
    fn names_that_were_looked_up_do_not_accumulate() {
        let resolver = Arc::new(SystemResolver::new(|_| Ok(Vec::new())));
        run(async {
            for index in 0..1_000 {
                resolver.resolve(&format!("host-{index}")).await.unwrap();
                assert!(lock(&resolver.running).by_host.len() <= 2 + 64, "{index}");
            }
        });
    }
}
