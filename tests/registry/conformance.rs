//! The conformance suite with each registry: fixed, from a file, asynchronous, and the example on a
//! SQL database. Registries that break a rule must fail it.

#[allow(dead_code)]
#[path = "../../examples/sqlite_store/registry.rs"]
mod sql;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::TempDir;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_client_assertion::port::{Answer, Awaited, PortError};
use tower_client_assertion::registry::conformance::{Registration, Subject, check};
use tower_client_assertion::registry::{
    AsyncClientRegistry, Cached, Client, ClientRegistry, FileRegistry, FindResult, FixedRegistry,
};

use sql::SqliteRegistry;

struct Fixed;

impl Subject for Fixed {
    type Registry = FixedRegistry;

    async fn registry(&self, clients: &[Registration]) -> FixedRegistry {
        FixedRegistry::new(clients.iter().map(Registration::client)).unwrap()
    }

    async fn broken(&self) -> Option<FixedRegistry> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fixed_registry_conforms() {
    assert_eq!(check(Fixed).await, Ok(()));
}

struct File(TempDir);

impl Subject for File {
    type Registry = FileRegistry;

    async fn registry(&self, clients: &[Registration]) -> FileRegistry {
        let path = self.0.path().join("clients.json");
        let metadata: Vec<_> = clients.iter().map(Registration::metadata).collect();
        std::fs::write(&path, format!("[{}]", metadata.join(","))).unwrap();
        let registry = FileRegistry::load(path).unwrap();
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    }

    async fn broken(&self) -> Option<FileRegistry> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_registry_conforms() {
    assert_eq!(check(File(TempDir::new())).await, Ok(()));
}

/// A table in memory that is asked across await points.
#[derive(Debug)]
struct Table(HashMap<String, Arc<Client>>);

impl AsyncClientRegistry for Table {
    async fn find(&self, client_id: &str) -> FindResult {
        tokio::task::yield_now().await;
        let found = self.0.get(client_id).cloned();
        tokio::task::yield_now().await;
        Ok(found)
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        Some(self.0.values().cloned().collect())
    }
}

fn table(clients: &[Registration]) -> HashMap<String, Arc<Client>> {
    clients.iter().map(|client| (client.client_id().to_owned(), Arc::new(client.client()))).collect()
}

struct Async;

impl Subject for Async {
    type Registry = Arc<Awaited<Table>>;

    async fn registry(&self, clients: &[Registration]) -> Self::Registry {
        let registry = Arc::new(Awaited::new(Table(table(clients))));
        assert!(registry.all().is_some(), "the async twin passes the list on");
        registry
    }

    async fn broken(&self) -> Option<Self::Registry> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_async_registry_with_a_list_conforms() {
    assert_eq!(check(Async).await, Ok(()));
}

/// A cache in front of a table, with a new one for each set of clients.
struct Remembered;

impl Subject for Remembered {
    type Registry = Cached<Awaited<Table>>;

    async fn registry(&self, clients: &[Registration]) -> Self::Registry {
        Cached::new(Awaited::new(Table(table(clients))))
    }

    async fn broken(&self) -> Option<Self::Registry> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cached_registry_conforms() {
    assert_eq!(check(Remembered).await, Ok(()));
}

/// The same in front of a database, which can be broken.
struct RememberedSqlite(Sqlite);

impl Subject for RememberedSqlite {
    type Registry = Cached<Awaited<SqliteRegistry>>;

    async fn registry(&self, clients: &[Registration]) -> Self::Registry {
        Cached::new(self.0.registry(clients).await)
    }

    async fn broken(&self) -> Option<Self::Registry> {
        self.0.broken().await.map(Cached::new)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cached_registry_on_a_database_conforms() {
    assert_eq!(check(RememberedSqlite(Sqlite(TempDir::new()))).await, Ok(()));
}

/// The registry of the example, with a database for each.
struct Sqlite(TempDir);

impl Sqlite {
    async fn pool(&self) -> SqlitePool {
        let path = self.0.path().join(crate::common::fresh_jti());
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }
}

impl Subject for Sqlite {
    type Registry = Awaited<SqliteRegistry>;

    async fn registry(&self, clients: &[Registration]) -> Self::Registry {
        let registry = SqliteRegistry::create(self.pool().await).await.unwrap();
        for client in clients {
            registry.register(client.client_id(), &client.jwks(), "").await.unwrap();
        }
        Awaited::new(registry)
    }

    /// A database that is closed.
    async fn broken(&self) -> Option<Self::Registry> {
        let pool = self.pool().await;
        let registry = SqliteRegistry::create(pool.clone()).await.unwrap();
        pool.close().await;
        Some(Awaited::new(registry))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_example_on_a_sql_database_conforms() {
    assert_eq!(check(Sqlite(TempDir::new())).await, Ok(()));
}

/// The mistakes that a registry can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    MixesUpKeys,
    ChangesTheId,
    UnknownIsAnError,
    UnknownIsTheOnlyClient,
    IgnoresCase,
    TrimsSpaces,
    DecodesPercent,
    UsesPatterns,
    CutsOff,
    ComparesNumbers,
    RemovesWhatItFinds,
    RegistersWhatItIsAsked,
    SharesItsBuffer,
    BrokenIsUnknown,
    FailsAfterADrop,
    LeaksWhenDropped,
    ListsTooFew,
    ListsTwice,
    ListsOtherKeys,
}

const FOUND: &str = "a registered client is found under its id, with its own keys";
const UNKNOWN: &str = "an unknown id is answered with `Ok(None)`";
const BYTES: &str = "ids are compared byte for byte";
const STABLE: &str = "a look-up changes nothing";
const CONCURRENT: &str = "concurrent look-ups do not disturb each other";
const BROKEN: &str = "a registry that cannot answer returns an error";
const DROPPED: &str = "a look-up can be dropped at any await point";
const LISTED: &str = "`all` lists every client once, as `find` returns it";

/// Each mistake, with the rule that catches it.
const MISTAKES: [(Mistake, &str); 19] = [
    (Mistake::MixesUpKeys, FOUND),
    (Mistake::ChangesTheId, FOUND),
    (Mistake::UnknownIsAnError, UNKNOWN),
    (Mistake::UnknownIsTheOnlyClient, UNKNOWN),
    (Mistake::IgnoresCase, BYTES),
    (Mistake::TrimsSpaces, BYTES),
    (Mistake::DecodesPercent, BYTES),
    (Mistake::UsesPatterns, BYTES),
    (Mistake::CutsOff, BYTES),
    (Mistake::ComparesNumbers, BYTES),
    (Mistake::RemovesWhatItFinds, FOUND),
    (Mistake::RegistersWhatItIsAsked, STABLE),
    (Mistake::SharesItsBuffer, CONCURRENT),
    (Mistake::BrokenIsUnknown, BROKEN),
    (Mistake::FailsAfterADrop, DROPPED),
    (Mistake::LeaksWhenDropped, DROPPED),
    (Mistake::ListsTooFew, LISTED),
    (Mistake::ListsTwice, LISTED),
    (Mistake::ListsOtherKeys, LISTED),
];

#[derive(Clone, Debug)]
struct Careless(Arc<State>);

#[derive(Debug)]
struct State {
    mistake: Mistake,
    broken: bool,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    asked: Mutex<String>,
    out_of_order: AtomicBool,
    waiting: AtomicUsize,
}

/// What is left if a look-up is dropped.
struct Started<'a>(&'a State);

impl Drop for Started<'_> {
    fn drop(&mut self) {
        match self.0.mistake {
            Mistake::FailsAfterADrop => self.0.out_of_order.store(true, Ordering::Relaxed),
            Mistake::LeaksWhenDropped => {}
            _ => drop(self.0.waiting.fetch_sub(1, Ordering::Relaxed)),
        }
    }
}

impl State {
    /// The exact match first, as in a registry that was tested with usual ids only.
    fn look_up(&self, id: &str) -> FindResult {
        let mut clients = self.clients.lock().unwrap();
        let similar = |same: &dyn Fn(&str) -> bool| {
            let exact = clients.get(id);
            exact.or_else(|| clients.iter().find(|(known, _)| same(known)).map(|(_, client)| client)).cloned()
        };
        let found = match self.mistake {
            Mistake::IgnoresCase => similar(&|known| known.eq_ignore_ascii_case(id)),
            Mistake::TrimsSpaces => similar(&|known| known.trim() == id.trim()),
            Mistake::DecodesPercent => similar(&|known| known.replace("%2b", "%2B") == id.replace("%2b", "%2B")),
            Mistake::UsesPatterns => similar(&|known| id == "%" || id == "_" && known.len() == 1),
            Mistake::CutsOff => similar(&|known| known.len() >= 255 && known.get(..255) == id.get(..255)),
            Mistake::ComparesNumbers => similar(&|known| known.parse().ok().is_some_and(|n: u32| id.parse() == Ok(n))),
            Mistake::UnknownIsTheOnlyClient if clients.len() == 1 => clients.values().next().cloned(),
            _ => clients.get(id).cloned(),
        };
        match self.mistake {
            Mistake::RemovesWhatItFinds => drop(clients.remove(id)),
            Mistake::RegistersWhatItIsAsked if found.is_none() && clients.len() == 2 => {
                let client = clients.values().next().unwrap().clone();
                clients.insert(id.to_owned(), client);
            }
            _ => {}
        }
        match (self.mistake, found) {
            (Mistake::UnknownIsAnError, None) => Err(PortError::new("no such client")),
            (_, found) => Ok(found),
        }
    }

    async fn run(self: Arc<Self>, id: String) -> FindResult {
        *self.asked.lock().unwrap() = id.clone();
        if self.out_of_order.load(Ordering::Relaxed) || self.waiting.load(Ordering::Relaxed) >= 1_000 {
            return Err(PortError::new("out of order"));
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let started = Started(&self);
        tokio::task::yield_now().await;
        let id = if self.mistake == Mistake::SharesItsBuffer { self.asked.lock().unwrap().clone() } else { id };
        let found = self.look_up(&id);
        tokio::task::yield_now().await;
        std::mem::forget(started);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        found
    }
}

impl ClientRegistry for Careless {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        match (self.0.broken, self.0.mistake) {
            (true, Mistake::BrokenIsUnknown) => Answer::Ready(Ok(None)),
            (true, _) => Answer::Ready(Err(PortError::new("broken"))),
            (false, _) => Answer::later(Arc::clone(&self.0).run(client_id.to_owned())),
        }
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        let clients = self.0.clients.lock().unwrap();
        let mut all: Vec<_> = clients.values().cloned().collect();
        match self.0.mistake {
            Mistake::ListsTooFew => drop(all.pop()),
            Mistake::ListsTwice if all.len() > 1 => all[0] = Arc::clone(&all[1]),
            Mistake::ListsOtherKeys if all.len() > 1 => {
                let keys = all[1].keys().unwrap().clone();
                all[0] = Arc::new(Client::new(all[0].id().as_str(), keys).unwrap());
            }
            _ => {}
        }
        Some(all)
    }
}

impl Subject for Mistake {
    type Registry = Careless;

    async fn registry(&self, clients: &[Registration]) -> Careless {
        let mut table = table(clients);
        if let [first, second, ..] = clients {
            let of = |client: &Registration| Client::new(first.client_id(), client.client().keys().unwrap().clone());
            match self {
                Self::MixesUpKeys => {
                    table.insert(first.client_id().to_owned(), Arc::new(of(second).unwrap()));
                }
                Self::ChangesTheId => {
                    let lower = Client::new("another", first.client().keys().unwrap().clone()).unwrap();
                    table.insert(first.client_id().to_owned(), Arc::new(lower));
                }
                _ => {}
            }
        }
        self.of(table, false)
    }

    async fn broken(&self) -> Option<Careless> {
        Some(self.of(HashMap::new(), true))
    }
}

impl Mistake {
    fn of(self, clients: HashMap<String, Arc<Client>>, broken: bool) -> Careless {
        Careless(Arc::new(State {
            mistake: self,
            broken,
            clients: Mutex::new(clients),
            asked: Mutex::default(),
            out_of_order: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_wrong_registry_is_caught_by_its_rule() {
    for (mistake, rule) in MISTAKES {
        let violation = check(mistake).await.expect_err(&format!("{mistake:?} passes"));
        assert_eq!(violation.rule(), rule, "{mistake:?}: {violation}");
    }
}
