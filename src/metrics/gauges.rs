//! States as gauges, read when metrics are scraped.

use std::fmt;
use std::sync::Arc;

use ::metrics::SharedString;

use super::facade::Facade;
use super::series::{
    AUDIT_ERRORS, AUDIT_EVENTS, FAILED, KEY_SET_BYTES, KEY_SET_FETCHES, KEY_SET_OLDEST_STALE, KEY_SETS, KEYS_SKIPPED,
    OK, POLICY_INFO, REGISTRY_CLIENTS, REGISTRY_LAST_RELOAD, REGISTRY_PROBLEMS, REGISTRY_RELOADS, REPLAY_CAPACITY,
    REPLAY_ENTRIES, SIGNATURE_CHECKS, SIGNATURE_CHECKS_LIMIT, Series,
};
use crate::clock::Clock;
use crate::event::{AuditCounts, AuditLog};
use crate::jose::keys::SkipReason;
use crate::jwks::{FetchError, KeySetCache, KeySetCounts};
use crate::policy::{AudienceRule, Policy};
use crate::registry::FileRegistry;
use crate::replay::ReplayStore;
use crate::verifier::Verifier;
use crate::verifier::overload::SignatureChecks;

/// What is read when metrics are scraped: how full and how busy things are.
///
/// Call [`refresh`](Self::refresh) immediately before the exporter renders. Only what was given is
/// read. If several of one kind are given, their numbers are added up.
#[derive(Clone)]
#[must_use]
pub struct Gauges {
    facade: Facade,
    clock: Arc<dyn Clock>,
    checks: Vec<SignatureChecks>,
    replays: Vec<Arc<dyn ReplayStore>>,
    key_sets: Vec<KeySetCache>,
    registries: Vec<Arc<FileRegistry>>,
    audits: Vec<Arc<AuditLog>>,
    policies: Vec<[SharedString; 3]>,
}

impl Gauges {
    pub(super) fn new(facade: Facade, clock: Arc<dyn Clock>) -> Self {
        Self {
            facade,
            clock,
            checks: Vec::new(),
            replays: Vec::new(),
            key_sets: Vec::new(),
            registries: Vec::new(),
            audits: Vec::new(),
            policies: Vec::new(),
        }
    }

    /// Reads how many signature checks are running. Give each bound once, however many verifiers
    /// have a clone.
    pub fn signature_checks(mut self, checks: &SignatureChecks) -> Self {
        self.checks.push(checks.clone());
        self
    }

    /// Reads how full a replay store is, if it [knows](ReplayStore::occupancy). A store in front of
    /// a shared one is not read: a full one refuses nothing. Give it by itself to see it.
    pub fn replay(mut self, store: Arc<dyn ReplayStore>) -> Self {
        self.replays.push(store);
        self
    }

    /// Reads the states of key sets by URL. The counters of fetches and of skipped keys start at
    /// zero from now on, so that a rate sees the first of each.
    pub fn key_sets(mut self, cache: &KeySetCache) -> Self {
        let results = [OK].into_iter().chain(FetchError::CODES.iter().copied());
        self.start(&KEY_SET_FETCHES, results);
        self.start(&KEYS_SKIPPED, SkipReason::ALL.iter().map(|reason| reason.name()));
        self.key_sets.push(cache.clone());
        self
    }

    /// Reads the clients of a file. The counters of reloads start at zero from now on. The time of
    /// the last reload follows the [events](FileRegistry::events) of the registry.
    pub fn registry(mut self, registry: Arc<FileRegistry>) -> Self {
        self.start(&REGISTRY_RELOADS, [OK, FAILED]);
        if let Some(now) = self.clock.now() {
            let loaded_at = now - registry.loaded_ago();
            self.set(&REGISTRY_LAST_RELOAD, None, loaded_at.as_secs() as f64);
        }
        self.registries.push(registry);
        self
    }

    /// Reads how many events of an audit log were written and dropped, and how many attempts to
    /// write failed. The counters start at zero from now on. They follow the
    /// [counts](AuditLog::counts) of the log, so nothing is added on the way of a request.
    pub fn audit(mut self, log: Arc<AuditLog>) -> Self {
        self.audits.push(log);
        self.refresh_audit();
        self
    }

    /// Shows the policies of a verifier.
    pub fn policies(mut self, verifier: &Verifier) -> Self {
        for policy in verifier.policies().iter().map(labels) {
            if !self.policies.contains(&policy) {
                self.policies.push(policy);
            }
        }
        self
    }

    fn start(&self, series: &Series, values: impl IntoIterator<Item = &'static str>) {
        for value in values {
            self.facade.counter(series, [value.into()]).increment(0);
        }
    }

    /// Reads everything and sets the gauges. It takes microseconds, and more if there are many key
    /// sets, or many entries in a replay store: call it for each scrape, not for each request.
    pub fn refresh(&self) {
        self.refresh_signature_checks();
        self.refresh_replay();
        self.refresh_key_sets();
        self.refresh_registry();
        self.refresh_audit();
        for policy in &self.policies {
            self.facade.gauge(&POLICY_INFO, policy.clone()).set(1.0);
        }
    }

    fn refresh_signature_checks(&self) {
        let Self { checks, .. } = self;
        if !checks.is_empty() {
            self.set(&SIGNATURE_CHECKS, None, total(checks, SignatureChecks::in_flight));
            self.set(&SIGNATURE_CHECKS_LIMIT, None, total(checks, SignatureChecks::limit));
        }
    }

    fn refresh_replay(&self) {
        let Some(now) = self.clock.now() else { return };
        let known: Vec<_> = self.replays.iter().filter_map(|store| store.occupancy(now)).collect();
        if !known.is_empty() {
            self.set(&REPLAY_ENTRIES, Some("memory"), total(&known, |store| store.entries));
            self.set(&REPLAY_CAPACITY, Some("memory"), total(&known, |store| store.capacity));
        }
    }

    fn refresh_key_sets(&self) {
        let Self { key_sets, .. } = self;
        let Some(now) = self.clock.now().filter(|_| !key_sets.is_empty()) else { return };
        let counts: Vec<_> = key_sets.iter().map(|cache| cache.counts(now)).collect();
        let states: [(&str, Count); 4] = [
            ("fresh", |counts| counts.fresh),
            ("stale", |counts| counts.stale),
            ("failing", |counts| counts.failing),
            ("absent", |counts| counts.absent),
        ];
        for (state, count) in states {
            self.set(&KEY_SETS, Some(state), total(&counts, count));
        }
        let oldest = counts.iter().filter_map(|counts| counts.oldest_stale).max();
        self.set(&KEY_SET_OLDEST_STALE, None, oldest.unwrap_or_default().as_secs_f64());
        self.set(&KEY_SET_BYTES, None, total(key_sets, KeySetCache::kept_bytes));
    }

    fn refresh_registry(&self) {
        let Self { registries, .. } = self;
        if !registries.is_empty() {
            self.set(&REGISTRY_CLIENTS, None, total(registries, |registry| registry.client_count()));
            self.set(&REGISTRY_PROBLEMS, None, total(registries, |registry| registry.problem_count()));
        }
    }

    fn refresh_audit(&self) {
        let counts: Vec<_> = self.audits.iter().map(|log| log.counts()).collect();
        if counts.is_empty() {
            return;
        }
        let all = |count: fn(&AuditCounts) -> u64| counts.iter().map(count).fold(0, u64::saturating_add);
        let events = |result: &'static str| self.facade.counter(&AUDIT_EVENTS, [result.into()]);
        events("written").absolute(all(|counts| counts.written));
        events("dropped").absolute(all(|counts| counts.dropped));
        self.facade.counter(&AUDIT_ERRORS, []).absolute(all(|counts| counts.errors));
    }

    fn set(&self, series: &Series, label: Option<&'static str>, value: f64) {
        self.facade.gauge(series, label.map(SharedString::from)).set(value);
    }
}

/// Reads one of the counts.
type Count = fn(&KeySetCounts) -> usize;

fn total<T>(of: &[T], count: impl Fn(&T) -> usize) -> f64 {
    of.iter().map(count).fold(0, usize::saturating_add) as f64
}

fn labels(policy: &Policy) -> [SharedString; 3] {
    let rule = match policy.audience() {
        AudienceRule::IssuerString => "issuer_string",
        AudienceRule::SoleIssuer => "sole_issuer",
        AudienceRule::Urls => "urls",
        AudienceRule::IssuerOrUrls => "issuer_or_urls",
    };
    let algorithms: Vec<_> = policy.algorithms().iter().map(|algorithm| algorithm.name()).collect();
    [policy.name().to_owned().into(), rule.into(), algorithms.join(",").into()]
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Gauges");
        debug.field("signature_checks", &self.checks.len()).field("replays", &self.replays.len());
        debug.field("key_sets", &self.key_sets.len()).field("registries", &self.registries.len());
        debug.field("audits", &self.audits.len());
        debug.field("policies", &self.policies.len()).finish()
    }
}
