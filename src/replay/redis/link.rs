//! The link to the store: a pool of multiplexed connections, bounded in time, each replaced when
//! the store stops answering on it.
//!
//! The driver reconnects when a connection ends. It does not notice a server that stays connected
//! but stops answering, a primary that was demoted, or a password that was wrong for a moment. So a
//! connection without a successful answer for a while is replaced.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::{RedisError, RedisResult};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connect::NO_TIMER;
use super::connection::{Bounds, Connection, Target};
use super::insert::Insert;
use crate::port::{PortError, PortErrorKind};
use crate::replay::{Admission, AdmitResult};
use crate::timer::{timer, within};

/// One connection to the store, or several that take turns.
pub(super) struct Link {
    target: Target,
    bounds: Bounds,
    permits: Semaphore,
    lanes: Box<[ArcSwap<Lane>]>,
    next: AtomicUsize,
}

/// A connection and its health.
struct Lane {
    connection: Connection,
    opened: Instant,
    /// When a command last succeeded, in milliseconds since `opened`.
    answered: AtomicU64,
    /// The number of commands without any answer.
    unanswered: AtomicUsize,
}

impl Lane {
    fn open(target: &Target) -> RedisResult<Self> {
        let connection = target.open()?;
        Ok(Self { connection, opened: Instant::now(), answered: AtomicU64::new(0), unanswered: AtomicUsize::new(0) })
    }

    fn note_answer(&self) {
        let now = self.opened.elapsed().as_millis();
        self.answered.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns whether no command has succeeded for this long.
    fn is_dead(&self, time: Duration) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(answered) >= time
    }

    /// Returns whether one shard of a cluster may have stopped answering while the others still do,
    /// so that the topology should be read again. That costs a connection to each node, so
    /// occasional slow answers are not enough.
    fn is_partly_dead(&self) -> bool {
        self.opened.elapsed() >= Duration::from_secs(5) && self.unanswered.load(Ordering::Relaxed) >= 8
    }
}

impl Link {
    /// Opens the connections to `first`, and those that replace them to `target`.
    pub(super) fn new(target: Target, first: &Target, bounds: Bounds) -> RedisResult<Self> {
        let lanes = (0..bounds.connections).map(|_| Lane::open(first).map(ArcSwap::from_pointee));
        let lanes = lanes.collect::<RedisResult<_>>()?;
        Ok(Self { target, bounds, permits: Semaphore::new(bounds.in_flight), lanes, next: AtomicUsize::new(0) })
    }

    /// Inserts one key after the other and stops at the first that already exists.
    pub(super) async fn insert(&self, inserts: impl Iterator<Item = Insert>) -> AdmitResult {
        let mut nothing_recorded = true;
        for insert in inserts {
            match self.insert_one(insert).await {
                Ok(Admission::Fresh) => nothing_recorded = false,
                Ok(Admission::Replayed) => return Ok(Admission::Replayed),
                Err(Failure::NotRecorded(kind, cause)) => {
                    let is_refused = nothing_recorded;
                    let error = if is_refused { PortError::not_recorded(cause) } else { PortError::new(cause) };
                    return Err(error.with_kind(kind));
                }
                Err(Failure::Unclear(error)) => return Err(error),
            }
        }
        Ok(Admission::Fresh)
    }

    async fn insert_one(&self, insert: Insert) -> Result<Admission, Failure> {
        let limit = self.bounds.command_timeout.saturating_add(insert.extra_time());
        let lane = self.lane();
        let sent = AtomicBool::new(false);
        let attempt = async {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await.ok()?;
            sent.store(true, Ordering::Relaxed);
            let lane = lane.load_full();
            let outcome = insert.run(&mut lane.connection.clone()).await;
            if outcome.is_ok() {
                lane.note_answer();
            }
            Some(outcome)
        };
        let Some(timer) = timer(limit) else { return Err(Failure::NotRecorded(PortErrorKind::Other, NO_TIMER.into())) };
        match within(timer, attempt).await {
            Some(Some(Ok(admitted))) => admitted.map_err(Failure::Unclear),
            Some(Some(Err(error))) => {
                self.note_failure(lane);
                let cause = format!("redis: {error}");
                let kind = kind(&error);
                match self.is_refused(&insert, &error) {
                    true => Err(Failure::NotRecorded(kind, cause)),
                    false => Err(Failure::Unclear(PortError::new(cause).with_kind(kind))),
                }
            }
            // The command may have been executed. The assertion is then a replay when it comes
            // again.
            Some(None) | None => {
                lane.load().unanswered.fetch_add(1, Ordering::Relaxed);
                self.note_failure(lane);
                let cause = format!("redis: no answer within {} ms", limit.as_millis());
                let kind = PortErrorKind::Timeout;
                match sent.into_inner() {
                    true => Err(Failure::Unclear(PortError::new(cause).with_kind(kind))),
                    false => Err(Failure::NotRecorded(kind, cause)),
                }
            }
        }
    }

    /// Returns whether the server has certainly not executed the insert. These are the errors that
    /// Redis returns before it runs a command. Others may be those of a proxy. The driver of a
    /// cluster repeats a command, so its last error tells nothing about an earlier attempt.
    fn is_refused(&self, insert: &Insert, error: &RedisError) -> bool {
        const BEFORE: [&str; 9] =
            ["BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "OOM", "READONLY"];
        matches!((&self.target, insert), (Target::Standalone(..), Insert::Plain(_)))
            && error.code().is_some_and(|code| BEFORE.contains(&code))
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the length, and there is at least one lane")]
    fn lane(&self) -> &ArcSwap<Lane> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.lanes[turn % self.lanes.len()]
    }

    /// Replaces a dead connection. If several requests notice it at the same time, one of them
    /// replaces it.
    fn note_failure(&self, lane: &ArcSwap<Lane>) {
        let old = lane.load_full();
        let partly_dead = matches!(self.target, Target::Cluster(_)) && old.is_partly_dead();
        if !partly_dead && !old.is_dead(self.bounds.connect_timeout) {
            return;
        }
        // Opening cannot fail here: it succeeded before with the same target.
        if let Ok(new) = Lane::open(&self.target) {
            lane.compare_and_swap(&old, Arc::new(new));
        }
    }
}

/// Why an insert failed.
enum Failure {
    /// The server has not executed it.
    NotRecorded(PortErrorKind, String),
    /// The server may have executed it.
    Unclear(PortError),
}

fn kind(error: &RedisError) -> PortErrorKind {
    match error.code() {
        Some("OOM") => PortErrorKind::Full,
        _ if error.is_timeout() => PortErrorKind::Timeout,
        _ if error.is_io_error() => PortErrorKind::Connection,
        _ => PortErrorKind::Other,
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
