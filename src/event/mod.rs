//! What the operator may know: every attempt that was accepted or refused, and all that was wrong with it.
//!
//! The client is told of the first thing that failed. An [`Event`] lists every claim that did, with what was expected and a
//! bounded, escaped excerpt of what came, so that nobody mends one only to meet the next. No event holds an assertion, a
//! secret or a key.

use std::fmt;
use std::time::Duration;

use crate::identity::ClientIdentity;
use crate::jose::keys::{KeySet, SkippedKey};
use crate::jwks::FetchError;
use crate::rejection::{ClientFault, Rejection};

/// Receives events.
///
/// It is called while the request waits, so it should hand the event on and return. Closures are sinks, if the type of their
/// parameter is written out:
///
/// ```
/// use tower_client_assertion::event::{Event, EventSink};
///
/// fn takes_a_sink(_: impl EventSink) {}
///
/// takes_a_sink(|event: &Event<'_>| {
///     if let Event::Refused(refused) = event {
///         eprintln!("{}", refused.rejection());
///         for finding in refused.findings() {
///             eprintln!("  {finding}");
///         }
///     }
/// });
/// ```
pub trait EventSink: Send + Sync + 'static {
    /// Takes note of `event`.
    fn record(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> EventSink for F {
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

/// The end of an attempt to authenticate, or news of what it depends on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The client was authenticated. The handler is called as soon as it is ready.
    Accepted(&'a ClientIdentity),
    /// The client was refused, and the handler is not called.
    Refused(Refused<'a>),
    /// Nothing has failed, but something is set up in a way that somebody ought to know of.
    Warning(Warning<'a>),
    /// Something happened to the keys that a client publishes at a URL.
    KeySet(KeySetEvent<'a>),
}

/// What an operator should look at. It displays as a sentence.
#[derive(Debug)]
pub struct Warning<'a> {
    source: &'static str,
    message: &'a str,
}

impl<'a> Warning<'a> {
    #[cfg(feature = "redis")]
    pub(crate) fn new(source: &'static str, message: &'a str) -> Self {
        Self { source, message }
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}

/// News of a client's key set. It displays as a sentence.
#[derive(Clone, Copy, Debug)]
pub struct KeySetEvent<'a> {
    client_id: &'a str,
    url: &'a str,
    news: KeySetNews<'a>,
}

impl<'a> KeySetEvent<'a> {
    pub(crate) fn new(client_id: &'a str, url: &'a str, news: KeySetNews<'a>) -> Self {
        Self { client_id, url, news }
    }

    /// The client whose keys these are.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// The URL of the key set, as it was registered.
    pub fn url(&self) -> &'a str {
        self.url
    }

    /// What happened.
    pub fn news(&self) -> KeySetNews<'a> {
        self.news
    }
}

impl fmt::Display for KeySetEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.news.fmt(f)
    }
}

/// What can happen to a key set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum KeySetNews<'a> {
    /// It was fetched and has replaced the one before.
    Fetched {
        /// The keys.
        keys: &'a KeySet,
        /// For how long they are fresh, counted from when the fetch began.
        fresh_for: Duration,
    },
    /// One of the keys that were fetched cannot be used.
    Skipped(&'a SkippedKey),
    /// It could not be fetched.
    Failed {
        /// Why.
        error: &'a FetchError,
        /// The pause before another attempt.
        retry_in: Duration,
    },
    /// After a failure, keys that are not fresh any more are used. Reported once for each failure.
    Stale {
        /// For how long they have not been fresh.
        expired_for: Duration,
    },
    /// It is gone, or has no usable key any more. The client cannot authenticate.
    Revoked,
}

impl fmt::Display for KeySetNews<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetched { keys, fresh_for } => {
                write!(f, "fetched {} usable keys, fresh for {} s", keys.len(), fresh_for.as_secs())
            }
            Self::Skipped(key) => {
                write!(f, "key {}", key.index())?;
                if let Some(key_id) = key.key_id() {
                    write!(f, " ({})", Excerpt(key_id))?;
                }
                write!(f, " is skipped: {}", key.reason())
            }
            Self::Failed { error, retry_in } => {
                write!(f, "not fetched: {error}; not tried again for {} s", retry_in.as_secs())
            }
            Self::Stale { expired_for } => {
                write!(f, "not to be had, so keys are used that expired {} s ago", expired_for.as_secs())
            }
            Self::Revoked => f.write_str("the client has no usable key any more"),
        }
    }
}

/// A refusal, with what is known of it.
#[derive(Debug)]
pub struct Refused<'a> {
    pub(crate) rejection: &'a Rejection,
    pub(crate) claimed_client: Option<Excerpt<'a>>,
    pub(crate) key_id: Option<Excerpt<'a>>,
    pub(crate) findings: &'a [Finding<'a>],
}

impl<'a> Refused<'a> {
    /// A refusal of a request that could not be read as far as an assertion.
    pub(crate) fn bare(rejection: &'a Rejection) -> Self {
        Self { rejection, claimed_client: None, key_id: None, findings: &[] }
    }

    /// What the client is told, and, where it was our fault, its cause.
    pub fn rejection(&self) -> &'a Rejection {
        self.rejection
    }

    /// Who the sender says it is; see [`Rejection::is_proven`] for whether it is.
    pub fn claimed_client(&self) -> Option<Excerpt<'a>> {
        self.claimed_client
    }

    /// The `kid` that the sender named.
    pub fn key_id(&self) -> Option<Excerpt<'a>> {
        self.key_id
    }

    /// Every claim that failed, where the assertion got as far as that, in the order in which claims are judged.
    pub fn findings(&self) -> &'a [Finding<'a>] {
        self.findings
    }
}

/// One claim that failed. It displays as a sentence.
#[derive(Debug)]
pub struct Finding<'a> {
    fault: ClientFault,
    expected: String,
    received: Received<'a>,
}

impl<'a> Finding<'a> {
    pub(crate) fn new(fault: ClientFault, expected: String, received: Received<'a>) -> Self {
        Self { fault, expected, received }
    }

    /// Which claim failed and why.
    pub fn fault(&self) -> &ClientFault {
        &self.fault
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, expected, received } = self;
        write!(f, "{fault}: expected {expected}, received {received}")
    }
}

/// The value of a claim that failed.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    Absent,
    WrongType,
    Text(Excerpt<'a>),
    /// Only the length of a `jti` is shown: the identifier itself is of no use to a reader.
    Length(usize),
    Number(f64),
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::WrongType => f.write_str("a value of another type"),
            Self::Text(text) => text.fmt(f),
            Self::Length(len) => write!(f, "{len} bytes"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A piece of what a sender wrote, safe to print: it displays in quotation marks, escaped, and cut after 64 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt<'a>(&'a str);

impl<'a> Excerpt<'a> {
    const LONGEST: usize = 64;

    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars().take(Self::LONGEST) {
            match character {
                ' '..='~' => write!(f, "{}", character.escape_debug())?,
                _ => write!(f, "{}", character.escape_unicode())?,
            }
        }
        let cut = self.0.chars().nth(Self::LONGEST).is_some();
        f.write_str(if cut { "\"..." } else { "\"" })
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hands events to `tracing`: accepted clients at debug level, refused ones at info, warnings and what there was no time for
/// at warn, and what is our fault at error.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

#[cfg(feature = "tracing")]
impl EventSink for TracingEvents {
    fn record(&self, event: &Event<'_>) {
        use crate::rejection::{RejectionKind, ServerFault};
        use std::error::Error;

        match event {
            Event::Accepted(identity) => {
                let (algorithm, policy) = (identity.algorithm(), identity.policy());
                let lax_audience = identity.has_lax_audience();
                tracing::debug!(client = %identity.client_id(), %algorithm, policy, lax_audience, "client authenticated");
            }
            Event::Warning(warning) => tracing::warn!("{warning}"),
            Event::KeySet(event) => {
                let (client, url) = (event.client_id(), event.url());
                match event.news() {
                    KeySetNews::Fetched { .. } => tracing::debug!(client, url, "key set: {event}"),
                    KeySetNews::Failed { error, .. } => {
                        let cause = error.source().map(tracing::field::display);
                        tracing::warn!(client, url, cause, "key set: {event}");
                    }
                    _ => tracing::warn!(client, url, "key set: {event}"),
                }
            }
            Event::Refused(refused) => {
                let rejection = refused.rejection();
                let client = refused.claimed_client().map(tracing::field::display);
                let findings = refused.findings().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let proven = rejection.is_proven();
                match rejection.kind() {
                    RejectionKind::Client(_) => {
                        let cause = rejection.source().map(tracing::field::display);
                        tracing::info!(client, proven, findings, cause, "client refused: {rejection}");
                    }
                    RejectionKind::Server(ServerFault::Overloaded | ServerFault::ClientOverloaded) => {
                        tracing::warn!(client, "client not authenticated: {rejection}");
                    }
                    RejectionKind::Server(_) => {
                        let cause = rejection.source().map(tracing::field::display);
                        tracing::error!(client, proven, cause, "client not authenticated: {rejection}");
                    }
                }
            }
        }
    }
}
