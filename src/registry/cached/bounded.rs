//! A map of client ids with a bound. The entry that was set least recently is dropped first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Ids come from strangers, so the hash of the map is keyed.
pub(super) struct Bounded<V> {
    most: usize,
    entries: HashMap<Arc<str>, Entry<V>>,
    /// The ids in the order in which they were set. One that was set again or removed is here for
    /// nothing: its turn differs.
    order: VecDeque<(Arc<str>, u64)>,
    turn: u64,
}

struct Entry<V> {
    value: V,
    turn: u64,
}

impl<V> Bounded<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: VecDeque::new(), turn: 0 }
    }

    pub(super) fn get(&self, id: &str) -> Option<&V> {
        self.entries.get(id).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut V> {
        self.entries.get_mut(id).map(|entry| &mut entry.value)
    }

    pub(super) fn set(&mut self, id: &Arc<str>, value: V) {
        self.turn = self.turn.wrapping_add(1);
        self.entries.insert(Arc::clone(id), Entry { value, turn: self.turn });
        self.order.push_back((Arc::clone(id), self.turn));
        while self.entries.len() > self.most
            && let Some((oldest, turn)) = self.order.pop_front()
        {
            self.remove_if(&oldest, turn);
        }
        self.shorten_order();
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.entries.remove(id);
        self.shorten_order();
    }

    /// Drops what is in the order for nothing, once it is more than the rest.
    fn shorten_order(&mut self) {
        if self.order.len() / 2 > self.entries.len() {
            let entries = &self.entries;
            self.order.retain(|(id, turn)| entries.get(id).is_some_and(|entry| entry.turn == *turn));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn remove_if(&mut self, id: &str, turn: u64) {
        if self.entries.get(id).is_some_and(|entry| entry.turn == turn) {
            self.entries.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(most: usize, ids: &[&str]) -> Bounded<usize> {
        let mut map = Bounded::new(most);
        for (index, id) in ids.iter().enumerate() {
            map.set(&Arc::from(*id), index);
        }
        map
    }

    #[test]
    fn the_entry_set_least_recently_is_dropped() {
        for (most, ids, kept) in [
            (2, &["a", "b"][..], &["a", "b"][..]),
            (2, &["a", "b", "c"], &["b", "c"]),
            (2, &["a", "b", "a", "c"], &["a", "c"]),
            (1, &["a", "a", "b"], &["b"]),
            (3, &["a", "b", "c", "a", "b", "d"], &["a", "b", "d"]),
        ] {
            let map = with(most, ids);
            let mut left: Vec<_> = map.entries.keys().map(|id| &**id).collect();
            left.sort_unstable();
            assert_eq!(left, kept, "{most} {ids:?}");
        }
    }

    #[test]
    fn an_entry_that_returns_after_its_removal_keeps_its_place() {
        let mut map = with(2, &["a", "b"]);
        map.remove("a");
        map.set(&Arc::from("a"), 9);
        map.set(&Arc::from("c"), 9);
        assert_eq!((map.get("a"), map.get("b"), map.get("c")), (Some(&9), None, Some(&9)));
    }

    #[test]
    fn the_memory_stays_bounded() {
        let mut map = with(100, &[]);
        let ids: Vec<Arc<str>> = (0..1_000).map(|number: u32| Arc::from(number.to_string())).collect();
        for round in 0..100 {
            map.set(&ids[round % 3], round);
            assert!(map.order.len() <= 2 * map.len() + 1, "{round}");
        }
        for (number, id) in ids.iter().enumerate() {
            map.set(id, number);
            map.remove(&ids[number / 2]);
            assert!(map.len() <= 100 && map.order.len() <= 2 * map.len() + 1, "{number}");
        }
    }
}
