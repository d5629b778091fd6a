//! The details of a refusal.

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
    /// A refusal of a request in which no assertion was found.
    pub(crate) fn bare(rejection: &'a Rejection) -> Self {
        Self { rejection, claimed_client: None, key_id: None, findings: &[] }
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

    /// Every claim that failed, in the order of the checks. Empty if the assertion was refused
    /// before its claims were checked.
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
    /// The length of a `jti`. The identifier itself never appears in events.
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
