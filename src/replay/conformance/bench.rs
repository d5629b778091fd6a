//! A store under test, with the suite's clock and the expectations that the rules share.

use std::sync::Arc;
use std::time::Duration;

use super::Subject;
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::conformance::Kept;
use crate::port::Answer;
use crate::replay::{Admission, AdmitResult, ReplayKey, ReplayStore};

/// The server that the suite's assertions are for.
pub(super) const TENANT: &str = "https://as.example.com";

/// The lifetime of the suite's assertions, in seconds.
pub(super) const LIFETIME: u64 = 300;

/// A store and the suite's time. The time starts at the real one, for stores with their own clock.
pub(super) struct Bench<'a, S: Subject> {
    subject: &'a S,
    pub(super) store: Arc<S::Store>,
    pub(super) now: UnixTime,
}

impl<'a, S: Subject> Bench<'a, S> {
    pub(super) async fn empty(subject: &'a S) -> Self {
        Self::of(subject, subject.empty().await)
    }

    pub(super) fn of(subject: &'a S, store: S::Store) -> Self {
        let now = SystemClock.now().unwrap_or(UnixTime::from_secs(1_700_000_000));
        Self { subject, store: Arc::new(store), now }
    }

    pub(super) async fn pass(&mut self, secs: u64) {
        self.subject.pass(&self.store, secs).await;
        self.now = after(self.now, secs);
    }

    pub(super) fn answer(&self, key: (&str, &str), lifetime: u64) -> Answer<AdmitResult> {
        self.store.admit(named(key), after(self.now, lifetime), self.now)
    }

    pub(super) async fn expect(&self, wanted: Admission, key: (&str, &str)) -> Kept {
        self.expect_for(wanted, key, LIFETIME).await
    }

    pub(super) async fn expect_for(&self, wanted: Admission, key: (&str, &str), lifetime: u64) -> Kept {
        match self.answer(key, lifetime).get().await {
            Ok(admission) if admission == wanted => Ok(()),
            Ok(admission) => Err(format!("{key:?}: expected {wanted:?}, got {admission:?}")),
            Err(error) => Err(format!("{key:?}: expected {wanted:?}, got an error: {error}")),
        }
    }

    pub(super) async fn expect_key(&self, wanted: Admission, key: ReplayKey<'_>) -> Kept {
        let answer = self.store.admit(key, after(self.now, LIFETIME), self.now);
        match answer.get().await {
            Ok(admission) if admission == wanted => Ok(()),
            other => Err(format!("{key:?}: expected {wanted:?}, got {other:?}")),
        }
    }

    pub(super) async fn expect_error(&self, key: (&str, &str), lifetime: u64) -> Kept {
        match self.answer(key, lifetime).get().await {
            Ok(admission) => Err(format!("{key:?}: expected an error, got {admission:?}")),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn expect_look(&self, spent: bool, key: (&str, &str)) -> Kept {
        match self.store.seen(named(key), self.now) {
            Some(seen) if seen != spent => {
                Err(format!("{key:?}: a look reports {}", if seen { "spent" } else { "fresh" }))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The key of this client's `jti` at the server of the suite.
pub(super) fn named<'a>((client, jti): (&'a str, &'a str)) -> ReplayKey<'a> {
    ReplayKey::new(TENANT, client, jti)
}

pub(super) fn after(time: UnixTime, secs: u64) -> UnixTime {
    time + Duration::from_secs(secs)
}
