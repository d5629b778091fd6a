//! What a store tells about itself, for a report about the configuration.

/// Something that a replay store knows about itself: see [`ReplayStore::about`]. A store on several
/// servers may have several facts of one kind, and then the weakest counts.
///
/// [`ReplayStore::about`]: crate::replay::ReplayStore::about
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFact {
    /// Only this process sees what is spent in the store, and a restart empties it.
    OneProcess,
    /// All nodes of a fleet see what is spent in the store.
    Shared,
    /// A restart of the store loses nothing that was acknowledged, or only the last seconds.
    Durable,
    /// A restart of the store may lose what was acknowledged.
    NotDurable,
    /// Entries are kept when memory is short.
    NeverEvicts,
    /// Entries are dropped when memory is short, by the policy of this name.
    Evicts(Box<str>),
    /// The connection to the store is encrypted.
    Encrypted,
    /// The connection to the store does not leave this machine.
    Local,
    /// The connection to the store is not encrypted.
    Unencrypted,
    /// Replicas of the store.
    #[non_exhaustive]
    Replicas {
        /// The number of replicas that could be promoted.
        connected: usize,
        /// The number of replicas that must confirm an entry before its assertion is accepted.
        confirmed: usize,
    },
}

impl StoreFact {
    /// Returns the fact that `connected` replicas could be promoted, of which `confirmed` must
    /// confirm an entry before its assertion is accepted.
    pub const fn replicas(connected: usize, confirmed: usize) -> Self {
        Self::Replicas { connected, confirmed }
    }
}
