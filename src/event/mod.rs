//! Events for the operator: every accepted and refused request, with everything that was wrong with
//! it.
//!
//! A client is told the first fault only. An [`Event`] says what exactly was wrong as
//! [`Finding`]s: the part of the request, what was expected, and a bounded, escaped excerpt of what
//! was received. It lists every claim that failed, so that an operator can fix all of them
//! together, and names the keys that a client has. No event holds an assertion, a secret, key
//! material or a `jti`.
//!
//! Events come from the verifier, from key set caches and from replay stores. Each has an `events`
//! setting that takes a sink. To send all events to one place, wrap the sink in an [`Arc`] and
//! clone it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tower_client_assertion::event::{Event, EventSink};
//!
//! struct Log;
//!
//! impl EventSink for Log {
//!     fn record(&self, event: &Event<'_>) {
//!         if let Event::Refused(refused) = event {
//!             eprintln!("{}", refused.rejection());
//!         }
//!     }
//! }
//!
//! let log: Arc<dyn EventSink> = Arc::new(Log);
//! # fn verifier_events(_: impl EventSink) {}
//! # fn cache_events(_: impl EventSink) {}
//! verifier_events(Arc::clone(&log));
//! cache_events(log);
//! ```
//!
//! This module is a port and plain data. It makes no decisions: the verifier fills in the findings.

mod finding;
#[cfg(feature = "tracing")]
mod tracing;

use std::fmt;
use std::sync::Arc;

pub(crate) use finding::Received;
pub use finding::{Finding, Refused};
#[cfg(feature = "tracing")]
pub use tracing::TracingEvents;

use crate::identity::ClientIdentity;
use crate::jwks::KeySetObserver;
#[doc(inline)]
pub use crate::jwks::{KeySetEvent, KeySetNews};
pub use crate::text::Excerpt;

/// Receives events.
///
/// Rules for implementations:
///
/// - `record` is called while a request waits, on the thread that serves it. It must return
///   quickly: hand the event to a channel or a logger, and do not block.
/// - It may be called from several threads at the same time.
/// - An event borrows from the request. Copy what you keep after the call.
/// - It must not panic. A panic ends the request that the event is about.
///
/// Closures are sinks if they write out the type of their parameter, and so is an [`Arc`] of a
/// sink:
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
#[diagnostic::on_unimplemented(
    note = "a closure is a sink if it writes out the type of its parameter: `|event: &Event<'_>| {{ .. }}`"
)]
pub trait EventSink: Send + Sync + 'static {
    /// Records `event`.
    fn record(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> EventSink for F {
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn record(&self, event: &Event<'_>) {
        (**self).record(event);
    }
}

impl<S: EventSink> KeySetObserver for S {
    fn observe(&self, event: KeySetEvent<'_>) {
        self.record(&Event::KeySet(event));
    }
}

/// The outcome of an authentication attempt, or news about something that attempts depend on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The client was authenticated, and the handler is called next. A request that is dropped, or
    /// whose handler fails while it is waited for, has no outcome, though its assertion is spent.
    Accepted(&'a ClientIdentity),
    /// The request was refused, and the handler is not called.
    Refused(Refused<'a>),
    /// Nothing has failed, but an operator should look at the configuration.
    Warning(Warning<'a>),
    /// Something happened to the keys that a client publishes at a URL.
    KeySet(KeySetEvent<'a>),
}

/// Something that an operator should look at. It displays as a sentence.
#[derive(Debug)]
pub struct Warning<'a> {
    source: &'static str,
    message: &'a str,
}

impl<'a> Warning<'a> {
    pub(crate) fn new(source: &'static str, message: &'a str) -> Self {
        Self { source, message }
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}
