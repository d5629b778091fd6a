//! Clients from a file: a JSON array of client metadata (RFC 7591, section 2).

mod loaded;
mod problem;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::{ClientFileError, ClientRegistry, FindResult};
use crate::client::{Client, ClientReader, Reading};
use crate::event::{Event, EventSink, RegistryEvent, RegistryNews};
use crate::jwks::{KeySetCache, KeySource};
use crate::port::{Answer, Health};
use loaded::{Loaded, unreadable};
use worker::WorkerThread;

pub use problem::ClientProblem;

/// A registry of the clients of a file, which can be reloaded.
///
/// The file is a JSON array. Each member is the metadata of one client (RFC 7591, section 2):
///
/// | member | meaning |
/// |---|---|
/// | `client_id` | required |
/// | `token_endpoint_auth_method` | `private_key_jwt`, the default here, or `client_secret_jwt` |
/// | `jwks` or `jwks_uri` | the public keys, or their URL; required for `private_key_jwt` |
/// | `client_secret` | required for `client_secret_jwt` |
/// | `client_secret_expires_at` | seconds since 1970; 0 means never, which is the default |
/// | `token_endpoint_auth_signing_alg` | the only algorithm that the client may use |
/// | `scope` | passed on to the handler |
/// | `client_assertion_policy` | the name of the [policy](Client::with_policy) that judges the client; not in RFC 7591 |
/// | every other | kept for handlers, which read it by [`other_metadata`](Client::other_metadata) |
///
/// A member that is `null`, `""` or `[]` counts as left out, and so does a `jwks` without content.
/// A byte order mark in front of the file is skipped.
///
/// A client that cannot be used as registered is listed in [`problems`](Self::problems), and its
/// requests are refused. The others are not affected. If an id occurs twice, neither entry is used.
///
/// The registry has a thread that reads the file and on which clients are made and freed, so that
/// no request waits for that.
///
/// ```
/// use tower_client_assertion::registry::FileRegistry;
///
/// let file = "tower-client-assertion-doc-clients.json";
/// let path = std::env::temp_dir().join(file);
/// std::fs::write(&path, r#"[
///     {"client_id":"clinic-7","jwks":{"keys":[
///         {"kty":"OKP","crv":"Ed25519","kid":"a",
///          "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
///     ]}},
///     {"client_id":"clinic-8"}
/// ]"#)?;
/// let registry = FileRegistry::load(&path)?;
///
/// assert_eq!(registry.clients().len(), 2);
/// let problem = &registry.problems()[0];
/// assert_eq!((problem.index(), problem.client_id()), (1, Some("clinic-8")));
/// assert_eq!(
///     problem.to_string(),
///     "client 1 (\"clinic-8\"): jwks: missing; register the client's public \
///      keys, or their URL as jwks_uri",
/// );
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileRegistry {
    shared: Arc<Shared>,
    worker: WorkerThread,
    events: Option<Box<dyn EventSink>>,
}

/// What the registry shares with jobs on its thread.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    reading: Reading,
    loaded: ArcSwap<Loaded>,
}

impl FileRegistry {
    /// Loads the file. This blocks, so do it before you serve. Clients with a `jwks_uri` cannot be
    /// used; for these see [`load_with`](Self::load_with).
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, if it is not valid JSON, if it is not an array, or if no
    /// thread can be started.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ClientFileError> {
        Self::load_with_reader(path, ClientReader::new())
    }

    /// Loads the file like [`load`](Self::load), with clients whose `jwks_uri` may be fetched by
    /// `cache`. Nothing is fetched yet; see [`prefetch`](KeySetCache::prefetch).
    ///
    /// # Errors
    ///
    /// Fails like [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, cache: &KeySetCache) -> Result<Self, ClientFileError> {
        Self::load_with_reader(path, ClientReader::new().key_set_cache(cache))
    }

    /// Loads the file like [`load`](Self::load), with the settings of `reader`.
    ///
    /// # Errors
    ///
    /// Fails like [`load`](Self::load).
    pub fn load_with_reader(path: impl AsRef<Path>, reader: ClientReader) -> Result<Self, ClientFileError> {
        let (path, reading) = (path.as_ref(), reader.0);
        let worker = WorkerThread::start().map_err(|cause| unreadable(path, cause))?;
        let shared = Arc::new(Shared { path: path.to_owned(), reading, loaded: ArcSwap::default() });
        let registry = Self { shared, worker, events: None };
        registry.reload()?;
        Ok(registry)
    }

    /// Reports each [reload](Self::reload) to `events`, with its time and the numbers of clients
    /// and problems, and each one that fails. Default: reloads are not reported.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use tower_client_assertion::event::{self, Event, RegistryNews};
    /// use tower_client_assertion::registry::FileRegistry;
    ///
    /// # let file = "tower-client-assertion-doc-events.json";
    /// # let path = std::env::temp_dir().join(file);
    /// # std::fs::write(&path, "[]")?;
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&lines);
    /// let registry = FileRegistry::load(&path)?.events(event::sink(move |event| {
    ///     let Event::Registry(event) = event else { return };
    ///     log.lock().unwrap().push(match event.news() {
    ///         RegistryNews::Reloaded { clients, problems, .. } => {
    ///             format!("{clients} clients, {problems} problems")
    ///         }
    ///         _ => "the old clients stay".to_owned(),
    ///     });
    /// }));
    ///
    /// std::fs::write(&path, r#"[{"client_id":"clinic-8"}]"#)?;
    /// registry.reload()?;
    /// std::fs::write(&path, "half a file")?;
    /// assert!(registry.reload().is_err());
    /// let lines = lines.lock().unwrap();
    /// assert_eq!(*lines, ["1 clients, 1 problems", "the old clients stay"]);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(self, events: impl EventSink) -> Self {
        Self { events: Some(Box::new(events)), ..self }
    }

    /// Reads the file again and replaces all clients in one step. Requests are served meanwhile.
    /// This blocks, so call it from a blocking thread in async code. If two calls overlap, the
    /// later one reads the file later.
    ///
    /// A client whose entry did not change, byte for byte, is kept, which is much faster than
    /// making a new one. Keys that were fetched from a `jwks_uri` are kept if the client and its
    /// URL are still in the file, and dropped otherwise.
    ///
    /// # Errors
    ///
    /// Fails like [`load`](Self::load). The clients then stay as they were.
    pub fn reload(&self) -> Result<(), ClientFileError> {
        match self.events.as_deref() {
            Some(events) => self.reload_and_report(events),
            None => self.load_again().map(|_| ()),
        }
    }

    fn reload_and_report(&self, events: &dyn EventSink) -> Result<(), ClientFileError> {
        let start = Instant::now();
        let reloaded = self.load_again();
        let took = start.elapsed();
        let news = match &reloaded {
            Ok(Counts { clients, problems }) => RegistryNews::Reloaded { clients: *clients, problems: *problems },
            Err(error) => RegistryNews::Failed(error),
        };
        events.record(&Event::Registry(RegistryEvent { path: &self.shared.path, news, took }));
        reloaded.map(|_| ())
    }

    fn load_again(&self) -> Result<Counts, ClientFileError> {
        let shared = Arc::clone(&self.shared);
        self.worker.run(move || shared.reload()).map_err(|cause| unreadable(&self.shared.path, cause))?
    }

    /// Returns what is wrong with single clients, in the order of the file.
    pub fn problems(&self) -> Vec<ClientProblem> {
        self.shared.loaded.load().problems().to_vec()
    }

    /// Returns the number of clients, with those that cannot be used.
    pub fn client_count(&self) -> usize {
        self.shared.loaded.load().clients().len()
    }

    /// Returns the number of [problems](Self::problems).
    pub fn problem_count(&self) -> usize {
        self.shared.loaded.load().problems().len()
    }

    /// Returns how long ago the clients were read from the file: at the start, or by the last
    /// [reload](Self::reload) that did not fail.
    pub fn loaded_ago(&self) -> Duration {
        self.shared.loaded.load().at().map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Returns the clients, in no particular order. Those that cannot be used have no keys.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.shared.loaded.load().clients().cloned().collect()
    }
}

/// What was loaded.
struct Counts {
    clients: usize,
    problems: usize,
}

impl Shared {
    fn reload(&self) -> Result<Counts, ClientFileError> {
        let old = self.loaded.load_full();
        let new = Arc::new(Loaded::read(&self.path, &self.reading, &old)?);
        self.loaded.store(Arc::clone(&new));
        let counts = Counts { clients: new.clients().len(), problems: new.problems().len() };
        let sources = old.clients().filter_map(|client| client.key_source());
        sources.filter(|source| !new.fetches_from(source)).for_each(KeySource::invalidate);
        last(old).free();
        Ok(counts)
    }
}

/// Waits until no request uses the old clients, so that a request never frees a million clients.
fn last(mut old: Arc<Loaded>) -> Loaded {
    loop {
        match Arc::try_unwrap(old) {
            Ok(old) => return old,
            Err(shared) => old = shared,
        }
        std::thread::yield_now();
    }
}

impl fmt::Debug for FileRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared, worker, .. } = self;
        f.debug_struct("FileRegistry").field("shared", shared).field("worker", worker).finish_non_exhaustive()
    }
}

impl ClientRegistry for FileRegistry {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        Answer::Ready(Ok(self.shared.loaded.load().find(client_id).cloned()))
    }

    /// Returns that the registry is healthy: there is none without a file that was loaded, and a
    /// reload that fails leaves its clients in force.
    fn health(&self) -> Answer<Health> {
        Answer::Ready(Health::Healthy)
    }
}
