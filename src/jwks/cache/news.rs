//! The reports of a cache, and the trait that receives them.

use std::fmt;
use std::time::Duration;

use crate::jose::keys::{KeySet, SkippedKey};
use crate::jwks::fetch::FetchError;

/// Receives the news of a [`KeySetCache`](crate::jwks::KeySetCache).
///
/// Every [`EventSink`](crate::event::EventSink) is an observer and receives the news as
/// [`Event::KeySet`](crate::event::Event::KeySet), so there is seldom a reason to implement this
/// trait. It must return quickly: requests may be waiting for the keys.
#[diagnostic::on_unimplemented(
    note = "a closure is one if it writes out the type of its parameter: `|event: &Event<'_>| {{ .. }}`"
)]
pub trait KeySetObserver: Send + Sync + 'static {
    /// Records `event`.
    fn observe(&self, event: KeySetEvent<'_>);
}

/// News of a client's key set. It displays as a sentence.
#[derive(Clone, Copy, Debug)]
pub struct KeySetEvent<'a> {
    client_id: &'a str,
    url: &'a str,
    news: KeySetNews<'a>,
}

impl<'a> KeySetEvent<'a> {
    pub(crate) fn new(client_id: &'a str, url: &'a str, news: KeySetNews<'a>) -> Self {
        Self { client_id, url, news }
    }

    /// The client whose keys these are.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// The URL of the key set, exactly as it was registered.
    pub fn url(&self) -> &'a str {
        self.url
    }

    /// What happened.
    pub fn news(&self) -> KeySetNews<'a> {
        self.news
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
    /// The set is gone, or has no usable key left. The client cannot authenticate.
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
            Self::Revoked => f.write_str("the client has no usable key left"),
        }
    }
}
