//! How many fetches are under way: in all, and at one host, so that one which hangs cannot take the turns of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::jwks::fetch::FetchError;
use crate::lock::lock;

pub(super) struct Slots {
    all: Semaphore,
    at_host: usize,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    slots: HashMap<Box<str>, Arc<Semaphore>>,
    prune_at: usize,
}

/// Leave to fetch.
pub(super) struct Slot<'s> {
    _at_host: OwnedSemaphorePermit,
    _of_all: SemaphorePermit<'s>,
}

impl Slots {
    pub(super) fn new(all: usize, at_host: usize) -> Self {
        let all = Semaphore::new(all.min(Semaphore::MAX_PERMITS));
        Self { all, at_host: at_host.min(Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits for a turn, first at the host: those who wait there keep no one else waiting. That there was none is the host's
    /// fault, or else ours.
    pub(super) async fn take(&self, host: &str, time: Duration) -> Result<Slot<'_>, FetchError> {
        let at_host = self.at(host);
        let mut is_at_host = false;
        let both = async {
            let at_host = at_host.acquire_owned().await;
            is_at_host = true;
            (at_host, self.all.acquire().await)
        };
        let taken = timeout(time, both).await;
        match taken {
            Ok((Ok(_at_host), Ok(_of_all))) => Ok(Slot { _at_host, _of_all }),
            _ if is_at_host => Err(FetchError::Busy),
            _ => Err(FetchError::Timeout),
        }
    }

    fn at(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = lock(&self.hosts);
        if let Some(slots) = hosts.slots.get(host) {
            return Arc::clone(slots);
        }
        if hosts.slots.len() >= hosts.prune_at {
            hosts.slots.retain(|_, slots| Arc::strong_count(slots) > 1);
            hosts.prune_at = hosts.slots.len() * 2 + 64;
        }
        let slots = Arc::new(Semaphore::new(self.at_host));
        hosts.slots.insert(host.into(), Arc::clone(&slots));
        slots
    }
}
