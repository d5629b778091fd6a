//! The content of a client file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use foldhash::HashMap;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::problem::ClientProblem;
use crate::client::{Client, ClientId, Fault, Metadata, Reading};
use crate::jose::digest::sha256;
use crate::jose::document::without_byte_order_mark;
use crate::jose::keys::KeySet;
use crate::jose::private::is_utf16;
use crate::jwks::KeySource;
use crate::registry::ClientFileError;
use crate::registry::reach::out_of_reach;

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
    /// When the file was read.
    at: Option<Instant>,
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
    pub(super) fn read(path: &Path, reading: &Reading, before: &Self) -> Result<Self, ClientFileError> {
        // The file can hold secrets.
        let text = Zeroizing::new(std::fs::read(path).map_err(|cause| unreadable(path, cause))?);
        let text = without_byte_order_mark(&text);
        let entries: Vec<&RawValue> = serde_json::from_slice(text).map_err(|_| not_an_array(path, text))?;
        let mut loaded = Self {
            clients: HashMap::with_capacity_and_hasher(entries.len(), Default::default()),
            problems: Vec::new(),
            at: Some(Instant::now()),
        };
        for (index, entry) in entries.iter().enumerate() {
            loaded.add(index, entry, reading, before);
        }
        Ok(loaded)
    }

    pub(super) fn find(&self, client_id: &str) -> Option<&Arc<Client>> {
        self.clients.get(client_id).map(|registered| &registered.client)
    }

    pub(super) fn clients(&self) -> impl ExactSizeIterator<Item = &Arc<Client>> {
        self.clients.values().map(|registered| &registered.client)
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.at
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

    fn add(&mut self, index: usize, entry: &RawValue, reading: &Reading, before: &Self) {
        let read = Metadata::read(entry).and_then(|metadata| metadata.id().map(|id| (metadata, id)));
        let (metadata, id) = match read {
            Ok(read) => read,
            Err((id, fault)) => return self.report(index, id, fault),
        };
        let json = entry;
        let entry = sha256(json.get().as_bytes());
        let client = before.unchanged(id.as_str(), &entry).unwrap_or_else(|| {
            Arc::new(metadata.client(&id, json, reading).unwrap_or_else(|fault| {
                let client = metadata.unusable(&id, &fault);
                self.report(index, Some(id.to_string()), fault);
                client
            }))
        });
        self.report_parts(index, &client, reading);
        self.register(index, Registered { client, entry });
    }

    /// Adds a client. If its id is already taken, neither client is used.
    fn register(&mut self, index: usize, registered: Registered) {
        let (client_id, entry) = (registered.client.id().clone(), registered.entry);
        if self.clients.insert(client_id.clone(), registered).is_some() {
            let why = "another client of the file has the same id; neither is used".to_owned();
            let client = Arc::new(Client::unusable(client_id.clone(), &format!("client_id: {why}")));
            self.report(index, Some(client_id.to_string()), ("client_id", why));
            self.clients.insert(client_id, Registered { client, entry });
        }
    }

    fn report(&mut self, index: usize, client_id: Option<String>, (member, why): Fault) {
        self.problems.push(ClientProblem { index, client_id, member, why, unusable: true });
    }

    /// Reports the keys that were skipped, and what no assertion can reach.
    fn report_parts(&mut self, index: usize, client: &Client, reading: &Reading) {
        let skipped = client.keys().map(KeySet::skipped).unwrap_or_default();
        let skipped = skipped.iter().map(|key| ("jwks", key.to_string(), false));
        let out_of_reach = out_of_reach(client, &reading.limits).map(|it| (it.member, it.why, it.whole_client));
        for (member, why, unusable) in skipped.chain(out_of_reach) {
            let client_id = Some(client.id().to_string());
            self.problems.push(ClientProblem { index, client_id, member, why, unusable });
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
        Err(_) if is_utf16(text) => ClientFileError::Utf16 { path },
        Err(error) => ClientFileError::NotJson { path, line: error.line(), column: error.column() },
    }
}
