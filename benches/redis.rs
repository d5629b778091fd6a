//! What single use across a fleet adds to a request: the time of an insert into Redis on this
//! machine at several levels of concurrency, and of a replay that this node has seen before.
//!
//! `cargo bench --features redis --bench redis`, in about half a minute. It starts its own servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::NOW;
use common::redis::{Redis, until};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::replay::{Admission, MemoryReplay, RedisReplay, ReplayKey, ReplayStore, TieredReplay};

const CONCURRENCY: [usize; 3] = [1, 32, 128];

/// How much is run.
#[derive(Clone, Copy)]
struct Effort {
    /// In each round.
    inserts: usize,
    rounds: usize,
    /// In Redis, when its memory is measured.
    entries: usize,
}

impl Effort {
    const FULL: Self = Self { inserts: 10_000, rounds: 10, entries: 1_000_000 };
    const SMOKE: Self = Self { inserts: 128, rounds: 1, entries: 1_000 };
}

type Store = Arc<dyn ReplayStore>;

/// One candidate at one level of concurrency.
struct Series {
    name: &'static str,
    concurrency: usize,
    store: Store,
    /// Whether it gets the same assertions in every round.
    replays: bool,
    nanos: Vec<u64>,
    /// Of all rounds together.
    wall: Duration,
}

#[tokio::main]
async fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let effort = if full { Effort::FULL } else { Effort::SMOKE };
    let redis = Redis::start().await;
    let replicated = Redis::start().await;
    let _replica = Redis::with(&["--replicaof", "127.0.0.1", &replicated.port.to_string()]).await;
    until("the replica", async || replicated.ask("INFO replication").await.contains("state=online")).await;
    let mut all = candidates(&redis, &replicated).await;
    for round in 0..effort.rounds {
        for series in &mut all {
            run(series, round, effort).await;
        }
        all.reverse();
    }
    all.sort_by_key(|series| (series.name, series.concurrency));
    println!("| store | concurrent | p50 µs | p99 µs | a second |");
    println!("|---|--:|--:|--:|--:|");
    for series in &mut all {
        report(series);
    }
    memory(&redis, effort).await;
}

/// Connects with timeouts that a busy machine does not exceed by accident.
async fn connect(redis: &Redis, wait: bool) -> RedisReplay {
    let builder = redis.builder().command_timeout(Duration::from_secs(30));
    let builder = if wait { builder.wait_replicas(1, Duration::from_secs(10)) } else { builder };
    builder.connect().await.unwrap()
}

async fn candidates(redis: &Redis, replicated: &Redis) -> Vec<Series> {
    let mut all = Vec::new();
    for concurrency in CONCURRENCY {
        let memory: Store = Arc::new(MemoryReplay::new(10_000_000).unwrap());
        let shared: Store = Arc::new(connect(redis, false).await);
        let waiting: Store = Arc::new(connect(replicated, true).await);
        let tiers = || async {
            let local = MemoryReplay::new(10_000_000).unwrap();
            let store: Store = Arc::new(TieredReplay::new(local, connect(redis, false).await));
            store
        };
        let series = |name, store, replays| Series {
            name,
            concurrency,
            store,
            replays,
            nanos: Vec::new(),
            wall: Duration::ZERO,
        };
        all.push(series("memory", memory, false));
        all.push(series("redis", Arc::clone(&shared), false));
        all.push(series("redis, replay", shared, true));
        all.push(series("redis, waiting for a replica", waiting, false));
        all.push(series("tiered", tiers().await, false));
        all.push(series("tiered, replay seen here", tiers().await, true));
    }
    all
}

async fn run(series: &mut Series, round: usize, effort: Effort) {
    let name = format!("{} {}", series.name, series.concurrency);
    if series.replays {
        // The first insert, which is not measured.
        let prepared = insert_all(series, &format!("{name} again"), effort.inserts).await;
        assert!(round == 0 || prepared.admissions == [0, effort.inserts]);
    }
    let prefix = if series.replays { format!("{name} again") } else { format!("{name} {round}") };
    let done = insert_all(series, &prefix, effort.inserts).await;
    let expected = if series.replays { [0, effort.inserts] } else { [effort.inserts, 0] };
    assert_eq!(done.admissions, expected, "{name}: fresh and replayed");
    series.nanos.extend(done.nanos);
    series.wall += done.wall;
}

struct Done {
    nanos: Vec<u64>,
    wall: Duration,
    /// Fresh and replayed.
    admissions: [usize; 2],
}

async fn insert_all(series: &Series, prefix: &str, count: usize) -> Done {
    let next = Arc::new(AtomicUsize::new(0));
    let prefix: Arc<str> = prefix.into();
    let start = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..series.concurrency {
        workers.spawn(insert_some(Arc::clone(&series.store), Arc::clone(&next), Arc::clone(&prefix), count));
    }
    let mut done = Done { nanos: Vec::with_capacity(count), wall: Duration::ZERO, admissions: [0, 0] };
    while let Some(worker) = workers.join_next().await {
        for (nanos, admission) in worker.unwrap() {
            done.nanos.push(nanos);
            done.admissions[usize::from(admission == Admission::Replayed)] += 1;
        }
    }
    done.wall = start.elapsed();
    done
}

async fn insert_some(store: Store, next: Arc<AtomicUsize>, prefix: Arc<str>, count: usize) -> Vec<(u64, Admission)> {
    let mut done = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return done;
        }
        let jti = format!("{prefix} {number}");
        let client = ["clinic-7", "clinic-8", "clinic-9", "clinic-10"][number % 4];
        let start = Instant::now();
        // A look first, as in the verifier.
        let key = ReplayKey::new("as", client, &jti);
        let (now, until) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 310));
        let admission = match store.seen(key, now) {
            Some(true) => Admission::Replayed,
            Some(false) | None => store.admit(key, until, now).get().await.unwrap(),
        };
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap();
        done.push((nanos, admission));
    }
}

fn report(series: &mut Series) {
    series.nanos.sort_unstable();
    let at = |percent: usize| series.nanos[(series.nanos.len() - 1) * percent / 100] as f64 / 1_000.0;
    let rate = series.nanos.len() as f64 / series.wall.as_secs_f64();
    println!("| {} | {} | {:.1} | {:.1} | {rate:.0} |", series.name, series.concurrency, at(50), at(99));
}

/// Prints the server's memory for an entry, including its table and the allocator's overhead.
async fn memory(redis: &Redis, effort: Effort) {
    assert_eq!(redis.ask("FLUSHALL").await, "OK");
    let used = async || {
        let info = redis.ask("INFO memory").await;
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().to_owned();
        line.trim().parse::<f64>().unwrap()
    };
    let before = used().await;
    let store: Store = Arc::new(connect(redis, false).await);
    let series =
        Series { name: "memory", concurrency: 128, store, replays: false, nanos: Vec::new(), wall: Duration::ZERO };
    let mut entries = 0;
    println!("\n| live entries | bytes each |");
    println!("|--:|--:|");
    for part in [effort.entries / 10, effort.entries / 2, effort.entries] {
        insert_all(&series, &format!("to {part}"), part - entries).await;
        entries = part;
        assert_eq!(redis.ask("DBSIZE").await, entries.to_string());
        println!("| {entries} | {:.0} |", (used().await - before) / entries as f64);
    }
}
