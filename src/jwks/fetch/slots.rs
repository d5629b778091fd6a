//! Bounds on concurrent work: in total, and per host, so that a host that hangs cannot use up the
//! slots of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::FetchError;
use crate::lock::lock;

pub(in crate::jwks) struct Slots {
    total: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    slots: HashMap<Box<str>, Arc<Semaphore>>,
    prune_at: usize,
}

/// The permission for one piece of work. Dropping it returns the slot.
pub(in crate::jwks) struct Slot {
    _at_host: OwnedSemaphorePermit,
    _in_total: OwnedSemaphorePermit,
}

impl Slots {
    pub(in crate::jwks) fn new(total: usize, per_host: usize) -> Self {
        let total = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        Self { total, per_host: per_host.min(Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits for a slot, first at the host: work that waits there holds no slot that another host
    /// could use. The error says where the time ran out.
    pub(in crate::jwks) async fn acquire(&self, host: &str, time: Duration) -> Result<Slot, FetchError> {
        let at_host = self.host_slots(host);
        let mut has_host_slot = false;
        let both = async {
            let at_host = at_host.acquire_owned().await;
            has_host_slot = true;
            (at_host, Arc::clone(&self.total).acquire_owned().await)
        };
        let taken = timeout(time, both).await;
        match taken {
            Ok((Ok(_at_host), Ok(_in_total))) => Ok(Slot { _at_host, _in_total }),
            _ if has_host_slot => Err(FetchError::Busy),
            _ => Err(FetchError::HostBusy),
        }
    }

    fn host_slots(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = lock(&self.hosts);
        if let Some(slots) = hosts.slots.get(host) {
            return Arc::clone(slots);
        }
        if hosts.slots.len() >= hosts.prune_at {
            // A slot that is taken holds the semaphore.
            hosts.slots.retain(|_, slots| Arc::strong_count(slots) > 1);
            hosts.prune_at = hosts.slots.len() * 2 + 64;
        }
        let slots = Arc::new(Semaphore::new(self.per_host));
        hosts.slots.insert(host.into(), Arc::clone(&slots));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn hosts_without_work_do_not_accumulate() {
        let slots = Slots::new(1_000, 1);
        let mut taken = Vec::new();
        for number in 0..100 {
            taken.push(slots.acquire(&format!("busy-{number}"), LONG).await);
        }
        for number in 0..10_000 {
            drop(slots.acquire(&format!("idle-{number}"), LONG).await);
            assert!(lock(&slots.hosts).slots.len() <= 2 * taken.len() + 64, "{number}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_works_keeps_its_bound_when_others_are_dropped() {
        let slots = Slots::new(1_000, 1);
        let taken = slots.acquire("busy", LONG).await;
        for number in 0..10_000 {
            drop(slots.acquire(&format!("idle-{number}"), LONG).await);
        }
        assert!(matches!(slots.acquire("busy", LONG).await, Err(FetchError::HostBusy)));
        drop(taken);
        assert!(slots.acquire("busy", LONG).await.is_ok());
    }
}
