//! The bodies on both sides of the layer: what the inner service is given, what the client is given, and how a token
//! request is read into memory.
//!
//! A body that has been read is handed on byte for byte. Which types the two bodies have is the [`BodyMode`]'s business.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::rejection::{ClientFault, Rejection, ServerFault};

/// Which bodies the inner service and the client see. Sealed: [`WrappedBodies`] and [`PreservedBodies`] are all there are.
pub trait BodyMode<B>: sealed::Sealed {
    /// What the inner service is given for a request with body `B`.
    type Request;
    /// What the client is given for an inner response with body `B`.
    type Response;

    #[doc(hidden)]
    fn untouched(body: B) -> Self::Request;
    #[doc(hidden)]
    fn rebuilt(body: BufferedBody) -> Self::Request;
    #[doc(hidden)]
    fn inner(body: B) -> Self::Response;
    #[doc(hidden)]
    fn generated(bytes: Bytes) -> Self::Response;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::WrappedBodies {}
    impl Sealed for super::PreservedBodies {}
}

/// The default [`BodyMode`]: [`RequestBody`] inwards, [`ResponseBody`] outwards. It asks nothing of either body, so it works
/// in every stack, `hyper::body::Incoming` included.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrappedBodies;

impl<B> BodyMode<B> for WrappedBodies {
    type Request = RequestBody<B>;
    type Response = ResponseBody<B>;

    fn untouched(body: B) -> RequestBody<B> {
        RequestBody { state: RequestState::Streamed { body } }
    }

    fn rebuilt(body: BufferedBody) -> RequestBody<B> {
        RequestBody { state: RequestState::Buffered { body } }
    }

    fn inner(body: B) -> ResponseBody<B> {
        ResponseBody { state: ResponseState::Inner { body } }
    }

    fn generated(bytes: Bytes) -> ResponseBody<B> {
        ResponseBody { state: ResponseState::Generated { body: BufferedBody { data: bytes, trailers: None } } }
    }
}

/// The [`BodyMode`] of [`ClientAssertionLayer::preserve_body_types`](crate::ClientAssertionLayer::preserve_body_types): both
/// bodies keep their types, which must be made from [`Bytes`]. Trailers of a token request are dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreservedBodies;

impl<B: From<Bytes>> BodyMode<B> for PreservedBodies {
    type Request = B;
    type Response = B;

    fn untouched(body: B) -> B {
        body
    }

    fn rebuilt(body: BufferedBody) -> B {
        B::from(body.data)
    }

    fn inner(body: B) -> B {
        body
    }

    fn generated(bytes: Bytes) -> B {
        B::from(bytes)
    }
}

/// A body in memory.
#[derive(Default)]
pub struct BufferedBody {
    pub(crate) data: Bytes,
    trailers: Option<HeaderMap>,
}

impl BufferedBody {
    fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        if !self.data.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.data)));
        }
        self.trailers.take().map(Frame::trailers)
    }

    fn is_end(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}

/// It holds an assertion: nothing of it is printed but its length.
impl fmt::Debug for BufferedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").field("len", &self.data.len()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The body that the inner service is given: the one that came, or the same bytes from memory.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        state: RequestState<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = RequestStateProj]
    enum RequestState<B> {
        Streamed { #[pin] body: B },
        Buffered { body: BufferedBody },
    }
}

impl<B> Default for RequestBody<B> {
    fn default() -> Self {
        WrappedBodies::rebuilt(BufferedBody::default())
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            RequestStateProj::Streamed { body } => body.poll_frame(cx),
            RequestStateProj::Buffered { body } => Poll::Ready(body.next_frame().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            RequestState::Streamed { body } => body.is_end_stream(),
            RequestState::Buffered { body } => body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            RequestState::Streamed { body } => body.size_hint(),
            RequestState::Buffered { body } => body.size(),
        }
    }
}

pin_project! {
    /// The body that the client is given: the inner service's, or that of a refusal.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        state: ResponseState<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ResponseStateProj]
    enum ResponseState<B> {
        Inner { #[pin] body: B },
        Generated { body: BufferedBody },
    }
}

/// An empty body: some layers make a response of their own and need one.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        WrappedBodies::generated(Bytes::new())
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            ResponseStateProj::Inner { body } => body.poll_frame(cx),
            ResponseStateProj::Generated { body } => Poll::Ready(body.next_frame().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            ResponseState::Inner { body } => body.is_end_stream(),
            ResponseState::Generated { body } => body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            ResponseState::Inner { body } => body.size_hint(),
            ResponseState::Generated { body } => body.size(),
        }
    }
}

/// Reads a body into memory, within a size and a time.
pub(crate) struct Collector {
    limit: usize,
    timeout: Duration,
    /// Set when the body first made us wait: most are there at once.
    deadline: Option<Pin<Box<Sleep>>>,
    /// A body of one frame is not copied.
    first: Bytes,
    all: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Collector {
    pub(crate) fn new(limit: usize, timeout: Duration) -> Self {
        Self { limit, timeout, deadline: None, first: Bytes::new(), all: BytesMut::new(), trailers: None }
    }

    pub(crate) fn poll<B: Body<Data = Bytes>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BufferedBody, Rejection>> {
        let mut idle = 0;
        loop {
            let frame = match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(ClientFault::BodyUnreadable.into())),
                Poll::Ready(None) => return Poll::Ready(Ok(self.finish())),
                Poll::Pending => return self.poll_deadline(cx),
            };
            idle += usize::from(frame.data_ref().is_none_or(Bytes::is_empty));
            self.take(frame)?;
            // A peer that sends frames without data and without end must neither keep this task to itself nor outlast the deadline.
            if idle > 8 {
                cx.waker().wake_by_ref();
                return self.poll_deadline(cx);
            }
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<BufferedBody, Rejection>> {
        let deadline = match &mut self.deadline {
            Some(deadline) => deadline,
            None if Handle::try_current().is_err() => return Poll::Ready(Err(ServerFault::Timer.into())),
            none => none.insert(Box::pin(sleep(self.timeout))),
        };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(ClientFault::BodyTimeout.into()))
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), ClientFault> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                self.trailers = frame.into_trailers().ok();
                return Ok(());
            }
        };
        let held = self.first.len() + self.all.len();
        if data.len() > self.limit.saturating_sub(held) {
            return Err(ClientFault::BodyTooLarge);
        }
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
