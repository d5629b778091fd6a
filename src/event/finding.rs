//! One fault of a request, in detail.

use std::borrow::Cow;
use std::fmt;

use crate::rejection::ClientFault;
use crate::text::{Excerpt, is_of_words};

/// One fault, with what was expected and what was received. It displays as a sentence that has all
/// three.
///
/// What was received is shown escaped and cut, and never as an assertion, a secret or a `jti`: a
/// part that cannot be decoded is shown by the one character that is wrong, and its offset. Offsets
/// count bytes from zero.
#[derive(Debug)]
pub struct Finding<'a> {
    fault: ClientFault,
    expected: Cow<'static, str>,
    received: Received<'a>,
}

impl<'a> Finding<'a> {
    pub(crate) fn new(fault: ClientFault, expected: impl Into<Cow<'static, str>>, received: Received<'a>) -> Self {
        Self { fault, expected: expected.into(), received }
    }

    /// Returns what failed and why. Its [reason](ClientFault::reason) has the code.
    pub fn fault(&self) -> &ClientFault {
        &self.fault
    }

    /// Returns what was expected, in words.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Returns what was received, in words. Text of the sender is escaped and cut.
    pub fn received(&self) -> impl fmt::Display {
        &self.received
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, expected, received } = self;
        write!(f, "{fault}: expected {expected}, received {received}")
    }
}

/// What was received in place of what was expected.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    Absent,
    Text(Excerpt<'a>),
    /// The length of a text that is not shown, in bytes.
    Length(usize),
    /// In words, which contain untrusted text only as an [`Excerpt`].
    Described(Cow<'static, str>),
}

impl Received<'_> {
    /// A text that is shown only if it consists of words, as all that are expected here do. Any
    /// other may be a secret in the wrong place, and is shown by its length.
    pub(crate) fn of_words(text: &str) -> Self {
        let excerpt = Excerpt::new(text);
        match excerpt.is_withheld() || is_of_words(text) {
            true => Self::described(excerpt.to_string()),
            false => Self::Length(text.len()),
        }
    }

    pub(crate) fn described(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Described(words.into())
    }
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Text(text) => text.fmt(f),
            Self::Length(1) => f.write_str("1 byte"),
            Self::Length(len) => write!(f, "{len} bytes"),
            Self::Described(words) => f.write_str(words),
        }
    }
}
