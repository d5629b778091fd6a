//! The documents of a cache, and the bounds on what they hold.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::document::Document;
use crate::jwks::fetch::JwksUrl;

/// How many documents an eviction compares to find one that has not been used for long.
const COMPARED: usize = 8;

/// The weight of a document without keys, which still stores its failures.
const EMPTY_WEIGHT: usize = 1024;

#[derive(Default)]
pub(super) struct Table {
    /// By URL, byte for byte as it was registered. A document lives while a registered client or
    /// `kept` holds it.
    by_url: HashMap<Box<str>, Weak<Document>>,
    /// The documents that have been fetched. They outlive the clients of a registry that builds a
    /// client for each request.
    kept: Vec<Kept>,
    weight: usize,
    /// Where the next eviction starts to compare.
    cursor: usize,
    prune_at: usize,
}

struct Kept {
    document: Arc<Document>,
    weight: usize,
}

impl Table {
    pub(super) fn document(&mut self, url: &JwksUrl) -> Arc<Document> {
        if let Some(document) = self.by_url.get(url.as_str()).and_then(Weak::upgrade) {
            return document;
        }
        if self.by_url.len() >= self.prune_at {
            self.by_url.retain(|_, document| document.strong_count() > 0);
            self.prune_at = self.by_url.len() * 2 + 64;
        }
        let document = Arc::new(Document::new(url.clone()));
        self.by_url.insert(url.as_str().into(), Arc::downgrade(&document));
        document
    }

    pub(super) fn documents(&self) -> Vec<Arc<Document>> {
        self.by_url.values().filter_map(Weak::upgrade).collect()
    }

    /// Keeps `document` with keys of this weight, and drops the keys of others until all are within
    /// the bounds.
    pub(super) fn keep(&mut self, document: &Arc<Document>, weight: usize, max_sets: usize, max_weight: usize) {
        self.remove(document);
        let weight = weight + EMPTY_WEIGHT;
        while !self.kept.is_empty() && (self.kept.len() >= max_sets || self.weight + weight > max_weight) {
            self.evict();
        }
        self.weight += weight;
        self.kept.push(Kept { document: Arc::clone(document), weight });
    }

    pub(super) fn remove(&mut self, document: &Arc<Document>) {
        if let Some(index) = self.kept.iter().position(|kept| Arc::ptr_eq(&kept.document, document)) {
            self.weight -= self.kept.swap_remove(index).weight;
        }
    }

    /// Drops the keys of the least recently used of a few documents.
    fn evict(&mut self) {
        let len = self.kept.len();
        let candidates = (0..COMPARED.min(len)).map(|step| (self.cursor + step) % len);
        let oldest = candidates.min_by_key(|index| self.kept.get(*index).map(|kept| kept.document.last_used()));
        self.cursor = (self.cursor + COMPARED) % len;
        if let Some(index) = oldest {
            let kept = self.kept.swap_remove(index);
            self.weight -= kept.weight;
            kept.document.drop_keys();
        }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(number: usize) -> JwksUrl {
        JwksUrl::parse(&format!("https://clinic.example/{number}")).expect("a URL")
    }

    #[test]
    fn documents_that_no_client_has_do_not_accumulate() {
        let mut table = Table::default();
        let held: Vec<_> = (0..100).map(|number| table.document(&url(number))).collect();
        for number in 1_000..50_000 {
            drop(table.document(&url(number)));
            assert!(table.by_url.len() <= 2 * held.len() + 64, "{number}");
        }
        for (number, document) in held.iter().enumerate() {
            assert!(Arc::ptr_eq(document, &table.document(&url(number))), "{number}");
        }
    }

    #[test]
    fn what_is_kept_stays_within_both_bounds() {
        let mut table = Table::default();
        for number in 0..1_000 {
            let document = table.document(&url(number));
            table.keep(&document, number % 10 * 1024, 20, 64 * 1024);
            let weights: usize = table.kept.iter().map(|kept| kept.weight).sum();
            assert!(table.kept() <= 20 && table.weight() <= 64 * 1024 && table.weight() == weights, "{number}");
        }
    }
}
