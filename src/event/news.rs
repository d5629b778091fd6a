//! News about what attempts depend on: the clients of a file, and the replay store.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::request::Correlation;
use crate::port::PortError;

/// News of a [`FileRegistry`](crate::registry::FileRegistry). It displays as a sentence.
#[derive(Clone, Copy, Debug)]
pub struct RegistryEvent<'a> {
    pub(crate) path: &'a Path,
    pub(crate) news: RegistryNews<'a>,
    pub(crate) took: Duration,
}

impl<'a> RegistryEvent<'a> {
    /// Returns the path of the file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Returns what happened.
    pub fn news(&self) -> RegistryNews<'a> {
        self.news
    }

    /// Returns how long it took, from the call of
    /// [`reload`](crate::registry::FileRegistry::reload).
    pub fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for RegistryEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took;
        match self.news {
            RegistryNews::Reloaded { clients, problems } => {
                let (client, problem) = (counted(clients, "client"), counted(problems, "problem"));
                write!(f, "reloaded {client} in {took:?}, with {problem}")
            }
            RegistryNews::Failed(error) => write!(f, "kept the clients as they were, after {took:?}: {error}"),
        }
    }
}

/// Returns a number with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What can happen to the clients of a file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RegistryNews<'a> {
    /// The file was read again, and has replaced all clients.
    #[non_exhaustive]
    Reloaded {
        /// The number of clients, with those that cannot be used.
        clients: usize,
        /// The number of [problems](crate::registry::FileRegistry::problems) with single clients.
        problems: usize,
    },
    /// The file could not be read. The clients are as they were. The error is a
    /// [`ClientFileError`](crate::registry::ClientFileError), which names the file.
    Failed(&'a (dyn Error + Send + Sync + 'static)),
}

/// News of a [`ReplayStore`](crate::replay::ReplayStore), from the verifier that uses it. It
/// displays as a sentence.
#[derive(Clone, Copy, Debug)]
pub struct ReplayEvent<'a> {
    pub(crate) news: ReplayNews<'a>,
    pub(crate) took: Duration,
    pub(crate) correlation: Option<&'a Correlation>,
}

impl<'a> ReplayEvent<'a> {
    /// Returns what happened.
    pub fn news(&self) -> ReplayNews<'a> {
        self.news
    }

    /// Returns how long a request waited for the store.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Returns the name by which other logs know that request, if there is one. See
    /// [`ClientAssertionLayer::correlate`](crate::ClientAssertionLayer::correlate).
    pub fn correlation(&self) -> Option<&'a Correlation> {
        self.correlation
    }
}

impl fmt::Display for ReplayEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took;
        match self.news {
            ReplayNews::Slow { threshold, answered: true } => {
                write!(f, "answered after {took:?}, which is later than {threshold:?}")
            }
            ReplayNews::Slow { threshold, answered: false } => {
                write!(f, "no answer after {took:?}, when the request was dropped; {threshold:?} is slow")
            }
            ReplayNews::Failed(error) => write!(f, "failed after {took:?}: {error}"),
        }
    }
}

/// What can happen to a question to a replay store: the look before the signature check, and the
/// insert.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ReplayNews<'a> {
    /// A request has waited for longer than the threshold.
    #[non_exhaustive]
    Slow {
        /// The [threshold](crate::VerifierBuilder::slow_replay).
        threshold: Duration,
        /// Whether the store has answered. Otherwise, the request was dropped while it waited: the
        /// client has hung up, or a timeout outside of the layer was shorter.
        answered: bool,
    },
    /// The store returned an error, or did not answer before the
    /// [port timeout](crate::VerifierBuilder::port_timeout) was over, of which the registry and the
    /// keys may have used up most. The request is refused.
    Failed(&'a PortError),
}
