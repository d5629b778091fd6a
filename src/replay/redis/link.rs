//! The link to the store: a pool of multiplexed connections, bounded in time, each replaced when
//! the store stops answering on it.
//!
//! The driver reconnects when a connection ends. It does not notice a server that stays connected
//! but stops answering, a primary that was demoted, or a password that was wrong for a moment. So a
//! connection without a successful answer for a while is replaced.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::RedisResult;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

use super::connect::NO_TIMER;
use super::connection::{Bounds, Connection, Target};
use super::insert::Insert;
use crate::port::PortError;
use crate::replay::{Admission, AdmitResult};
use crate::timer::timer;

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
        for insert in inserts {
            if self.insert_one(insert).await? == Admission::Replayed {
                return Ok(Admission::Replayed);
            }
        }
        Ok(Admission::Fresh)
    }

    async fn insert_one(&self, insert: Insert) -> AdmitResult {
        let limit = self.bounds.command_timeout.saturating_add(insert.extra_time());
        let lane = self.lane();
        let attempt = async {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await.ok()?;
            let lane = lane.load_full();
            let outcome = insert.run(&mut lane.connection.clone()).await;
            if outcome.is_ok() {
                lane.note_answer();
            }
            Some(outcome)
        };
        let Some(timer) = timer(limit) else { return Err(PortError::new(NO_TIMER)) };
        match within(timer, attempt).await {
            Some(Some(Ok(admitted))) => admitted,
            Some(Some(Err(error))) => {
                self.note_failure(lane);
                Err(PortError::new(format!("redis: {error}")))
            }
            // The command may have been executed. The assertion is then a replay when it comes
            // again.
            Some(None) | None => {
                lane.load().unanswered.fetch_add(1, Ordering::Relaxed);
                self.note_failure(lane);
                Err(PortError::new(format!("redis: no answer within {} ms", limit.as_millis())))
            }
        }
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

/// Returns the output of `future`, or `None` if `timer` ends before.
async fn within<F: Future>(mut timer: Pin<Box<Sleep>>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let either = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    });
    either.await
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
