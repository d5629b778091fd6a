//! The answer of a port: a value, a future that returns one, or the reason why there is none.
//!
//! A port is a trait that users implement: the client registry, the replay store, the fetcher of
//! key sets. If the answer is in memory, a port returns [`Answer::Ready`] and the request goes on
//! without an allocation. If the port must ask elsewhere, it returns a future with
//! [`Answer::later`].
//!
//! To implement a port with ordinary `async fn` methods, implement the `Async` twin of its trait
//! and wrap the value in [`Awaited`].
//!
//! The verifier [bounds every wait](crate::VerifierBuilder::port_timeout), so a port needs no
//! timeout. Dropping a future must leave nothing half done: when a wait times out or the client
//! disconnects, the future is dropped.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future that can move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The answer of a port, now or later.
///
/// The enum is closed on purpose: an answer is available or it is not, and the layer must handle
/// both cases.
///
/// ```
/// use tower_client_assertion::port::Answer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cached: Answer<u8> = Answer::Ready(1);
/// let fetched: Answer<u8> = Answer::later(async { 2 });
/// assert_eq!((cached.get().await, fetched.get().await), (1, 2));
/// # }
/// ```
#[must_use = "the verifier decides by this answer"]
pub enum Answer<T> {
    /// The answer is known.
    Ready(T),
    /// The answer is the output of a future. Dropping the future must leave nothing half done.
    Pending(BoxFuture<T>),
}

impl<T> Answer<T> {
    /// Returns an answer that is the output of `future`. Allocates once, to box it.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Returns the value, waiting for it if necessary.
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

/// An adapter that turns an implementation of a port's `Async` twin into a port. Cheap to clone.
///
/// Its methods are `async fn` and need no boxing; the adapter boxes one future per call.
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
///     async fn find(
///         &self,
///         client_id: &str,
///     ) -> Result<Option<Arc<Client>>, PortError> {
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

/// Whether a port could answer now, for a readiness probe: see
/// [`Verifier::ready`](crate::Verifier::ready).
///
/// The enum is closed on purpose: a probe must decide what each of them means.
///
/// ```
/// use tower_client_assertion::port::{Health, PortError};
///
/// // What a database says about a connection.
/// let alive: Result<(), std::io::Error> = Ok(());
/// assert!(matches!(Health::from(alive), Health::Healthy));
/// let broken: Result<(), _> = Err(std::io::Error::other("no route to host"));
/// let Health::Unhealthy(error) = Health::from(broken) else { panic!() };
/// assert_eq!(error.to_string(), "no route to host");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub enum Health {
    /// The port could answer.
    Healthy,
    /// The port could not answer, for this reason.
    Unhealthy(PortError),
    /// The port does not tell.
    Unknown,
}

impl Health {
    /// Returns a name that never changes, for probes: `healthy`, `unhealthy` or `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy(_) => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// The outcome of a question that only a port that works can answer, such as `SELECT 1`.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<(), E>> for Health {
    fn from(answered: Result<(), E>) -> Self {
        match answered {
            Ok(()) => Self::Healthy,
            Err(cause) => Self::Unhealthy(PortError::new(cause)),
        }
    }
}

/// The reason why a port could not answer. Cheap to clone.
///
/// It is the source of the [`Rejection`](crate::Rejection) that it causes, so operators see it in
/// events. Clients never do.
#[derive(Clone, Debug)]
pub struct PortError(Arc<dyn Error + Send + Sync>);

impl PortError {
    /// Wraps an error, or a sentence that describes what went wrong.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }

    /// Does the same as [`new`](Self::new) for a replay store that has certainly not recorded the
    /// assertion. Any other error that a store returns by a future counts towards
    /// [the share of the client](crate::replay::ReplayStore::admissions_per_client), because the
    /// assertion may be in the store.
    pub fn not_recorded(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(NotRecorded(cause.into()))
    }

    /// Returns the same error with a kind, by which metrics count it. Default: [`Other`].
    ///
    /// ```
    /// use tower_client_assertion::port::{PortError, PortErrorKind};
    ///
    /// let error = PortError::new("the pool has no connection left");
    /// assert_eq!(error.kind(), PortErrorKind::Other);
    /// let error = error.with_kind(PortErrorKind::Connection);
    /// assert_eq!(error.kind(), PortErrorKind::Connection);
    /// assert_eq!(error.to_string(), "the pool has no connection left");
    /// ```
    ///
    /// [`Other`]: PortErrorKind::Other
    #[must_use]
    pub fn with_kind(self, kind: PortErrorKind) -> Self {
        let cause = self.0.downcast_ref::<OfKind>().map_or(&self, |inner| &inner.cause).clone();
        Self(Arc::new(OfKind { kind, cause }))
    }

    /// Returns the kind. An answer that did not come within the
    /// [port timeout](crate::VerifierBuilder::port_timeout) is a
    /// [`Timeout`](PortErrorKind::Timeout).
    pub fn kind(&self) -> PortErrorKind {
        self.0.downcast_ref::<OfKind>().map_or(PortErrorKind::Other, |inner| inner.kind)
    }

    pub(crate) fn is_not_recorded(&self) -> bool {
        self.is::<NotRecorded>()
    }

    /// Returns whether the wrapped error has this type.
    pub(crate) fn is<E: Error + 'static>(&self) -> bool {
        match self.0.downcast_ref::<OfKind>() {
            Some(inner) => inner.cause.0.is::<E>(),
            None => self.0.is::<E>(),
        }
    }
}

/// What kind of failure kept a port from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortErrorKind {
    /// The answer did not come in time.
    Timeout,
    /// There is no room left.
    Full,
    /// There is no connection, or it broke.
    Connection,
    /// Any other failure.
    Other,
}

impl PortErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Timeout, Self::Full, Self::Connection, Self::Other];

    /// Returns a name that never changes, for labels: `timeout`, `full`, `connection` or `other`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Full => "full",
            Self::Connection => "connection",
            Self::Other => "other",
        }
    }
}

/// Looks like the error that it wraps. Its cause is no other `OfKind`.
#[derive(Debug)]
struct OfKind {
    kind: PortErrorKind,
    cause: PortError,
}

impl fmt::Display for OfKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for OfKind {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// Looks like the error that it wraps.
#[derive(Debug)]
struct NotRecorded(Box<dyn Error + Send + Sync>);

impl fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for NotRecorded {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// `Display` prints the wrapped error itself, so the chain continues with the source of that error:
// no message appears twice.
impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
