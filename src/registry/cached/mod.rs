//! A memory in front of a registry that has to ask elsewhere.
//!
//! `look_up` answers from the [`Table`](table::Table) what it may, and otherwise looks an id up once
//! for all requests that ask for it.

mod bounded;
mod builder;
mod look_up;
mod settings;
mod shared;
mod table;

use std::fmt;
use std::sync::Arc;

pub use builder::CachedBuilder;

use super::{Client, ClientRegistry, FindResult};
use crate::port::{Answer, Health};
use shared::Shared;

/// Remembers what a registry has answered, for example one on a database. Cheap to clone; clones
/// share everything.
///
/// - A client that was found is used for [`fresh_for`](CachedBuilder::fresh_for), by default 5 s.
///   After that, the next request for it waits for a look-up.
/// - That an id is unknown is remembered for [`absent_for`](CachedBuilder::absent_for), by default
///   1 s, so that a stranger who repeats an id does not reach the database each time.
/// - If a look-up fails or takes too long, the client is used as it was found before, for
///   [`stale_for`](CachedBuilder::stale_for) beyond its freshness, by default 60 s. A failure is
///   never remembered.
/// - All requests for an id wait for the same look-up. It goes on if they are dropped, within its
///   [`timeout`](CachedBuilder::timeout).
/// - Clients and absences have their own bounds. A stranger who invents ids fills the absences and
///   drops no client. Such look-ups are [bounded](CachedBuilder::max_look_ups), too, and those for
///   clients that are remembered are always possible.
///
/// So a client that was deleted or changed is used for up to `fresh_for` as it was, and while the
/// registry fails for up to `fresh_for` and `stale_for` together. Call
/// [`invalidate`](Self::invalidate) where clients are changed, on each node. A client that was
/// registered meanwhile is refused for up to `absent_for`.
///
/// A look-up needs a Tokio runtime with timers.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use tower_client_assertion::port::{Awaited, PortError};
/// use tower_client_assertion::registry::{
///     AsyncClientRegistry, Cached, Client, ClientRegistry, FindResult,
/// };
/// # use tower_client_assertion::secret::ClientSecret;
///
/// /// Stands for a table in a database.
/// #[derive(Clone, Debug, Default)]
/// struct Table(Arc<Mutex<HashMap<String, Client>>>);
///
/// impl AsyncClientRegistry for Table {
///     async fn find(&self, client_id: &str) -> FindResult {
///         let rows = self.0.lock().map_err(|_| PortError::new("poisoned"))?;
///         Ok(rows.get(client_id).cloned().map(Arc::new))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = ClientSecret::new("a secret of more than thirty-two bytes")?;
/// # let client = Client::with_secret("reports", secret)?;
/// let table = Table::default();
/// let clients = Cached::new(Awaited::new(table.clone()));
/// table.0.lock().unwrap().insert("reports".into(), client);
///
/// assert!(clients.find("reports").get().await?.is_some());
/// assert!(clients.find("unknown").get().await?.is_none());
///
/// // The table has changed. The cache learns that later, or by being told.
/// table.0.lock().unwrap().clear();
/// assert!(clients.find("reports").get().await?.is_some());
/// clients.invalidate("reports");
/// assert!(clients.find("reports").get().await?.is_none());
/// # Ok(())
/// # }
/// ```
pub struct Cached<R>(Arc<Shared<R>>);

impl<R: ClientRegistry> Cached<R> {
    /// Puts a cache with the default settings in front of `registry`.
    pub fn new(registry: R) -> Self {
        Self(Arc::new(Shared::new(registry, settings::Settings::default(), None)))
    }

    /// Returns a builder of a cache in front of `registry`.
    pub fn builder(registry: R) -> CachedBuilder<R> {
        CachedBuilder::new(registry)
    }

    /// Drops what is remembered of an id. The next request looks it up, and a look-up that has
    /// already begun does not bring the old client back: the requests that wait for it look the id
    /// up again. A request that has its answer already goes on with it.
    pub fn invalidate(&self, client_id: &str) {
        self.0.invalidate(client_id);
    }

    /// Drops everything that is remembered, as [`invalidate`](Self::invalidate) does for one id.
    pub fn invalidate_all(&self) {
        self.0.invalidate_all();
    }

    /// Returns the number of clients in memory, fresh or not.
    pub fn client_count(&self) -> usize {
        self.0.counts().0
    }

    /// Returns the number of unknown ids in memory.
    pub fn absence_count(&self) -> usize {
        self.0.counts().1
    }

    /// Returns the registry behind the cache.
    pub fn registry(&self) -> &R {
        self.0.registry()
    }
}

impl<R> Clone for Cached<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: ClientRegistry> ClientRegistry for Cached<R> {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        Shared::find(&self.0, client_id)
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        self.0.registry().all()
    }

    /// Asks the registry behind the cache. While that is unhealthy, clients that are remembered may
    /// still be accepted, and others are refused.
    fn health(&self) -> Answer<Health> {
        self.0.registry().health()
    }
}

impl<R: fmt::Debug> fmt::Debug for Cached<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
