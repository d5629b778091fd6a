//! The number of unexpired assertions of each client.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The counts of some clients, by the hash of the client.
#[derive(Default)]
pub(super) struct Shares {
    clients: HashMap<u64, Share, BuildHasherDefault<IdentityHasher>>,
    /// The longest time for which an assertion was counted, in seconds.
    longest: u32,
}

impl Shares {
    /// Counts one more assertion of this client. Returns `false` if it already has `most`.
    pub(super) fn charge(&mut self, client: u64, until: u32, now: u32, most: usize) -> bool {
        self.longest = self.longest.max(until.saturating_sub(now));
        let span = Span { now, latest: now.saturating_add(self.longest) };
        if let Some(share) = self.clients.get_mut(&client) {
            return share.add(until, span, most);
        }
        self.provide_place(span);
        self.clients.entry(client).or_default().add(until, span, most)
    }

    /// Takes back one assertion of this client that was charged until `until`.
    pub(super) fn refund(&mut self, client: u64, until: u32) {
        if let Some(share) = self.clients.get_mut(&client) {
            share.remove(until);
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

/// The expiries that an assertion can have now. Before, it has expired. Beyond, it was charged
/// under a clock that was ahead, and would be counted until that time comes.
#[derive(Clone, Copy)]
struct Span {
    now: u32,
    latest: u32,
}

/// An identity hash, for keys that already are keyed hashes.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The number of unexpired assertions of a client, by the second at which they expire.
#[derive(Default)]
struct Share {
    /// The sum of the counts below.
    count: usize,
    /// Pairs of expiry and count, ordered by expiry.
    by_expiry: VecDeque<(u32, u32)>,
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
    }

    /// Returns whether no assertion is counted any more, so that the share can be dropped.
    fn is_over(&self, span: Span) -> bool {
        !self.by_expiry.iter().any(|(expiry, _)| *expiry > span.now && *expiry <= span.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;

    #[test]
    fn a_share_frees_up_as_assertions_expire() {
        let mut shares = Shares::default();
        for until in [NOW + 1, NOW + 2, NOW + 2] {
            assert!(shares.charge(7, until, NOW, 3));
        }
        for (now, room) in [(NOW, 0), (NOW + 1, 1), (NOW + 1, 0), (NOW + 2, 2), (NOW + 2, 0)] {
            for _ in 0..room {
                assert!(shares.charge(7, NOW + 100, now, 3), "{now}");
            }
            assert!(!shares.charge(7, NOW + 100, now, 3), "{now}");
            assert!(shares.charge(now.into(), NOW + 100, now, 3) || room == 0, "other clients have their own share");
        }
    }

    #[test]
    fn a_refund_gives_back_one_place_and_never_more() {
        let mut shares = Shares::default();
        assert!(shares.charge(7, NOW + 10, NOW, 2) && shares.charge(7, NOW + 20, NOW, 2));
        shares.refund(7, NOW + 15);
        shares.refund(8, NOW + 10);
        assert!(!shares.charge(7, NOW + 30, NOW, 2), "nothing was charged until then");
        shares.refund(7, NOW + 10);
        shares.refund(7, NOW + 10);
        assert!(shares.charge(7, NOW + 30, NOW, 2));
        assert!(!shares.charge(7, NOW + 30, NOW, 2));
        // The place was counted once, so its end frees nothing.
        assert!(!shares.charge(7, NOW + 30, NOW + 10, 2));
        assert!(shares.charge(7, NOW + 30, NOW + 20, 2));
    }

    #[test]
    fn a_clock_that_was_ahead_leaves_no_share_used_up() {
        const DAY: u32 = 86_400;
        let mut shares = Shares::default();
        assert!(shares.charge(7, NOW + DAY + 300, NOW + DAY, 1));
        assert!(!shares.charge(7, NOW + DAY + 300, NOW + DAY, 1));
        assert!(shares.charge(7, NOW + 300, NOW, 1), "the clock is right again");
        assert!(!shares.charge(7, NOW + 300, NOW, 1));
    }

    #[test]
    fn clients_without_assertions_are_dropped() {
        let mut shares = Shares::default();
        for client in 0..100_000 {
            let now = NOW + client / 10;
            assert!(shares.charge(client.into(), now + 10, now, 1));
        }
        assert!(shares.clients.capacity() < 1_000, "{}", shares.clients.capacity());
    }
}
