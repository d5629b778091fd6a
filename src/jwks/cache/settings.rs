//! Every limit of a [`KeySetCache`], with its default.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::KeySetCache;
use super::news::KeySetObserver;
use crate::jose::keys;
use crate::jwks::fetch::AddressGuard;
use crate::jwks::{JwksFetch, KeySetCacheError};
use crate::setting::{Setting, positive, whole_seconds};

/// Configures a [`KeySetCache`]. What is counted in seconds of the [`Clock`](crate::clock::Clock) must be of whole seconds.
#[must_use]
pub struct KeySetCacheBuilder {
    pub(crate) fetch: Box<dyn JwksFetch>,
    pub(crate) observer: Option<Box<dyn KeySetObserver>>,
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    shortest: Duration,
    longest: Duration,
    unsaid: Duration,
    cooldown: Duration,
    stale: Duration,
    first_pause: Duration,
    longest_pause: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) max_keys: usize,
    pub(crate) max_sets: usize,
    pub(crate) max_memory: usize,
    pub(crate) max_fetches: usize,
    pub(crate) max_fetches_per_host: usize,
    pub(crate) silent_hosts: Option<NonZeroUsize>,
    pub(crate) guard: Arc<AddressGuard>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(60 * 60),
            unsaid: Duration::from_secs(300),
            cooldown: Duration::from_secs(30),
            stale: Duration::from_secs(24 * 60 * 60),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(300),
            timeout: Duration::from_secs(3),
            max_bytes: keys::MAX_BYTES,
            max_keys: keys::MAX_KEYS,
            max_sets: 10_000,
            max_memory: 64 * 1024 * 1024,
            max_fetches: 256,
            max_fetches_per_host: 32,
            silent_hosts: None,
            guard: Arc::default(),
        }
    }
}

impl KeySetCacheBuilder {
    pub(crate) fn new(fetch: impl JwksFetch) -> Self {
        Self { fetch: Box::new(fetch), observer: None, settings: Settings::default() }
    }

    /// Keeps to what SMART Backend Services demands: keys are never used for longer than the client's `Cache-Control` says,
    /// and never when they are stale. It sets the shortest freshness and [`stale_for`](Self::stale_for) to zero.
    pub fn smart(self) -> Self {
        let longest = self.settings.longest;
        self.fresh_between(Duration::ZERO, longest).stale_for(Duration::ZERO)
    }

    /// The shortest and the longest time for which a set is fresh, whatever the client's server says. Default: 60 s and 1 h.
    ///
    /// A client whose server forbids to keep keys is asked at most once a second, even where the shortest time is zero.
    pub fn fresh_between(mut self, shortest: Duration, longest: Duration) -> Self {
        (self.settings.shortest, self.settings.longest) = (shortest, longest);
        self
    }

    /// How long a set is fresh if the client's server does not say. Default: 300 s.
    pub fn fresh_by_default(mut self, time: Duration) -> Self {
        self.settings.unsaid = time;
        self
    }

    /// How long to wait after a fetch for the sake of a `kid` that was not found, or of a signature that did not verify,
    /// before another such fetch. Default: 30 s.
    pub fn cooldown(mut self, time: Duration) -> Self {
        self.settings.cooldown = time;
        self
    }

    /// For how long a set that is not fresh any more serves on while no other can be had. Default: 24 h.
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.settings.stale = time;
        self
    }

    /// The pause after one failed fetch, and the longest after many. It doubles with each, and is shortened at random by up to
    /// a half, lest many nodes come at once. Default: 2 s and 300 s.
    pub fn retry_between(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.first_pause, self.settings.longest_pause) = (first, longest);
        self
    }

    /// The time for a whole fetch, from the look-up of the name to the last byte. Default: 3 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// The longest document, in bytes. Default: [`keys::MAX_BYTES`].
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_bytes = bytes;
        self
    }

    /// The most keys in a document. Default: [`keys::MAX_KEYS`].
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.settings.max_keys = keys;
        self
    }

    /// The most key sets in memory. Beyond, one that was not used for long gives way, and is fetched again when it is needed.
    /// Default: 10,000.
    pub fn max_sets(mut self, sets: usize) -> Self {
        self.settings.max_sets = sets;
        self
    }

    /// The most memory for all key sets, in bytes: each counts with four times its document, 1 KiB a key, and 1 KiB. Default: 64 MiB.
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.settings.max_memory = bytes;
        self
    }

    /// The most fetches at a time. Others wait for their turn, at most for as long as a fetch may take. Default: 256.
    pub fn max_fetches(mut self, fetches: usize) -> Self {
        self.settings.max_fetches = fetches;
        self
    }

    /// The most fetches at a time from one host, so that one which is slow does not keep the others waiting. Default: 32.
    pub fn max_fetches_per_host(mut self, fetches: usize) -> Self {
        self.settings.max_fetches_per_host = fetches;
        self
    }

    /// Takes our own network for broken once this many hosts in a row have been silent, none having answered meanwhile, and
    /// answers 503 instead of blaming the client until one answers. Default: the client is always blamed.
    pub fn our_fault_when_silent(mut self, hosts: NonZeroUsize) -> Self {
        self.settings.silent_hosts = Some(hosts);
        self
    }

    /// Which hosts and addresses may be fetched from. Default: [`AddressGuard::default`].
    pub fn guard(mut self, guard: AddressGuard) -> Self {
        self.settings.guard = Arc::new(guard);
        self
    }

    /// Reports every fetch to `events`, which is any [`EventSink`](crate::event::EventSink), as
    /// [`Event::KeySet`](crate::event::Event::KeySet). Default: none.
    pub fn events(mut self, events: impl KeySetObserver) -> Self {
        self.observer = Some(Box::new(events));
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// A time or a size is zero that must not be, a time is not of whole seconds, or the longest freshness is shorter than the
    /// shortest.
    pub fn build(self) -> Result<KeySetCache, KeySetCacheError> {
        self.settings.check()?;
        Ok(KeySetCache::from_builder(self))
    }
}

impl fmt::Debug for KeySetCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Settings {
    fn check(&self) -> Result<(), KeySetCacheError> {
        let times = [
            (Setting::FreshBetween, self.shortest),
            (Setting::FreshBetween, self.longest),
            (Setting::FreshByDefault, self.unsaid),
            (Setting::Cooldown, self.cooldown),
            (Setting::StaleFor, self.stale),
            (Setting::RetryBetween, self.first_pause),
            (Setting::RetryBetween, self.longest_pause),
        ];
        times.into_iter().try_for_each(|(setting, time)| whole_seconds(setting, time))?;
        positive(Setting::FreshBetween, self.longest)?;
        positive(Setting::Cooldown, self.cooldown)?;
        positive(Setting::RetryBetween, self.first_pause)?;
        positive(Setting::FetchTimeout, self.timeout)?;
        positive(Setting::MaxBytes, self.max_bytes)?;
        positive(Setting::MaxKeys, self.max_keys)?;
        positive(Setting::MaxSets, self.max_sets)?;
        positive(Setting::MaxMemory, self.max_memory)?;
        positive(Setting::MaxFetches, self.max_fetches)?;
        positive(Setting::MaxFetchesPerHost, self.max_fetches_per_host)?;
        match self.longest < self.shortest {
            true => Err(KeySetCacheError::FreshnessReversed { shortest: self.shortest, longest: self.longest }),
            false => Ok(()),
        }
    }

    /// For how many seconds a set is fresh whose server said this. One second is as exactly as the clock can tell.
    pub(crate) fn fresh_for(&self, said: Option<u64>) -> u64 {
        let time = said.unwrap_or(self.unsaid.as_secs());
        time.clamp(self.shortest.as_secs(), self.longest.as_secs()).max(1)
    }

    /// When to refresh a set in the background: after four fifths of its time, or a little before, lest sets that were
    /// fetched together stay together. Not at all in a time so short that it would be fetched all the time.
    pub(crate) fn refresh_after(fresh_for: u64) -> u64 {
        match fresh_for {
            0..10 => fresh_for,
            _ => fresh_for / 5 * 4 - random_up_to(fresh_for / 10),
        }
    }

    /// The seconds until another attempt after so many failures.
    pub(crate) fn pause(&self, failures: u32) -> u64 {
        let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = self.first_pause.as_secs().saturating_mul(doubled).min(self.longest_pause.as_secs());
        (pause - random_up_to(pause / 2)).max(1)
    }

    pub(crate) fn cooldown(&self) -> u64 {
        self.cooldown.as_secs()
    }

    pub(crate) fn stale_for(&self) -> u64 {
        self.stale.as_secs()
    }
}

/// Good enough to keep nodes apart; nothing depends on nobody guessing it.
fn random_up_to(most: u64) -> u64 {
    RandomState::new().hash_one(()) % most.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_clamped_both_ways() {
        let settings = Settings::default();
        for (said, expected) in [
            (None, 300),
            (Some(0), 60),
            (Some(59), 60),
            (Some(60), 60),
            (Some(61), 61),
            (Some(3599), 3599),
            (Some(3600), 3600),
            (Some(3601), 3600),
            (Some(u64::MAX), 3600),
        ] {
            assert_eq!(settings.fresh_for(said), expected, "{said:?}");
        }
        let smart = Settings { shortest: Duration::ZERO, ..settings };
        for (said, expected) in [(None, 300), (Some(0), 1), (Some(1), 1), (Some(2), 2), (Some(3601), 3600)] {
            assert_eq!(smart.fresh_for(said), expected, "{said:?}");
        }
        let short = Settings { longest: Duration::from_secs(100), ..smart };
        assert_eq!(short.fresh_for(None), 100);
    }

    #[test]
    fn the_pause_doubles_up_to_its_limit_and_is_jittered_by_half() {
        let settings = Settings::default();
        for (failures, full) in
            [(1, 2), (2, 4), (3, 8), (7, 128), (8, 256), (9, 300), (64, 300), (65, 300), (u32::MAX, 300)]
        {
            let pauses: Vec<_> = (0..200).map(|_| settings.pause(failures)).collect();
            assert!(pauses.iter().all(|pause| (full / 2..=full).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{failures}: no jitter");
        }
        let shortest = Settings { first_pause: Duration::from_secs(1), ..settings };
        assert_eq!(shortest.pause(1), 1);
    }

    #[test]
    fn a_refresh_comes_before_the_end_and_not_too_early() {
        for fresh_for in [10, 60, 300, 3600] {
            for _ in 0..200 {
                let refresh = Settings::refresh_after(fresh_for);
                assert!((fresh_for * 7 / 10..=fresh_for * 4 / 5).contains(&refresh), "{refresh} of {fresh_for}");
            }
        }
        for fresh_for in [1, 2, 9] {
            assert_eq!(Settings::refresh_after(fresh_for), fresh_for);
        }
    }
}
