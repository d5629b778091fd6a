//! The source of the current time.
//!
//! The verifier asks a [`Clock`] once for each decision, and again after each wait for a port, and
//! passes the [`UnixTime`] on. Nothing else in this crate reads the system clock, so a test can set
//! the time:
//!
//! ```
//! use std::time::Duration;
//!
//! use tower_client_assertion::clock::{Clock, ManualClock, UnixTime};
//!
//! let start = UnixTime::from_secs(1_700_000_000);
//! let clock = ManualClock::at(start);
//! clock.advance(30);
//! assert_eq!(clock.now(), Some(start + Duration::from_secs(30)));
//!
//! clock.stop();
//! assert_eq!(clock.now(), None);
//! ```

#![expect(clippy::disallowed_types, reason = "the one place that converts the system's time")]

use std::error::Error;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Whole seconds since 1970-01-01T00:00:00Z, without leap seconds: the scale of a `NumericDate`
/// (RFC 7519, section 2).
///
/// Adding and subtracting a [`Duration`] saturates: at the epoch, and at the largest number of
/// seconds. A fraction of a second in the duration is dropped.
///
/// It serializes as a number and converts from and to [`SystemTime`].
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use tower_client_assertion::clock::UnixTime;
///
/// let time = UnixTime::from_secs(1_700_000_000);
/// assert_eq!(time + Duration::from_secs(60), UnixTime::from_secs(1_700_000_060));
/// assert_eq!(time - Duration::MAX, UnixTime::from_secs(0));
/// assert_eq!(time + Duration::from_millis(1_999) - time, Duration::from_secs(1));
///
/// let system = SystemTime::try_from(time)?;
/// assert_eq!(UnixTime::try_from(system)?, time);
/// # Ok::<(), tower_client_assertion::clock::TimeRangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Returns the instant `secs` seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    /// Returns the later instant, saturating. A fraction of a second is dropped.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

impl AddAssign<Duration> for UnixTime {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for UnixTime {
    type Output = Self;

    /// Returns the earlier instant, saturating. A fraction of a second is dropped.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_secs()))
    }
}

impl SubAssign<Duration> for UnixTime {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for UnixTime {
    type Output = Duration;

    /// Returns the time from `earlier` to `self`; zero if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl TryFrom<SystemTime> for UnixTime {
    type Error = TimeRangeError;

    /// Converts, rounding down to whole seconds. Fails before the epoch.
    fn try_from(time: SystemTime) -> Result<Self, TimeRangeError> {
        let since_epoch = time.duration_since(UNIX_EPOCH).map_err(|_| TimeRangeError::BEFORE_EPOCH)?;
        Ok(Self(since_epoch.as_secs()))
    }
}

impl TryFrom<UnixTime> for SystemTime {
    type Error = TimeRangeError;

    /// Converts. Fails if the operating system cannot represent a time so far ahead.
    fn try_from(time: UnixTime) -> Result<Self, TimeRangeError> {
        UNIX_EPOCH.checked_add(Duration::from_secs(time.0)).ok_or(TimeRangeError::TOO_LATE)
    }
}

/// Date and time of day as RFC 3339 writes them, without an offset.
pub(crate) struct CivilTime {
    date: (u64, u64, u64),
    second_of_day: u64,
}

impl CivilTime {
    /// The first second of the year 10000, which RFC 3339 cannot write.
    const YEAR_10000: u64 = 253_402_300_800;

    /// Returns `None` beyond the year 9999.
    pub(crate) fn of(time: UnixTime) -> Option<Self> {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = time.as_secs();
        (seconds < Self::YEAR_10000).then(|| Self { date: civil(seconds / DAY), second_of_day: seconds % DAY })
    }
}

impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date;
        let (hour, minute, second) =
            (self.second_of_day / 3600, self.second_of_day % 3600 / 60, self.second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// Returns year, month and day of a day since 1970. Years are counted from March, so that a leap
/// day is their last, and in eras of 400 years, which have equally many days.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    /// The days from the first of March of the year 0 to 1970.
    const TO_1970: u64 = 719_468;
    let days = days + TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// Returns the milliseconds since the epoch by the clock of the operating system, for logs. While
/// that clock is set before 1970, it is zero.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
pub(crate) fn system_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// A time that a conversion cannot represent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeRangeError(&'static str);

impl TimeRangeError {
    const BEFORE_EPOCH: Self = Self("the time is before 1970-01-01T00:00:00Z");
    const TOO_LATE: Self = Self("the time is too far ahead for the operating system");
}

impl fmt::Display for TimeRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for TimeRangeError {}

/// A source of the current time, which may be unknown.
///
/// Rules for implementations:
///
/// - `now` returns immediately. It is called for every request, on the thread that serves it.
/// - It returns `None` if the time is unknown, for example before a first synchronization. The
///   request is then refused as unavailable (503): an assertion whose age is unknown can be neither
///   accepted nor refused as the client's fault.
/// - It may go backwards, as system clocks do. It should stay within a few seconds of the true
///   time, since every time claim is judged by it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time, rounded down to whole seconds, or `None` if it is unknown.
    fn now(&self) -> Option<UnixTime>;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Option<UnixTime> {
        (**self).now()
    }
}

/// The clock of the operating system. It returns `None` while that clock is set before 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Option<UnixTime> {
        UnixTime::try_from(SystemTime::now()).ok()
    }
}

/// A clock for tests, set by hand. Clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

/// Stands for "no time". No test sets a clock that late.
const STOPPED: u64 = u64::MAX;

impl ManualClock {
    /// Returns a clock that shows `time`.
    pub fn at(time: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Sets the clock to `time`, forwards or backwards.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    /// Moves the clock forwards by `secs` seconds, saturating. A stopped clock stays stopped.
    pub fn advance(&self, secs: u64) {
        let moved = |time: u64| (time != STOPPED).then(|| time.saturating_add(secs));
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Makes [`now`](Clock::now) return `None` until the clock is [set](Self::set) again.
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const LAST: UnixTime = UnixTime::from_secs(u64::MAX);

    #[test]
    fn arithmetic_saturates_and_drops_fractions() {
        assert_eq!(NOW + Duration::from_secs(5), UnixTime::from_secs(1_700_000_005));
        assert_eq!(NOW - Duration::from_secs(5), UnixTime::from_secs(1_699_999_995));
        assert_eq!(NOW + Duration::from_millis(1_999), NOW + Duration::from_secs(1));
        assert_eq!(NOW - Duration::from_millis(1_999), NOW - Duration::from_secs(1));
        assert_eq!(NOW + Duration::MAX, LAST);
        assert_eq!(NOW - Duration::MAX, UnixTime::from_secs(0));
        assert_eq!(NOW + Duration::from_secs(7) - NOW, Duration::from_secs(7));
        assert_eq!(NOW - LAST, Duration::ZERO);
        let mut time = NOW;
        time += Duration::from_secs(2);
        time -= Duration::from_secs(1);
        assert_eq!(time, NOW + Duration::from_secs(1));
    }

    #[test]
    fn system_times_convert_both_ways_or_fail() {
        let system = SystemTime::try_from(NOW).unwrap();
        assert_eq!(UnixTime::try_from(system), Ok(NOW));
        assert_eq!(UnixTime::try_from(system + Duration::from_nanos(999_999_999)), Ok(NOW));
        assert_eq!(UnixTime::try_from(UNIX_EPOCH), Ok(UnixTime::from_secs(0)));
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(UnixTime::try_from(before), Err(TimeRangeError::BEFORE_EPOCH));
        assert_eq!(SystemTime::try_from(LAST), Err(TimeRangeError::TOO_LATE));
    }

    #[test]
    fn a_time_serializes_as_its_seconds() {
        assert_eq!(serde_json::to_string(&NOW).unwrap(), "1700000000");
    }
}
