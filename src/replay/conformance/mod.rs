//! A conformance suite for replay stores: every rule of [`ReplayStore`], for implementors to run on
//! their own stores.
//!
//! Implement [`Subject`], which creates stores and lets time pass for them, and call [`check`] in a
//! test with a multi-threaded Tokio runtime. The suite runs on every store of this crate.
//!
//! ```
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::replay::conformance::{Subject, check};
//!
//! struct Memory;
//!
//! impl Subject for Memory {
//!     type Store = MemoryReplay;
//!
//!     async fn empty(&self) -> MemoryReplay {
//!         MemoryReplay::new(10_000).unwrap()
//!     }
//!
//!     async fn bounded(&self, capacity: usize) -> Option<MemoryReplay> {
//!         Some(MemoryReplay::new(capacity).unwrap())
//!     }
//!
//!     // A store in memory cannot lose its connection.
//!     async fn broken(&self) -> Option<MemoryReplay> {
//!         None
//!     }
//!
//!     // It uses the time that the caller passes in.
//!     async fn pass(&self, _: &MemoryReplay, _: u64) {}
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! assert_eq!(check(Memory).await, Ok(()));
//! # }
//! ```

mod bench;
mod rules;

use std::future::Future;

use super::ReplayStore;
pub use crate::conformance::Violation;

/// The stores that the suite tests.
pub trait Subject: Send + Sync + 'static {
    /// The store under test.
    type Store: ReplayStore;

    /// Creates an empty store with room for 10,000 assertions, even if one client has them all.
    /// Stores that were created before are no longer used.
    fn empty(&self) -> impl Future<Output = Self::Store> + Send;

    /// Creates an empty store with room for `capacity` assertions. Returns `None` if the store has
    /// no such bound.
    fn bounded(&self, capacity: usize) -> impl Future<Output = Option<Self::Store>> + Send;

    /// Creates a store that cannot reach its memory. Returns `None` if that cannot happen.
    fn broken(&self) -> impl Future<Output = Option<Self::Store>> + Send;

    /// Lets `secs` seconds pass on the clock of `store`, and in addition the margin for which it
    /// keeps entries beyond their end. Does nothing for a store that uses the time that the caller
    /// passes in.
    fn pass(&self, store: &Self::Store, secs: u64) -> impl Future<Output = ()> + Send;
}

/// Checks every rule on the stores of `subject`.
///
/// # Errors
///
/// Returns the first rule that is broken.
pub async fn check(subject: impl Subject) -> Result<(), Violation> {
    let rule = Violation::of;
    rules::share(&subject).await.map_err(rule("a client may have at least one assertion"))?;
    rules::admitted_once(&subject).await.map_err(rule("an assertion is admitted once"))?;
    rules::concurrent(&subject).await.map_err(rule("one of 64 concurrent callers is admitted"))?;
    rules::ended(&subject)
        .await
        .map_err(rule("an assertion is remembered until its end and admitted again afterwards"))?;
    rules::expired(&subject).await.map_err(rule("an assertion that has already expired is an error"))?;
    rules::told_apart(&subject).await.map_err(rule("clients and unusual identifiers are distinguished"))?;
    rules::tenants(&subject).await.map_err(rule("tenants and assertions without a jti are distinguished"))?;
    rules::looking(&subject).await.map_err(rule("a look admits nothing and never reports a wrong state"))?;
    rules::full(&subject).await.map_err(rule("a full store refuses and drops nothing"))?;
    rules::broken(&subject).await.map_err(rule("a store that cannot remember returns an error"))?;
    rules::dropped(&subject).await.map_err(rule("dropping the future at any await point admits nothing twice"))
}
