//! Single use: an assertion that was accepted once is refused until it has expired.
//!
//! [`MemoryReplay`] serves one process. A fleet needs a store that its nodes share: `RedisReplay` (feature `redis`), or one
//! of your own, for which you implement [`ReplayStore`], or [`AsyncReplayStore`] if you would rather write an `async fn`.

pub mod conformance;
mod hash;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod tiered;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use hash::KeyHash;
pub use memory::MemoryReplay;
#[cfg(feature = "redis")]
pub use redis::{RedisReplay, RedisReplayBuilder};
pub use tiered::TieredReplay;

use crate::clock::UnixTime;
use crate::port::{Answer, Awaited, PortError};

/// What identifies an assertion: its `jti`, within its client (RFC 7519, section 4.1.7, leaves it to issuers to avoid
/// collisions with others; we do not rely on that).
///
/// Both parts may hold any separator: a store that joins them into one key must write their lengths too, or hash them
/// apart, lest one client spend another's identifiers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey<'a> {
    client_id: &'a str,
    jti: &'a str,
    /// For stores in memory; made here, so that a look and an insert share it.
    hash: KeyHash,
}

impl<'a> ReplayKey<'a> {
    /// The key of this client's assertion.
    pub fn new(client_id: &'a str, jti: &'a str) -> Self {
        Self { client_id, jti, hash: KeyHash::of(client_id, jti) }
    }

    /// The client.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// The identifier that the client chose. Not empty, bounded in length, and otherwise anything.
    pub fn jti(&self) -> &'a str {
        self.jti
    }
}

impl fmt::Debug for ReplayKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayKey").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Whether an assertion was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// It was not there, and now it is.
    Fresh,
    /// It was there already.
    Replayed,
}

/// What a store says of an attempt to admit.
pub type Admitted = Result<Admission, PortError>;

/// Remembers which assertions have been spent.
///
/// A store may forget a key once its `until` has come, and not before: what it forgets can be used again. A store that
/// cannot remember must answer with an error, which refuses the request as unavailable (503).
///
/// A store with a clock of its own keeps keys for longer than `until`, by as much as the two clocks may differ. Verifiers that
/// share a store must agree on the maximum age and the skews: what the narrower one lets the store forget, the wider one
/// would accept again. Widen them only when what was remembered under the narrower ones has expired.
#[diagnostic::on_unimplemented(note = "an `AsyncReplayStore` becomes one by `port::Awaited::new`")]
pub trait ReplayStore: fmt::Debug + Send + Sync + 'static {
    /// Whether `key` has been spent, as far as a look can tell; `None` if looking would cost more than it saves. It turns a
    /// replay from a signature check into a look-up, and decides nothing else.
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool>;

    /// Inserts `key` if it is absent, in one atomic step, to be remembered until `until`: of any number of callers, at any
    /// number of nodes, one may be told [`Admission::Fresh`].
    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted>;
}

impl<R: ReplayStore + ?Sized> ReplayStore for Arc<R> {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        (**self).seen(key, now)
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted> {
        (**self).admit(key, until, now)
    }
}

/// [`ReplayStore`] as an ordinary `async fn`; [`Awaited`] makes the one of the other, and never looks.
pub trait AsyncReplayStore: fmt::Debug + Send + Sync + 'static {
    /// As [`ReplayStore::admit`].
    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> impl Future<Output = Admitted> + Send;
}

impl<R: AsyncReplayStore> ReplayStore for Awaited<R> {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<Admitted> {
        let store = Arc::clone(&self.0);
        let (client_id, jti) = (String::from(key.client_id), String::from(key.jti));
        Answer::later(async move { store.admit(ReplayKey::new(&client_id, &jti), until, now).await })
    }
}
