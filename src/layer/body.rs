//! The bodies on both sides of the layer: what the inner service is given, and what the client is given.
//!
//! A body that has been read is handed on byte for byte. Which types the two bodies have is the [`BodyMode`](crate::BodyMode)'s business.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// A body in memory: a token request that has been read, or the answer to one that was refused. See
/// [`rebuild_bodies_with`](crate::ClientAssertionLayer::rebuild_bodies_with).
#[derive(Clone, Default)]
pub struct BufferedBody {
    pub(crate) data: Bytes,
    /// Boxed, since next to no token request has any.
    pub(super) trailers: Option<Box<HeaderMap>>,
}

impl BufferedBody {
    pub(super) fn new(data: Bytes) -> Self {
        Self { data, trailers: None }
    }

    fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        if !self.data.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.data)));
        }
        self.trailers.take().map(|trailers| Frame::trailers(*trailers))
    }

    fn is_end(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next_frame().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.size()
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
    #[derive(Clone, Debug)]
    pub struct RequestBody<B> {
        #[pin]
        pub(super) state: RequestState<B>,
    }
}

pin_project! {
    #[derive(Clone, Debug)]
    #[project = RequestStateProj]
    pub(super) enum RequestState<B> {
        Streamed { #[pin] body: B },
        Buffered { body: BufferedBody },
    }
}

impl<B> Default for RequestBody<B> {
    fn default() -> Self {
        Self { state: RequestState::Buffered { body: BufferedBody::default() } }
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
        pub(super) state: ResponseState<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ResponseStateProj]
    pub(super) enum ResponseState<B> {
        Inner { #[pin] body: B },
        Generated { body: BufferedBody },
    }
}

/// An empty body: some layers make a response of their own and need one.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self { state: ResponseState::Generated { body: BufferedBody::default() } }
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
