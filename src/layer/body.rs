//! The request and response bodies around the layer.
//!
//! A body that was read into memory is passed on byte for byte. The [`BodyMode`](crate::BodyMode)
//! decides which types the inner service and the client see.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// A body in memory: a form that the layer has read, or the response to a refused request. See
/// [`rebuild_bodies_with`](crate::ClientAssertionLayer::rebuild_bodies_with).
#[derive(Clone, Default)]
pub struct BufferedBody {
    pub(super) data: Bytes,
    /// Boxed, because hardly any token request has trailers.
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
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next_frame().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}

/// Prints only the length, because the body can hold an assertion.
impl fmt::Debug for BufferedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").field("len", &self.data.len()).finish_non_exhaustive()
    }
}

pin_project! {
    #[derive(Clone, Debug)]
    #[project = MaybeBufferedProj]
    enum MaybeBuffered<B> {
        Original { #[pin] body: B },
        Buffered { body: BufferedBody },
    }
}

impl<B: Body<Data = Bytes>> Body for MaybeBuffered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            MaybeBufferedProj::Original { body } => body.poll_frame(cx),
            MaybeBufferedProj::Buffered { body } => Poll::Ready(body.next_frame().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Original { body } => body.is_end_stream(),
            Self::Buffered { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Original { body } => body.size_hint(),
            Self::Buffered { body } => body.size_hint(),
        }
    }
}

/// Defines a public body around a [`MaybeBuffered`], so that its variants stay private.
macro_rules! opaque_body {
    ($(#[$attribute:meta])* $name:ident) => {
        pin_project! {
            $(#[$attribute])*
            #[derive(Clone, Debug)]
            pub struct $name<B> {
                #[pin]
                body: MaybeBuffered<B>,
            }
        }

        impl<B> $name<B> {
            pub(super) fn original(body: B) -> Self {
                Self { body: MaybeBuffered::Original { body } }
            }

            pub(super) fn buffered(body: BufferedBody) -> Self {
                Self { body: MaybeBuffered::Buffered { body } }
            }
        }

        /// An empty body, for layers that make a request or a response themselves.
        impl<B> Default for $name<B> {
            fn default() -> Self {
                Self::buffered(BufferedBody::default())
            }
        }

        impl<B: Body<Data = Bytes>> Body for $name<B> {
            type Data = Bytes;
            type Error = B::Error;

            fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
                self.project().body.poll_frame(cx)
            }

            fn is_end_stream(&self) -> bool {
                self.body.is_end_stream()
            }

            fn size_hint(&self) -> SizeHint {
                self.body.size_hint()
            }
        }
    };
}

opaque_body! {
    /// The request body that the inner service receives: the original one, or the same bytes from
    /// memory.
    RequestBody
}

opaque_body! {
    /// The response body that the client receives: the inner service's, or that of a refusal.
    ResponseBody
}
