//! Events as series.

use std::fmt;
use std::sync::Arc;

use ::metrics::Recorder;

use super::clients::{Clients, MOST_CLIENTS};
use super::facade::{Facade, NoRecorder};
use super::gauges::Gauges;
use super::requests::{Outcome, Requests};
use super::series::{
    FAILED, KEY_SET_FETCH_DURATION, KEY_SET_FETCHES, KEYS_SKIPPED, OK, REGISTRY_LAST_RELOAD, REGISTRY_RELOAD_DURATION,
    REGISTRY_RELOADS, REPLAY_ERRORS, WARNINGS,
};
use super::times::Times;
use crate::clock::{Clock, SystemClock};
use crate::event::{
    Accepted, Event, EventSink, KeySetEvent, KeySetNews, LetPass, Refused, RegistryEvent, RegistryNews, ReplayNews,
};
use crate::setting::{Setting, SettingError, at_most};

/// An event sink that counts and times what happens.
///
/// Give it to the verifier, to the key set cache, to the file of clients and to the replay store,
/// in an [`Arc`]. It makes the series of the [table](super::SERIES), except the gauges: they are
/// read when metrics are scraped, by [`Gauges`].
///
/// Handles are made when a series is first needed, and kept. An exporter must not drop series that
/// have been idle: later values would be lost.
#[must_use]
pub struct MetricsEvents {
    facade: Facade,
    clock: Arc<dyn Clock>,
    timed: bool,
    store: &'static str,
    requests: Requests,
    clients: Clients,
    times: Times,
}

impl MetricsEvents {
    /// Creates a sink for this recorder, and describes every series to it.
    pub fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self::with(Facade::new(recorder))
    }

    /// Creates a sink for the recorder that the process has installed. A recorder of one thread
    /// counts too, for what that thread serves.
    ///
    /// # Errors
    ///
    /// None is installed. Install the exporter first. A recorder whose type has no size, such as a
    /// struct without fields, cannot be told from none and is an error too: pass that one to
    /// [`new`](Self::new).
    pub fn installed() -> Result<Self, NoRecorder> {
        Facade::installed().map(Self::with)
    }

    fn with(facade: Facade) -> Self {
        Self {
            facade,
            clock: Arc::new(SystemClock),
            timed: false,
            store: "memory",
            requests: Requests::default(),
            clients: Clients::default(),
            times: Times::default(),
        }
    }

    /// Also records how long requests and their steps took. Default: no clock is read for it.
    pub fn with_times(mut self) -> Self {
        self.timed = true;
        self
    }

    /// Tells the first `clients` clients apart that are accepted; all others share the label
    /// `other`. Default: 0, which tells none apart.
    ///
    /// An id becomes a label only if a signature has proven it. Each client takes one series for
    /// each policy that accepts it, and two more if its audience is lax.
    ///
    /// # Errors
    ///
    /// It is over 1000.
    pub fn per_client(mut self, clients: usize) -> Result<Self, SettingError> {
        at_most(Setting::MetricsPerClient, clients, MOST_CLIENTS)?;
        self.clients = Clients::new(clients);
        Ok(self)
    }

    /// Sets the label `store` of the times and errors of the replay store, for example `redis`.
    /// Default: `memory`.
    pub fn replay_store(mut self, name: &'static str) -> Self {
        self.store = name;
        self
    }

    /// Sets the clock by which the age of assertions is computed, and of what [`Gauges`] read: that
    /// of the verifier. Default: the system clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the gauges, for the same recorder and by the same clock.
    pub fn gauges(&self) -> Gauges {
        Gauges::new(self.facade.clone(), Arc::clone(&self.clock))
    }

    fn accepted(&self, event: &Accepted<'_>) {
        let (facade, identity) = (&self.facade, event.identity());
        let policy = self.requests.policy(identity.policy());
        self.requests.count_accepted(facade, policy, event.endpoint());
        self.clients.count(facade, identity.client_id(), policy, identity.has_lax_audience());
        if let Some(now) = self.clock.now() {
            self.times.record_dates(facade, identity.claims(), now);
        }
        self.times.record(facade, self.store, Outcome::Accepted, event.times());
    }

    fn refused(&self, event: &Refused<'_>) {
        let (facade, kind) = (&self.facade, event.rejection().kind());
        self.requests.count_refused(facade, self.requests.policy(event.policy()), event.endpoint(), kind);
        self.times.record(facade, self.store, Outcome::of(kind), event.times());
    }

    fn let_pass(&self, event: &LetPass<'_>) {
        self.requests.count_let_pass(&self.facade, event.endpoint());
        self.times.record(&self.facade, self.store, Outcome::LetPass, event.times());
    }

    fn key_set(&self, event: &KeySetEvent<'_>) {
        let result = match event.news() {
            KeySetNews::Fetched { .. } => OK,
            KeySetNews::Failed { error, .. } => error.code(),
            KeySetNews::Skipped(key) => {
                return self.facade.counter(&KEYS_SKIPPED, [key.reason().name().into()]).increment(1);
            }
            KeySetNews::Stale { .. } | KeySetNews::Revoked => return,
        };
        self.facade.counter(&KEY_SET_FETCHES, [result.into()]).increment(1);
        if let Some(took) = event.took() {
            self.facade.histogram(&KEY_SET_FETCH_DURATION, [result.into()]).record(took);
        }
    }

    fn registry(&self, event: &RegistryEvent<'_>) {
        let result = match event.news() {
            RegistryNews::Reloaded { .. } => {
                if let Some(now) = self.clock.now() {
                    self.facade.gauge(&REGISTRY_LAST_RELOAD, None).set(now.as_secs() as f64);
                }
                OK
            }
            RegistryNews::Failed(_) => FAILED,
        };
        self.facade.counter(&REGISTRY_RELOADS, [result.into()]).increment(1);
        self.facade.histogram(&REGISTRY_RELOAD_DURATION, [result.into()]).record(event.took());
    }
}

impl EventSink for MetricsEvents {
    fn record(&self, event: &Event<'_>) {
        match event {
            Event::Accepted(event) => self.accepted(event),
            Event::Refused(event) => self.refused(event),
            Event::LetPass(event) => self.let_pass(event),
            Event::Warning(warning) => self.facade.counter(&WARNINGS, [warning.source().into()]).increment(1),
            Event::KeySet(event) => self.key_set(event),
            Event::Registry(event) => self.registry(event),
            Event::Replay(event) => match event.news() {
                ReplayNews::Failed(error) => {
                    let values = [self.store.into(), error.kind().name().into()];
                    self.facade.counter(&REPLAY_ERRORS, values).increment(1);
                }
                // The times of steps have it.
                ReplayNews::Slow { .. } => {}
            },
        }
    }

    fn needs_times(&self) -> bool {
        self.timed
    }
}

impl fmt::Debug for MetricsEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MetricsEvents");
        debug.field("timed", &self.timed).field("store", &self.store).finish_non_exhaustive()
    }
}
