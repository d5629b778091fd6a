//! The builder of a cache: every setting with its default.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Cached;
use super::settings::Settings;
use super::shared::Shared;
use crate::event::EventSink;
use crate::registry::ClientRegistry;
use crate::setting::SettingError;

/// Configures a [`Cached`] registry. [`build`](Self::build) checks all settings.
///
/// ```
/// use std::time::Duration;
///
/// use tower_client_assertion::registry::{Cached, FixedRegistry};
/// use tower_client_assertion::{Setting, SettingError};
///
/// // Stands for a registry on a database.
/// let database = || FixedRegistry::default();
/// let clients = Cached::builder(database())
///     .fresh_for(Duration::from_secs(30))
///     .stale_for(Duration::ZERO)
///     .build()?;
/// assert_eq!(clients.client_count(), 0);
///
/// let error = Cached::builder(database())
///     .fresh_for(Duration::ZERO)
///     .build()
///     .unwrap_err();
/// assert_eq!(error.setting(), Setting::CachedFreshFor);
/// # Ok::<(), SettingError>(())
/// ```
#[must_use]
pub struct CachedBuilder<R> {
    registry: R,
    settings: Settings,
    events: Option<Box<dyn EventSink>>,
}

impl<R: ClientRegistry> CachedBuilder<R> {
    pub(super) fn new(registry: R) -> Self {
        Self { registry, settings: Settings::default(), events: None }
    }

    /// Sets how long a client is used as it was found, counted from the begin of the look-up.
    /// Default: 5 s. More than zero, and at most an hour.
    ///
    /// A client that was deleted or changed is used for this time as it was, unless it is
    /// [invalidated](Cached::invalidate).
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.settings.fresh_for = time;
        self
    }

    /// Sets how long an id is refused as unknown, counted from the begin of the look-up. Default:
    /// 1 s. Zero remembers no absence. At most an hour.
    ///
    /// A client that was registered meanwhile is refused for this time, unless it is
    /// [invalidated](Cached::invalidate).
    pub fn absent_for(mut self, time: Duration) -> Self {
        self.settings.absent_for = time;
        self
    }

    /// Sets how long a client that is no longer fresh is used while look-ups fail. Default: 60 s.
    /// Zero refuses it as unavailable (503) instead. At most a day.
    ///
    /// A client that was deleted can still authenticate for this time while the registry cannot be
    /// asked. After a failure, the registry is asked again about a client after a second.
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.settings.stale_for = time;
        self
    }

    /// Sets the maximum time of a look-up, after which it has failed. Default: 2 s. More than zero,
    /// and at most 60 s.
    ///
    /// Keep it below the [`port_timeout`](crate::VerifierBuilder::port_timeout), by default 5 s, or
    /// a request is refused before it could use a stale client.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Sets the maximum number of clients in memory. Default: 100,000. More than zero.
    ///
    /// When there are more, the one that was looked up least recently is dropped.
    pub fn max_clients(mut self, count: usize) -> Self {
        self.settings.max_clients = count;
        self
    }

    /// Sets the maximum number of unknown ids in memory. Default: 10,000, which is 5 MB of the
    /// longest ids that the [limits](crate::policy::Limits::client_id) allow by default. More than
    /// zero.
    ///
    /// When there are more, the one that was looked up least recently is dropped.
    pub fn max_absences(mut self, count: usize) -> Self {
        self.settings.max_absences = count;
        self
    }

    /// Sets the maximum number of concurrent look-ups of ids that are not those of remembered
    /// clients. Default: 1,024. More than zero, and at most 2^20.
    ///
    /// A request for one more is refused as unavailable (503). So a stranger who invents ids while
    /// the database is slow cannot fill the memory, and clients that are remembered are still
    /// served.
    pub fn max_look_ups(mut self, count: usize) -> Self {
        self.settings.max_look_ups = count;
        self
    }

    /// Reports to `events` that the registry fails and clients are used that are no longer fresh,
    /// as a [`Warning`](crate::event::Warning): once, and again after a look-up has succeeded in
    /// between. Default: no reports.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Some(Box::new(events));
        self
    }

    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// A value that must be positive is zero, or a time is too long.
    pub fn build(self) -> Result<Cached<R>, SettingError> {
        self.settings.check()?;
        Ok(Cached(Arc::new(Shared::new(self.registry, self.settings, self.events))))
    }
}

impl<R: fmt::Debug> fmt::Debug for CachedBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, settings, .. } = self;
        f.debug_struct("CachedBuilder").field("registry", registry).field("settings", settings).finish_non_exhaustive()
    }
}
