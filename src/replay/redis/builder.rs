//! The settings of a [`RedisReplay`], and the checks of their values.

use std::fmt;
use std::time::Duration;

use super::RedisReplay;
use super::connect::{Check, Endpoint};
use super::connection::Bounds;
use super::insert::Replicas;
use super::key::{Prefix, StoreKeys};
use super::link::Link;
use super::{Shared, connect, facts};
use crate::event::EventSink;
use crate::replay::{ReplayConfigError, StoreFact};
use crate::setting::{Setting, SettingError, at_most, no_longer_than, no_shorter_than, positive};

/// Configures a [`RedisReplay`].
#[must_use]
pub struct RedisReplayBuilder {
    endpoint: Endpoint,
    prefix: String,
    previous_prefix: Option<String>,
    clock_margin: Duration,
    bounds: Bounds,
    replicas: Option<Replicas>,
    per_client: usize,
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
            endpoint: Endpoint { urls, cluster, root_certificates: None },
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
            per_client: RedisReplay::PER_CLIENT,
            events: None,
        }
    }

    /// Sets the prefix of all keys: 1 to 64 characters from `A-Z a-z 0-9 - _ . : /`. Default:
    /// `tca`.
    ///
    /// Each fleet on a shared server needs its own prefix. All nodes of a fleet must use the same
    /// one; otherwise each node accepts an assertion once.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Also inserts the keys that older nodes write, which have `prefix`. Default: none.
    ///
    /// This changes the prefix of a running fleet, or upgrades it from a release whose keys have an
    /// older version, without accepting an assertion twice. For such an upgrade, `prefix` may be
    /// the same as the [prefix](Self::prefix). First deploy nodes with this setting. When no older
    /// node is left, wait until the longest-lived assertion has expired, plus the clock margin.
    /// Then deploy nodes without it. Meanwhile an assertion costs two round trips, or three if the
    /// prefix changes, each with its own deadline, since it must be inserted under each key.
    ///
    /// Keys of version 1 do not have the [tenant](crate::VerifierBuilder::tenant). Until this setting
    /// is removed, two tenants with equal client ids can still spend each other's `jti`.
    pub fn previous_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.previous_prefix = Some(prefix.into());
        self
    }

    /// Sets how long entries are kept beyond the time at which their assertions can be accepted.
    /// Default: 60 s. At most an hour.
    ///
    /// The margin must be larger than the difference between the clocks of any two nodes, and
    /// larger than any forward adjustment of the clock of the server or of a replica that takes
    /// over. A constant offset of the server's clock does not matter, since lifetimes are relative.
    pub fn clock_margin(mut self, margin: Duration) -> Self {
        self.clock_margin = margin;
        self
    }

    /// Sets the time to establish a connection, including TLS and authentication. Default: 1 s. At
    /// most 60 s.
    ///
    /// All addresses of a host are tried concurrently, so that one that does not answer delays no
    /// other. A node of a cluster that does not answer costs 250 ms when the store connects. Later,
    /// the driver waits for it within this time whenever it has lost all nodes.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.bounds.connect_timeout = timeout;
        self
    }

    /// Sets the time for a command, including the wait for its turn and for a connection. An
    /// assertion that the store has not answered by then is refused as unavailable (503). Default:
    /// 250 ms. At most 60 s.
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.bounds.command_timeout = timeout;
        self
    }

    /// Sets the maximum number of concurrent commands. Further commands wait for their turn.
    /// Default: 1024.
    pub fn max_in_flight(mut self, count: usize) -> Self {
        self.bounds.in_flight = count;
        self
    }

    /// Sets the number of connections (to each node of a cluster), which take turns. Default: 1. At
    /// most 64.
    ///
    /// One connection can keep a server busy, since commands are pipelined. That is different while
    /// waiting for replicas: see [`wait_replicas`](Self::wait_replicas).
    pub fn connections(mut self, count: usize) -> Self {
        self.bounds.connections = count;
        self
    }

    /// Accepts an assertion only after `count` replicas have confirmed its entry within `timeout`.
    /// Otherwise the assertion is refused as unavailable (503), and is spent. Default: no replica
    /// is waited for.
    ///
    /// Replication is asynchronous. Without this setting, a primary that fails loses the entries
    /// that it has not replicated yet, and the promoted replica would accept those assertions once
    /// more. With it, that can only happen if the promoted replica is not one of those that
    /// confirmed; so set `count` to the number of all replicas that may be promoted. `WAIT` counts
    /// replicas that have the entry in memory: a replica that restarts empty has lost it.
    ///
    /// This costs throughput. The server blocks a connection that waits, so each connection admits
    /// one assertion per round trip between primary and replica. Use several
    /// [`connections`](Self::connections) to wait in parallel.
    ///
    /// `timeout` is added to the [`command_timeout`](Self::command_timeout). Keep their sum below
    /// the [`port_timeout`](crate::VerifierBuilder::port_timeout) of the verifier, by default 5 s,
    /// which ends the wait in any case and is not compared with it.
    pub fn wait_replicas(mut self, count: u32, timeout: Duration) -> Self {
        self.replicas = Some(Replicas { count, timeout });
        self
    }

    /// Sets how many unexpired assertions a verifier allows one client: see
    /// [`admissions_per_client`](crate::replay::ReplayStore::admissions_per_client). Default:
    /// 10,000, which is 26 a second if each is remembered for the 381 s of Redox.
    ///
    /// Every node counts by itself. Choose it so that one client, on all nodes, takes a small part
    /// of the server's memory: see [`manual::fleet`](crate::manual::fleet).
    pub fn per_client(mut self, count: usize) -> Self {
        self.per_client = count;
        self
    }

    /// Trusts the certificate authorities in this PEM file, for `rediss://`. Default: those of the
    /// operating system.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.endpoint.root_certificates = Some(pem.into());
        self
    }

    /// Reports problems that are found while connecting to `events`, for example a server that may
    /// evict entries. Default: no reports.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Some(Box::new(events));
        self
    }

    /// Connects once, to check the configuration. From then on the store reconnects by itself.
    ///
    /// For `rediss://`, the driver uses the crypto provider of rustls that the process has
    /// installed. If there is none, this installs that of aws-lc-rs, for the whole process. A
    /// program with another one, such as *ring*, installs it first. With the feature
    /// `redis-no-provider`, this installs none: see the [features](crate#features).
    ///
    /// # Errors
    ///
    /// Fails if
    ///
    /// - a URL or a prefix is not valid, or a duration or a count is zero or too large,
    /// - a URL asks for TLS, and the process has no crypto provider (`redis-no-provider` only),
    /// - the server cannot be reached, needs a password or TLS that the URL does not have, does not
    ///   speak TLS, or is a node of a cluster.
    pub async fn connect(self) -> Result<RedisReplay, ReplayConfigError> {
        let keys = self.keys()?;
        self.check_values()?;
        let target = connect::target(&self.endpoint, self.bounds)?;
        let answering = connect::answering(&self.endpoint, self.bounds).await?;
        let check = Check::run(&answering, self.bounds).await?;
        if let Some(events) = &self.events {
            check.report(&**events);
        }
        let link = Link::new(target, &answering, self.bounds).map_err(|error| connect::refused(&error))?;
        let facts = self.facts(&check)?;
        let Self { clock_margin, replicas, per_client, .. } = self;
        Ok(RedisReplay(std::sync::Arc::new(Shared { link, keys, clock_margin, replicas, per_client, facts })))
    }

    /// Returns what is known about the servers, each fact once.
    fn facts(&self, check: &Check) -> Result<Vec<StoreFact>, ReplayConfigError> {
        let confirmed = self.replicas.map_or(0, |replicas| replicas.count as usize);
        let connections = connect::nodes(&self.endpoint, self.bounds)?;
        let connections = facts::of_connections(&connections, self.endpoint.cluster);
        let reported = check.infos().flat_map(|info| facts::of_server(info, confirmed));
        let mut facts = vec![StoreFact::Shared];
        for fact in connections.chain(reported) {
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        Ok(facts)
    }

    fn keys(&self) -> Result<StoreKeys, ReplayConfigError> {
        let prefix = Prefix::parse(Setting::RedisPrefix, &self.prefix)?;
        let previous = self.previous_prefix.as_deref();
        let previous = previous.map(|text| Prefix::parse(Setting::RedisPreviousPrefix, text)).transpose()?;
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
        positive(Setting::RedisPerClient, self.per_client)?;
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

/// Omits the URLs, which may contain a password.
impl fmt::Debug for RedisReplayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayBuilder")
            .field("cluster", &self.endpoint.cluster)
            .field("prefix", &self.prefix)
            .field("previous_prefix", &self.previous_prefix)
            .field("clock_margin", &self.clock_margin)
            .field("bounds", &self.bounds)
            .field("replicas", &self.replicas)
            .field("per_client", &self.per_client)
            .finish_non_exhaustive()
    }
}
