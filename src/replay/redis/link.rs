//! The connection to the store: multiplexed, reconnecting, bounded in time, and replaced when it has gone silent.
//!
//! The driver reconnects when it sees a connection end. It does not see a server that stays connected and says nothing, a
//! primary that was demoted, or a password that was wrong for a moment; so what has not answered for a while is replaced.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, Pipeline, RedisResult, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::insert::Insert;
use crate::port::PortError;
use crate::replay::{Admission, AdmitResult};

/// What to connect to.
pub(super) enum Target {
    Standalone(Box<Client>, ConnectionManagerConfig),
    Cluster(Box<ClusterClient>),
}

impl Target {
    /// A connection that is established by the first command.
    pub(super) fn open(&self) -> RedisResult<Connection> {
        match self {
            Self::Standalone(client, config) => {
                let manager = ConnectionManager::new_lazy_with_config(Client::clone(client), config.clone())?;
                Ok(Connection::Standalone(manager))
            }
            Self::Cluster(client) => {
                Ok(Connection::Cluster(client.get_pending_async_connection_with_config(ClusterConfig::new())))
            }
        }
    }
}

/// A handle, cheap to clone, of one connection to a server or of one to each node of a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    Standalone(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn one(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Standalone(manager) => manager.req_packed_command(command).await,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await,
        }?
        .extract_error()
    }

    /// The answers to all commands of `pipeline`, which travel over one connection without another command in between.
    pub(super) async fn all(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        let answers = match self {
            Self::Standalone(manager) => manager.req_packed_commands(pipeline, 0, count).await,
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, 0, count).await,
        }?;
        answers.into_iter().map(Value::extract_error).collect()
    }
}

/// How long is waited, and for how many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connect_timeout: Duration,
    pub(super) command_timeout: Duration,
    pub(super) in_flight: usize,
    pub(super) connections: usize,
}

/// The way to the store: one connection, or several that take turns.
pub(super) struct Link {
    target: Target,
    bounds: Bounds,
    places: Semaphore,
    lanes: Box<[ArcSwap<Lane>]>,
    next: AtomicUsize,
}

/// A connection, and what is known of its health.
struct Lane {
    connection: Connection,
    opened: Instant,
    /// When the store last did what it was asked to, in milliseconds since this was opened.
    answered: AtomicU64,
    /// How often it did not answer at all.
    silences: AtomicUsize,
}

impl Lane {
    fn open(target: &Target) -> RedisResult<Self> {
        let connection = target.open()?;
        Ok(Self { connection, opened: Instant::now(), answered: AtomicU64::new(0), silences: AtomicUsize::new(0) })
    }

    fn note_answer(&self) {
        let now = self.opened.elapsed().as_millis();
        self.answered.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether nothing has gone well for this long.
    fn is_useless(&self, long: Duration) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(answered) >= long
    }

    /// Whether one shard may be silent while the others answer, and it is time to look at the cluster anew. A look costs a
    /// connection to each node, so now and then a slow answer is no reason.
    fn is_patchy(&self) -> bool {
        self.opened.elapsed() >= Duration::from_secs(5) && self.silences.load(Ordering::Relaxed) >= 8
    }
}

impl Link {
    pub(super) fn new(target: Target, bounds: Bounds) -> RedisResult<Self> {
        let lanes = (0..bounds.connections).map(|_| Lane::open(&target).map(ArcSwap::from_pointee));
        let lanes = lanes.collect::<RedisResult<_>>()?;
        Ok(Self { target, bounds, places: Semaphore::new(bounds.in_flight), lanes, next: AtomicUsize::new(0) })
    }

    /// Inserts one after the other, and stops at the first that was there already.
    pub(super) async fn insert(&self, inserts: impl Iterator<Item = Insert>) -> AdmitResult {
        for insert in inserts {
            if self.insert_one(insert).await? == Admission::Replayed {
                return Ok(Admission::Replayed);
            }
        }
        Ok(Admission::Fresh)
    }

    async fn insert_one(&self, insert: Insert) -> AdmitResult {
        let limit = self.bounds.command_timeout.saturating_add(insert.patience());
        let lane = self.lane();
        let attempt = async {
            // The semaphore is never closed.
            let _place = self.places.acquire().await.ok()?;
            let lane = lane.load_full();
            let outcome = insert.run(&mut lane.connection.clone()).await;
            if outcome.is_ok() {
                lane.note_answer();
            }
            Some(outcome)
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(Some(Ok(admitted))) => admitted,
            Ok(Some(Err(error))) => {
                self.note_failure(lane);
                Err(PortError::new(format!("redis: {error}")))
            }
            // It may have been sent, and done. Then the same assertion is a replay when it comes again.
            Ok(None) | Err(_) => {
                lane.load().silences.fetch_add(1, Ordering::Relaxed);
                self.note_failure(lane);
                Err(PortError::new(format!("redis: no answer within {} ms", limit.as_millis())))
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the length, and there is at least one")]
    fn lane(&self) -> &ArcSwap<Lane> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.lanes[turn % self.lanes.len()]
    }

    /// Of all requests that find out at the same time, one opens a new connection in place of the old one.
    fn note_failure(&self, lane: &ArcSwap<Lane>) {
        let old = lane.load_full();
        let patchy = matches!(self.target, Target::Cluster(_)) && old.is_patchy();
        if !patchy && !old.is_useless(self.bounds.connect_timeout) {
            return;
        }
        // That one opened means that this one will.
        if let Ok(new) = Lane::open(&self.target) {
            lane.compare_and_swap(&old, Arc::new(new));
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.target {
            Target::Standalone(..) => "standalone",
            Target::Cluster(_) => "cluster",
        };
        f.debug_struct("Link").field("kind", &kind).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
