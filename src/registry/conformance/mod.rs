//! A conformance suite for client registries: every rule of [`ClientRegistry`], for implementors to
//! run on their own registries.
//!
//! Implement [`Subject`], which creates registries, and call [`check`] in a test with a
//! multi-threaded Tokio runtime. The suite runs on every registry of this crate.
//!
//! ```
//! use tower_client_assertion::registry::FixedRegistry;
//! use tower_client_assertion::registry::conformance::{
//!     Registration, Subject, check,
//! };
//!
//! struct Fixed;
//!
//! impl Subject for Fixed {
//!     type Registry = FixedRegistry;
//!
//!     async fn registry(&self, clients: &[Registration]) -> FixedRegistry {
//!         let clients = clients.iter().map(Registration::client);
//!         FixedRegistry::new(clients).unwrap()
//!     }
//!
//!     // A registry in memory cannot lose its connection.
//!     async fn broken(&self) -> Option<FixedRegistry> {
//!         None
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! assert_eq!(check(Fixed).await, Ok(()));
//! # }
//! ```

mod registration;
mod rules;

use std::future::Future;

pub use registration::Registration;

use super::ClientRegistry;
pub use crate::conformance::Violation;

/// The registries that the suite tests.
pub trait Subject: Send + Sync + 'static {
    /// The registry under test.
    type Registry: ClientRegistry;

    /// Creates a registry of exactly these clients. Registries that were created before are no
    /// longer used.
    fn registry(&self, clients: &[Registration]) -> impl Future<Output = Self::Registry> + Send;

    /// Creates a registry that cannot reach its clients. Returns `None` if that cannot happen.
    fn broken(&self) -> impl Future<Output = Option<Self::Registry>> + Send;
}

/// Checks every rule on the registries of `subject`.
///
/// # Errors
///
/// Returns the first rule that is broken.
pub async fn check(subject: impl Subject) -> Result<(), Violation> {
    let rule = Violation::of;
    rules::found(&subject).await.map_err(rule("a registered client is found under its id, with its own keys"))?;
    rules::unknown(&subject).await.map_err(rule("an unknown id is answered with `Ok(None)`"))?;
    rules::byte_for_byte(&subject).await.map_err(rule("ids are compared byte for byte"))?;
    rules::stable(&subject).await.map_err(rule("a look-up changes nothing"))?;
    rules::concurrent(&subject).await.map_err(rule("concurrent look-ups do not disturb each other"))?;
    rules::broken(&subject).await.map_err(rule("a registry that cannot answer returns an error"))?;
    rules::dropped(&subject).await.map_err(rule("a look-up can be dropped at any await point"))?;
    rules::listed(&subject).await.map_err(rule("`all` lists every client once, as `find` returns it"))
}
