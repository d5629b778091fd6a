//! The sources that a cache knows, and the bounds of what they hold.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::source::Source;
use crate::jwks::fetch::JwksUrl;

/// How many sources are compared to find one that was not used for long.
const COMPARED: usize = 8;

/// What a source weighs that has no keys, but a failure to remember.
const EMPTY_WEIGHT: usize = 1024;

type Name = (Box<str>, Box<str>);

#[derive(Default)]
pub(super) struct Table {
    /// By client and URL. A source lives as long as a client's record or `kept` holds it.
    known: HashMap<Name, Weak<Source>>,
    /// Those that have been fetched: they survive a registry that makes its clients anew for each request.
    kept: Vec<Kept>,
    weight: usize,
    /// Where the next comparison begins.
    hand: usize,
    prune_at: usize,
}

struct Kept {
    source: Arc<Source>,
    weight: usize,
}

impl Table {
    pub(super) fn source(&mut self, client_id: &str, url: &JwksUrl) -> Arc<Source> {
        let name = (client_id.into(), url.as_str().into());
        if let Some(source) = self.known.get(&name).and_then(Weak::upgrade) {
            return source;
        }
        if self.known.len() >= self.prune_at {
            self.known.retain(|_, source| source.strong_count() > 0);
            self.prune_at = self.known.len() * 2 + 64;
        }
        let source = Arc::new(Source::new(client_id, url.clone()));
        self.known.insert(name, Arc::downgrade(&source));
        source
    }

    pub(super) fn sources(&self) -> Vec<Arc<Source>> {
        self.known.values().filter_map(Weak::upgrade).collect()
    }

    /// Keeps `source` with keys of this weight, and drops the keys of others until all are within the bounds.
    pub(super) fn keep(&mut self, source: &Arc<Source>, weight: usize, max_sets: usize, max_weight: usize) {
        self.remove(source);
        let weight = weight + EMPTY_WEIGHT;
        while !self.kept.is_empty() && (self.kept.len() >= max_sets || self.weight + weight > max_weight) {
            self.evict();
        }
        self.weight += weight;
        self.kept.push(Kept { source: Arc::clone(source), weight });
    }

    pub(super) fn remove(&mut self, source: &Arc<Source>) {
        if let Some(index) = self.kept.iter().position(|kept| Arc::ptr_eq(&kept.source, source)) {
            self.weight -= self.kept.swap_remove(index).weight;
        }
    }

    /// Of a few, the one that was used least recently.
    fn evict(&mut self) {
        let len = self.kept.len();
        let candidates = (0..COMPARED.min(len)).map(|step| (self.hand + step) % len);
        let oldest = candidates.min_by_key(|index| self.kept.get(*index).map(|kept| kept.source.last_used()));
        self.hand = (self.hand + COMPARED) % len;
        if let Some(index) = oldest {
            let kept = self.kept.swap_remove(index);
            self.weight -= kept.weight;
            kept.source.drop_keys();
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}
