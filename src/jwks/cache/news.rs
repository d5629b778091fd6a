//! The reports of a cache, and the trait that receives them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::member::Member;
use crate::jose::keys::{KeySet, SkippedKey};
use crate::jwks::fetch::{FetchError, JwksUrl};

/// Receives the news of a [`KeySetCache`](crate::jwks::KeySetCache).
///
/// Every [`EventSink`](crate::event::EventSink) is an observer and receives the news as
/// [`Event::KeySet`](crate::event::Event::KeySet), so there is seldom a reason to implement this
/// trait. It must return quickly: requests may be waiting for the keys.
#[diagnostic::on_unimplemented(note = "a closure becomes one by `event::sink(|event| ..)`")]
pub trait KeySetObserver: Send + Sync + 'static {
    /// Records `event`.
    fn observe(&self, event: KeySetEvent<'_>);
}

/// News of a key set. It displays as a sentence.
///
/// A set is fetched once for all clients that have registered its URL, so there is one event for
/// all of them.
#[derive(Clone, Copy)]
pub struct KeySetEvent<'a> {
    pub(super) client_id: &'a str,
    pub(super) clients: &'a [Arc<Member>],
    pub(super) url: &'a JwksUrl,
    pub(super) news: KeySetNews<'a>,
    pub(super) took: Option<Duration>,
}

impl<'a> KeySetEvent<'a> {
    /// The client whose request caused the fetch, or met the stale keys.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// The ids of all clients that the news concerns, in no particular order: those that use this
    /// key set, or have registered its URL in a registry that is in memory.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.clients.iter().map(|member| member.client_id())
    }

    /// The URL of the key set, exactly as it was registered. Its query may hold a secret, so print
    /// [`url_without_query`](Self::url_without_query).
    pub fn url(&self) -> &'a str {
        self.url.as_str()
    }

    /// The URL of the key set up to its query, for logs.
    pub fn url_without_query(&self) -> &'a str {
        self.url.without_query()
    }

    /// How long the fetch took that brought the news, with the wait for its turn. `None` if there
    /// was none.
    pub fn took(&self) -> Option<Duration> {
        self.took
    }

    /// What happened.
    pub fn news(&self) -> KeySetNews<'a> {
        self.news
    }
}

impl fmt::Debug for KeySetEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeySetEvent");
        debug.field("client_id", &self.client_id).field("clients", &self.clients.len());
        debug.field("url", &self.url_without_query()).field("news", &self.news).finish()
    }
}

impl fmt::Display for KeySetEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.news.fmt(f)
    }
}

/// What can happen to a key set. It displays as a sentence.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum KeySetNews<'a> {
    /// A set was fetched and has replaced the previous one.
    #[non_exhaustive]
    Fetched {
        /// The keys.
        keys: &'a KeySet,
        /// How long they are fresh, counted from the start of the fetch.
        fresh_for: Duration,
    },
    /// One of the fetched keys cannot be used.
    Skipped(&'a SkippedKey),
    /// The set could not be fetched.
    #[non_exhaustive]
    Failed {
        /// Why.
        error: &'a FetchError,
        /// The pause before the next attempt.
        retry_in: Duration,
    },
    /// After a failure, keys that are no longer fresh stay in use. Reported once for each failure.
    #[non_exhaustive]
    Stale {
        /// How long ago they stopped being fresh.
        expired_for: Duration,
    },
    /// The set is gone, or has no usable key left. Its clients cannot authenticate.
    Revoked,
}

impl fmt::Display for KeySetNews<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetched { keys, fresh_for } => {
                let (count, plural) = (keys.len(), if keys.len() == 1 { "" } else { "s" });
                write!(f, "fetched {count} usable key{plural}, fresh for {} s", fresh_for.as_secs())
            }
            Self::Skipped(key) => key.fmt(f),
            Self::Failed { error, retry_in } => {
                write!(f, "fetch failed: {error}; next attempt in {} s", retry_in.as_secs())
            }
            Self::Stale { expired_for } => {
                write!(f, "fetch failed; still using keys that went stale {} s ago", expired_for.as_secs())
            }
            Self::Revoked => f.write_str("no usable key is left"),
        }
    }
}
