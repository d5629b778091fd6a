//! Errors in the settings of a cache.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::setting::{SettingError, debug_is_display};

/// The reason why a [`KeySetCacheBuilder`](crate::jwks::KeySetCacheBuilder) does not build.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetCacheError {
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// The longest freshness is shorter than the shortest.
    #[non_exhaustive]
    FreshnessReversed {
        /// The shortest freshness.
        shortest: Duration,
        /// The longest freshness.
        longest: Duration,
    },
}

impl fmt::Display for KeySetCacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::FreshnessReversed { shortest, longest } => write!(
                f,
                "fresh_between: the longest freshness, {longest:?}, is shorter than the shortest, {shortest:?}; swap them"
            ),
        }
    }
}

impl Error for KeySetCacheError {}

impl From<SettingError> for KeySetCacheError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

debug_is_display!(KeySetCacheError);
