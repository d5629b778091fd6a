//! A bound on how many unexpired assertions one client may have, for every replay store.
//!
//! A client with a key can sign as fast as it likes, and each accepted assertion takes a place in
//! the store until it expires. Without a bound, one client could fill the store and so close it to
//! all others. A limit behind the layer comes too late for that: the store has recorded the
//! assertion by then. So the verifier counts, after the signature and before the insert.
//!
//! - A client is charged for each assertion that the store is asked about, until the assertion
//!   expires.
//! - A [replay](Admission::Replayed) is refunded, since the store recorded nothing new. So is an
//!   error that the store returns immediately: see [`ReplayStore`](crate::replay::ReplayStore).
//! - An error that comes later is refunded only if it [says](crate::port::PortError::not_recorded)
//!   that nothing was recorded, and a future that was dropped never. The store may have recorded
//!   the assertion, and a client can cause both.
//! - While it is open whether the store has an assertion, another question about it is free.
//!   Otherwise, an attacker who has seen one assertion of a client could send it, hang up, and so
//!   use up the share. An assertion counts at most twice: once as recorded, once as not answered.
//!
//! The count is that of one verifier. With several nodes, a client can have as many times its share
//! in a store that they all use.

use std::sync::{Mutex, MutexGuard};

use super::shares::{Place, Shares};
use super::unanswered::Entry;
use crate::clock::UnixTime;
use crate::lock::lock;
use crate::rejection::{Rejection, ServerFault};
use crate::replay::{Admission, AdmitResult, ReplayKey};

/// The counts of all clients, behind many locks: threads seldom contend for one, and a map that
/// grows is a small one.
pub(super) struct Admissions {
    stripes: Box<[Stripe]>,
    per_client: usize,
}

/// A power of two.
const STRIPES: usize = 128;

/// Some of the counts, alone in their cache line.
#[derive(Default)]
#[repr(align(64))]
struct Stripe(Mutex<Shares>);

/// A question to the store that is counted. Dropping it leaves it counted until its assertion
/// expires.
#[must_use = "a replay must be refunded"]
pub(super) struct Charge {
    entry: Entry,
    place: Place,
}

/// A charge whose answer comes later.
#[must_use = "a replay must be refunded"]
pub(super) struct OpenCharge(Charge);

impl Admissions {
    /// Allows each client this many unexpired assertions.
    pub(super) fn new(per_client: usize) -> Self {
        Self { stripes: (0..STRIPES).map(|_| Stripe::default()).collect(), per_client }
    }

    pub(super) fn per_client(&self) -> usize {
        self.per_client
    }

    /// Counts one more assertion, which is proven, until `until`.
    pub(super) fn charge(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Result<Charge, Rejection> {
        let entry = Entry { client: key.client_hash(), key: key.assertion_hash(), until: seconds(until) };
        let charged = self.shares(entry).charge(entry, seconds(now), self.per_client);
        match charged {
            Some(place) => Ok(Charge { entry, place }),
            None => Err(Rejection::from(ServerFault::ClientQuota).with_proven_sender()),
        }
    }

    /// Takes the charge back if the store has answered immediately and has recorded nothing.
    pub(super) fn settle(&self, Charge { entry, place }: Charge, admitted: &AdmitResult) {
        match (admitted, place) {
            (Ok(Admission::Fresh), Place::Own) | (Ok(Admission::Replayed) | Err(_), Place::Shared) => {}
            (Ok(Admission::Fresh), Place::Shared) => self.shares(entry).confirm(entry),
            (Ok(Admission::Replayed) | Err(_), Place::Own) => self.shares(entry).refund(entry),
        }
    }

    /// Keeps the charge until the store answers, or until its assertion expires.
    pub(super) fn defer(&self, Charge { entry, place }: Charge) -> OpenCharge {
        OpenCharge(Charge { entry, place: self.shares(entry).defer(entry, place) })
    }

    /// Takes the charge back if the store, which has answered later, has recorded nothing.
    pub(super) fn settle_later(&self, OpenCharge(Charge { entry, place }): OpenCharge, admitted: &AdmitResult) {
        match (admitted, place) {
            (Ok(Admission::Fresh), _) => self.shares(entry).confirm(entry),
            (Ok(Admission::Replayed), Place::Own) => self.shares(entry).withdraw(entry),
            (Err(error), Place::Own) if error.is_not_recorded() => self.shares(entry).withdraw(entry),
            (Ok(Admission::Replayed), Place::Shared) | (Err(_), _) => {}
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the mask keeps the index below the number of stripes")]
    fn shares(&self, entry: Entry) -> MutexGuard<'_, Shares> {
        // The lower bits choose the slot within the map.
        lock(&self.stripes[(entry.client >> 32) as usize & (STRIPES - 1)].0)
    }
}

/// The last second stands for all later ones.
fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
