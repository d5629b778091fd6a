//! The state that all clones of a cache share.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::settings::Settings;
use super::table::{Recorded, Table};
use crate::event::{Event, EventSink, Warning};
use crate::lock::lock;
use crate::order::{Number, Order};
use crate::port::PortError;
use crate::registry::FindResult;

pub(super) struct Shared<R> {
    registry: R,
    pub(super) settings: Settings,
    pub(super) table: Mutex<Table>,
    pub(super) order: Order,
    /// For look-ups of ids of no remembered client.
    pub(super) slots: Arc<Semaphore>,
    events: Option<Box<dyn EventSink>>,
    /// Whether it was reported that stale clients are used.
    is_reported: AtomicBool,
}

impl<R> Shared<R> {
    pub(super) fn new(registry: R, settings: Settings, events: Option<Box<dyn EventSink>>) -> Self {
        let (table, slots) = (Mutex::new(Table::new(settings)), Arc::new(Semaphore::new(settings.max_look_ups)));
        Self { registry, settings, table, order: Order::default(), slots, events, is_reported: AtomicBool::new(false) }
    }

    pub(super) fn registry(&self) -> &R {
        &self.registry
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        lock(&self.table).counts()
    }

    // Numbers are given and compared under the lock of the table. So a look-up either begins after
    // the invalidation, or is refused by it.
    pub(super) fn invalidate(&self, id: &str) {
        let mut table = lock(&self.table);
        self.order.invalidate(id);
        table.forget(id);
    }

    pub(super) fn invalidate_all(&self) {
        let mut table = lock(&self.table);
        self.order.invalidate_all();
        let old = table.forget_all();
        drop(table);
        drop(old);
    }

    /// Records what a look-up has found, and returns what those who wait for it are told.
    pub(super) fn record(&self, id: &Arc<str>, number: Number, begun: Instant, found: FindResult) -> FindResult {
        let mut table = lock(&self.table);
        table.end(id, number);
        if !self.accepts(id, number) {
            return found;
        }
        let recorded = table.record(id, begun, found, Instant::now());
        drop(table);
        match recorded {
            Recorded::Answered(found) => {
                if found.is_ok() {
                    self.is_reported.store(false, Ordering::Relaxed);
                }
                found
            }
            Recorded::Stale(client, error) => {
                self.report(&error);
                Ok(Some(client))
            }
        }
    }

    fn report(&self, error: &PortError) {
        let Some(events) = &self.events else { return };
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            let stale_for = self.settings.stale_for;
            let message =
                format!("look-ups fail: clients are used as they were found before, for up to {stale_for:?}: {error}");
            events.record(&Event::Warning(Warning::new("registry", &message)));
        }
    }

    /// Returns whether the id was not invalidated since the look-up began.
    pub(super) fn accepts(&self, id: &str, number: Number) -> bool {
        number >= self.order.accepts_from(id)
    }
}

impl<R: fmt::Debug> fmt::Debug for Shared<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (clients, absences) = self.counts();
        f.debug_struct("Cached")
            .field("registry", &self.registry)
            .field("settings", &self.settings)
            .field("clients", &clients)
            .field("absences", &absences)
            .finish_non_exhaustive()
    }
}
