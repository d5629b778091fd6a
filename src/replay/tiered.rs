//! A memory of this node's own in front of the store of the fleet: what this node has seen costs no second round trip.

use std::sync::Arc;

use super::{Admitted, MemoryReplay, ReplayKey, ReplayStore};
use crate::clock::UnixTime;
use crate::port::{Answer, PortError};

/// Asks the shared store only about what this node has not seen.
///
/// The local store is an accelerator and no authority. It can say that an assertion is spent, and never that it is fresh:
/// only the shared store says so, after which both remember it. A replay that this node has seen is then [found by a
/// look](ReplayStore::seen), before its signature is checked and without a round trip. Sizing the local store too small
/// costs round trips, and accepts nothing twice: what it has no room for, the shared store knows.
///
/// Should the clock of this node go back, what the local store has cleared is refused as unavailable (503), whatever the shared
/// store says.
///
/// What the shared store could not answer is not remembered here either. If it had recorded the assertion nevertheless,
/// it will say so next time.
///
/// ```
/// use std::sync::Arc;
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::Answer;
/// use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore, TieredReplay};
///
/// let shared = Arc::new(MemoryReplay::new(1_000)?); // Stands for one that is far away.
/// let here = TieredReplay::new(MemoryReplay::new(1_000)?, Arc::clone(&shared));
/// let there = TieredReplay::new(MemoryReplay::new(1_000)?, shared);
///
/// let key = ReplayKey::new("clinic-7", "a1b2c3");
/// let (now, until) = (UnixTime::from_secs(1_700_000_000), UnixTime::from_secs(1_700_000_311));
/// assert!(matches!(here.admit(key, until, now), Answer::Ready(Ok(Admission::Fresh))));
/// assert!(matches!(there.admit(key, until, now), Answer::Ready(Ok(Admission::Replayed))));
/// assert_eq!(here.seen(key, now), Some(true));
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TieredReplay<R> {
    local: Arc<MemoryReplay>,
    shared: R,
}

impl<R: ReplayStore> TieredReplay<R> {
    /// Puts `local` in front of `shared`.
    pub fn new(local: MemoryReplay, shared: R) -> Self {
        Self { local: Arc::new(local), shared }
    }

    /// The store in front.
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

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted> {
        if self.local.seen(key, now) == Some(true) {
            return Answer::Ready(Ok(super::Admission::Replayed));
        }
        // The shared store counts lifetimes by itself, and knows nothing of our clock.
        if self.local.may_have_forgotten(key, until) {
            return Answer::Ready(Err(PortError::new("this node may have forgotten it; has the clock gone back?")));
        }
        match self.shared.admit(key, until, now) {
            Answer::Ready(admitted) => {
                remember(&self.local, &admitted, key, until, now);
                Answer::Ready(admitted)
            }
            Answer::Pending(future) => {
                let local = Arc::clone(&self.local);
                let (client_id, jti) = (String::from(key.client_id()), String::from(key.jti()));
                Answer::later(async move {
                    let admitted = future.await;
                    remember(&local, &admitted, ReplayKey::new(&client_id, &jti), until, now);
                    admitted
                })
            }
        }
    }
}

/// Either answer means that the assertion is spent by now. That there is no room for it here decides nothing.
fn remember(local: &MemoryReplay, admitted: &Admitted, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) {
    if admitted.is_ok() {
        drop(local.admit(key, until, now));
    }
}
