//! The bound on how long one request waits for ports.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use crate::port::{PortError, PortErrorKind};
use crate::rejection::{Rejection, ServerFault};
use crate::timer::timer;

/// The time that is left for all waits of a request together. It starts with the first of them, so
/// that a request that never waits has no timer.
pub(super) struct Deadline {
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, timer: None }
    }

    /// Is ready when the time is over, with the refusal because of the port that did not answer.
    pub(super) fn poll(&mut self, port: ServerFault, cx: &mut Context<'_>) -> Poll<Rejection> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => match timer(self.timeout) {
                Some(timer) => none.insert(timer),
                // A wait without a bound could last for ever.
                None => return Poll::Ready(ServerFault::Timer.into()),
            },
        };
        ready!(timer.as_mut().poll(cx));
        let cause = PortError::new(format!("no answer within {:?}, which all ports share", self.timeout));
        let cause = cause.with_kind(PortErrorKind::Timeout);
        Poll::Ready(Rejection::unavailable(port, cause))
    }
}
