//! The clients that may authenticate, with their keys or secrets.
//!
//! [`FixedRegistry`] holds clients that the program knows, [`FileRegistry`] those of a file. A
//! database implements [`ClientRegistry`], or [`AsyncClientRegistry`] with ordinary `async fn`s. A
//! [`Cached`] remembers its answers. Run the [`conformance`] suite on your own registry.
//!
//! The verifier asks for the client that an assertion claims to come from, before anything about
//! that claim is proven. A registry answers with a [`Client`] and decides nothing. It knows neither
//! HTTP nor the rules of a policy.

mod cached;
pub mod conformance;
mod error;
mod file;
mod fixed;
mod reach;

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

pub use cached::{Cached, CachedBuilder};
pub use error::ClientFileError;
pub use file::{ClientProblem, FileRegistry};
pub use fixed::FixedRegistry;
pub(crate) use reach::out_of_reach;

pub use crate::client::{Client, ClientError, ClientReader};

use crate::port::{Answer, Awaited, Health, PortError};

/// The answer of a registry: the client, or `None` if no client has the id.
pub type FindResult = Result<Option<Arc<Client>>, PortError>;

/// Finds clients by their id.
///
/// The [`conformance`] suite checks these rules:
///
/// 1. A registered client is found under its id, with its own keys. The id of the returned client
///    equals the id that was asked for. If it does not, the request is refused as unavailable
///    (503).
/// 2. An id that is not registered is answered with `Ok(None)`, which refuses the client. It is not
///    an error.
/// 3. Ids are compared byte for byte, without changes of case, trimming, decoding, patterns or
///    truncation. Every printable ASCII character can occur in an id, and none has a meaning.
/// 4. Repeated look-ups of an id return the same client until the registration changes. A look-up
///    changes nothing, even if the id is unknown.
/// 5. Concurrent look-ups do not disturb each other.
/// 6. A registry that cannot answer returns an error, which refuses the request as unavailable
///    (503). It never returns `Ok(None)` instead, which would tell a registered client that it is
///    unknown.
/// 7. The future of a look-up can be dropped at any await point. Later look-ups work.
/// 8. If [`all`](Self::all) is not `None`, it lists every client once, and each as
///    [`find`](Self::find) returns it.
#[diagnostic::on_unimplemented(note = "an `AsyncClientRegistry` becomes one by `port::Awaited::new`")]
pub trait ClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// Finds the client that is registered under `client_id`. The id comes from an unproven
    /// assertion. It is printable ASCII, not empty, and at most [as
    /// long](crate::policy::Limits::client_id) as the limits allow.
    ///
    /// A verifier asks again after a request has waited for keys or for the replay store. If the
    /// answer is [`Ready`](Answer::Ready), the request goes on with it, so that a client that was
    /// deleted or changed meanwhile is not accepted. Return the same `Arc` as long as nothing has
    /// changed; for another one, the signature is checked again. A later answer is dropped without
    /// being waited for, except after a wait for the inner service.
    fn find(&self, client_id: &str) -> Answer<FindResult>;

    /// Returns all clients, if they are known and will not change. Default: `None`.
    ///
    /// With them, mistakes are found when the verifier is built. It does not build if none of the
    /// clients can meet its policy, or if one of them is registered under a policy that the
    /// verifier does not have. Without them, the requests of such clients are refused.
    fn all(&self) -> Option<Vec<Arc<Client>>> {
        None
    }

    /// Returns whether the registry could find a client now, for
    /// [`Verifier::ready`](crate::Verifier::ready), which bounds the wait. Default:
    /// [`Health::Unknown`], which a probe shows.
    fn health(&self) -> Answer<Health> {
        Answer::Ready(Health::Unknown)
    }
}

impl<R: ClientRegistry + ?Sized> ClientRegistry for Arc<R> {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        (**self).find(client_id)
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        (**self).all()
    }

    fn health(&self) -> Answer<Health> {
        (**self).health()
    }
}

/// [`ClientRegistry`] with an ordinary `async fn`. Wrap it in [`Awaited`] to use it as a
/// [`ClientRegistry`]. The same rules apply.
pub trait AsyncClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// Finds a client as [`ClientRegistry::find`] does.
    fn find(&self, client_id: &str) -> impl Future<Output = FindResult> + Send;

    /// Returns all clients as [`ClientRegistry::all`] does, from memory. Default: `None`, so that
    /// nothing about the clients is checked when the verifier is built.
    fn all(&self) -> Option<Vec<Arc<Client>>> {
        None
    }

    /// Returns what [`ClientRegistry::health`] does. Default: [`Health::Unknown`].
    fn health(&self) -> impl Future<Output = Health> + Send {
        ready(Health::Unknown)
    }
}

impl<R: AsyncClientRegistry> ClientRegistry for Awaited<R> {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        let registry = Arc::clone(&self.0);
        let client_id = String::from(client_id);
        Answer::later(async move { registry.find(&client_id).await })
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        self.0.all()
    }

    fn health(&self) -> Answer<Health> {
        let registry = Arc::clone(&self.0);
        Answer::later(async move { registry.health().await })
    }
}
