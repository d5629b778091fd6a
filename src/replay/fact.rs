//! What a store tells about itself, for a report about the configuration.

/// Something that a replay store knows about itself: see [`ReplayStore::about`]. A store on several
/// servers may have several facts of one kind, and then the weakest counts.
///
/// ```
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::Awaited;
/// use tower_client_assertion::posture::{Baseline, Standing};
/// use tower_client_assertion::registry::FixedRegistry;
/// use tower_client_assertion::replay::{
///     Admission, AdmitResult, AsyncReplayStore, ReplayKey, StoreFact,
/// };
/// use tower_client_assertion::{Policy, Verifier};
///
/// /// Stands for a table in a database that all nodes use.
/// #[derive(Debug)]
/// struct Table { encrypted: bool }
///
/// impl AsyncReplayStore for Table {
/// #     async fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> AdmitResult {
/// #         Ok(Admission::Fresh)
/// #     }
/// #     fn admissions_per_client(&self) -> usize { 1 }
///     // `admit` and `admissions_per_client` come here.
///     fn about(&self) -> Vec<StoreFact> {
///         let connection = match self.encrypted {
///             true => StoreFact::Encrypted,
///             false => StoreFact::Unencrypted,
///         };
///         vec![StoreFact::Shared, StoreFact::Durable, connection]
///     }
/// }
///
/// let weaker = |encrypted| {
///     let table = Awaited::new(Table { encrypted });
///     let registry = FixedRegistry::default();
///     let verifier = Verifier::builder(Policy::RFC7523, registry, table)
///         .issuer("https://as.example.com")
///         .build()?;
///     let posture = verifier.posture(&Baseline::RFC7523);
///     let mut weaker = posture.weaker().map(|finding| finding.rule().name());
///     Ok::<_, tower_client_assertion::ConfigError>(
///         weaker.any(|name| name == "replay_tls"),
///     )
/// };
/// assert!(!weaker(true)?);
/// assert!(weaker(false)?);
/// # Ok::<(), tower_client_assertion::ConfigError>(())
/// ```
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
