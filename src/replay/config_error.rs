//! Errors in the configuration of a replay store.

use std::error::Error;
use std::fmt;

#[cfg(feature = "redis-no-provider")]
use crate::port::PortError;
use crate::setting::{Setting, SettingError, debug_is_display};

/// A replay store that cannot be created as configured.
#[derive(Clone)]
#[non_exhaustive]
pub enum ReplayConfigError {
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// The Redis store cannot be used as configured, or cannot be reached.
    #[cfg(feature = "redis-no-provider")]
    #[non_exhaustive]
    Redis {
        /// The setting.
        setting: Setting,
        /// What is wrong, and how to fix it. It never contains a password.
        problem: String,
        /// What the server or the driver reported; also the [source](Error::source).
        cause: Option<PortError>,
    },
}

impl ReplayConfigError {
    /// Returns the setting that is wrong.
    pub const fn setting(&self) -> Setting {
        match self {
            Self::Setting(error) => error.setting(),
            #[cfg(feature = "redis-no-provider")]
            Self::Redis { setting, .. } => *setting,
        }
    }
}

impl fmt::Display for ReplayConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            #[cfg(feature = "redis-no-provider")]
            Self::Redis { setting, problem, .. } => write!(f, "{setting}: {problem}"),
        }
    }
}

impl Error for ReplayConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setting(_) => None,
            #[cfg(feature = "redis-no-provider")]
            Self::Redis { cause, .. } => cause.as_ref().map(|cause| cause as _),
        }
    }
}

impl From<SettingError> for ReplayConfigError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

debug_is_display!(ReplayConfigError);
