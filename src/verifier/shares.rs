//! The number of unexpired assertions of each client.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::unanswered::{Entry, IdentityHasher, Unanswered};

/// The counts of some clients, by the hash of the client.
#[derive(Default)]
pub(super) struct Shares {
    clients: HashMap<u64, Share, BuildHasherDefault<IdentityHasher>>,
    /// The longest time for which an assertion was counted, in seconds.
    longest: u32,
}

impl Shares {
    /// Takes a place for one more assertion. Returns `None` if its client already has `most`.
    pub(super) fn charge(&mut self, entry: Entry, now: u32, most: usize) -> Option<Place> {
        let Entry { client, until, .. } = entry;
        self.longest = self.longest.max(until.saturating_sub(now));
        let span = Span { now, latest: now.saturating_add(self.longest).saturating_add(LATE) };
        let share = match self.clients.get_mut(&client) {
            Some(share) => share,
            None => {
                self.provide_place(span);
                self.clients.entry(client).or_default()
            }
        };
        if share.unanswered.share(entry) {
            return Some(Place::Shared);
        }
        share.add(until, span, most).then_some(Place::Own)
    }

    /// Gives back the place of an assertion that the store has not recorded.
    pub(super) fn refund(&mut self, entry: Entry) {
        if let Some(share) = self.clients.get_mut(&entry.client) {
            share.remove(entry.until);
        }
    }

    /// Remembers an assertion that the store will answer later.
    pub(super) fn defer(&mut self, entry: Entry, place: Place) -> Place {
        let Some(share) = self.clients.get_mut(&entry.client) else { return place };
        match place {
            Place::Shared => Place::Shared,
            // Another thread has charged the same assertion.
            Place::Own if share.unanswered.share(entry) => {
                share.remove(entry.until);
                Place::Shared
            }
            Place::Own => {
                share.unanswered.add(entry);
                Place::Own
            }
        }
    }

    /// Learns that the store has recorded an assertion that was remembered.
    pub(super) fn confirm(&mut self, entry: Entry) {
        if let Some(share) = self.clients.get_mut(&entry.client) {
            share.unanswered.confirm(entry);
        }
    }

    /// Gives back the place of an assertion that was remembered and that its question has not
    /// recorded, unless another question shares the place.
    pub(super) fn withdraw(&mut self, entry: Entry) {
        if let Some(share) = self.clients.get_mut(&entry.client)
            && share.unanswered.withdraw(entry)
        {
            share.remove(entry.until);
        }
    }

    /// When the map is full, drops the clients without an unexpired assertion. The capacity that
    /// this frees pays for the pass over all of them.
    fn provide_place(&mut self, span: Span) {
        let clients = &mut self.clients;
        if clients.len() == clients.capacity() {
            clients.retain(|_, share| !share.is_over(span));
            clients.shrink_to(clients.len() * 2);
            clients.reserve(clients.len() + 1);
        }
    }
}

/// How much later than others a thread may charge after it has read the clock, in seconds. It must
/// not take what they have charged for something from a clock that was ahead.
const LATE: u32 = 10;

/// Whose place in a share a question to the store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its own.
    Own,
    /// That of an earlier question about the same assertion, which has no answer.
    Shared,
}

/// The expiries that an assertion can have now. Before, it has expired. Beyond, it was charged
/// under a clock that was ahead, and would be counted until that time comes.
#[derive(Clone, Copy)]
struct Span {
    now: u32,
    latest: u32,
}

impl Span {
    fn contains(self, until: u32) -> bool {
        until > self.now && until <= self.latest
    }
}

/// The number of unexpired assertions of a client, by the second at which they expire.
#[derive(Default)]
struct Share {
    /// The sum of the counts below.
    count: usize,
    /// Pairs of expiry and count, ordered by expiry.
    by_expiry: VecDeque<(u32, u32)>,
    /// Those of them of which it is not known whether the store has them.
    unanswered: Unanswered,
}

impl Share {
    /// Counts one more. Returns `false` if there already are `most`.
    fn add(&mut self, until: u32, span: Span, most: usize) -> bool {
        // Expired assertions need to be uncounted only when the share is used up.
        if self.count >= most {
            self.expire(span);
        }
        if self.count >= most {
            return false;
        }
        self.count += 1;
        match self.by_expiry.back_mut() {
            Some((expiry, count)) if *expiry == until && *count < u32::MAX => *count += 1,
            _ => self.add_at(until, span),
        }
        true
    }

    fn add_at(&mut self, until: u32, span: Span) {
        if self.by_expiry.len() == self.by_expiry.capacity() {
            self.expire(span);
        }
        let place = self.by_expiry.partition_point(|(expiry, _)| *expiry <= until);
        match place.checked_sub(1).and_then(|before| self.by_expiry.get_mut(before)) {
            Some((expiry, count)) if *expiry == until && *count < u32::MAX => *count += 1,
            _ => self.by_expiry.insert(place, (until, 1)),
        }
    }

    fn remove(&mut self, until: u32) {
        let place = self.by_expiry.partition_point(|(expiry, _)| *expiry < until);
        if let Some((expiry, count)) = self.by_expiry.get_mut(place)
            && *expiry == until
            && *count > 0
        {
            *count -= 1;
            self.count -= 1;
        }
    }

    fn expire(&mut self, span: Span) {
        let before = self.by_expiry.len();
        while let Some(&(expiry, count)) = self.by_expiry.front()
            && expiry <= span.now
        {
            self.count -= count as usize;
            self.by_expiry.pop_front();
        }
        while let Some(&(expiry, count)) = self.by_expiry.back()
            && expiry > span.latest
        {
            self.count -= count as usize;
            self.by_expiry.pop_back();
        }
        if self.by_expiry.len() < before {
            self.unanswered.retain(|until| span.contains(until));
        }
    }

    /// Returns whether no assertion is counted any more, so that the share can be dropped.
    fn is_over(&self, span: Span) -> bool {
        !self.by_expiry.iter().any(|(expiry, count)| *count > 0 && span.contains(*expiry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;

    fn entry(client: u64, until: u32) -> Entry {
        Entry { client, key: u64::from(until), until }
    }

    impl Shares {
        fn takes(&mut self, client: u64, until: u32, now: u32, most: usize) -> bool {
            self.charge(entry(client, until), now, most).is_some()
        }
    }

    #[test]
    fn a_share_frees_up_as_assertions_expire() {
        let mut shares = Shares::default();
        for until in [NOW + 1, NOW + 2, NOW + 2] {
            assert!(shares.takes(7, until, NOW, 3));
        }
        for (now, room) in [(NOW, 0), (NOW + 1, 1), (NOW + 1, 0), (NOW + 2, 2), (NOW + 2, 0)] {
            for _ in 0..room {
                assert!(shares.takes(7, NOW + 100, now, 3), "{now}");
            }
            assert!(!shares.takes(7, NOW + 100, now, 3), "{now}");
            assert!(shares.takes(now.into(), NOW + 100, now, 3) || room == 0, "other clients have their own share");
        }
    }

    #[test]
    fn a_refund_gives_back_one_place_and_never_more() {
        let mut shares = Shares::default();
        assert!(shares.takes(7, NOW + 10, NOW, 2) && shares.takes(7, NOW + 20, NOW, 2));
        shares.refund(entry(7, NOW + 15));
        shares.refund(entry(8, NOW + 10));
        assert!(!shares.takes(7, NOW + 30, NOW, 2), "nothing was charged until then");
        shares.refund(entry(7, NOW + 10));
        shares.refund(entry(7, NOW + 10));
        assert!(shares.takes(7, NOW + 30, NOW, 2));
        assert!(!shares.takes(7, NOW + 30, NOW, 2));
        // The place was counted once, so its end frees nothing.
        assert!(!shares.takes(7, NOW + 30, NOW + 10, 2));
        assert!(shares.takes(7, NOW + 30, NOW + 20, 2));
    }

    #[test]
    fn a_clock_that_was_ahead_leaves_no_share_used_up() {
        const DAY: u32 = 86_400;
        let mut shares = Shares::default();
        assert!(shares.takes(7, NOW + DAY + 300, NOW + DAY, 1));
        assert!(!shares.takes(7, NOW + DAY + 300, NOW + DAY, 1));
        assert!(shares.takes(7, NOW + 300, NOW, 1), "the clock is right again");
        assert!(!shares.takes(7, NOW + 300, NOW, 1));
    }

    #[test]
    fn threads_that_are_late_uncount_nothing() {
        for (late, expected) in [(0, true), (1, true), (LATE, true), (LATE + 1, false)] {
            let mut shares = Shares::default();
            let mut taken = 0;
            for now in [NOW + late, NOW].repeat(10) {
                taken += u32::from(shares.takes(7, now + 300, now, 2));
            }
            assert_eq!(taken == 2, expected, "{late}: {taken}");
        }
    }

    #[test]
    fn clients_without_assertions_are_dropped() {
        let mut shares = Shares::default();
        for client in 0..100_000 {
            let now = NOW + client / 10;
            assert!(shares.takes(client.into(), now + 10, now, 1));
        }
        assert!(shares.clients.capacity() < 1_000, "{}", shares.clients.capacity());
    }

    #[test]
    fn an_unanswered_assertion_takes_one_place_until_it_expires() {
        let mut shares = Shares::default();
        let [asked, other] = [NOW + 10, NOW + 20].map(|until| entry(7, until));
        assert_eq!(shares.charge(asked, NOW, 2), Some(Place::Own));
        assert_eq!(shares.defer(asked, Place::Own), Place::Own);
        assert_eq!(shares.charge(other, NOW, 2), Some(Place::Own));
        for _ in 0..10 {
            assert_eq!(shares.charge(asked, NOW, 2), Some(Place::Shared), "even if the share is used up");
            // A second question about it was asked, so no answer of the first frees the place.
            shares.withdraw(asked);
            assert_eq!(shares.charge(entry(7, NOW + 30), NOW, 2), None);
        }
        let same_id = Entry { until: NOW + 11, ..asked };
        assert_eq!(shares.charge(same_id, NOW, 2), None, "the store would keep it for longer");
        assert_eq!(shares.charge(entry(7, NOW + 30), NOW + 10, 2), Some(Place::Own));
    }

    #[test]
    fn a_place_is_given_back_for_the_only_question_alone() {
        for (asked_again, confirmed, left) in [(false, false, 1), (true, false, 0), (false, true, 0), (true, true, 0)] {
            let mut shares = Shares::default();
            let asked = entry(7, NOW + 10);
            assert_eq!(shares.charge(asked, NOW, 1), Some(Place::Own));
            assert_eq!(shares.defer(asked, Place::Own), Place::Own);
            if asked_again {
                assert_eq!(shares.charge(asked, NOW, 1), Some(Place::Shared));
            }
            if confirmed {
                shares.confirm(asked);
            }
            shares.withdraw(asked);
            shares.withdraw(asked);
            let room = (0..3).filter(|more| shares.takes(7, NOW + 20 + more, NOW, 1)).count();
            assert_eq!(room, left, "{asked_again} {confirmed}");
        }
    }

    #[test]
    fn two_threads_with_one_assertion_take_one_place() {
        let mut shares = Shares::default();
        let asked = entry(7, NOW + 10);
        assert_eq!([1, 2].map(|_| shares.charge(asked, NOW, 2)), [Some(Place::Own); 2]);
        assert_eq!([1, 2].map(|_| shares.defer(asked, Place::Own)), [Place::Own, Place::Shared]);
        assert!(shares.takes(7, NOW + 20, NOW, 2));
        assert!(!shares.takes(7, NOW + 20, NOW, 2));
    }
}
