//! Every series, in one table.

use ::metrics::Unit;

/// What a series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeriesKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// How often values were seen, in [buckets](Series::buckets).
    Histogram,
}

impl SeriesKind {
    /// Returns the name that Prometheus has for it: `counter`, `gauge` or `histogram`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric: its name, and what is known about all its series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    name: &'static str,
    kind: SeriesKind,
    unit: Unit,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    help: &'static str,
}

impl Series {
    /// Returns the name, as Prometheus spells it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what kind of number it is.
    pub const fn kind(&self) -> SeriesKind {
        self.kind
    }

    /// Returns the unit: [`Unit::Count`] if the value is a plain number.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Returns the names of the labels, in the order in which they are set.
    pub const fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Returns upper bounds that fit the values of a histogram, in ascending order. Empty for other
    /// kinds. An exporter has to be told: this crate cannot set them through the facade.
    pub const fn buckets(&self) -> &'static [f64] {
        self.buckets
    }

    /// Returns what the value means, in one sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: SeriesKind::Counter, unit: Unit::Count, labels, buckets: &[], help }
    }

    const fn gauge(name: &'static str, unit: Unit, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: SeriesKind::Gauge, unit, labels, buckets: &[], help }
    }

    /// A histogram of seconds.
    const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        buckets: &'static [f64],
        help: &'static str,
    ) -> Self {
        Self { name, kind: SeriesKind::Histogram, unit: Unit::Seconds, labels, buckets, help }
    }
}

/// From a signature check with a shared secret to a port that answers when its time is over.
const STEPS: &[f64] = &[0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// From a document of the same data centre to the longest time of a fetch.
const FETCHES: &[f64] = &[0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// From ten clients to a million.
const RELOADS: &[f64] = &[0.001, 0.01, 0.1, 1.0, 10.0, 60.0];
/// A negative age is a clock that is fast, and one of minutes an assertion that was signed in
/// advance.
const AGES: &[f64] = &[-60.0, -30.0, -10.0, -1.0, 0.0, 1.0, 10.0, 60.0, 300.0];
const LIFETIMES: &[f64] = &[0.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// The value of `result` for what has not failed.
pub(super) const OK: &str = "ok";
/// The value of `result` for a reload that has failed.
pub(super) const FAILED: &str = "failed";

/// Defines a constant for each series, and the table of all.
macro_rules! table {
    ($($constant:ident = $series:expr;)+) => {
        $(pub(super) const $constant: Series = $series;)+

        /// Every series that this crate makes.
        ///
        /// ```
        /// use tower_client_assertion::metrics::{SERIES, SeriesKind};
        ///
        /// let name = "client_assertion_requests_total";
        /// let requests = SERIES.iter().find(|series| series.name() == name);
        /// let requests = requests.ok_or("no such series")?;
        /// assert_eq!(requests.kind(), SeriesKind::Counter);
        /// let labels = ["endpoint", "policy", "outcome", "reason"];
        /// assert_eq!(requests.labels(), labels);
        /// # Ok::<(), &str>(())
        /// ```
        pub const SERIES: &[Series] = &[$($constant),+];
    };
}

table! {
    REQUESTS = Series::counter(
        "client_assertion_requests_total", &["endpoint", "policy", "outcome", "reason"],
        "Requests at guarded endpoints, by outcome and by the code of the fault.");
    CLIENTS_ACCEPTED = Series::counter(
        "client_assertion_clients_accepted_total", &["client", "policy", "lax_audience"],
        "Accepted requests, by the proven client if clients are told apart.");
    LAX_AUDIENCE = Series::counter(
        "client_assertion_lax_audience_total", &["policy", "client"],
        "Accepted requests whose audience is not the issuer as the sole value.");
    DURATION = Series::histogram(
        "client_assertion_duration_seconds", &["outcome"], STEPS,
        "Time from the head of a request until its outcome.");
    STEP_DURATION = Series::histogram(
        "client_assertion_step_duration_seconds", &["step"], STEPS,
        "Time of one step of a request, with its waits.");
    AGE = Series::histogram(
        "client_assertion_age_seconds", &[], AGES,
        "Age of accepted assertions: the current time minus iat.");
    REMAINING = Series::histogram(
        "client_assertion_remaining_seconds", &[], LIFETIMES,
        "Time for which accepted assertions would still be valid: exp minus the current time.");
    SIGNATURE_CHECKS = Series::gauge(
        "client_assertion_signature_checks", Unit::Count, &[],
        "Signature checks that are running.");
    SIGNATURE_CHECKS_LIMIT = Series::gauge(
        "client_assertion_signature_checks_limit", Unit::Count, &[],
        "Signature checks that may run concurrently.");
    REPLAY_ENTRIES = Series::gauge(
        "client_assertion_replay_entries", Unit::Count, &["store"],
        "Spent assertions that are remembered and have not expired.");
    REPLAY_CAPACITY = Series::gauge(
        "client_assertion_replay_capacity", Unit::Count, &["store"],
        "Spent assertions that can be remembered.");
    REPLAY_DURATION = Series::histogram(
        "client_assertion_replay_duration_seconds", &["store"], STEPS,
        "Time for which a request waited for the replay store.");
    REPLAY_ERRORS = Series::counter(
        "client_assertion_replay_errors_total", &["store", "error"],
        "Questions to the replay store that it did not answer.");
    KEY_SET_FETCHES = Series::counter(
        "client_assertion_key_set_fetches_total", &["result"],
        "Fetches of key sets by URL, by how they ended.");
    KEY_SET_FETCH_DURATION = Series::histogram(
        "client_assertion_key_set_fetch_duration_seconds", &["result"], FETCHES,
        "Time of a fetch of a key set, with the wait for its turn.");
    KEY_SETS = Series::gauge(
        "client_assertion_key_sets", Unit::Count, &["state"],
        "Key sets by URL that are in use or kept, by state.");
    KEY_SET_OLDEST_STALE = Series::gauge(
        "client_assertion_key_set_oldest_stale_seconds", Unit::Seconds, &[],
        "Time since the first of the key sets went stale that are in use although their fetch failed.");
    KEY_SET_BYTES = Series::gauge(
        "client_assertion_key_set_bytes", Unit::Bytes, &[],
        "Memory that the key sets by URL count for.");
    KEYS_SKIPPED = Series::counter(
        "client_assertion_keys_skipped_total", &["reason"],
        "Keys in fetched key sets that cannot be used.");
    REGISTRY_CLIENTS = Series::gauge(
        "client_assertion_registry_clients", Unit::Count, &[],
        "Clients in the file, with those that cannot be used.");
    REGISTRY_PROBLEMS = Series::gauge(
        "client_assertion_registry_problems", Unit::Count, &[],
        "Problems with single clients of the file.");
    REGISTRY_RELOADS = Series::counter(
        "client_assertion_registry_reloads_total", &["result"],
        "Attempts to read the file of clients again.");
    REGISTRY_RELOAD_DURATION = Series::histogram(
        "client_assertion_registry_reload_duration_seconds", &["result"], RELOADS,
        "Time of an attempt to read the file of clients again.");
    REGISTRY_LAST_RELOAD = Series::gauge(
        "client_assertion_registry_last_reload_timestamp_seconds", Unit::Seconds, &[],
        "When the file of clients was last read without a failure, in seconds since 1970.");
    WARNINGS = Series::counter(
        "client_assertion_warnings_total", &["source"],
        "Warnings about the configuration, the clock, the replay store and the audit log.");
    AUDIT_EVENTS = Series::counter(
        "client_assertion_audit_events_total", &["result"],
        "Events for the audit log: written, or dropped and so without a line.");
    AUDIT_ERRORS = Series::counter(
        "client_assertion_audit_errors_total", &[],
        "Attempts to write, to flush or to open the audit log that failed.");
    POLICY_INFO = Series::gauge(
        "client_assertion_policy_info", Unit::Count, &["policy", "audience_rule", "algorithms"],
        "Always 1: the policies of the verifier.");
}
