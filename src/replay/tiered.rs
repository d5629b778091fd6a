//! A local store in front of the shared store of a fleet. A replay that this node has already seen
//! costs no round trip.

use std::sync::Arc;

use super::key::OwnedKey;
use super::{AdmitResult, MemoryReplay, Occupancy, ReplayKey, ReplayStore, StoreFact};
use crate::clock::UnixTime;
use crate::port::{Answer, Health, PortError};

/// Asks the shared store only about assertions that this node has not seen.
///
/// The local store is an optimisation, not an authority. It can decide that an assertion is spent,
/// but never that it is fresh. Only the shared store decides that, and then both remember it. A
/// replay that this node has seen is [found by a look](ReplayStore::seen), before its signature is
/// checked and without a round trip. A local store that is too small costs round trips, and never
/// accepts an assertion twice, since the shared store still knows it. A verifier allows one client
/// [as many assertions](ReplayStore::admissions_per_client) as the smaller of both stores does.
///
/// If the clock of this node goes back, assertions that the local store may have cleared are
/// refused as unavailable (503), regardless of what the shared store would answer. The local store
/// [reports](MemoryReplay::events) it.
///
/// If the shared store returns an error, the assertion is not remembered locally. If the shared
/// store has recorded it anyway, the next attempt is a replay.
///
/// ```
/// use std::sync::Arc;
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::Answer;
/// use tower_client_assertion::replay::{
///     Admission, MemoryReplay, ReplayKey, ReplayStore, TieredReplay,
/// };
///
/// // Stands for a store on another machine.
/// let shared = Arc::new(MemoryReplay::new(1_000)?);
/// let here = TieredReplay::new(MemoryReplay::new(1_000)?, Arc::clone(&shared));
/// let there = TieredReplay::new(MemoryReplay::new(1_000)?, shared);
///
/// let key = ReplayKey::new("https://as.example.com", "clinic-7", "a1b2c3");
/// let now = UnixTime::from_secs(1_700_000_000);
/// let until = UnixTime::from_secs(1_700_000_311);
/// let admitted = here.admit(key, until, now);
/// assert!(matches!(admitted, Answer::Ready(Ok(Admission::Fresh))));
/// let admitted = there.admit(key, until, now);
/// assert!(matches!(admitted, Answer::Ready(Ok(Admission::Replayed))));
/// assert_eq!(here.seen(key, now), Some(true));
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TieredReplay<R> {
    local: Arc<MemoryReplay>,
    shared: R,
}

impl<R: ReplayStore> TieredReplay<R> {
    /// Creates a store that puts `local` in front of `shared`. To keep a handle on the local store,
    /// pass it in an [`Arc`].
    pub fn new(local: impl Into<Arc<MemoryReplay>>, shared: R) -> Self {
        Self { local: local.into(), shared }
    }

    /// Returns the local store.
    pub fn local(&self) -> &MemoryReplay {
        &self.local
    }
}

impl<R: ReplayStore> ReplayStore for TieredReplay<R> {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        match self.local.seen(key, now) {
            Some(true) => Some(true),
            // Another node may have seen it.
            Some(false) | None => self.shared.seen(key, now),
        }
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        if self.local.seen(key, now) == Some(true) {
            return Answer::Ready(Ok(super::Admission::Replayed));
        }
        // The shared store counts lifetimes by its own clock, and cannot notice that the clock of
        // this node went back.
        if self.local.may_have_forgotten(key, until, now) {
            return Answer::Ready(Err(PortError::new(
                "this node may have cleared the assertion; has the clock gone back?",
            )));
        }
        match self.shared.admit(key, until, now) {
            Answer::Ready(admitted) => {
                remember(&self.local, &admitted, key, until, now);
                Answer::Ready(admitted)
            }
            Answer::Pending(future) => {
                let local = Arc::clone(&self.local);
                let key = OwnedKey::from(key);
                Answer::later(async move {
                    let admitted = future.await;
                    remember(&local, &admitted, key.borrow(), until, now);
                    admitted
                })
            }
        }
    }

    /// Returns the smaller number of both stores, so that one client can fill neither.
    fn admissions_per_client(&self) -> usize {
        self.local.admissions_per_client().min(self.shared.admissions_per_client())
    }

    /// Returns the facts of the shared store, which alone decides that an assertion is fresh.
    fn about(&self) -> Vec<StoreFact> {
        self.shared.about()
    }

    /// Returns how full the shared store is. A full local one refuses nothing.
    fn occupancy(&self, now: UnixTime) -> Option<Occupancy> {
        self.shared.occupancy(now)
    }

    /// Asks the shared store. The local one could refuse what this node has seen, and nothing else.
    fn health(&self, now: UnixTime) -> Answer<Health> {
        self.shared.health(now)
    }

    fn how_to_look(&self, key: ReplayKey<'_>) -> String {
        self.shared.how_to_look(key)
    }
}

/// Both verdicts mean that the assertion is now spent. An error of the local store changes nothing.
fn remember(local: &MemoryReplay, admitted: &AdmitResult, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) {
    if admitted.is_ok() {
        drop(local.admit(key, until, now));
    }
}
