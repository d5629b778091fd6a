//! Reading a request body into memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::Sleep;

use super::body::BufferedBody;
use crate::rejection::{ClientFault, Rejection, ServerFault};
use crate::timer::timer;

/// How many frames without data one poll reads before it yields.
const EMPTY_FRAMES: usize = 8;

/// Checks how much of a body has come.
pub(super) fn check_size(len: usize, limit: usize) -> Result<(), ClientFault> {
    if len > limit { Err(ClientFault::BodyTooLarge) } else { Ok(()) }
}

/// A body that is being read into memory.
#[derive(Default)]
pub(super) struct Collector {
    /// Set the first time the body is not ready. Most bodies are complete on arrival.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The first data frame. A body with only one is not copied.
    first: Bytes,
    all: BytesMut,
    trailers: Option<Box<HeaderMap>>,
}

impl Collector {
    /// Continues to read, up to `limit` bytes and for at most `timeout` from the first wait.
    pub(super) fn poll<B: Body<Data = Bytes>>(
        &mut self,
        mut body: Pin<&mut B>,
        limit: usize,
        timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BufferedBody, Rejection>> {
        let mut empty_frames = 0;
        loop {
            let frame = match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(ClientFault::BodyUnreadable.into())),
                Poll::Ready(None) => return Poll::Ready(Ok(self.finish())),
                Poll::Pending => return self.poll_deadline(timeout, cx),
            };
            empty_frames += usize::from(frame.data_ref().is_none_or(Bytes::is_empty));
            self.take(frame, limit)?;
            // Most bodies announce their end, which saves another poll.
            if body.is_end_stream() {
                return Poll::Ready(Ok(self.finish()));
            }
            // Endless frames without data must neither occupy this task nor outlast the deadline.
            if empty_frames > EMPTY_FRAMES {
                cx.waker().wake_by_ref();
                return self.poll_deadline(timeout, cx);
            }
        }
    }

    fn poll_deadline(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<Result<BufferedBody, Rejection>> {
        let deadline = match &mut self.deadline {
            Some(deadline) => deadline,
            none => match timer(timeout) {
                Some(timer) => none.insert(timer),
                None => return Poll::Ready(Err(ServerFault::Timer.into())),
            },
        };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(ClientFault::BodyTimeout.into()))
    }

    fn take(&mut self, frame: Frame<Bytes>, limit: usize) -> Result<(), ClientFault> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                self.trailers = frame.into_trailers().ok().map(Box::new);
                return Ok(());
            }
        };
        let held = self.first.len() + self.all.len();
        check_size(data.len(), limit.saturating_sub(held))?;
        if held == 0 {
            self.first = data;
            return Ok(());
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&data);
        Ok(())
    }

    fn finish(&mut self) -> BufferedBody {
        let first = std::mem::take(&mut self.first);
        let data = if first.is_empty() { std::mem::take(&mut self.all).freeze() } else { first };
        BufferedBody { data, trailers: self.trailers.take() }
    }
}
