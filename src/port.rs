//! What a port answers with: a value at once, or a future of it; and why it could not answer.
//!
//! A port whose data is in memory answers [`Answer::Ready`], and the request goes on without an allocation. A port that
//! must ask elsewhere answers [`Answer::Pending`]. Whoever would rather write an ordinary `async fn` implements the `Async`
//! twin of the port's trait and wraps it in [`Awaited`].

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The answer of a port, now or later.
#[must_use = "an answer that nobody looks at decides nothing"]
pub enum Answer<T> {
    /// Known at once.
    Ready(T),
    /// Known when the future ends. Dropping the future must leave nothing half done.
    Pending(BoxFuture<T>),
}

impl<T> Answer<T> {
    /// An answer that needs this future.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// The value, waited for if need be.
    pub async fn get(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Pending(future) => future.await,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(value) => f.debug_tuple("Ready").field(value).finish(),
            Self::Pending(_) => f.write_str("Pending(..)"),
        }
    }
}

/// Makes a port of a type that implements the `Async` twin of the port's trait. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use tower_client_assertion::port::{Awaited, PortError};
/// use tower_client_assertion::registry::{AsyncClientRegistry, Client};
///
/// #[derive(Debug)]
/// struct Database;
///
/// impl AsyncClientRegistry for Database {
///     async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, PortError> {
///         Err(PortError::new("the database is not connected"))
///     }
/// }
///
/// let registry = Awaited::new(Database);
/// # fn takes_a_registry(_: impl tower_client_assertion::registry::ClientRegistry) {}
/// # takes_a_registry(registry);
/// ```
#[derive(Debug)]
pub struct Awaited<P>(pub(crate) Arc<P>);

impl<P> Awaited<P> {
    /// Wraps `port`.
    pub fn new(port: P) -> Self {
        Self(Arc::new(port))
    }
}

impl<P> Clone for Awaited<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Why a port could not answer. It reaches the operator as the source of a [`Rejection`](crate::Rejection), never the client.
#[derive(Clone, Debug)]
pub struct PortError(Arc<dyn Error + Send + Sync>);

impl PortError {
    /// Wraps an error, or a sentence that says what went wrong.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// `Display` prints the wrapped error itself, so the chain goes on with that error's own source: nothing is said twice.
impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
