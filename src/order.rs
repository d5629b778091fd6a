//! The order of questions and invalidations in a cache, and the clients that were invalidated.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock::lock;

/// How many invalidated clients are remembered by their ids.
const REMEMBERED: usize = 10_000;

/// The number of a question or an invalidation among those of a cache, in the order in which they
/// start. The first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) u64);

impl Number {
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Counts the questions that a cache asks, and the invalidations.
///
/// It remembers an invalidation also of a client that the cache does not know: it may have been
/// forgotten, or a question about it may be on its way.
#[derive(Default)]
pub(crate) struct Order {
    last: AtomicU64,
    invalidated: Mutex<Invalidated>,
}

#[derive(Default)]
struct Invalidated {
    by_id: HashMap<Box<str>, Number>,
    /// What any client accepts first. It rises when too many clients are remembered: to forget an
    /// invalidation would let old answers return, and this costs each of the others one question.
    any: Number,
}

impl Invalidated {
    fn forget_older_half(&mut self) {
        let mut numbers: Vec<_> = self.by_id.values().copied().collect();
        numbers.sort_unstable();
        if let Some(middle) = numbers.get(numbers.len() / 2) {
            self.any = *middle;
            self.by_id.retain(|_, number| *number > *middle);
        }
    }
}

impl Order {
    /// Returns the number of a question that starts now.
    pub(crate) fn next(&self) -> Number {
        Number(self.last.fetch_add(1, Ordering::AcqRel)).next()
    }

    /// Records the invalidation of a client, and returns a number after all that were returned
    /// before.
    pub(crate) fn invalidate(&self, client_id: &str) -> Number {
        let mut invalidated = lock(&self.invalidated);
        let number = self.next();
        if invalidated.by_id.len() >= REMEMBERED && !invalidated.by_id.contains_key(client_id) {
            invalidated.forget_older_half();
        }
        invalidated.by_id.insert(client_id.into(), number);
        number
    }

    /// Records the invalidation of every client.
    pub(crate) fn invalidate_all(&self) {
        let mut invalidated = lock(&self.invalidated);
        invalidated.any = self.next();
        invalidated.by_id.clear();
    }

    /// Returns the first question whose answer this client accepts.
    pub(crate) fn accepts_from(&self, client_id: &str) -> Number {
        let invalidated = lock(&self.invalidated);
        invalidated.by_id.get(client_id).copied().unwrap_or(invalidated.any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_invalidation_is_forgotten_and_few_are_remembered() {
        let order = Order::default();
        let before = order.next();
        for index in 0..3 * REMEMBERED {
            order.invalidate(&index.to_string());
            assert!(lock(&order.invalidated).by_id.len() <= REMEMBERED, "{index}");
        }
        assert!((0..3 * REMEMBERED).all(|index| order.accepts_from(&index.to_string()) > before));
        assert!(order.accepts_from("other") > before);
        assert!(order.next() > order.accepts_from("other"), "one fetch serves it");
    }

    #[test]
    fn an_invalidation_of_all_counts_for_each() {
        let order = Order::default();
        order.invalidate("before");
        let question = order.next();
        order.invalidate_all();
        assert!(["before", "other"].iter().all(|id| order.accepts_from(id) > question));
        let question = order.next();
        order.invalidate("after");
        assert!(order.accepts_from("after") > question);
        assert!(order.accepts_from("before") <= question);
    }

    #[test]
    fn others_accept_what_was_fetched_before() {
        let order = Order::default();
        let before = order.next();
        for index in 0..REMEMBERED {
            order.invalidate(&index.to_string());
        }
        assert!(order.invalidate("0") > before, "known already");
        assert!(order.accepts_from("other") <= before);
    }
}
