//! The inner service of a request that may have to wait.
//!
//! Tower's contract is that a service reserves in `poll_ready` what one `call` takes. A layer that waits between the two,
//! for a body say, holds that reservation meanwhile: a hundred slow clients and a `ConcurrencyLimit` of a hundred, and
//! nobody else is served. Not to ask the inner service before we are done would be no better: whoever sheds or balances load
//! around us would see a service that is always ready, and requests which we do not guard would wait in our future too. So
//! readiness is the inner service's own, and is given back when there is something to wait for.

use std::task::{Context, Poll, ready};

use tower_service::Service;

pub(crate) struct Readied<S> {
    service: S,
    ready: bool,
}

impl<S: Clone> Readied<S> {
    /// Takes the service that was found ready and leaves a clone, which may not be.
    pub(crate) fn take(service: &mut S) -> Self {
        let clone = service.clone();
        Self { service: std::mem::replace(service, clone), ready: true }
    }

    /// Gives back what the service has reserved.
    pub(crate) fn release(&mut self) {
        if self.ready {
            self.service = self.service.clone();
            self.ready = false;
        }
    }
}

impl<S> Readied<S> {
    pub(crate) fn poll_ready<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<R>,
    {
        if !self.ready {
            ready!(self.service.poll_ready(cx))?;
            self.ready = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Calls the service, which must have been found ready.
    pub(crate) fn call<R>(mut self, request: R) -> S::Future
    where
        S: Service<R>,
    {
        debug_assert!(self.ready, "called without being ready");
        self.service.call(request)
    }
}
