//! Two tiers: the local store saves remote calls. It decides only that an assertion is spent.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::NOW;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::{Answer, PortError};
use tower_client_assertion::replay::{Admission, AdmitResult, MemoryReplay, ReplayKey, ReplayStore, TieredReplay};

/// A shared store that counts its calls, and can be unavailable or answer immediately.
#[derive(Clone, Debug)]
struct Remote {
    spent: Arc<MemoryReplay>,
    asked: Arc<AtomicUsize>,
    down: Arc<AtomicBool>,
    immediate: bool,
    /// The answer to a look.
    look: Arc<Mutex<Option<bool>>>,
}

impl Remote {
    fn new(immediate: bool) -> Self {
        let spent = Arc::new(MemoryReplay::new(1_000).unwrap());
        Self { spent, asked: Arc::default(), down: Arc::default(), immediate, look: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl ReplayStore for Remote {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        *self.look.lock().unwrap()
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Answer::Ready(Err(PortError::new("down")));
        }
        match self.spent.admit(key, until, now) {
            Answer::Ready(admitted) if !self.immediate => Answer::later(async move {
                tokio::task::yield_now().await;
                admitted
            }),
            answer => answer,
        }
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

async fn admit(store: &impl ReplayStore, jti: &str) -> Option<Admission> {
    store.admit(ReplayKey::new("as", "clinic-7", jti), at(NOW + 10), at(NOW)).get().await.ok()
}

fn node(remote: &Remote, capacity: usize) -> TieredReplay<Remote> {
    let local = MemoryReplay::new(capacity).unwrap().per_client(capacity).unwrap();
    TieredReplay::new(local, remote.clone())
}

#[tokio::test]
async fn locally_known_replays_cause_no_remote_call() {
    for immediate in [true, false] {
        let remote = Remote::new(immediate);
        let (here, there) = (node(&remote, 100), node(&remote, 100));
        assert_eq!((admit(&here, "1").await, remote.asked()), (Some(Admission::Fresh), 1));
        for _ in 0..3 {
            assert_eq!(here.seen(ReplayKey::new("as", "clinic-7", "1"), at(NOW)), Some(true));
            assert_eq!((admit(&here, "1").await, remote.asked()), (Some(Admission::Replayed), 0));
        }
        // The other node must ask once.
        assert_eq!((admit(&there, "1").await, remote.asked()), (Some(Admission::Replayed), 1));
        assert_eq!((admit(&there, "1").await, remote.asked()), (Some(Admission::Replayed), 0));
        // The same `jti` of another client is another assertion.
        assert_eq!(here.seen(ReplayKey::new("as", "clinic-8", "1"), at(NOW)), None);
    }
}

#[tokio::test]
async fn only_the_shared_store_decides_fresh() {
    let remote = Remote::new(false);
    let here = node(&remote, 100);
    for look in [None, Some(false), Some(true)] {
        *remote.look.lock().unwrap() = look;
        assert_eq!(here.seen(ReplayKey::new("as", "clinic-7", "1"), at(NOW)), look);
    }
}

#[tokio::test]
async fn an_outage_leaves_no_local_entry() {
    for immediate in [true, false] {
        let remote = Remote::new(immediate);
        let here = node(&remote, 100);
        assert_eq!(admit(&here, "before").await, Some(Admission::Fresh));
        remote.down.store(true, Ordering::SeqCst);
        assert_eq!(admit(&here, "1").await, None);
        assert_eq!(admit(&here, "before").await, Some(Admission::Replayed), "that much is known without it");
        assert_eq!(here.seen(ReplayKey::new("as", "clinic-7", "1"), at(NOW)), None);
        remote.down.store(false, Ordering::SeqCst);
        assert_eq!(admit(&here, "1").await, Some(Admission::Fresh));
    }
}

#[tokio::test]
async fn a_full_local_store_only_costs_remote_calls() {
    let remote = Remote::new(false);
    let here = node(&remote, 2);
    for jti in ["1", "2", "3", "4"] {
        assert_eq!(admit(&here, jti).await, Some(Admission::Fresh), "{jti}");
    }
    assert_eq!(here.local().len(), 2);
    remote.asked();
    for (jti, asked) in [("1", 0), ("2", 0), ("3", 1), ("4", 1), ("3", 1)] {
        assert_eq!((admit(&here, jti).await, remote.asked()), (Some(Admission::Replayed), asked), "{jti}");
    }
}

#[tokio::test]
async fn expired_local_entries_are_asked_about_again() {
    let remote = Remote::new(false);
    let here = node(&remote, 100);
    let admit =
        async |until, now| here.admit(ReplayKey::new("as", "clinic-7", "1"), at(until), at(now)).get().await.ok();
    assert_eq!(admit(NOW + 10, NOW).await, Some(Admission::Fresh));
    assert_eq!(admit(NOW + 20, NOW + 9).await, Some(Admission::Replayed));
    assert_eq!(admit(NOW + 20, NOW + 10).await, Some(Admission::Fresh));
    assert_eq!(admit(NOW + 20, NOW + 10).await, Some(Admission::Replayed));
}

#[tokio::test]
async fn a_dropped_answer_leaves_no_local_entry() {
    let remote = Remote::new(false);
    let here = node(&remote, 100);
    drop(here.admit(ReplayKey::new("as", "clinic-7", "1"), at(NOW + 10), at(NOW)));
    assert_eq!(here.local().len(), 0);
    assert_eq!(remote.asked(), 1);
    assert_eq!((admit(&here, "1").await, remote.asked()), (Some(Admission::Replayed), 1), "the shared store knew");
}

/// Ignores our clock: entries that it has dropped are fresh again at any time.
#[derive(Debug)]
struct Forgetful;

impl ReplayStore for Forgetful {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Ok(Admission::Fresh))
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

#[test]
fn dropped_local_entries_stay_spent_if_the_clock_is_set_back() {
    let store = TieredReplay::new(MemoryReplay::new(64).unwrap().per_client(64).unwrap(), Forgetful);
    let numbers: Vec<_> = (0..33).map(|number| number.to_string()).collect();
    let key = |number: usize| ReplayKey::new("as", "clinic-7", &numbers[number]);
    let fresh = |answer: Answer<AdmitResult>| matches!(answer, Answer::Ready(Ok(Admission::Fresh)));
    // Enough entries for one in each shard of the local store.
    for number in 0..32 {
        assert!(fresh(store.admit(key(number), at(NOW + 10), at(NOW))));
    }
    // They have expired, and other assertions with these names clear them.
    for number in 0..32 {
        assert!(fresh(store.admit(key(number), at(NOW + 30), at(NOW + 20))));
    }
    assert!(matches!(store.admit(key(32), at(NOW + 10), at(NOW + 5)), Answer::Ready(Err(_))));
    assert!(fresh(store.admit(key(32), at(NOW + 11), at(NOW + 5))));
}
