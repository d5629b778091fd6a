//! What can be configured, and how values that cannot be meant are refused.

use std::fmt;
use std::time::Duration;

use super::RedisReplay;
use super::connect::Check;
use super::connection::Bounds;
use super::insert::Replicas;
use super::key::{Prefix, StoreKeys};
use super::link::Link;
use super::{Shared, connect};
use crate::event::EventSink;
use crate::replay::ReplayConfigError;
use crate::setting::{Setting, SettingError, at_most, no_longer_than, no_shorter_than, positive};

/// Configures a [`RedisReplay`].
#[must_use]
pub struct RedisReplayBuilder {
    pub(super) urls: Vec<String>,
    pub(super) cluster: bool,
    prefix: String,
    previous_prefix: Option<String>,
    clock_margin: Duration,
    bounds: Bounds,
    replicas: Option<Replicas>,
    pub(super) root_certificates: Option<Vec<u8>>,
    events: Option<Box<dyn EventSink>>,
}

impl RedisReplayBuilder {
    pub(super) fn standalone(url: String) -> Self {
        Self::new(vec![url], false)
    }

    pub(super) fn cluster(urls: Vec<String>) -> Self {
        Self::new(urls, true)
    }

    fn new(urls: Vec<String>, cluster: bool) -> Self {
        Self {
            urls,
            cluster,
            prefix: String::from("tca"),
            previous_prefix: None,
            clock_margin: Duration::from_secs(60),
            bounds: Bounds {
                connect_timeout: Duration::from_secs(1),
                command_timeout: Duration::from_millis(250),
                in_flight: 1024,
                connections: 1,
            },
            replicas: None,
            root_certificates: None,
            events: None,
        }
    }

    /// Begins all keys with `prefix`: 1 to 64 characters out of `A-Z a-z 0-9 - _ . : /`. Default: `tca`.
    ///
    /// Fleets that share a server need a prefix each. Nodes of one fleet must agree on it, or each accepts an assertion once.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Also honours keys that begin with `prefix`, for as long as nodes run that still write those. Default: none.
    ///
    /// To change the prefix of a running fleet without accepting anything twice: first deploy nodes with the new prefix and
    /// this one; when no older node is left, wait until the longest-lived assertion has expired, and the clock margin on
    /// top; then deploy nodes without it. Meanwhile an assertion costs two round trips, with a deadline each, as it must be
    /// inserted under both keys to be fresh. A release of this crate that changes the version in the keys does the same of
    /// itself.
    pub fn previous_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.previous_prefix = Some(prefix.into());
        self
    }

    /// Keeps entries for this much longer than their assertions can be accepted. At most an hour. Default: 60 s.
    ///
    /// It must be more than any two nodes' clocks differ, and than the clock of the server (or that of a replica which
    /// takes over) is ever set forward. How far the server's clock is off does not matter: lifetimes are relative.
    pub fn clock_margin(mut self, margin: Duration) -> Self {
        self.clock_margin = margin;
        self
    }

    /// Gives a connection this long to be established, with TLS and password. Default: 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.bounds.connect_timeout = timeout;
        self
    }

    /// Refuses an assertion as unavailable (503) if the store has not answered after this time, of which waiting for
    /// a place and for a connection are a part. Default: 250 ms.
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.bounds.command_timeout = timeout;
        self
    }

    /// Has at most this many commands under way; further ones wait for a place. Default: 1024.
    pub fn max_in_flight(mut self, count: usize) -> Self {
        self.bounds.in_flight = count;
        self
    }

    /// Opens this many connections (to each node of a cluster), which take turns. At most 64. Default: 1.
    ///
    /// One is enough to keep a server busy, as many commands are under way on it at the same time. Waiting for replicas is
    /// another matter: see [`wait_replicas`](Self::wait_replicas).
    pub fn connections(mut self, count: usize) -> Self {
        self.bounds.connections = count;
        self
    }

    /// Lets an assertion in only when `count` replicas have its entry too, for which they have `timeout`. Otherwise it is
    /// refused as unavailable (503), and spent. Default: nobody waits for replicas.
    ///
    /// Replication is asynchronous. Without this, a primary that fails takes with it what it had not passed on yet, and the
    /// replica that follows it would accept those assertions once more. With it, that takes a successor which is none of the
    /// replicas that confirmed: so count all that may be promoted. It is a promise about memory, not about disks: `WAIT`
    /// counts replicas that have received the entry, and one that restarts empty has it no more.
    ///
    /// It costs throughput. The server holds up a connection that waits, so each admits one assertion in a round trip between
    /// primary and replica. Several [`connections`](Self::connections) do so side by side.
    pub fn wait_replicas(mut self, count: u32, timeout: Duration) -> Self {
        self.replicas = Some(Replicas { count, timeout });
        self
    }

    /// Trusts the certificate authorities of this PEM file, for `rediss://`. Default: those of the operating system.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Reports to `events` what looks wrong when connecting, such as a server that may evict entries. Default: to nobody.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Some(Box::new(events));
        self
    }

    /// Connects, once, to see that the configuration is right. From then on the connection looks after itself.
    ///
    /// For TLS, rustls needs a process-wide provider of cryptography. If the application has installed none, aws-lc-rs is
    /// installed here.
    ///
    /// # Errors
    ///
    /// - A URL is not one, a prefix has characters that it may not have, a duration or count is zero or too large.
    /// - The server cannot be reached, wants a password or TLS, has none, or is a node of a cluster.
    pub async fn connect(self) -> Result<RedisReplay, ReplayConfigError> {
        let keys = self.keys()?;
        self.check_values()?;
        let target = connect::target(&self, self.bounds)?;
        let check = Check::run(&target, self.bounds).await?;
        if let Some(events) = &self.events {
            check.report(&**events);
        }
        let link = Link::new(target, self.bounds).map_err(|error| connect::refused(&error))?;
        let Self { clock_margin, replicas, .. } = self;
        Ok(RedisReplay(std::sync::Arc::new(Shared { link, keys, clock_margin, replicas })))
    }

    fn keys(&self) -> Result<StoreKeys, ReplayConfigError> {
        let prefix = Prefix::parse(Setting::RedisPrefix, &self.prefix)?;
        let previous = self.previous_prefix.as_deref();
        let previous = previous.map(|text| Prefix::parse(Setting::RedisPreviousPrefix, text)).transpose()?;
        if previous.as_ref() == Some(&prefix) {
            let problem = format!("{:?} is the same as the prefix; use the one that older nodes write", self.prefix);
            return Err(ReplayConfigError::Redis { setting: Setting::RedisPreviousPrefix, problem, cause: None });
        }
        Ok(StoreKeys { prefix, previous })
    }

    fn check_values(&self) -> Result<(), SettingError> {
        const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
        const LONGEST_MARGIN: Duration = Duration::from_secs(60 * 60);
        let Bounds { connect_timeout, command_timeout, in_flight, connections } = self.bounds;
        within(Setting::RedisConnectTimeout, connect_timeout, LONGEST_TIMEOUT)?;
        within(Setting::RedisCommandTimeout, command_timeout, LONGEST_TIMEOUT)?;
        if let Some(Replicas { count, timeout }) = self.replicas {
            within(Setting::RedisWaitReplicasTimeout, timeout, LONGEST_TIMEOUT)?;
            positive(Setting::RedisWaitReplicas, count)?;
        }
        positive(Setting::RedisMaxInFlight, in_flight)?;
        at_most(Setting::RedisMaxInFlight, in_flight, MOST_IN_FLIGHT)?;
        positive(Setting::RedisConnections, connections)?;
        at_most(Setting::RedisConnections, connections, MOST_CONNECTIONS)?;
        no_longer_than(Setting::RedisClockMargin, self.clock_margin, LONGEST_MARGIN)
    }
}

/// Bounds the queue of the driver.
const MOST_IN_FLIGHT: usize = 1 << 20;

const MOST_CONNECTIONS: usize = 64;

/// Timeouts are counted in milliseconds, and for `WAIT` zero means no timeout.
fn within(setting: Setting, timeout: Duration, longest: Duration) -> Result<(), SettingError> {
    no_shorter_than(setting, timeout, Duration::from_millis(1))?;
    no_longer_than(setting, timeout, longest)
}

/// Without the URLs, which may hold a password.
impl fmt::Debug for RedisReplayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayBuilder")
            .field("cluster", &self.cluster)
            .field("prefix", &self.prefix)
            .field("previous_prefix", &self.previous_prefix)
            .field("clock_margin", &self.clock_margin)
            .field("bounds", &self.bounds)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
