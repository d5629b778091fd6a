//! The conformance suite with each replay store: memory, two tiers, a SQL database and Redis.
//! Stores that break a rule must fail it.

#[allow(dead_code)]
#[path = "../../examples/sqlite_store/store.rs"]
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::common::TempDir;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::replay::conformance::{Subject, check};
use tower_client_assertion::replay::{
    Admission, AdmitResult, AsyncReplayStore, MemoryReplay, ReplayKey, ReplayStore, TieredReplay,
};

use store::SqliteReplay;

struct Memory;

impl Subject for Memory {
    type Store = MemoryReplay;

    async fn empty(&self) -> MemoryReplay {
        MemoryReplay::new(10_000).unwrap()
    }

    async fn bounded(&self, capacity: usize) -> Option<MemoryReplay> {
        Some(MemoryReplay::new(capacity).unwrap())
    }

    async fn broken(&self) -> Option<MemoryReplay> {
        None
    }

    async fn pass(&self, _: &MemoryReplay, _: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_conforms() {
    assert_eq!(check(Memory).await, Ok(()));
}

/// A shared store in which every second answer takes a moment, behind two nodes.
struct Tiered;

#[derive(Clone, Debug)]
struct Slow(Arc<MemoryReplay>);

impl AsyncReplayStore for Slow {
    async fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> AdmitResult {
        tokio::task::yield_now().await;
        let admitted = self.0.admit(key, until, now).get().await;
        tokio::task::yield_now().await;
        admitted
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

impl Subject for Tiered {
    type Store = TieredReplay<Awaited<Slow>>;

    async fn empty(&self) -> Self::Store {
        // Hardly any room in the local store must not matter.
        let local = MemoryReplay::new(7).unwrap();
        TieredReplay::new(local, Awaited::new(Slow(Arc::new(Memory.empty().await))))
    }

    async fn bounded(&self, capacity: usize) -> Option<Self::Store> {
        let shared = Memory.bounded(capacity).await?;
        Some(TieredReplay::new(Memory.empty().await, Awaited::new(Slow(Arc::new(shared)))))
    }

    async fn broken(&self) -> Option<Self::Store> {
        None
    }

    async fn pass(&self, _: &Self::Store, _: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_tiers_conform() {
    assert_eq!(check(Tiered).await, Ok(()));
}

/// The store of the example, with a file for each.
struct Sqlite(TempDir);

impl Sqlite {
    async fn pool(&self) -> SqlitePool {
        let path = self.0.path().join(crate::common::fresh_jti());
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }
}

impl Subject for Sqlite {
    type Store = Awaited<SqliteReplay>;

    async fn empty(&self) -> Self::Store {
        Awaited::new(SqliteReplay::create(self.pool().await).await.unwrap())
    }

    /// Bounded by the disk only.
    async fn bounded(&self, _: usize) -> Option<Self::Store> {
        None
    }

    /// A database that is closed.
    async fn broken(&self) -> Option<Self::Store> {
        let pool = self.pool().await;
        let store = SqliteReplay::create(pool.clone()).await.unwrap();
        pool.close().await;
        Some(Awaited::new(store))
    }

    async fn pass(&self, _: &Self::Store, _: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_example_on_a_sql_database_conforms() {
    assert_eq!(check(Sqlite(TempDir::new())).await, Ok(()));
}

#[tokio::test]
async fn the_example_on_a_sql_database_deletes_expired_entries() {
    let sqlite = Sqlite(TempDir::new());
    let pool = sqlite.pool().await;
    let store = SqliteReplay::create(pool.clone()).await.unwrap();
    let at = UnixTime::from_secs;
    for (jti, until) in [("1", 11), ("2", 12), ("3", 13)] {
        assert_eq!(store.admit(ReplayKey::new("as", "a", jti), at(until), at(10)).await.unwrap(), Admission::Fresh);
    }
    // One minute later.
    for (now, left) in [(70, 3), (71, 2), (72, 1), (100, 0)] {
        store.sweep(at(now)).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM spent").fetch_one(&pool).await.unwrap();
        assert_eq!(count, left, "{now}");
    }
}

#[cfg(all(unix, feature = "redis"))]
mod on_redis {
    use std::time::Duration;

    use tower_client_assertion::replay::RedisReplay;

    use super::*;
    use crate::common::redis::{Redis, impatient};

    struct OnRedis(Arc<Redis>);

    impl OnRedis {
        async fn connect(&self) -> RedisReplay {
            assert_eq!(self.0.ask("FLUSHALL").await, "OK");
            self.0.builder().clock_margin(MARGIN).connect().await.unwrap()
        }
    }

    const MARGIN: Duration = Duration::from_secs(60);

    impl Subject for OnRedis {
        type Store = RedisReplay;

        async fn empty(&self) -> RedisReplay {
            self.connect().await
        }

        /// Bounded by its memory; see `tests/redis/failure.rs`.
        async fn bounded(&self, _: usize) -> Option<RedisReplay> {
            None
        }

        async fn broken(&self) -> Option<RedisReplay> {
            let mut gone = Redis::start().await;
            let store = impatient(|| gone.builder().command_timeout(Duration::from_millis(100))).await;
            gone.kill().await;
            Some(store)
        }

        /// Its clock cannot be set, but expiry can be moved closer.
        async fn pass(&self, _: &RedisReplay, secs: u64) {
            for key in self.0.keys().await {
                let left: i64 = self.0.ask(&format!("PTTL {key}")).await.parse().unwrap();
                let left = left - i64::try_from(secs * 1_000).unwrap();
                let margin = i64::try_from(MARGIN.as_millis()).unwrap();
                // Entries with only the margin left have ended, as far as the suite is concerned.
                let left = if left <= margin { 0 } else { left };
                assert_eq!(self.0.ask(&format!("PEXPIRE {key} {left}")).await, "1");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn redis_conforms() {
        let redis = Arc::new(Redis::start().await);
        assert_eq!(check(OnRedis(redis)).await, Ok(()));
    }
}

/// The mistakes that a store can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    ForgetsAtOnce,
    LooksThenInserts,
    LooksAndLies,
    LookingAdmits,
    ForgetsTooEarly,
    NeverForgets,
    TakesWhatHasExpired,
    JoinsWithColon,
    IgnoresTheClient,
    JoinsTheTenant,
    IgnoresTheTenant,
    TakesIdsForText,
    ForgetsWhenFull,
    LetsInWhenBroken,
    UnrecordsWhenDropped,
    BreaksWhenDropped,
    AllowsNone,
}

impl Mistake {
    const ALL: [(Self, &'static str); 17] = [
        (Self::ForgetsAtOnce, "an assertion is admitted once"),
        (Self::LooksThenInserts, "one of 64 concurrent callers is admitted"),
        (Self::LooksAndLies, "a look admits nothing and never reports a wrong state"),
        (Self::LookingAdmits, "a look admits nothing and never reports a wrong state"),
        (Self::ForgetsTooEarly, "an assertion is remembered until its end and admitted again afterwards"),
        (Self::NeverForgets, "an assertion is remembered until its end and admitted again afterwards"),
        (Self::TakesWhatHasExpired, "an assertion that has already expired is an error"),
        (Self::JoinsWithColon, "clients and unusual identifiers are distinguished"),
        (Self::IgnoresTheClient, "clients and unusual identifiers are distinguished"),
        (Self::JoinsTheTenant, "tenants and assertions without a jti are distinguished"),
        (Self::IgnoresTheTenant, "tenants and assertions without a jti are distinguished"),
        (Self::TakesIdsForText, "tenants and assertions without a jti are distinguished"),
        (Self::ForgetsWhenFull, "a full store refuses and drops nothing"),
        (Self::LetsInWhenBroken, "a store that cannot remember returns an error"),
        (Self::UnrecordsWhenDropped, "dropping the future at any await point admits nothing twice"),
        (Self::BreaksWhenDropped, "dropping the future at any await point admits nothing twice"),
        (Self::AllowsNone, "a client may have at least one assertion"),
    ];
}

/// Tenant, client and identifier.
type Name = (String, String, Vec<u8>);

#[derive(Clone, Debug)]
struct Careless {
    mistake: Mistake,
    capacity: usize,
    broken: bool,
    spent: Arc<Mutex<HashMap<Name, UnixTime>>>,
    out_of_order: Arc<Mutex<bool>>,
}

impl Careless {
    fn new(mistake: Mistake) -> Self {
        let (spent, out_of_order) = (Arc::default(), Arc::default());
        Self { mistake, capacity: 10_000, broken: false, spent, out_of_order }
    }

    fn name(&self, key: ReplayKey<'_>) -> Name {
        let (tenant, client, id) = (key.tenant().to_owned(), key.client_id().to_owned(), key.id().to_vec());
        match self.mistake {
            Mistake::JoinsWithColon => (tenant, String::new(), [client.as_bytes(), b":", &id].concat()),
            Mistake::JoinsTheTenant => (String::new(), format!("{tenant}:{client}"), id),
            Mistake::IgnoresTheClient => (tenant, String::new(), id),
            Mistake::IgnoresTheTenant => (String::new(), client, id),
            Mistake::TakesIdsForText => (tenant, client, String::from_utf8(id).unwrap_or_default().into_bytes()),
            _ => (tenant, client, id),
        }
    }

    fn is_live(&self, until: UnixTime, now: UnixTime) -> bool {
        let early = if self.mistake == Mistake::ForgetsTooEarly { 5 } else { 0 };
        self.mistake == Mistake::NeverForgets || until.as_secs() > now.as_secs() + early
    }

    fn is_spent(&self, name: &Name, now: UnixTime) -> bool {
        self.spent.lock().unwrap().get(name).is_some_and(|until| self.is_live(*until, now))
    }

    /// Inserts the entry if it is absent, or in any case.
    fn insert(&self, name: Name, until: UnixTime, now: UnixTime, blindly: bool) -> AdmitResult {
        let mut spent = self.spent.lock().unwrap();
        spent.retain(|_, until| self.is_live(*until, now));
        if spent.contains_key(&name) && !blindly {
            return Ok(Admission::Replayed);
        }
        if spent.len() >= self.capacity {
            if self.mistake != Mistake::ForgetsWhenFull {
                return Err(PortError::new("full"));
            }
            let victim = spent.keys().next().cloned().unwrap();
            spent.remove(&victim);
        }
        if self.mistake != Mistake::ForgetsAtOnce {
            spent.insert(name, until);
        }
        Ok(Admission::Fresh)
    }

    async fn run(self, name: Name, until: UnixTime, now: UnixTime) -> AdmitResult {
        if *self.out_of_order.lock().unwrap() {
            return Err(PortError::new("out of order"));
        }
        let blindly = self.mistake == Mistake::LooksThenInserts;
        if blindly && self.is_spent(&name, now) {
            return Ok(Admission::Replayed);
        }
        tokio::task::yield_now().await;
        let admission = self.insert(name.clone(), until, now, blindly)?;
        let mut guard = Dropped { store: &self, name, fresh: admission == Admission::Fresh, done: false };
        tokio::task::yield_now().await;
        guard.done = true;
        Ok(admission)
    }
}

struct Dropped<'a> {
    store: &'a Careless,
    name: Name,
    fresh: bool,
    done: bool,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        match self.store.mistake {
            _ if self.done => {}
            // Also for a replay: the answers to others are dropped.
            Mistake::UnrecordsWhenDropped => {
                self.store.spent.lock().unwrap().remove(&self.name);
            }
            Mistake::BreaksWhenDropped if self.fresh => *self.store.out_of_order.lock().unwrap() = true,
            _ => {}
        }
    }
}

impl ReplayStore for Careless {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        let name = self.name(key);
        if self.mistake == Mistake::LookingAdmits {
            self.spent.lock().unwrap().insert(name, UnixTime::from_secs(u64::MAX));
            return Some(false);
        }
        Some(self.is_spent(&name, now) != (self.mistake == Mistake::LooksAndLies))
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        if self.broken && self.mistake != Mistake::LetsInWhenBroken {
            return Answer::Ready(Err(PortError::new("broken")));
        }
        if until <= now && self.mistake != Mistake::TakesWhatHasExpired {
            return Answer::Ready(Err(PortError::new("expired")));
        }
        Answer::later(self.clone().run(self.name(key), until, now))
    }

    fn admissions_per_client(&self) -> usize {
        usize::from(self.mistake != Mistake::AllowsNone)
    }
}

impl Subject for Mistake {
    type Store = Careless;

    async fn empty(&self) -> Careless {
        Careless::new(*self)
    }

    async fn bounded(&self, capacity: usize) -> Option<Careless> {
        Some(Careless { capacity, ..Careless::new(*self) })
    }

    async fn broken(&self) -> Option<Careless> {
        Some(Careless { broken: true, ..Careless::new(*self) })
    }

    async fn pass(&self, _: &Careless, _: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_wrong_store_is_caught_by_its_rule() {
    for (mistake, rule) in Mistake::ALL {
        let violation = check(mistake).await.expect_err(&format!("{mistake:?} passes"));
        assert_eq!(violation.rule(), rule, "{mistake:?}: {violation}");
    }
}
