//! The details of a refusal.

use std::borrow::Cow;
use std::fmt;

use crate::rejection::{ClientFault, Rejection};
use crate::text::Excerpt;

/// A refusal with its details.
#[derive(Debug)]
pub struct Refused<'a> {
    pub(crate) rejection: &'a Rejection,
    pub(crate) claimed_client: Option<Excerpt<'a>>,
    pub(crate) key_id: Option<Excerpt<'a>>,
    pub(crate) findings: &'a [Finding<'a>],
}

impl<'a> Refused<'a> {
    /// A refusal of a request in which no assertion could be read.
    pub(crate) fn unread(rejection: &'a Rejection, findings: &'a [Finding<'a>]) -> Self {
        Self { rejection, claimed_client: None, key_id: None, findings }
    }

    /// The fault that the client is told, with its cause if the server is at fault.
    pub fn rejection(&self) -> &'a Rejection {
        self.rejection
    }

    /// The client that the sender claims to be. [`Rejection::is_proven`] returns whether a
    /// signature has proven it.
    pub fn claimed_client(&self) -> Option<Excerpt<'a>> {
        self.claimed_client
    }

    /// The `kid` that the sender named.
    pub fn key_id(&self) -> Option<Excerpt<'a>> {
        self.key_id
    }

    /// What exactly was wrong: every claim that failed, in the order of the checks, or the one
    /// fault of another kind with what was expected and received. Empty if the rejection says
    /// everything.
    pub fn findings(&self) -> &'a [Finding<'a>] {
        self.findings
    }
}

/// One fault, with what was expected and what was received. It displays as a sentence.
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

    /// What failed and why.
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
