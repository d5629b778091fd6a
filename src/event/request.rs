//! What the events of one request have in common.

use std::fmt;
use std::sync::Arc;

use super::times::{StepTimes, Stopwatch};
use crate::endpoint::Endpoint;
use crate::text::{is_visible_ascii, secret_in};

/// What every outcome says about its request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestInfo<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) correlation: Option<&'a Correlation>,
    pub(crate) times: StepTimes,
}

impl<'a> RequestInfo<'a> {
    pub(crate) fn new(endpoint: Endpoint, correlation: Option<&'a Correlation>, stopwatch: Option<&Stopwatch>) -> Self {
        Self { endpoint, correlation, times: stopwatch.map(Stopwatch::read).unwrap_or_default() }
    }
}

/// Defines the accessors of an outcome with a field `request` of type [`RequestInfo`].
macro_rules! request_accessors {
    () => {
        /// Returns the endpoint that the request was for.
        pub fn endpoint(&self) -> Endpoint {
            self.request.endpoint
        }

        /// Returns the name by which other logs know the request, if there is one. See
        /// [`ClientAssertionLayer::correlate`](crate::ClientAssertionLayer::correlate).
        pub fn correlation(&self) -> Option<&'a Correlation> {
            self.request.correlation
        }

        /// Returns how long the steps took. All are `None` unless the sink
        /// [needs times](crate::event::EventSink::needs_times).
        pub fn times(&self) -> StepTimes {
            self.request.times
        }
    };
}

pub(super) use request_accessors;

/// A name by which other logs know the same request, such as the value of an `x-request-id`
/// header. Cheap to clone.
///
/// It is safe to print, even if the sender of the request has chosen it: everything but visible
/// ASCII is escaped, and the text is cut after 128 characters. Visible ASCII stays as it is, so a
/// search for the name finds it. A text that looks like a JWT or a private key is replaced by its
/// length.
///
/// ```
/// use tower_client_assertion::event::Correlation;
///
/// assert_eq!(Correlation::new("7f3a-0c11").as_str(), "7f3a-0c11");
/// assert_eq!(Correlation::new("a\nb").as_str(), r"a\u{a}b");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Correlation(Arc<str>);

impl Correlation {
    const LONGEST: usize = 128;

    /// Creates a name from this text.
    pub fn new(text: &str) -> Self {
        // Shorter texts have no room for a secret, and the search costs more than a request may.
        if text.len() >= 40 && secret_in(text, Self::LONGEST).is_some() {
            return Self(format!("{}-bytes-not-shown", text.len()).into());
        }
        if text.len() <= Self::LONGEST && is_visible_ascii(text) {
            return Self(text.into());
        }
        let mut escaped = String::new();
        for character in text.chars().take(Self::LONGEST) {
            match character {
                '!'..='~' => escaped.push(character),
                _ => escaped.extend(character.escape_unicode()),
            }
        }
        Self(escaped.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Correlation {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows the name as a string literal.
impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
