//! The sources of a cache, and the bounds on what they hold.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::record::SourceRecord;
use crate::jwks::fetch::JwksUrl;

/// How many sources an eviction compares to find one that has not been used for long.
const COMPARED: usize = 8;

/// The weight of a source without keys, which still stores its failures.
const EMPTY_WEIGHT: usize = 1024;

type Name = (Box<str>, Box<str>);

#[derive(Default)]
pub(super) struct Table {
    /// By client and URL. A source lives while a registered client or `kept` holds it.
    by_name: HashMap<Name, Weak<SourceRecord>>,
    /// The sources that have been fetched. They outlive the clients of a registry that builds a
    /// client for each request.
    kept: Vec<Kept>,
    weight: usize,
    /// Where the next eviction starts to compare.
    cursor: usize,
    prune_at: usize,
}

struct Kept {
    record: Arc<SourceRecord>,
    weight: usize,
}

impl Table {
    pub(super) fn record(&mut self, client_id: &str, url: &JwksUrl) -> Arc<SourceRecord> {
        let name = (client_id.into(), url.as_str().into());
        if let Some(record) = self.by_name.get(&name).and_then(Weak::upgrade) {
            return record;
        }
        if self.by_name.len() >= self.prune_at {
            self.by_name.retain(|_, record| record.strong_count() > 0);
            self.prune_at = self.by_name.len() * 2 + 64;
        }
        let record = Arc::new(SourceRecord::new(client_id, url.clone()));
        self.by_name.insert(name, Arc::downgrade(&record));
        record
    }

    pub(super) fn records(&self) -> Vec<Arc<SourceRecord>> {
        self.by_name.values().filter_map(Weak::upgrade).collect()
    }

    /// Keeps `record` with keys of this weight, and drops the keys of others until all are within
    /// the bounds.
    pub(super) fn keep(&mut self, record: &Arc<SourceRecord>, weight: usize, max_sets: usize, max_weight: usize) {
        self.remove(record);
        let weight = weight + EMPTY_WEIGHT;
        while !self.kept.is_empty() && (self.kept.len() >= max_sets || self.weight + weight > max_weight) {
            self.evict();
        }
        self.weight += weight;
        self.kept.push(Kept { record: Arc::clone(record), weight });
    }

    pub(super) fn remove(&mut self, record: &Arc<SourceRecord>) {
        if let Some(index) = self.kept.iter().position(|kept| Arc::ptr_eq(&kept.record, record)) {
            self.weight -= self.kept.swap_remove(index).weight;
        }
    }

    /// Drops the keys of the least recently used of a few sources.
    fn evict(&mut self) {
        let len = self.kept.len();
        let candidates = (0..COMPARED.min(len)).map(|step| (self.cursor + step) % len);
        let oldest = candidates.min_by_key(|index| self.kept.get(*index).map(|kept| kept.record.last_used()));
        self.cursor = (self.cursor + COMPARED) % len;
        if let Some(index) = oldest {
            let kept = self.kept.swap_remove(index);
            self.weight -= kept.weight;
            kept.record.drop_keys();
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}
