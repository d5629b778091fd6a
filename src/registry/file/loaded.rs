//! The content of a client file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use foldhash::HashMap;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::entry::{Fault, Metadata};
use super::problem::ClientProblem;
use crate::identity::ClientId;
use crate::jose::digest::sha256;
use crate::jose::keys::KeySet;
use crate::jose::member::read_object;
use crate::jwks::{KeySetCache, KeySource};
use crate::registry::{Client, ClientFileError};

/// Clients are freed in portions of this size. Some allocators take a lock for their delayed work,
/// and a portion keeps it to a fraction of a millisecond.
const FREED_TOGETHER: usize = 256;

/// The clients of a file, and what is wrong with some of them.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Requests look ids up and never add one, so a fast hash is safe: no client can make
    /// collisions.
    clients: HashMap<ClientId, Registered>,
    problems: Vec<ClientProblem>,
}

/// A client, and the SHA-256 of the entry that it was made from.
struct Registered {
    client: Arc<Client>,
    entry: [u8; 32],
}

/// Without the digest: an entry can hold a secret.
impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl Loaded {
    /// Reads the file. Keeps the clients of `before` whose entries did not change.
    pub(super) fn read(path: &Path, cache: Option<&KeySetCache>, before: &Self) -> Result<Self, ClientFileError> {
        // The file can hold secrets.
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

    pub(super) fn find(&self, client_id: &str) -> Option<&Arc<Client>> {
        self.clients.get(client_id).map(|registered| &registered.client)
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values().map(|registered| &registered.client)
    }

    pub(super) fn problems(&self) -> &[ClientProblem] {
        &self.problems
    }

    /// Returns whether a client fetches its keys from the URL of `source`.
    pub(super) fn fetches_from(&self, source: &KeySource) -> bool {
        let client = self.find(source.client_id());
        client.and_then(|client| client.key_source()).is_some_and(|other| other.url() == source.url())
    }

    /// Frees the clients that are no longer used, in portions. Each portion allocates, so that the
    /// allocator does its delayed work on this thread.
    pub(super) fn free(self) {
        let mut clients = self.clients.into_values().filter_map(|registered| Arc::into_inner(registered.client));
        while !clients.by_ref().take(FREED_TOGETHER).collect::<Vec<_>>().is_empty() {}
    }

    fn add(&mut self, index: usize, entry: &RawValue, cache: Option<&KeySetCache>, before: &Self) {
        let Some(metadata) = read_object::<Metadata<'_>>(entry) else {
            let why = "not a JSON object, or one with a repeated member".to_owned();
            return self.report(index, None, ("metadata", why));
        };
        let id = match metadata.id() {
            Ok(id) => id,
            Err(fault) => return self.report(index, None, fault),
        };
        let Ok(client_id) = ClientId::new(&id) else {
            let why = "empty or not printable ASCII (RFC 6749, appendix A.1)".to_owned();
            return self.report(index, Some(id), ("client_id", why));
        };
        let entry = sha256(entry.get().as_bytes());
        let client = before.unchanged(&id, &entry).unwrap_or_else(|| {
            Arc::new(metadata.client(&client_id, cache).unwrap_or_else(|fault| {
                self.report(index, Some(id.clone()), fault);
                metadata.unusable(&client_id)
            }))
        });
        self.report_skipped_keys(index, &client);
        self.register(index, Registered { client, entry });
    }

    /// Adds a client. If its id is already taken, neither client is used.
    fn register(&mut self, index: usize, registered: Registered) {
        let (client_id, entry) = (registered.client.id().clone(), registered.entry);
        if self.clients.insert(client_id.clone(), registered).is_some() {
            let why = "another client of the file has the same id; neither is used".to_owned();
            self.report(index, Some(client_id.to_string()), ("client_id", why));
            let client = Arc::new(Client::unusable(client_id.clone()));
            self.clients.insert(client_id, Registered { client, entry });
        }
    }

    fn report(&mut self, index: usize, client_id: Option<String>, (member, why): Fault) {
        self.problems.push(ClientProblem { index, client_id, member, why, unusable: true });
    }

    fn report_skipped_keys(&mut self, index: usize, client: &Client) {
        for key in client.keys().map(KeySet::skipped).unwrap_or_default() {
            let client_id = Some(client.id().to_string());
            self.problems.push(ClientProblem {
                index,
                client_id,
                member: "jwks",
                why: key.to_string(),
                unusable: false,
            });
        }
    }

    /// Returns the client whose entry is the same, byte for byte. A client that could not be used
    /// is read again, so that its problem is reported again.
    fn unchanged(&self, client_id: &str, entry: &[u8; 32]) -> Option<Arc<Client>> {
        let before = self.clients.get(client_id).filter(|before| before.entry == *entry)?;
        before.client.is_usable().then(|| Arc::clone(&before.client))
    }
}

pub(super) fn unreadable(path: &Path, cause: std::io::Error) -> ClientFileError {
    ClientFileError::Unreadable { path: path.to_owned(), cause: Arc::new(cause) }
}

/// Returns why the file is not an array. The parser's own message is dropped: it can quote a
/// secret.
fn not_an_array(path: &Path, text: &[u8]) -> ClientFileError {
    let path = path.to_owned();
    match serde_json::from_slice::<&RawValue>(text) {
        Ok(_) => ClientFileError::NotAnArray { path },
        Err(error) => ClientFileError::NotJson { path, line: error.line(), column: error.column() },
    }
}
