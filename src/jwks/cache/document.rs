//! What is stored about one URL, for all clients that have registered it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;

use super::control::Control;
use super::fetched::FetchedKeys;
use super::member::{Member, Members};
use crate::clock::UnixTime;
use crate::jwks::fetch::JwksUrl;
use crate::lock::lock;
use crate::order::{Number, Order};

/// The key set at one URL. It is fetched, parsed and kept once, however many clients use it. While
/// it is fresh, requests touch only `current` and `last_used`, without a lock.
pub(super) struct Document {
    url: JwksUrl,
    pub(super) current: ArcSwapOption<FetchedKeys>,
    last_used: AtomicU64,
    /// The last fetch, in the order of their starts, whose keys were recorded, or whose answer that
    /// there are none. Written under the lock of `control`.
    newest: AtomicU64,
    members: Members,
    /// May be locked before the members and the table, never after them.
    pub(super) control: Mutex<Control>,
}

impl Document {
    pub(super) fn new(url: JwksUrl) -> Self {
        let (current, last_used, newest) = (ArcSwapOption::empty(), AtomicU64::new(0), AtomicU64::new(0));
        Self { url, current, last_used, newest, members: Members::default(), control: Mutex::default() }
    }

    pub(super) fn url(&self) -> &JwksUrl {
        &self.url
    }

    /// Writes at most once a second, so that threads do not contend for the cache line.
    pub(super) fn touch(&self, now: UnixTime) {
        let now = now.as_secs();
        if self.last_used.load(Ordering::Relaxed) != now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Drops the keys to free memory. What is known about failures stays.
    pub(super) fn drop_keys(&self) {
        self.current.store(None);
    }

    pub(super) fn join(&self, client_id: &str, order: &Order) -> Arc<Member> {
        self.members.join(client_id, self.newest(), order)
    }

    /// Returns the client if it is known here.
    pub(super) fn member(&self, client_id: &str) -> Option<Arc<Member>> {
        self.members.find(client_id)
    }

    /// Returns the clients that a registry holds, or has asked for since they were invalidated.
    pub(super) fn present(&self) -> Vec<Arc<Member>> {
        self.members.present()
    }

    /// Whether the keys of this fetch are of use to a client.
    pub(super) fn has_use_for(&self, fetch: Number) -> bool {
        self.members.any_accepts(fetch)
    }

    pub(super) fn newest(&self) -> Number {
        Number(self.newest.load(Ordering::Acquire))
    }

    /// Replaces the keys and returns the previous ones. Call this under the lock of `control`.
    pub(super) fn replace(&self, fetched: Arc<FetchedKeys>) -> Option<Arc<FetchedKeys>> {
        self.newest.store(fetched.number.0, Ordering::Release);
        self.current.swap(Some(fetched))
    }

    /// Drops the keys because of what this fetch was answered, and returns them. No fetch that
    /// started earlier brings keys back. Call this under the lock of `control`.
    pub(super) fn revoke(&self, fetch: Number) -> Option<Arc<FetchedKeys>> {
        self.newest.store(fetch.0, Ordering::Release);
        self.current.swap(None)
    }

    /// The client accepts no fetch before `first` from now on. Returns whether no client is left
    /// that does.
    pub(super) fn invalidate(&self, member: &Member, first: Number) -> bool {
        let mut control = lock(&self.control);
        member.invalidate(first);
        let is_unused = !self.has_use_for(control.started);
        if is_unused {
            control.forget();
            self.current.store(None);
        }
        is_unused
    }
}
