//! A registry with a memory: what it asks again and when, what strangers cannot do, and that
//! nothing that was invalidated comes back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{SIGNER, fixture, key_set};
use tokio::sync::Semaphore;
use tokio::time::advance;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::port::{Answer, Awaited, Health, PortError, PortErrorKind};
use tower_client_assertion::registry::{
    AsyncClientRegistry, Cached, CachedBuilder, Client, ClientRegistry, FindResult,
};
use tower_client_assertion::{Setting, SettingError};

/// A table that counts look-ups. It reads a row before it waits at its gate, so that the answer is
/// old when it arrives.
#[derive(Clone, Debug)]
struct Table {
    rows: Arc<Mutex<HashMap<String, Arc<Client>>>>,
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    failure: Arc<Mutex<Option<&'static str>>>,
    /// Answers with this row for every id.
    loosely: bool,
}

impl Table {
    fn of(ids: &[&str]) -> Self {
        let rows = ids.iter().map(|id| ((*id).to_owned(), client(id))).collect();
        let (asked, failure) = (Arc::default(), Arc::default());
        Self {
            rows: Arc::new(Mutex::new(rows)),
            asked,
            gate: Arc::new(Semaphore::new(10_000)),
            failure,
            loosely: false,
        }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn close(&self) {
        self.gate.forget_permits(10_000);
    }

    fn open(&self) {
        self.gate.add_permits(10_000);
    }

    fn set(&self, id: &str) {
        self.rows.lock().unwrap().insert(id.to_owned(), client(id));
    }

    fn delete(&self, id: &str) {
        self.rows.lock().unwrap().remove(id);
    }

    fn fail(&self, failure: Option<&'static str>) {
        *self.failure.lock().unwrap() = failure;
    }
}

impl AsyncClientRegistry for Table {
    async fn find(&self, id: &str) -> FindResult {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let id = if self.loosely { "a" } else { id };
        let row = self.rows.lock().unwrap().get(id).cloned();
        let failure = *self.failure.lock().unwrap();
        self.gate.acquire().await.unwrap().forget();
        self.gate.add_permits(1);
        if failure == Some("panic") {
            panic!("in a look-up");
        }
        failure.map_or(Ok(row), |failure| Err(PortError::new(failure)))
    }

    async fn health(&self) -> Health {
        (*self.failure.lock().unwrap()).map_or(Ok(()), Err).into()
    }
}

fn client(id: &str) -> Arc<Client> {
    Arc::new(Client::new(id, key_set(&[SIGNER.jwk()])).unwrap())
}

type Cache = Cached<Awaited<Table>>;

fn cache(table: &Table, set: impl Fn(CachedBuilder<Awaited<Table>>) -> CachedBuilder<Awaited<Table>>) -> Cache {
    set(Cached::builder(Awaited::new(table.clone()))).build().unwrap()
}

async fn find(cache: &Cache, id: &str) -> FindResult {
    cache.find(id).get().await
}

/// Whether the client is found. Panics if the cache cannot tell.
async fn has(cache: &Cache, id: &str) -> bool {
    find(cache, id).await.unwrap().is_some()
}

async fn error(cache: &Cache, id: &str) -> PortError {
    find(cache, id).await.unwrap_err()
}

const MS: Duration = Duration::from_millis(1);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Polls everything that can go on.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_looked_up_again_when_it_is_no_longer_fresh() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache.fresh_for(secs(5)));
    let first = find(&cache, "a").await.unwrap().unwrap();
    assert_eq!(table.asked(), 1);
    advance(secs(5) - MS).await;
    // The same `Arc`, without waiting.
    assert!(matches!(cache.find("a"), Answer::Ready(Ok(Some(found))) if Arc::ptr_eq(&found, &first)));
    table.delete("a");
    assert!(has(&cache, "a").await);
    assert_eq!(table.asked(), 0);
    advance(MS).await;
    assert!(!has(&cache, "a").await);
    assert_eq!((table.asked(), cache.client_count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_absence_is_remembered_for_its_time() {
    let table = Table::of(&[]);
    let cache = cache(&table, |cache| cache.absent_for(secs(3)));
    assert!(!has(&cache, "a").await);
    table.set("a");
    advance(secs(3) - MS).await;
    assert!(!has(&cache, "a").await);
    assert_eq!((table.asked(), cache.absence_count()), (1, 1));
    advance(MS).await;
    assert!(has(&cache, "a").await);
    assert_eq!((table.asked(), cache.absence_count(), cache.client_count()), (1, 0, 1));

    let none = self::cache(&table, |cache| cache.absent_for(Duration::ZERO));
    assert!(!has(&none, "b").await && !has(&none, "b").await);
    assert_eq!((table.asked(), none.absence_count()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_for_an_id_make_one_look_up() {
    for id in ["a", "unknown"] {
        let table = Table::of(&["a"]);
        let cache = cache(&table, |cache| cache.timeout(secs(60)).absent_for(secs(3600)));
        table.close();
        let requests: Vec<_> = (0..1_000).map(|_| cache.find(id)).collect();
        assert!(requests.iter().all(|request| matches!(request, Answer::Pending(_))));
        let requests: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.get())).collect();
        table.open();
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().is_some(), id == "a");
        }
        assert_eq!(table.asked(), 1, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_goes_on_if_its_requests_are_dropped() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache);
    table.close();
    drop(cache.find("a"));
    settle().await;
    table.open();
    settle().await;
    assert!(matches!(cache.find("a"), Answer::Ready(Ok(Some(_)))));
    assert_eq!(table.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_not_remembered() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache);
    for failure in ["down", "panic"] {
        table.fail(Some(failure));
        let expected = match failure {
            "down" => "down",
            _ => "the look-up in the registry was aborted: it panicked, or its runtime has shut down",
        };
        assert_eq!(error(&cache, "a").await.to_string(), expected);
        assert_eq!(error(&cache, "a").await.to_string(), expected);
        assert_eq!((table.asked(), cache.client_count(), cache.absence_count()), (2, 0, 0));
    }
    table.fail(None);
    assert!(has(&cache, "a").await);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_hangs_fails_in_time() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache.timeout(secs(2)));
    table.close();
    let start = tokio::time::Instant::now();
    let error = error(&cache, "a").await;
    assert_eq!(error.to_string(), "the registry did not answer within 2s");
    assert_eq!((error.kind(), start.elapsed()), (PortErrorKind::Timeout, secs(2)));
    table.open();
    assert!(has(&cache, "a").await);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_used_for_a_while_if_look_ups_fail() {
    let table = Table::of(&["a"]);
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&warnings);
    let sink = event::sink(move |event| {
        if let Event::Warning(warning) = event {
            log.lock().unwrap().push(warning.to_string());
        }
    });
    let cache =
        Cached::builder(Awaited::new(table.clone())).fresh_for(secs(5)).stale_for(secs(60)).events(sink).build();
    let cache = cache.unwrap();
    assert!(has(&cache, "a").await);
    table.fail(Some("down"));
    table.delete("a");
    advance(secs(5)).await;
    table.asked();
    // The registry is asked again after a second, and not by each request.
    for (after, asked) in [(Duration::ZERO, 1), (secs(1) - MS, 0), (MS, 1)] {
        advance(after).await;
        assert!(has(&cache, "a").await, "{after:?}");
        assert_eq!(table.asked(), asked, "{after:?}");
    }
    assert_eq!(error(&cache, "b").await.to_string(), "down");
    assert_eq!(table.asked(), 1);
    advance(secs(59) - MS).await;
    assert!(has(&cache, "a").await);
    advance(MS).await;
    assert_eq!(error(&cache, "a").await.to_string(), "down");
    let told = "registry: look-ups fail: clients are used as they were found before, for up to 60s: down";
    assert_eq!(*warnings.lock().unwrap(), [told]);

    table.fail(None);
    assert!(!has(&cache, "a").await, "it was deleted meanwhile");
}

#[tokio::test(start_paused = true)]
async fn without_stale_for_a_failure_refuses() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache.fresh_for(secs(5)).stale_for(Duration::ZERO));
    assert!(has(&cache, "a").await);
    table.fail(Some("down"));
    advance(secs(5) - MS).await;
    assert!(has(&cache, "a").await);
    advance(MS).await;
    assert_eq!(error(&cache, "a").await.to_string(), "down");
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_does_not_come_back() {
    for all in [false, true] {
        let table = Table::of(&["a"]);
        let cache = cache(&table, |cache| cache);
        let invalidate = || if all { cache.invalidate_all() } else { cache.invalidate("a") };
        assert!(has(&cache, "a").await);
        invalidate();
        assert_eq!((cache.client_count(), table.asked()), (0, 1));

        // A look-up has read the row before it is deleted, and answers after the invalidation.
        table.close();
        let before = tokio::spawn(cache.find("a").get());
        settle().await;
        table.delete("a");
        invalidate();
        let after = tokio::spawn(cache.find("a").get());
        settle().await;
        assert_eq!(table.asked(), 2, "the second request waits for its own look-up");
        table.open();
        assert!(after.await.unwrap().unwrap().is_none(), "all: {all}");
        assert!(before.await.unwrap().unwrap().is_none(), "all: {all}");
        assert!(!has(&cache, "a").await);
        assert_eq!((table.asked(), cache.client_count(), cache.absence_count()), (0, 0, 1));

        // The same for an absence.
        table.set("a");
        assert!(!has(&cache, "a").await);
        invalidate();
        assert!(has(&cache, "a").await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_leaves_the_other_clients() {
    let table = Table::of(&["a", "b"]);
    let cache = cache(&table, |cache| cache);
    assert!(has(&cache, "a").await && has(&cache, "b").await);
    table.asked();
    cache.invalidate("a");
    assert!(has(&cache, "b").await);
    assert_eq!(table.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn strangers_drop_no_client() {
    let table = Table::of(&["a", "b"]);
    let cache = cache(&table, |cache| cache.max_clients(2).max_absences(10).absent_for(secs(60)).fresh_for(secs(60)));
    assert!(has(&cache, "a").await && has(&cache, "b").await);
    for number in 0..100 {
        assert!(!has(&cache, &format!("stranger-{number}")).await);
        assert!(cache.absence_count() <= 10);
    }
    table.asked();
    assert!(has(&cache, "a").await && has(&cache, "b").await);
    assert_eq!((table.asked(), cache.client_count()), (0, 2));
    // The tenth most recent absence is known still, and the one before is not.
    assert!(!has(&cache, "stranger-90").await);
    assert_eq!(table.asked(), 0);
    assert!(!has(&cache, "stranger-89").await);
    assert_eq!(table.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_client_looked_up_least_recently_is_dropped() {
    let table = Table::of(&["a", "b", "c"]);
    let cache = cache(&table, |cache| cache.max_clients(2));
    for id in ["a", "b", "c"] {
        assert!(has(&cache, id).await);
    }
    table.asked();
    assert!(has(&cache, "b").await && has(&cache, "c").await);
    assert_eq!((table.asked(), cache.client_count()), (0, 2));
    assert!(has(&cache, "a").await);
    assert_eq!((table.asked(), cache.client_count()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn look_ups_of_strangers_are_bounded() {
    let table = Table::of(&["a"]);
    let cache = cache(&table, |cache| cache.max_look_ups(2).timeout(secs(60)));
    assert!(has(&cache, "a").await);
    advance(secs(5)).await;
    table.close();
    let one = tokio::spawn(cache.find("one").get());
    let two = tokio::spawn(cache.find("two").get());
    let three = error(&cache, "three").await;
    assert_eq!(three.to_string(), "2 look-ups of other ids are running; raise max_look_ups");
    assert_eq!(three.kind(), PortErrorKind::Full);
    // A client that is remembered is looked up nevertheless, and requests for the same ids wait.
    let known = tokio::spawn(cache.find("a").get());
    let again = tokio::spawn(cache.find("two").get());
    settle().await;
    table.open();
    assert!(known.await.unwrap().unwrap().is_some());
    for request in [one, two, again] {
        assert!(request.await.unwrap().unwrap().is_none());
    }
    assert!(!has(&cache, "three").await);
}

#[tokio::test(start_paused = true)]
async fn a_client_under_another_id_is_not_remembered() {
    let table = Table { loosely: true, ..Table::of(&["a"]) };
    let cache = cache(&table, |cache| cache);
    for id in ["A", "b"] {
        assert!(has(&cache, id).await, "the verifier refuses it");
    }
    assert_eq!((cache.client_count(), cache.absence_count()), (0, 0));
}

#[tokio::test]
async fn the_health_is_that_of_the_registry() {
    let table = Table::of(&[]);
    let verifier = fixture().registry(cache(&table, |cache| cache)).build();
    assert!(verifier.ready().await.is_ready());
    table.fail(Some("down"));
    assert_eq!(verifier.ready().await.to_string(), "not ready; registry: down");
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let cache = cache(&Table::of(&["a"]), |cache| cache);
    let found = crate::common::now_or_never(find(&cache, "a"));
    let told = "a look-up in the registry needs a Tokio runtime with timers; build it with enable_time";
    assert_eq!(found.unwrap_err().to_string(), told);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(error(&cache, "a")).to_string(), told);
}

#[test]
fn settings_are_checked() {
    type Set = fn(CachedBuilder<Awaited<Table>>) -> CachedBuilder<Awaited<Table>>;
    let hour = secs(3600);
    let table: [(Set, Setting); 11] = [
        (|it| it.fresh_for(Duration::ZERO), Setting::CachedFreshFor),
        (|it| it.fresh_for(secs(3600) + MS), Setting::CachedFreshFor),
        (|it| it.absent_for(secs(3600) + MS), Setting::CachedAbsentFor),
        (|it| it.stale_for(secs(86_400) + MS), Setting::CachedStaleFor),
        (|it| it.timeout(Duration::ZERO), Setting::CachedTimeout),
        (|it| it.timeout(secs(60) + MS), Setting::CachedTimeout),
        (|it| it.max_clients(0), Setting::CachedMaxClients),
        (|it| it.max_absences(0), Setting::CachedMaxAbsences),
        (|it| it.max_look_ups(0), Setting::CachedMaxLookUps),
        (|it| it.max_look_ups((1 << 20) + 1), Setting::CachedMaxLookUps),
        (|it| it.max_look_ups(usize::MAX), Setting::CachedMaxLookUps),
    ];
    let build = |set: &dyn Fn(CachedBuilder<Awaited<Table>>) -> CachedBuilder<Awaited<Table>>| {
        set(Cached::builder(Awaited::new(Table::of(&[])))).build()
    };
    for (set, setting) in table {
        assert_eq!(build(&set).map_err(|error| error.setting()).unwrap_err(), setting);
    }
    let longest: Result<_, SettingError> = build(&|it| {
        it.fresh_for(hour).absent_for(hour).stale_for(secs(86_400)).timeout(secs(60)).max_look_ups(1 << 20)
    });
    assert!(longest.is_ok());
}

#[test]
fn a_printed_cache_shows_no_id() {
    let cache = cache(&Table::of(&["a"]), |cache| cache);
    assert!(format!("{cache:?}").contains("clients: 0, absences: 0"), "{cache:?}");
}
