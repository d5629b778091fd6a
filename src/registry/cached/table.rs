//! What is remembered of clients and of unknown ids, and which look-ups run.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bounded::Bounded;
use super::settings::Settings;
use crate::flight::Running;
use crate::order::Number;
use crate::port::PortError;
use crate::registry::{Client, FindResult};

/// How long a stale client is used before the registry is asked about it again.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) type RunningLookUp = Running<FindResult>;

pub(super) struct Table {
    settings: Settings,
    clients: Bounded<Known>,
    /// When the look-up of each began.
    absences: Bounded<Instant>,
    running: HashMap<Arc<str>, RunningLookUp>,
}

struct Known {
    client: Arc<Client>,
    /// When its look-up began.
    begun: Instant,
    /// When a later look-up failed.
    failed: Option<Instant>,
}

/// What a look-up ended with.
pub(super) enum Recorded {
    /// The answer of the registry.
    Answered(FindResult),
    /// The registry has failed, and the client is used as it was found before.
    Stale(Arc<Client>, PortError),
}

impl Table {
    pub(super) fn new(settings: Settings) -> Self {
        let (clients, absences) = (Bounded::new(settings.max_clients), Bounded::new(settings.max_absences));
        Self { settings, clients, absences, running: HashMap::new() }
    }

    /// Returns the answer that needs no look-up, if there is one.
    pub(super) fn known(&self, id: &str, now: Instant) -> Option<FindResult> {
        if let Some(known) = self.clients.get(id) {
            let is_paused = known.failed.is_some_and(|at| since(at, now) < PAUSE);
            let is_usable = known.is_usable(now, &self.settings, is_paused);
            return is_usable.then(|| Ok(Some(Arc::clone(&known.client))));
        }
        let begun = self.absences.get(id)?;
        (since(*begun, now) < self.settings.absent_for).then_some(Ok(None))
    }

    pub(super) fn has_client(&self, id: &str) -> bool {
        self.clients.get(id).is_some()
    }

    pub(super) fn running(&self, id: &str) -> Option<RunningLookUp> {
        self.running.get(id).cloned()
    }

    pub(super) fn start(&mut self, id: Arc<str>, running: RunningLookUp) {
        self.running.insert(id, running);
    }

    pub(super) fn end(&mut self, id: &str, number: Number) {
        if self.running.get(id).is_some_and(|running| running.number() == number) {
            self.running.remove(id);
        }
    }

    /// Records what a look-up, which began then, has found now.
    pub(super) fn record(&mut self, id: &Arc<str>, begun: Instant, found: FindResult, now: Instant) -> Recorded {
        match &found {
            // The verifier refuses a client of another id. A registry that compares ids loosely
            // could fill the table with one client under many.
            Ok(Some(client)) if client.id().as_str() != &**id => self.forget(id),
            Ok(Some(client)) => {
                self.absences.remove(id);
                self.clients.set(id, Known { client: Arc::clone(client), begun, failed: None });
            }
            Ok(None) => {
                self.clients.remove(id);
                if self.settings.absent_for > Duration::ZERO {
                    self.absences.set(id, begun);
                }
            }
            Err(error) => {
                if let Some(known) = self.clients.get_mut(id)
                    && known.is_usable(now, &self.settings, true)
                {
                    known.failed = Some(now);
                    return Recorded::Stale(Arc::clone(&known.client), error.clone());
                }
            }
        }
        Recorded::Answered(found)
    }

    /// Drops what is known about an id. A look-up of it that runs is no longer the one to wait for.
    pub(super) fn forget(&mut self, id: &str) {
        self.clients.remove(id);
        self.absences.remove(id);
        self.running.remove(id);
    }

    /// Returns what was known, which takes a while to free.
    pub(super) fn forget_all(&mut self) -> Self {
        mem::replace(self, Self::new(self.settings))
    }

    /// Returns the numbers of clients and of absences.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.clients.len(), self.absences.len())
    }
}

impl Known {
    fn is_usable(&self, now: Instant, settings: &Settings, if_stale: bool) -> bool {
        let age = since(self.begun, now);
        age < settings.fresh_for || if_stale && age < settings.fresh_for.saturating_add(settings.stale_for)
    }
}

fn since(then: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(then)
}
