//! The inner service of a request that may have to wait.
//!
//! By Tower's contract, `poll_ready` reserves what one `call` uses. A layer that waits between the
//! two, for example for a body, holds that reservation meanwhile: a hundred slow clients then block
//! a `ConcurrencyLimit` of a hundred for everyone else. Asking the inner service only once the wait
//! is over is no better: layers outside that shed or balance load would see a service that is
//! always ready, and requests that are not guarded would wait inside the layer's future too. So the
//! layer is as ready as the inner service, and gives the reservation back when it has to wait.
//!
//! A reservation that was waited for is kept. The decision is then made again, which may wait for a
//! port, within `port_timeout`. If a busy service were waited for again after that, the request
//! could go back and forth until its assertion expires. Only a request that was accepted once gets
//! so far, so no other can hold a reservation in this way.

use std::task::{Context, Poll};

use tower_service::Service;

/// An inner service, whether it holds a reservation for one call, and whether that took a while.
pub(crate) struct ReadyInner<S> {
    service: S,
    ready: bool,
    waited: bool,
}

impl<S: Clone> ReadyInner<S> {
    /// Takes the service that reported readiness. Leaves a clone behind, which may not be ready.
    pub(crate) fn take(service: &mut S) -> Self {
        let clone = service.clone();
        Self { service: std::mem::replace(service, clone), ready: true, waited: false }
    }

    /// Gives the reservation back, if there is one that was not waited for.
    pub(crate) fn release(&mut self) {
        if self.ready && !self.waited {
            // A fresh clone has reserved nothing; dropping the old service frees what it reserved.
            self.service = self.service.clone();
            self.ready = false;
        }
    }
}

impl<S> ReadyInner<S> {
    /// Returns whether a reservation is held.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Waits for a reservation, unless one is held.
    pub(crate) fn poll_ready<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<R>,
    {
        if !self.ready {
            let Poll::Ready(ready) = self.service.poll_ready(cx) else {
                self.waited = true;
                return Poll::Pending;
            };
            ready?;
            self.ready = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Returns whether a reservation had to be waited for, so that time has passed.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited
    }

    /// Calls the service, which must hold a reservation.
    pub(crate) fn call<R>(mut self, request: R) -> S::Future
    where
        S: Service<R>,
    {
        debug_assert!(self.ready, "called without being ready");
        self.service.call(request)
    }
}
