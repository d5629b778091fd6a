//! Single use: an assertion that was accepted is refused from then on, until it has expired.
//!
//! Given a [`ReplayKey`], the time until which it must be remembered, and the current time, a store
//! returns an [`Admission`] or an error. This module does not depend on HTTP, JWTs or policies.
//!
//! [`MemoryReplay`] serves one process. A fleet needs a store that its nodes share: `RedisReplay`
//! (feature `redis`), possibly behind a [`TieredReplay`], or your own implementation of
//! [`ReplayStore`] or of its `async fn` counterpart, [`AsyncReplayStore`]. Run the [`conformance`]
//! suite on your own store.

mod config_error;
pub mod conformance;
mod fact;
mod hash;
mod key;
mod memory;
#[cfg(feature = "redis-no-provider")]
mod redis;
mod tiered;

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

pub use config_error::ReplayConfigError;
pub use fact::StoreFact;
pub use key::ReplayKey;
pub(crate) use key::{AssertionId, Tenant};
pub use memory::MemoryReplay;
#[cfg(feature = "redis-no-provider")]
pub use redis::{RedisReplay, RedisReplayBuilder};
pub use tiered::TieredReplay;

use self::key::OwnedKey;
use crate::clock::UnixTime;
use crate::port::{Answer, Awaited, Health, PortError};

/// The verdict of a store on an assertion.
///
/// The enum is closed on purpose: there is no third verdict. A store that cannot tell returns an
/// error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// It was not in the store, and now it is.
    Fresh,
    /// It was already in the store.
    Replayed,
}

/// How full a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// The number of live entries. Expired ones make room for new ones.
    pub entries: usize,
    /// How many live assertions the store can hold.
    pub capacity: usize,
}

/// The result of [`ReplayStore::admit`].
pub type AdmitResult = Result<Admission, PortError>;

/// Remembers which assertions have been spent.
///
/// # Rules
///
/// The [`conformance`] suite checks each of these:
///
/// - An assertion is admitted once. A repeated `admit` is [`Replayed`](Admission::Replayed),
///   regardless of its `until`.
/// - If any number of callers admit the same key concurrently, on any number of nodes, exactly one
///   is told [`Fresh`](Admission::Fresh).
/// - A key is remembered until its `until`, and may be dropped from then on, not earlier: an
///   assertion whose key was dropped can be used again.
/// - An assertion whose `until` is not after `now` is an error.
/// - Keys are compared byte for byte, in all parts. Each part may contain any character, and the
///   [id](ReplayKey::id) any byte.
/// - A look admits nothing, and never claims that a fresh key is spent or a spent one fresh.
/// - A store that is full, or cannot remember for another reason, returns an error, which refuses
///   the request as unavailable (503). It never drops a key that is still needed.
/// - An error that is returned immediately, as [`Answer::Ready`], has recorded nothing: the
///   assertion is not [counted](Self::admissions_per_client). An error that may have recorded it
///   comes by a future. If a future's error has certainly not, it is a
///   [`PortError::not_recorded`].
/// - One client may have [at least one](Self::admissions_per_client) assertion.
/// - Dropping the future at any await point revokes no admission that was reported, and leaves no
///   resource in use.
///
/// # Clocks
///
/// A store with its own clock must keep keys beyond `until` by as much as the two clocks may
/// differ. Verifiers that share a store must agree on the maximum age and the skews: the store
/// drops a key when the narrower verifier no longer needs it, and the wider one would accept the
/// assertion again. Widen them only after everything remembered under the narrower values has
/// expired.
#[diagnostic::on_unimplemented(note = "an `AsyncReplayStore` becomes one by `port::Awaited::new`")]
pub trait ReplayStore: fmt::Debug + Send + Sync + 'static {
    /// Returns whether `key` has been spent, or `None` if finding out would cost more than it
    /// saves.
    ///
    /// The look only saves the signature check of a replay. It never accepts anything: that is left
    /// to [`admit`](Self::admit).
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool>;

    /// Inserts `key` if it is absent, in one atomic step, and remembers it until `until`.
    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult>;

    /// Returns how many unexpired assertions one client may have in this store, so that no client
    /// can fill it. At least one. A sixteenth of the capacity is a good value.
    ///
    /// The store need not count. A verifier asks for the number when it is built, counts by itself,
    /// and refuses a client that has as many ([`ClientQuota`], 429) before it calls
    /// [`admit`](Self::admit). Each verifier counts what it has let in, so several nodes together
    /// admit several times as many.
    ///
    /// [`ClientQuota`]: crate::rejection::ServerFault::ClientQuota
    fn admissions_per_client(&self) -> usize;

    /// Returns what the store knows about itself, from memory, for a report about the
    /// configuration: see [`Verifier::posture`](crate::Verifier::posture). Default: nothing. What a
    /// store does not tell is not judged.
    fn about(&self) -> Vec<StoreFact> {
        Vec::new()
    }

    /// Returns how full the store is whose capacity limits what is admitted, for metrics. It must
    /// not wait. Default: `None`, for a store that would have to ask elsewhere.
    fn occupancy(&self, now: UnixTime) -> Option<Occupancy> {
        let _ = now;
        None
    }

    /// Returns whether the store could decide about an assertion now, for
    /// [`Verifier::ready`](crate::Verifier::ready), which bounds the wait. Default:
    /// [`Health::Unknown`], which a probe shows.
    ///
    /// Ask what [`admit`](Self::admit) would ask: the server that decides, and not a local copy of
    /// what it has decided. This records no assertion.
    fn health(&self, now: UnixTime) -> Answer<Health> {
        let _ = now;
        Answer::Ready(Health::Unknown)
    }

    /// Says how an operator finds out whether `key` was spent, where [`seen`](Self::seen) cannot
    /// tell. [Explanations](crate::explain) show it, so it must not contain the
    /// [id](ReplayKey::id). Default: it has the first four bytes of the [digest](ReplayKey::digest).
    fn how_to_look(&self, key: ReplayKey<'_>) -> String {
        let start: String = key.digest().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("the store is not asked; the digest of the key begins with {start}")
    }
}

impl<R: ReplayStore + ?Sized> ReplayStore for Arc<R> {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        (**self).seen(key, now)
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        (**self).admit(key, until, now)
    }

    fn admissions_per_client(&self) -> usize {
        (**self).admissions_per_client()
    }

    fn about(&self) -> Vec<StoreFact> {
        (**self).about()
    }

    fn occupancy(&self, now: UnixTime) -> Option<Occupancy> {
        (**self).occupancy(now)
    }

    fn health(&self, now: UnixTime) -> Answer<Health> {
        (**self).health(now)
    }

    fn how_to_look(&self, key: ReplayKey<'_>) -> String {
        (**self).how_to_look(key)
    }
}

/// The `async fn` twin of [`ReplayStore`]. [`Awaited`] turns it into a `ReplayStore` that never
/// looks.
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Mutex;
///
/// use tower_client_assertion::clock::UnixTime;
/// use tower_client_assertion::port::{Awaited, PortError};
/// use tower_client_assertion::rejection::{RejectionKind, ServerFault};
/// use tower_client_assertion::replay::{
///     Admission, AdmitResult, AsyncReplayStore, ReplayKey,
/// };
/// use tower_client_assertion::{Policy, TokenRequest, Verifier};
/// # use tower_client_assertion::mint::{Minter, SecretSigner};
/// # use tower_client_assertion::policy::Algorithm;
/// # use tower_client_assertion::registry::{Client, FixedRegistry};
/// # use tower_client_assertion::secret::ClientSecret;
/// # const SECRET: &str = "a secret of more than thirty-two bytes";
///
/// /// Stands for a table with a unique key. It keeps everything.
/// #[derive(Debug, Default)]
/// struct Spent(Mutex<HashSet<[u8; 16]>>);
///
/// impl AsyncReplayStore for Spent {
///     async fn admit(
///         &self,
///         key: ReplayKey<'_>,
///         until: UnixTime,
///         now: UnixTime,
///     ) -> AdmitResult {
///         if until <= now {
///             return Err(PortError::new("the assertion has expired"));
///         }
///         let locked = self.0.lock();
///         let mut spent = locked.map_err(|_| PortError::new("poisoned"))?;
///         Ok(match spent.insert(key.digest()) {
///             true => Admission::Fresh,
///             false => Admission::Replayed,
///         })
///     }
///
///     fn admissions_per_client(&self) -> usize {
///         2
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
/// # let clients = FixedRegistry::new([client])?;
/// # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
/// # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com").build()?;
/// # let form = async || minter.request("/token").client_credentials().build().await.map(|it| it.into_body().into_bytes());
/// let replay = Awaited::new(Spent::default());
/// let verifier = Verifier::builder(Policy::OIDC, clients, replay)
///     .issuer("https://as.example.com")
///     .build()?;
///
/// // Each form has a new assertion of one client.
/// for _ in 0..2 {
///     let form = form().await?;
///     let request = TokenRequest::new(&form);
///     assert!(verifier.verify(&request).await.is_ok());
/// }
/// let form = form().await?;
/// let request = TokenRequest::new(&form);
/// let rejection = verifier.verify(&request).await.unwrap_err();
/// let quota = RejectionKind::Server(ServerFault::ClientQuota);
/// assert_eq!(*rejection.kind(), quota);
/// # Ok(())
/// # }
/// ```
pub trait AsyncReplayStore: fmt::Debug + Send + Sync + 'static {
    /// See [`ReplayStore::admit`]. The same rules apply.
    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> impl Future<Output = AdmitResult> + Send;

    /// See [`ReplayStore::admissions_per_client`].
    fn admissions_per_client(&self) -> usize;

    /// See [`ReplayStore::about`].
    fn about(&self) -> Vec<StoreFact> {
        Vec::new()
    }

    /// See [`ReplayStore::health`]. Default: [`Health::Unknown`].
    fn health(&self, now: UnixTime) -> impl Future<Output = Health> + Send {
        let _ = now;
        ready(Health::Unknown)
    }
}

impl<R: AsyncReplayStore> ReplayStore for Awaited<R> {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        let store = Arc::clone(&self.0);
        let key = OwnedKey::from(key);
        Answer::later(async move { store.admit(key.borrow(), until, now).await })
    }

    fn admissions_per_client(&self) -> usize {
        self.0.admissions_per_client()
    }

    fn about(&self) -> Vec<StoreFact> {
        self.0.about()
    }

    fn health(&self, now: UnixTime) -> Answer<Health> {
        let store = Arc::clone(&self.0);
        Answer::later(async move { store.health(now).await })
    }
}
