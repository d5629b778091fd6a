//! The clients of a document, and which of its fetches each accepts.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::fetched::FetchNumber;
use crate::lock::lock;

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
    fn new(client_id: Arc<str>) -> Self {
        let (accepts_from, is_registered) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { client_id, accepts_from, is_registered, invalidated: Notify::new() }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether the client was not invalidated since this fetch started.
    pub(super) fn accepts(&self, fetch: FetchNumber) -> bool {
        fetch >= self.accepts_from()
    }

    pub(super) fn accepts_from(&self) -> FetchNumber {
        FetchNumber(self.accepts_from.load(Ordering::Acquire))
    }

    /// Accepts no fetch before this one from now on.
    pub(super) fn invalidate(&self, first: FetchNumber) {
        self.is_registered.store(false, Ordering::Relaxed);
        self.accepts_from.fetch_max(first.0, Ordering::AcqRel);
        self.invalidated.notify_waiters();
    }

    /// Waits until the client no longer accepts this fetch.
    pub(super) async fn refuses(&self, fetch: FetchNumber) {
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
    /// Clients were forgotten, so one that is not known may have used the document.
    has_forgotten: bool,
}

impl Members {
    /// Returns the client, which is a new one if it is not known. `newest` is the last fetch whose
    /// keys were recorded.
    pub(super) fn join(&self, client_id: &str, newest: FetchNumber) -> Arc<Member> {
        let member = lock(&self.0).join(client_id, newest);
        member.is_registered.store(true, Ordering::Relaxed);
        member
    }

    /// Returns the client if it may have used the document.
    pub(super) fn find(&self, client_id: &str, newest: FetchNumber) -> Option<Arc<Member>> {
        let mut known = lock(&self.0);
        match known.by_id.get(client_id) {
            Some(member) => Some(Arc::clone(member)),
            None => known.has_forgotten.then(|| known.join(client_id, newest)),
        }
    }

    /// Returns the clients that a registry holds, or has asked for since they were invalidated.
    pub(super) fn present(&self) -> Vec<Arc<Member>> {
        let known = lock(&self.0);
        known.by_id.values().filter(|member| is_present(member)).map(Arc::clone).collect()
    }

    /// Whether the keys of this fetch are of use to a client.
    pub(super) fn any_accepts(&self, fetch: FetchNumber) -> bool {
        lock(&self.0).by_id.values().any(|member| member.accepts(fetch) && is_present(member))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.0).by_id.len()
    }
}

impl Known {
    fn join(&mut self, client_id: &str, newest: FetchNumber) -> Arc<Member> {
        if let Some(member) = self.by_id.get(client_id) {
            return Arc::clone(member);
        }
        if self.by_id.len() >= self.prune_at {
            self.prune(newest);
        }
        let client_id: Arc<str> = client_id.into();
        let member = Arc::new(Member::new(Arc::clone(&client_id)));
        self.by_id.insert(client_id, Arc::clone(&member));
        member
    }

    /// Drops the clients that no registry holds. One that was invalidated is remembered until
    /// later keys have arrived, since it must not accept the earlier ones.
    fn prune(&mut self, newest: FetchNumber) {
        let before = self.by_id.len();
        self.by_id.retain(|_, member| is_held(member) || !member.accepts(newest));
        self.has_forgotten |= self.by_id.len() < before;
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

    const FIRST: FetchNumber = FetchNumber(1);

    #[test]
    fn clients_that_no_registry_holds_do_not_accumulate() {
        let members = Members::default();
        let held: Vec<_> = (0..100).map(|index| members.join(&format!("held-{index}"), FIRST)).collect();
        for index in 0..100_000 {
            drop(members.join(&format!("client-{index}"), FIRST));
            assert!(members.len() <= 2 * (held.len() + 1) + REMEMBERED, "{index}");
        }
        for member in &held {
            assert!(Arc::ptr_eq(member, &members.join(member.client_id(), FIRST)), "{member:?}");
        }
    }

    #[test]
    fn invalidations_are_not_forgotten_before_new_keys_arrive() {
        let members = Members::default();
        members.join("mine", FIRST).invalidate(FIRST.next());
        let crowd = |newest| (0..10 * REMEMBERED).for_each(|index| drop(members.join(&index.to_string(), newest)));
        crowd(FIRST);
        assert!(!members.join("mine", FIRST).accepts(FIRST));
        // A client that was forgotten can be invalidated too.
        let forgotten = members.find("0", FIRST).expect("clients were forgotten");
        forgotten.invalidate(FIRST.next());
        drop(forgotten);
        crowd(FIRST);
        assert!(!members.join("0", FIRST).accepts(FIRST));
        assert!(members.join("0", FIRST).accepts(FIRST.next()));
    }

    #[test]
    fn strangers_have_no_document() {
        let members = Members::default();
        drop(members.join("mine", FIRST));
        assert!(members.find("mine", FIRST).is_some());
        assert!(members.find("stranger", FIRST).is_none());
    }
}
