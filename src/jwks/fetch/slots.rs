//! Bounds on concurrent fetches: in total, and per host, so that a host that hangs cannot use up
//! the slots of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::jwks::fetch::FetchError;
use crate::lock::lock;

pub(super) struct Slots {
    total: Semaphore,
    per_host: usize,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    slots: HashMap<Box<str>, Arc<Semaphore>>,
    prune_at: usize,
}

/// The permission for one fetch.
pub(super) struct Slot<'s> {
    _at_host: OwnedSemaphorePermit,
    _in_total: SemaphorePermit<'s>,
}

impl Slots {
    pub(super) fn new(total: usize, per_host: usize) -> Self {
        let total = Semaphore::new(total.min(Semaphore::MAX_PERMITS));
        Self { total, per_host: per_host.min(Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits for a slot, first at the host: a fetch that waits there holds no slot that another
    /// host could use. Running out of time there is the host's fault; afterwards it is the
    /// server's.
    pub(super) async fn acquire(&self, host: &str, time: Duration) -> Result<Slot<'_>, FetchError> {
        let at_host = self.host_slots(host);
        let mut has_host_slot = false;
        let both = async {
            let at_host = at_host.acquire_owned().await;
            has_host_slot = true;
            (at_host, self.total.acquire().await)
        };
        let taken = timeout(time, both).await;
        match taken {
            Ok((Ok(_at_host), Ok(_in_total))) => Ok(Slot { _at_host, _in_total }),
            _ if has_host_slot => Err(FetchError::Busy),
            _ => Err(FetchError::Timeout),
        }
    }

    fn host_slots(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = lock(&self.hosts);
        if let Some(slots) = hosts.slots.get(host) {
            return Arc::clone(slots);
        }
        if hosts.slots.len() >= hosts.prune_at {
            hosts.slots.retain(|_, slots| Arc::strong_count(slots) > 1);
            hosts.prune_at = hosts.slots.len() * 2 + 64;
        }
        let slots = Arc::new(Semaphore::new(self.per_host));
        hosts.slots.insert(host.into(), Arc::clone(&slots));
        slots
    }
}
