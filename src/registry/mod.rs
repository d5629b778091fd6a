//! Who may authenticate: the registered clients and their keys.
//!
//! [`FixedRegistry`] holds clients that the program knows, [`FileRegistry`] those of a file. A database implements
//! [`ClientRegistry`], or [`AsyncClientRegistry`] if it would rather write an `async fn`.

mod client;
mod entry;
mod error;
mod file;
mod fixed;
mod keeper;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use client::Client;
pub(crate) use client::Proof;
pub use error::{ClientError, ClientFileError};
pub use file::{ClientProblem, FileRegistry};
pub use fixed::FixedRegistry;

use crate::port::{Answer, Awaited, PortError};

/// What a registry says of a client id: the client, or that there is none.
pub type Found = Result<Option<Arc<Client>>, PortError>;

/// Finds clients by their id.
#[diagnostic::on_unimplemented(note = "an `AsyncClientRegistry` becomes one by `port::Awaited::new`")]
pub trait ClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// The client registered under `client_id`, which came from an unproven assertion: printable ASCII of bounded length,
    /// and otherwise anything. Compare it byte for byte.
    ///
    /// An error refuses the request as unavailable (503). So does a client whose id is not the one that was asked for.
    fn find(&self, client_id: &str) -> Answer<Found>;

    /// All clients, if they are known and will not change. A verifier does not build if none of them can meet its policy, or
    /// if one of them is registered under a policy that it does not have. Default: `None`.
    fn all(&self) -> Option<Vec<Arc<Client>>> {
        None
    }
}

impl<R: ClientRegistry + ?Sized> ClientRegistry for Arc<R> {
    fn find(&self, client_id: &str) -> Answer<Found> {
        (**self).find(client_id)
    }

    fn all(&self) -> Option<Vec<Arc<Client>>> {
        (**self).all()
    }
}

/// [`ClientRegistry`] as an ordinary `async fn`; [`Awaited`] makes the one of the other.
pub trait AsyncClientRegistry: fmt::Debug + Send + Sync + 'static {
    /// As [`ClientRegistry::find`].
    fn find(&self, client_id: &str) -> impl Future<Output = Found> + Send;
}

impl<R: AsyncClientRegistry> ClientRegistry for Awaited<R> {
    fn find(&self, client_id: &str) -> Answer<Found> {
        let registry = Arc::clone(&self.0);
        let client_id = String::from(client_id);
        Answer::later(async move { registry.find(&client_id).await })
    }
}
