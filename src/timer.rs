//! Timers of the Tokio runtime, where there are any.

use std::future::poll_fn;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

/// Returns a timer that ends after `duration`. Returns `None` outside of a Tokio runtime, and in
/// one that was built without `enable_time`.
pub(crate) fn timer(duration: Duration) -> Option<Pin<Box<Sleep>>> {
    Handle::try_current().ok()?;
    // Nothing tells whether a runtime has timers, except that creating one panics. The panic is
    // caught before the timer is registered anywhere, and its message says what is missing.
    catch_unwind(|| Box::pin(sleep(duration))).ok()
}

/// Returns the output of `future`, or `None` if `timer` ends before.
pub(crate) async fn within<F: Future>(mut timer: Pin<Box<Sleep>>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let either = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    });
    either.await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn runtimes_without_timers_are_told_apart() {
        assert!(timer(Duration::ZERO).is_none(), "there is no runtime");
        let without = Builder::new_current_thread().build().unwrap();
        without.block_on(async { assert!(timer(Duration::ZERO).is_none()) });
        let with = Builder::new_current_thread().enable_time().build().unwrap();
        with.block_on(async { timer(Duration::ZERO).unwrap().await });
    }
}
