//! The clients of a document, and which of its fetches each accepts.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::lock::lock;
use crate::order::{Number, Order};

/// How many clients that no registry holds are remembered with a document, at least.
const REMEMBERED: usize = 1024;

/// One client of a document.
pub(super) struct Member {
    client_id: Arc<str>,
    /// The first fetch that started after the client was last invalidated.
    accepts_from: AtomicU64,
    /// A registry has asked for the source since then.
    is_registered: AtomicBool,
    invalidated: Notify,
}

impl Member {
    fn new(client_id: Arc<str>, accepts_from: Number) -> Self {
        let (accepts_from, is_registered) = (AtomicU64::new(accepts_from.0), AtomicBool::new(false));
        Self { client_id, accepts_from, is_registered, invalidated: Notify::new() }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether the client was not invalidated since this fetch started.
    pub(super) fn accepts(&self, fetch: Number) -> bool {
        fetch >= self.accepts_from()
    }

    pub(super) fn accepts_from(&self) -> Number {
        Number(self.accepts_from.load(Ordering::Acquire))
    }

    /// Accepts no fetch before this one from now on.
    pub(super) fn invalidate(&self, first: Number) {
        self.is_registered.store(false, Ordering::Relaxed);
        self.accepts_from.fetch_max(first.0, Ordering::AcqRel);
        self.invalidated.notify_waiters();
    }

    /// Waits until the client no longer accepts this fetch.
    pub(super) async fn refuses(&self, fetch: Number) {
        loop {
            // A call of `notify_waiters` after this line ends the wait.
            let invalidated = self.invalidated.notified();
            if !self.accepts(fetch) {
                return;
            }
            invalidated.await;
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.client_id(), f)
    }
}

/// The clients of one document.
///
/// They are remembered as long as the document is, so that an invalidation holds even if the
/// registry builds its clients again for each request.
#[derive(Default)]
pub(super) struct Members(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_id: HashMap<Arc<str>, Arc<Member>>,
    prune_at: usize,
}

impl Members {
    /// Returns the client, which is a new one if it is not known. `newest` is the last fetch whose
    /// result was recorded. `order` tells whether a new one was invalidated elsewhere.
    pub(super) fn join(&self, client_id: &str, newest: Number, order: &Order) -> Arc<Member> {
        // The lock is held from the look at the order until the client can be found: an
        // invalidation at the same time is seen here, or sees the client.
        let member = lock(&self.0).join(client_id, newest, order);
        member.is_registered.store(true, Ordering::Relaxed);
        member
    }

    /// Returns the client if it is known.
    pub(super) fn find(&self, client_id: &str) -> Option<Arc<Member>> {
        lock(&self.0).by_id.get(client_id).map(Arc::clone)
    }

    /// Returns the clients that a registry holds, or has asked for since they were invalidated.
    pub(super) fn present(&self) -> Vec<Arc<Member>> {
        let known = lock(&self.0);
        known.by_id.values().filter(|member| is_present(member)).map(Arc::clone).collect()
    }

    /// Whether the keys of this fetch are of use to a client.
    pub(super) fn any_accepts(&self, fetch: Number) -> bool {
        lock(&self.0).by_id.values().any(|member| member.accepts(fetch) && is_present(member))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.0).by_id.len()
    }
}

impl Known {
    fn join(&mut self, client_id: &str, newest: Number, order: &Order) -> Arc<Member> {
        if let Some(member) = self.by_id.get(client_id) {
            return Arc::clone(member);
        }
        if self.by_id.len() >= self.prune_at {
            self.prune(newest, order);
        }
        let accepts_from = order.accepts_from(client_id);
        let client_id: Arc<str> = client_id.into();
        let member = Arc::new(Member::new(Arc::clone(&client_id), accepts_from));
        self.by_id.insert(client_id, Arc::clone(&member));
        member
    }

    /// Drops the clients that no registry holds. One that was invalidated is remembered until
    /// later keys have arrived, since it must not accept the earlier ones. Where the order of the
    /// cache remembers that as well, the client need not be kept.
    fn prune(&mut self, newest: Number, order: &Order) {
        self.by_id.retain(|_, member| {
            let is_known_elsewhere = order.accepts_from(member.client_id()) >= member.accepts_from();
            is_held(member) || !member.accepts(newest) && !is_known_elsewhere
        });
        self.prune_at = self.by_id.len() * 2 + REMEMBERED;
    }
}

fn is_present(member: &Arc<Member>) -> bool {
    is_held(member) || member.is_registered.load(Ordering::Relaxed)
}

/// Whether more than [`Members`] holds the client.
fn is_held(member: &Arc<Member>) -> bool {
    Arc::strong_count(member) > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Number = Number(1);

    #[test]
    fn clients_that_no_registry_holds_do_not_accumulate() {
        let (members, order) = (Members::default(), Order::default());
        let held: Vec<_> = (0..100).map(|index| members.join(&format!("held-{index}"), FIRST, &order)).collect();
        for index in 0..100_000 {
            drop(members.join(&format!("client-{index}"), FIRST, &order));
            assert!(members.len() <= 2 * (held.len() + 1) + REMEMBERED, "{index}");
        }
        for member in &held {
            assert!(Arc::ptr_eq(member, &members.join(member.client_id(), FIRST, &order)), "{member:?}");
        }
    }

    #[test]
    fn clients_of_a_document_without_keys_do_not_accumulate() {
        let (members, order) = (Members::default(), Order::default());
        for index in 0..20_000 {
            order.invalidate(&index.to_string());
        }
        let none = Number::default();
        for index in 0..100_000 {
            assert!(!members.join(&format!("client-{index}"), none, &order).accepts(FIRST), "{index}");
            assert!(members.len() <= 2 + REMEMBERED, "{index}");
        }
    }

    #[test]
    fn invalidations_are_not_forgotten_before_new_keys_arrive() {
        let (members, order) = (Members::default(), Order::default());
        assert_eq!(order.next(), FIRST);
        let crowd =
            |newest| (0..10 * REMEMBERED).for_each(|index| drop(members.join(&index.to_string(), newest, &order)));
        members.join("mine", FIRST, &order).invalidate(FIRST.next());
        crowd(FIRST);
        assert!(!members.join("mine", FIRST, &order).accepts(FIRST));
        // A client that was forgotten can be invalidated too.
        assert!(members.find("0").is_none(), "clients were forgotten");
        let first = order.invalidate("0");
        crowd(FIRST);
        assert!(!members.join("0", FIRST, &order).accepts(FIRST));
        assert!(members.join("0", FIRST, &order).accepts(first.next()));
    }

    #[test]
    fn a_stranger_joins_as_it_was_invalidated() {
        let (members, order) = (Members::default(), Order::default());
        let before = order.next();
        order.invalidate("stranger");
        assert!(members.find("stranger").is_none());
        assert!(!members.join("stranger", before, &order).accepts(before));
        assert!(members.join("other", before, &order).accepts(before));
        assert!(members.join("stranger", before, &order).accepts(order.next()));
    }
}
