//! Settings by name, and the checks that several rooms make on their values.
//!
//! Each room has its own error for its own settings. The common checks are here, so that the same
//! mistake has the same message everywhere.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// `Debug` as the sentence of `Display`, followed by the sources of the error: a program that
/// unwraps its configuration, or returns the error from `main`, prints nothing else.
macro_rules! debug_is_display {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)?;
                let mut source = std::error::Error::source(self);
                while let Some(error) = source {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
        }
    };
}

pub(crate) use debug_is_display;

/// Lists every setting once: its variant and the name that users write.
macro_rules! settings {
    ($($(#[$doc:meta])* $setting:ident = $name:literal,)+) => {
        /// A setting whose value can be wrong. It displays as the name of its method. If that would
        /// be ambiguous, the name of the configured type comes first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Setting {
            $($(#[$doc])* $setting,)+
        }

        impl Setting {
            /// Returns the name that users write.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$setting => $name,)+
                }
            }
        }
    };
}

settings! {
    /// The accepted values of `typ`: [`accept_typ`](crate::policy::DangerousPolicy::accept_typ).
    AcceptTyp = "accept_typ",
    /// The algorithms of a policy.
    Algorithms = "algorithms",
    /// The values of `aud` that a policy accepts.
    AudienceRule = "audience rule",
    /// The skew for `exp` and the age of `iat`.
    ExpirySkew = "expiry_skew",
    /// The skew for `iat`, `nbf` and the maximum lifetime.
    FutureSkew = "future_skew",
    /// How many keys that share a `kid` are tried.
    KeyTrials = "key_trials",
    /// The name of a policy.
    PolicyName = "name",
    /// The maximum age of `iat`.
    MaxAge = "max_age",
    /// How far ahead `exp` may lie.
    MaxLifetime = "max_lifetime",
    /// An `exp` that may be absent: [`optional_exp`](crate::policy::DangerousPolicy::optional_exp).
    OptionalExp = "optional_exp",
    /// A `kid` that may be absent: [`optional_kid`](crate::policy::DangerousPolicy::optional_kid).
    OptionalKid = "optional_kid",
    /// A `typ` that must be present.
    RequireTyp = "require_typ",

    /// The number of [client policies](crate::VerifierBuilder::client_policy).
    ClientPolicy = "client_policy",
    /// How long a request waits for ports: [`port_timeout`](crate::VerifierBuilder::port_timeout).
    PortTimeout = "port_timeout",
    /// The name under which assertions are spent: [`tenant`](crate::VerifierBuilder::tenant).
    Tenant = "tenant",
    /// The limit on the parameters of a form.
    LimitParameters = "limit parameters",
    /// The limit on the size of an assertion.
    LimitAssertion = "limit assertion",
    /// The limit on the size of a JOSE header.
    LimitHeader = "limit header",
    /// The limit on the nesting of header and claims.
    LimitJsonDepth = "limit json_depth",
    /// The limit on the length of a `kid`.
    LimitKid = "limit kid",
    /// The limit on the length of a `jti`.
    LimitJti = "limit jti",
    /// The limit on the length of a client id.
    LimitClientId = "limit client_id",
    /// The limit on the members of `aud`.
    LimitAudiences = "limit audiences",
    /// Concurrent signature checks:
    /// [`SignatureChecks::new`](crate::overload::SignatureChecks::new).
    SignatureChecks = "signature_checks",
    /// Concurrent signature checks for one client:
    /// [`per_client`](crate::overload::SignatureChecks::per_client).
    SignatureChecksPerClient = "signature_checks per_client",

    /// The maximum size of a request body.
    BodyLimit = "body_limit",
    /// The maximum time to read a request body.
    BodyTimeout = "body_timeout",
    /// The URI of a page that explains error responses.
    ErrorUri = "error_uri",
    /// The URI of a page with a section for each error response.
    ErrorPages = "error_pages",
    /// The place where clients of the [Redox](crate::render::Redox) wording register their keys.
    SettingsName = "settings_name",

    /// The shortest and longest freshness of a key set.
    FreshBetween = "fresh_between",
    /// The freshness of a key set whose server gives none.
    FreshByDefault = "fresh_by_default",
    /// The pause between fetches that a request can cause.
    Cooldown = "cooldown",
    /// How long a stale key set remains in use.
    StaleFor = "stale_for",
    /// The first and longest pause after failed fetches.
    RetryBetween = "retry_between",
    /// The maximum time of a fetch.
    FetchTimeout = "timeout",
    /// The maximum size of a key set document.
    MaxBytes = "max_bytes",
    /// The maximum number of keys in a key set document.
    MaxKeys = "max_keys",
    /// The maximum number of key sets in memory.
    MaxSets = "max_sets",
    /// The maximum memory for all key sets.
    MaxMemory = "max_memory",
    /// The maximum number of concurrent fetches.
    MaxFetches = "max_fetches",
    /// The maximum number of concurrent fetches from one host.
    MaxFetchesPerHost = "max_fetches_per_host",

    /// How long assertions are valid: `lifetime` of a minter.
    MintLifetime = "mint lifetime",
    /// How far `iat` is in the past.
    MintBackdate = "mint backdate",

    /// How many clients metrics tell apart.
    MetricsPerClient = "metrics per_client",

    /// How long a [`Cached`](crate::registry::Cached) registry uses a client as it was found.
    CachedFreshFor = "cached fresh_for",
    /// How long a [`Cached`](crate::registry::Cached) registry remembers that an id is unknown.
    CachedAbsentFor = "cached absent_for",
    /// How long a [`Cached`](crate::registry::Cached) registry uses a client while look-ups fail.
    CachedStaleFor = "cached stale_for",
    /// The maximum time of a look-up of a [`Cached`](crate::registry::Cached) registry.
    CachedTimeout = "cached timeout",
    /// The number of clients that a [`Cached`](crate::registry::Cached) registry remembers.
    CachedMaxClients = "cached max_clients",
    /// The number of unknown ids that a [`Cached`](crate::registry::Cached) registry remembers.
    CachedMaxAbsences = "cached max_absences",
    /// The number of concurrent look-ups of unknown ids by a
    /// [`Cached`](crate::registry::Cached) registry.
    CachedMaxLookUps = "cached max_look_ups",

    /// The capacity of a [`MemoryReplay`](crate::replay::MemoryReplay).
    ReplayCapacity = "replay capacity",
    /// How many unexpired assertions one client may have in a
    /// [`MemoryReplay`](crate::replay::MemoryReplay).
    ReplayPerClient = "replay per_client",
    /// How many unexpired assertions one client may have in any store:
    /// [`admissions_per_client`](crate::replay::ReplayStore::admissions_per_client).
    ReplayAdmissionsPerClient = "replay admissions_per_client",
    /// The URLs of a Redis store.
    RedisUrl = "redis url",
    /// The prefix of keys in a Redis store.
    RedisPrefix = "redis prefix",
    /// The prefix that older nodes write in a Redis store.
    RedisPreviousPrefix = "redis previous_prefix",
    /// How much longer than its assertion an entry is kept in a Redis store.
    RedisClockMargin = "redis clock_margin",
    /// The maximum time to connect to a Redis store.
    RedisConnectTimeout = "redis connect_timeout",
    /// The maximum time of a command to a Redis store.
    RedisCommandTimeout = "redis command_timeout",
    /// The maximum number of concurrent commands to a Redis store.
    RedisMaxInFlight = "redis max_in_flight",
    /// The number of connections to a Redis store.
    RedisConnections = "redis connections",
    /// The number of replicas of a Redis store that must confirm an entry.
    RedisWaitReplicas = "redis wait_replicas",
    /// How long the replicas of a Redis store have to confirm an entry.
    RedisWaitReplicasTimeout = "redis wait_replicas timeout",
    /// How many unexpired assertions one client may have in a Redis store.
    RedisPerClient = "redis per_client",
    /// The certificate authorities of a Redis store.
    RedisRootCertificates = "redis root_certificates",

    /// The number of events that wait to be written to an audit log:
    /// [`capacity`](crate::event::AuditLogBuilder::capacity).
    AuditCapacity = "audit capacity",
    /// How long a request waits for room in an audit log:
    /// [`when_full`](crate::event::AuditLogBuilder::when_full).
    AuditWait = "audit when_full",
    /// How long closing an audit log may take:
    /// [`close_timeout`](crate::event::AuditLogBuilder::close_timeout).
    AuditCloseTimeout = "audit close_timeout",
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value that a setting cannot have, regardless of the other settings.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// A duration, a count or a size is zero.
    #[non_exhaustive]
    Zero {
        /// The setting.
        setting: Setting,
    },
    /// A count or a size is too large.
    #[non_exhaustive]
    TooLarge {
        /// The setting.
        setting: Setting,
        /// The value that was given.
        value: u64,
        /// The largest value.
        limit: u64,
    },
    /// A duration is too long.
    #[non_exhaustive]
    TooLong {
        /// The setting.
        setting: Setting,
        /// The value that was given.
        value: Duration,
        /// The longest duration.
        limit: Duration,
    },
    /// A duration is too short.
    #[non_exhaustive]
    TooShort {
        /// The setting.
        setting: Setting,
        /// The value that was given.
        value: Duration,
        /// The shortest duration.
        limit: Duration,
    },
    /// A duration has a fraction of a second. Only whole seconds are compared and added exactly.
    #[non_exhaustive]
    NotWholeSeconds {
        /// The setting.
        setting: Setting,
        /// The value that was given.
        value: Duration,
    },
    /// A text is empty or has characters that the setting does not allow.
    #[non_exhaustive]
    InvalidText {
        /// The setting.
        setting: Setting,
        /// The text that was given.
        value: String,
        /// What the setting allows.
        expected: &'static str,
    },
}

impl SettingError {
    /// Returns the setting whose value is wrong.
    pub const fn setting(&self) -> Setting {
        match self {
            Self::Zero { setting }
            | Self::TooLarge { setting, .. }
            | Self::TooLong { setting, .. }
            | Self::TooShort { setting, .. }
            | Self::NotWholeSeconds { setting, .. }
            | Self::InvalidText { setting, .. } => *setting,
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.setting())?;
        match self {
            Self::Zero { .. } => f.write_str("0 is not allowed; use a positive value"),
            Self::TooLarge { value, limit, .. } => write!(f, "{value} is too large; use {limit} or less"),
            Self::TooLong { value, limit, .. } => write!(f, "{value:?} is too long; use {limit:?} or less"),
            Self::TooShort { value, limit, .. } => write!(f, "{value:?} is too short; use {limit:?} or more"),
            Self::NotWholeSeconds { value, .. } => {
                write!(f, "{value:?} has a fraction of a second; use whole seconds")
            }
            Self::InvalidText { value, expected, .. } => write!(f, "{value:?} is not valid; use {expected}"),
        }
    }
}

impl Error for SettingError {}

debug_is_display!(SettingError);

/// Refuses zero: as a count, a size or a duration.
pub(crate) fn positive<T: Default + PartialEq>(setting: Setting, value: T) -> Result<(), SettingError> {
    match value == T::default() {
        true => Err(SettingError::Zero { setting }),
        false => Ok(()),
    }
}

/// Refuses a count or a size over `limit`.
pub(crate) fn at_most(setting: Setting, value: usize, limit: usize) -> Result<(), SettingError> {
    match value > limit {
        true => Err(SettingError::TooLarge { setting, value: value as u64, limit: limit as u64 }),
        false => Ok(()),
    }
}

/// Refuses a duration over `limit`.
pub(crate) fn no_longer_than(setting: Setting, value: Duration, limit: Duration) -> Result<(), SettingError> {
    match value > limit {
        true => Err(SettingError::TooLong { setting, value, limit }),
        false => Ok(()),
    }
}

/// Refuses a duration under `limit`.
#[cfg(any(feature = "mint", feature = "redis-no-provider"))]
pub(crate) fn no_shorter_than(setting: Setting, value: Duration, limit: Duration) -> Result<(), SettingError> {
    match value < limit {
        true => Err(SettingError::TooShort { setting, value, limit }),
        false => Ok(()),
    }
}

/// Refuses a duration with a fraction of a second.
pub(crate) fn whole_seconds(setting: Setting, value: Duration) -> Result<(), SettingError> {
    match value.subsec_nanos() {
        0 => Ok(()),
        _ => Err(SettingError::NotWholeSeconds { setting, value }),
    }
}
