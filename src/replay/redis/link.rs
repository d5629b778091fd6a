//! The connection to the store: multiplexed, reconnecting, bounded in time, and replaced when it has gone silent.
//!
//! The driver reconnects when it sees a connection end. It does not see a server that stays connected and says nothing, a
//! primary that was demoted, or a password that was wrong for a moment; so what has not answered for a while is replaced.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::replay::{Admission, Admitted};

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
}

/// The way to the store.
pub(super) struct Link {
    target: Target,
    bounds: Bounds,
    places: Semaphore,
    current: ArcSwap<Live>,
    started: Instant,
    /// When the store last did what it was asked to, in milliseconds since the start.
    answered: AtomicU64,
}

struct Live {
    connection: Connection,
    opened: Instant,
}

/// A cluster of which one shard is silent is looked at anew this often. The others still answer, and a look costs a
/// connection to each node.
const CLUSTER_LOOK: Duration = Duration::from_secs(5);

impl Link {
    pub(super) fn new(target: Target, bounds: Bounds) -> RedisResult<Self> {
        let live = Live { connection: target.open()?, opened: Instant::now() };
        Ok(Self {
            target,
            bounds,
            places: Semaphore::new(bounds.in_flight),
            current: ArcSwap::from_pointee(live),
            started: Instant::now(),
            answered: AtomicU64::new(0),
        })
    }

    /// Inserts one after the other, and stops at the first that was there already.
    pub(super) async fn insert(&self, inserts: impl Iterator<Item = Insert>) -> Admitted {
        for insert in inserts {
            if self.insert_one(insert).await? == Admission::Replayed {
                return Ok(Admission::Replayed);
            }
        }
        Ok(Admission::Fresh)
    }

    async fn insert_one(&self, insert: Insert) -> Admitted {
        let limit = self.bounds.command_timeout.saturating_add(insert.patience());
        let attempt = async {
            // The semaphore is never closed.
            let _place = self.places.acquire().await.ok()?;
            let mut connection = self.current.load_full().connection.clone();
            Some(insert.run(&mut connection).await)
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(Some(Ok(admitted))) => {
                self.note_answer();
                admitted
            }
            Ok(Some(Err(error))) => {
                self.note_failure(false);
                Err(PortError::new(format!("redis: {error}")))
            }
            // It may have been sent, and done. Then the same assertion is a replay when it comes again.
            Ok(None) | Err(_) => {
                self.note_failure(true);
                Err(PortError::new(format!("redis: no answer within {} ms", limit.as_millis())))
            }
        }
    }

    fn note_answer(&self) {
        let now = self.started.elapsed().as_millis();
        self.answered.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn note_failure(&self, silent: bool) {
        let live = self.current.load_full();
        let age = live.opened.elapsed();
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        let useless = self.started.elapsed().saturating_sub(answered) >= self.bounds.connect_timeout;
        let due = useless && age >= self.bounds.connect_timeout;
        let shard_due = silent && matches!(self.target, Target::Cluster(_)) && age >= CLUSTER_LOOK;
        if due || shard_due {
            self.replace(&live);
        }
    }

    /// Of all requests that find out at the same time, one opens the new connection.
    fn replace(&self, old: &Arc<Live>) {
        // It was opened once before, from the same values.
        let Ok(connection) = self.target.open() else { return };
        let live = Arc::new(Live { connection, opened: Instant::now() });
        self.current.compare_and_swap(old, live);
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
