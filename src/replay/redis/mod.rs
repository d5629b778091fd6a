//! Single use across a fleet: one store for all nodes, on Redis (6 or newer) or Valkey.
//!
//! [`manual::fleet`](crate::manual::fleet) describes the guarantees, what happens during an outage,
//! and how to size and monitor the store.

mod builder;
mod connect;
mod connection;
mod facts;
mod insert;
mod key;
mod link;
mod seeds;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::RedisReplayBuilder;

use self::insert::{Insert, Replicas};
use self::key::StoreKeys;
use self::link::Link;
use super::{AdmitResult, ReplayKey, ReplayStore, StoreFact};
use crate::clock::UnixTime;
use crate::port::{Answer, Health, PortError};

/// Remembers spent assertions in Redis or Valkey, for all nodes that share it. Cheap to clone.
///
/// An assertion is admitted by one `SET key 1 NX PX lifetime`, a single round trip over a
/// connection that all requests share. Only a definite `OK` is fresh, and `nil` is a replay.
/// Everything else refuses the request as unavailable (503): an error, no answer in time, a replica
/// mistaken for the primary (`READONLY`), a full memory (`OOM`), a server that is still loading. If
/// the answer was lost, the entry may exist. A client that sends the same assertion again is then
/// told that it was used, and signs a new one; the assertion is never accepted twice.
///
/// This store never [looks](ReplayStore::seen), since that would be another round trip. Wrap it in
/// a [`TieredReplay`](super::TieredReplay) to look at the assertions that this node has seen
/// itself.
///
/// Keys are `{prefix}:2:{22 characters}`, with the [digest](ReplayKey::digest) of the assertion.
/// They reveal no identifier and spread over all slots of a cluster. A probe of its
/// [health](ReplayStore::health) inserts `{prefix}:health`, for a millisecond.
///
/// ```no_run
/// use tower_client_assertion::replay::{
///     MemoryReplay, RedisReplay, TieredReplay,
/// };
///
/// # async fn run() -> Result<(), tower_client_assertion::ConfigError> {
/// let url = "rediss://token-endpoint:password@redis.example.com:6379";
/// let shared = RedisReplay::standalone(url).connect().await?;
/// let store = TieredReplay::new(MemoryReplay::new(1_000_000)?, shared);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisReplay(Arc<Shared>);

struct Shared {
    link: Link,
    keys: StoreKeys,
    clock_margin: Duration,
    replicas: Option<Replicas>,
    per_client: usize,
    facts: Vec<StoreFact>,
}

impl RedisReplay {
    /// How many live assertions a verifier allows one client by default.
    pub(crate) const PER_CLIENT: usize = 10_000;

    /// Configures a store on one server: `redis://[user:password@]host[:port][/database]`, or
    /// `rediss://` for TLS.
    ///
    /// If the primary is behind a proxy, a load balancer or a changing DNS name, use that URL. For
    /// Redis Cluster see [`cluster`](Self::cluster).
    pub fn standalone(url: impl Into<String>) -> RedisReplayBuilder {
        RedisReplayBuilder::standalone(url.into())
    }

    /// Configures a store on a Redis Cluster. The URLs are those of some of its nodes; the others
    /// are discovered.
    ///
    /// All URLs must have the same scheme, user and password. Clusters have no databases.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> RedisReplayBuilder {
        RedisReplayBuilder::cluster(urls.into_iter().map(Into::into).collect())
    }
}

impl Shared {
    /// Returns how long the store keeps an entry. The margin covers nodes whose clocks differ, and
    /// a server whose clock is adjusted.
    fn lifetime(&self, until: UnixTime, now: UnixTime) -> Result<Duration, PortError> {
        const LONGEST: u64 = 366 * 24 * 60 * 60;
        match until.as_secs().saturating_sub(now.as_secs()) {
            0 => Err(PortError::new("the assertion expired before it could be recorded")),
            1..=LONGEST => {
                let secs = until.as_secs().saturating_sub(now.as_secs());
                Ok(Duration::from_secs(secs).saturating_add(self.clock_margin))
            }
            _ => Err(PortError::new("the assertion would have to be remembered for more than a year")),
        }
    }
}

impl ReplayStore for RedisReplay {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        let shared = Arc::clone(&self.0);
        let lifetime = match shared.lifetime(until, now) {
            Ok(lifetime) => lifetime,
            Err(error) => return Answer::Ready(Err(error)),
        };
        let replicas = shared.replicas;
        let inserts = shared.keys.of(key).map(move |key| Insert::new(&key, lifetime, replicas));
        Answer::later(async move { shared.link.insert(inserts).await })
    }

    fn admissions_per_client(&self) -> usize {
        self.0.per_client
    }

    /// Sends the command that admits an assertion, for a key that expires after a millisecond:
    /// `{prefix}:health`. So it finds everything that refuses assertions, also a replica, a full
    /// memory and replicas that do not confirm, and needs no further permission. It takes as long
    /// as [`command_timeout`](RedisReplayBuilder::command_timeout) at most, as an assertion does. In
    /// a cluster, it asks the node that has the slot of this key.
    fn health(&self, _: UnixTime) -> Answer<Health> {
        const LIFETIME: Duration = Duration::from_millis(1);
        let shared = Arc::clone(&self.0);
        let probe = Insert::new(&shared.keys.probe(), LIFETIME, shared.replicas);
        Answer::later(async move { shared.link.insert(std::iter::once(probe)).await.map(drop).into() })
    }

    fn how_to_look(&self, key: ReplayKey<'_>) -> String {
        let names: Vec<String> = self.0.keys.of(key).collect();
        format!("Redis is not asked; look for {}", names.join(" or "))
    }

    /// Returns what the URLs say, and what the servers reported when the store connected.
    fn about(&self) -> Vec<StoreFact> {
        self.0.facts.clone()
    }
}

impl fmt::Debug for RedisReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { link, keys, clock_margin, replicas, per_client, facts } = &*self.0;
        f.debug_struct("RedisReplay")
            .field("link", link)
            .field("keys", keys)
            .field("clock_margin", clock_margin)
            .field("replicas", replicas)
            .field("per_client", per_client)
            .field("facts", facts)
            .finish()
    }
}
