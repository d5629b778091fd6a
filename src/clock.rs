//! The time, from outside: a [`Clock`] is asked once, and once more after each wait for a port, and its answer handed down.
//!
//! This is the only file that reads the system clock.
//!
//! ```
//! use tower_client_assertion::clock::{Clock, ManualClock, UnixTime};
//!
//! let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
//! clock.advance(30);
//! assert_eq!(clock.now(), Some(UnixTime::from_secs(1_700_000_030)));
//!
//! clock.stop();
//! assert_eq!(clock.now(), None);
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored: the scale of a `NumericDate` (RFC 7519, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The instant this many seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }
}

/// Tells the time, or that it cannot.
///
/// A request that comes while the clock has no answer is refused as unavailable (503): an assertion whose age is unknown
/// can be neither accepted nor blamed.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, rounded down to whole seconds; `None` if it is not known.
    fn now(&self) -> Option<UnixTime>;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Option<UnixTime> {
        (**self).now()
    }
}

/// The clock of the operating system. It has no answer while it stands before 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Option<UnixTime> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime(since_epoch.as_secs()))
    }
}

/// A clock that is set by hand, for tests. Clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

/// A time that no test sets, standing for "no answer".
const STOPPED: u64 = u64::MAX;

impl ManualClock {
    /// A clock that stands at `time`.
    pub fn at(time: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Moves the clock to `time`, forwards or backwards.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    /// Moves the clock on by `secs` seconds, at most to the end of time. A stopped clock stays stopped.
    pub fn advance(&self, secs: u64) {
        let moved = |time: u64| (time != STOPPED).then(|| time.saturating_add(secs));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Makes the clock fail until it is [set](Self::set) again.
    pub fn stop(&self) {
        self.0.store(STOPPED, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Option<UnixTime> {
        let secs = self.0.load(Ordering::SeqCst);
        (secs != STOPPED).then_some(UnixTime(secs))
    }
}
