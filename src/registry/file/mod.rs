//! Clients from a file: a JSON array of client metadata (RFC 7591, section 2), reloaded as a whole or not at all.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::HashMap;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::entry::Metadata;
use super::keeper::Keeper;
use super::{Client, ClientFileError, ClientRegistry, Found};
use crate::identity::ClientId;
use crate::jose::digest::sha256;
use crate::jose::keys::{KeySet, read_object};
use crate::jwks::{KeySetCache, KeySource};
use crate::port::Answer;

/// Few enough that an allocator which takes a lock to tidy up after them gives it back within a fraction of a millisecond.
const FREED_AT_ONCE: usize = 256;

/// A registry of the clients of a file.
///
/// Each member of the array is one client's metadata: `client_id`, `jwks` or `jwks_uri`, and optionally
/// `token_endpoint_auth_method` (`private_key_jwt`, which is also the default here: RFC 7591's own, `client_secret_basic`, is not
/// for us), `token_endpoint_auth_signing_alg` and `scope`. With the method `client_secret_jwt`, a `client_secret` takes the place
/// of `jwks`, until `client_secret_expires_at` if that is there and not zero. A member `client_assertion_policy`, which is ours,
/// names the [policy](Client::policy) that the client is judged by. A client that cannot be used as it is registered is listed in
/// [`problems`](Self::problems) and refused when it comes; the others are not affected. Where an id occurs twice, neither entry
/// is used.
///
/// It has a thread of its own, which reads the file and in which clients are made and freed: no request waits for that.
///
/// ```
/// use tower_client_assertion::registry::FileRegistry;
///
/// let path = std::env::temp_dir().join("tower-client-assertion-doc-clients.json");
/// std::fs::write(&path, r#"[
///     {"client_id":"clinic-7","jwks":{"keys":[
///         {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}},
///     {"client_id":"clinic-8"}
/// ]"#)?;
/// let registry = FileRegistry::load(&path)?;
///
/// assert_eq!(registry.clients().len(), 2);
/// assert_eq!(
///     registry.problems()[0].to_string(),
///     r#"client 1 ("clinic-8"): jwks: it is missing; register the client's public keys there, or their URL as jwks_uri"#,
/// );
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileRegistry {
    shared: Arc<Shared>,
    keeper: Keeper,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    cache: Option<KeySetCache>,
    loaded: ArcSwap<Loaded>,
}

impl FileRegistry {
    /// Reads the file. This blocks; do it before you serve. Clients with a `jwks_uri` cannot be
    /// used; for these see [`load_with`](Self::load_with).
    ///
    /// # Errors
    ///
    /// The file cannot be read, also because there is no thread to be had; is not valid JSON; or is not an array.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ClientFileError> {
        Self::read(path.as_ref(), None)
    }

    /// Like [`load`](Self::load), with clients whose `jwks_uri` `cache` may fetch. Nothing is fetched yet; see
    /// [`prefetch`](KeySetCache::prefetch).
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, cache: &KeySetCache) -> Result<Self, ClientFileError> {
        Self::read(path.as_ref(), Some(cache.clone()))
    }

    fn read(path: &Path, cache: Option<KeySetCache>) -> Result<Self, ClientFileError> {
        let keeper = Keeper::start().map_err(|cause| unreadable(path, cause))?;
        let shared = Arc::new(Shared { path: path.to_owned(), cache, loaded: ArcSwap::default() });
        let registry = Self { shared, keeper };
        registry.reload()?;
        Ok(registry)
    }

    /// Reads the file again and replaces all clients at once. Requests go on meanwhile. This blocks; in async code, call it
    /// from a blocking thread. Of two calls, the later one reads the file later.
    ///
    /// A client whose entry is the same as before, byte for byte, stays what it is, and takes a small part of the time of one
    /// that is new. What was fetched from a `jwks_uri` stays, if the client and its URL are in the file as before; else it is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load); the clients stay as they were.
    pub fn reload(&self) -> Result<(), ClientFileError> {
        let shared = Arc::clone(&self.shared);
        self.keeper.run(move || shared.reload()).map_err(|cause| unreadable(&self.shared.path, cause))?
    }

    /// What is wrong with single clients, in the order of the file.
    pub fn problems(&self) -> Vec<ClientProblem> {
        self.shared.loaded.load().problems.clone()
    }

    /// The clients, in no particular order; those that cannot be used have no keys.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.shared.loaded.load().clients.values().map(|found| Arc::clone(&found.client)).collect()
    }
}

impl Shared {
    fn reload(&self) -> Result<(), ClientFileError> {
        let old = self.loaded.load_full();
        let new = Arc::new(Loaded::read(&self.path, self.cache.as_ref(), &old)?);
        self.loaded.store(Arc::clone(&new));
        let sources = old.clients.values().filter_map(|old| old.client.key_source());
        sources.filter(|source| !new.fetches_from(source)).for_each(KeySource::invalidate);
        free(last(old));
        Ok(())
    }
}

/// Waits for those who are still looking, so that it is not a request that frees a million clients.
fn last(mut old: Arc<Loaded>) -> Loaded {
    loop {
        match Arc::try_unwrap(old) {
            Ok(old) => return old,
            Err(shared) => old = shared,
        }
        std::thread::yield_now();
    }
}

/// Frees the clients that nobody needs any more, some at a time. Each time asks for memory, and so has the allocator tidy up.
fn free(old: Loaded) {
    let mut clients = old.clients.into_values().filter_map(|old| Arc::into_inner(old.client));
    while !clients.by_ref().take(FREED_AT_ONCE).collect::<Vec<_>>().is_empty() {}
}

impl ClientRegistry for FileRegistry {
    fn find(&self, client_id: &str) -> Answer<Found> {
        Answer::Ready(Ok(self.shared.loaded.load().clients.get(client_id).map(|found| Arc::clone(&found.client))))
    }
}

/// Why a client of a file cannot be used, or which of its keys cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProblem {
    index: usize,
    client_id: Option<String>,
    member: &'static str,
    why: String,
    unusable: bool,
}

impl ClientProblem {
    /// Where the client stands in the array, counted from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The client's id, where it could be read.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The metadata member that is at fault.
    pub fn member(&self) -> &'static str {
        self.member
    }

    /// Whether the client is refused because of it. Else only one of its keys is skipped.
    pub fn is_unusable(&self) -> bool {
        self.unusable
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, client_id, member, why, .. } = self;
        match client_id {
            Some(client_id) => write!(f, "client {index} ({client_id:?}): {member}: {why}"),
            None => write!(f, "client {index}: {member}: {why}"),
        }
    }
}

#[derive(Debug, Default)]
struct Loaded {
    /// Requests only look ids up and never add one, so a fast hash does: nobody outside can make a chain longer.
    clients: HashMap<ClientId, Registered>,
    problems: Vec<ClientProblem>,
}

/// A client, and the SHA-256 of the entry that it was made of.
struct Registered {
    client: Arc<Client>,
    entry: [u8; 32],
}

/// Without the digest: an entry may hold a secret.
impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl Loaded {
    /// Reads the file, and keeps those clients from `before` whose entries did not change.
    fn read(path: &Path, cache: Option<&KeySetCache>, before: &Self) -> Result<Self, ClientFileError> {
        // It may hold secrets.
        let text = Zeroizing::new(std::fs::read(path).map_err(|cause| unreadable(path, cause))?);
        let entries: Vec<&RawValue> = serde_json::from_slice(&text).map_err(|_| not_an_array(path, &text))?;
        let mut loaded = Self {
            clients: HashMap::with_capacity_and_hasher(entries.len(), Default::default()),
            problems: Vec::new(),
        };
        for (index, entry) in entries.iter().enumerate() {
            loaded.add(index, entry, cache, before);
        }
        Ok(loaded)
    }

    fn add(&mut self, index: usize, entry: &RawValue, cache: Option<&KeySetCache>, before: &Self) {
        let problem = |client_id, (member, why)| ClientProblem { index, client_id, member, why, unusable: true };
        let Some(metadata) = read_object::<Metadata<'_>>(entry) else {
            let why = "it is not a JSON object whose members occur once each".to_owned();
            return self.problems.push(problem(None, ("metadata", why)));
        };
        let id = match metadata.id() {
            Ok(id) => id,
            Err(fault) => return self.problems.push(problem(None, fault)),
        };
        let Ok(client_id) = ClientId::new(&id) else {
            let why = "it is empty or not printable ASCII (RFC 6749, appendix A.1)".to_owned();
            return self.problems.push(problem(Some(id), ("client_id", why)));
        };
        let digest = sha256(entry.get().as_bytes());
        let client = before.unchanged(&id, &digest).unwrap_or_else(|| {
            Arc::new(metadata.client(&client_id, cache).unwrap_or_else(|fault| {
                self.problems.push(problem(Some(id.clone()), fault));
                metadata.unusable(&client_id)
            }))
        });
        for key in client.keys().map(KeySet::skipped).unwrap_or_default() {
            let kid = key.key_id().map(|kid| format!(" ({kid:?})")).unwrap_or_default();
            let why = format!("key {}{kid} is skipped: {}", key.index(), key.reason());
            self.problems.push(ClientProblem { unusable: false, ..problem(Some(id.clone()), ("jwks", why)) });
        }
        let registered = Registered { client, entry: digest };
        if self.clients.insert(registered.client.id().clone(), registered).is_some() {
            let why = "another client of the file has this id too; neither is used".to_owned();
            self.problems.push(problem(Some(id), ("client_id", why)));
            let client = Arc::new(Client::unusable(client_id.clone()));
            self.clients.insert(client_id, Registered { client, entry: digest });
        }
    }

    /// The client whose entry was the same, byte for byte. What was wrong with one that could not be used must be said anew.
    fn unchanged(&self, client_id: &str, entry: &[u8; 32]) -> Option<Arc<Client>> {
        let before = self.clients.get(client_id).filter(|before| before.entry == *entry)?;
        before.client.is_usable().then(|| Arc::clone(&before.client))
    }

    fn fetches_from(&self, source: &KeySource) -> bool {
        let same = |other: &KeySource| other.url() == source.url();
        self.clients.get(source.client_id()).and_then(|found| found.client.key_source()).is_some_and(same)
    }
}

fn unreadable(path: &Path, cause: std::io::Error) -> ClientFileError {
    ClientFileError::Unreadable { path: path.to_owned(), cause: Arc::new(cause) }
}

/// Why the file is no array of anything. The parser's own message is left out: it may quote a secret.
fn not_an_array(path: &Path, text: &[u8]) -> ClientFileError {
    let path = path.to_owned();
    match serde_json::from_slice::<&RawValue>(text) {
        Ok(_) => ClientFileError::NotAnArray { path },
        Err(error) => ClientFileError::NotJson { path, line: error.line(), column: error.column() },
    }
}
