//! What receives events.

use std::sync::Arc;

use super::Event;
use crate::jwks::{KeySetEvent, KeySetObserver};

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
/// [`sink`] makes one from a closure, and [`and`](Self::and) makes one from two. An [`Arc`] of a
/// sink is a sink.
#[diagnostic::on_unimplemented(note = "a closure becomes a sink by `event::sink(|event| ..)`")]
pub trait EventSink: Send + Sync + 'static {
    /// Records `event`.
    fn record(&self, event: &Event<'_>);

    /// Returns whether outcomes should say how long the [steps](super::StepTimes) took. A verifier
    /// asks once, when it is built. Default: `false`, and no clock is read for it.
    ///
    /// ```
    /// use tower_client_assertion::event::{Event, EventSink};
    ///
    /// struct Latency;
    ///
    /// impl EventSink for Latency {
    ///     fn record(&self, event: &Event<'_>) {
    ///         if let Event::Accepted(accepted) = event
    ///             && let Some(time) = accepted.times().signature()
    ///         {
    ///             println!("signature: {} us", time.as_micros());
    ///         }
    ///     }
    ///
    ///     fn needs_times(&self) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// assert!(Latency.needs_times());
    /// ```
    fn needs_times(&self) -> bool {
        false
    }

    /// Returns a sink that hands each event to this sink and then to `other`.
    ///
    /// ```
    /// use tower_client_assertion::event::{self, EventSink};
    /// use tower_client_assertion::event::Event;
    ///
    /// let refused = event::sink(|event| {
    ///     if let Event::Refused(refused) = event {
    ///         eprintln!("refused: {}", refused.code());
    ///     }
    /// });
    /// let warned = event::sink(|event| {
    ///     if let Event::Warning(warning) = event {
    ///         eprintln!("warning: {warning}");
    ///     }
    /// });
    /// # fn verifier_events(_: impl EventSink) {}
    /// verifier_events(refused.and(warned));
    /// ```
    fn and<S: EventSink>(self, other: S) -> And<Self, S>
    where
        Self: Sized,
    {
        And { first: self, second: other }
    }
}

/// Two sinks in one. Created by [`EventSink::and`].
#[derive(Clone, Copy, Debug)]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<A: EventSink, B: EventSink> EventSink for And<A, B> {
    fn record(&self, event: &Event<'_>) {
        self.first.record(event);
        self.second.record(event);
    }

    /// If one of them needs times, both get them.
    fn needs_times(&self) -> bool {
        self.first.needs_times() || self.second.needs_times()
    }
}

/// Makes a sink from a closure.
///
/// ```
/// use tower_client_assertion::event::{self, Event};
///
/// let sink = event::sink(|event| {
///     if let Event::Refused(refused) = event {
///         eprintln!("{}: {}", refused.code(), refused.rejection());
///         for finding in refused.findings() {
///             eprintln!("  {finding}");
///         }
///     }
/// });
/// # fn verifier_events(_: impl event::EventSink) {}
/// verifier_events(sink);
/// ```
pub fn sink(record: impl Fn(&Event<'_>) + Send + Sync + 'static) -> impl EventSink {
    FnSink(record)
}

struct FnSink<F>(F);

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> EventSink for FnSink<F> {
    fn record(&self, event: &Event<'_>) {
        (self.0)(event);
    }
}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn record(&self, event: &Event<'_>) {
        (**self).record(event);
    }

    fn needs_times(&self) -> bool {
        (**self).needs_times()
    }
}

impl<S: EventSink> KeySetObserver for S {
    fn observe(&self, event: KeySetEvent<'_>) {
        self.record(&Event::KeySet(event));
    }
}
