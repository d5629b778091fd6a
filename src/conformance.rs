//! Code shared by the conformance suites of the ports.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use crate::port::BoxFuture;

/// A rule that an implementation breaks. It displays as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    rule: &'static str,
    detail: String,
}

impl Violation {
    pub(crate) fn of(rule: &'static str) -> impl FnOnce(String) -> Self {
        move |detail| Self { rule, detail }
    }

    /// Returns the rule.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl Error for Violation {}

/// The outcome of a rule: what went wrong, if the implementation breaks it.
pub(crate) type Kept = Result<(), String>;

/// Polls `future` at most `polls` times and drops it. Returns its output if it completed.
pub(crate) async fn interrupted<T>(mut future: BoxFuture<T>, polls: usize) -> Option<T> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
