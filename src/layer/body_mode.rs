//! The types of the request and response bodies around the layer.

use std::fmt;

use bytes::Bytes;

use super::body::{BufferedBody, RequestBody, ResponseBody};

/// The choice of body types for the inner service and for the client.
///
/// This trait is sealed. It is implemented by [`WrappedBodies`], [`PreservedBodies`] and
/// [`RebuiltBodies`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a body of the type `{B}`",
    label = "the layer reads token requests into memory and must make a `{B}` of them again",
    note = "without `preserve_body_types` the layer takes every body",
    note = "a body that is made from another body, as tonic's is, needs `rebuild_bodies_with(tonic::body::Body::new)`"
)]
pub trait BodyMode<B>: Clone + sealed::Sealed {
    /// The body of a request to the inner service, for a request with body `B`.
    type Request;
    /// The body of a response to the client, for an inner response with body `B`.
    type Response;

    #[doc(hidden)]
    fn untouched(&self, body: B) -> Self::Request;
    #[doc(hidden)]
    fn rebuilt(&self, body: BufferedBody) -> Self::Request;
    #[doc(hidden)]
    fn inner(&self, body: B) -> Self::Response;
    #[doc(hidden)]
    fn generated(&self, bytes: Bytes) -> Self::Response;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::WrappedBodies {}
    impl Sealed for super::PreservedBodies {}
    impl<F> Sealed for super::RebuiltBodies<F> {}
}

/// The default [`BodyMode`]: the inner service receives a [`RequestBody`], and the client a
/// [`ResponseBody`].
///
/// It places no requirements on either body, so it works in every stack, including those of
/// `hyper::body::Incoming`.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrappedBodies;

impl<B> BodyMode<B> for WrappedBodies {
    type Request = RequestBody<B>;
    type Response = ResponseBody<B>;

    fn untouched(&self, body: B) -> RequestBody<B> {
        RequestBody::original(body)
    }

    fn rebuilt(&self, body: BufferedBody) -> RequestBody<B> {
        RequestBody::buffered(body)
    }

    fn inner(&self, body: B) -> ResponseBody<B> {
        ResponseBody::original(body)
    }

    fn generated(&self, bytes: Bytes) -> ResponseBody<B> {
        ResponseBody::buffered(BufferedBody::new(bytes))
    }
}

/// The [`BodyMode`] of [`preserve_body_types`](crate::ClientAssertionLayer::preserve_body_types):
/// both bodies keep their types, which must implement `From<Bytes>`. Trailers of a token request
/// are dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreservedBodies;

// Otherwise rustc would suggest only `From<Bytes>` and none of the alternatives.
#[diagnostic::do_not_recommend]
impl<B: From<Bytes>> BodyMode<B> for PreservedBodies {
    type Request = B;
    type Response = B;

    fn untouched(&self, body: B) -> B {
        body
    }

    fn rebuilt(&self, body: BufferedBody) -> B {
        B::from(body.data)
    }

    fn inner(&self, body: B) -> B {
        body
    }

    fn generated(&self, bytes: Bytes) -> B {
        B::from(bytes)
    }
}

/// The [`BodyMode`] of [`rebuild_bodies_with`](crate::ClientAssertionLayer::rebuild_bodies_with):
/// both bodies keep their types, and a function makes the ones that the layer needs.
#[derive(Clone, Copy)]
pub struct RebuiltBodies<F> {
    make: F,
}

impl<F> RebuiltBodies<F> {
    pub(super) fn new(make: F) -> Self {
        Self { make }
    }
}

#[diagnostic::do_not_recommend]
impl<B, F: Fn(BufferedBody) -> B + Clone> BodyMode<B> for RebuiltBodies<F> {
    type Request = B;
    type Response = B;

    fn untouched(&self, body: B) -> B {
        body
    }

    fn rebuilt(&self, body: BufferedBody) -> B {
        (self.make)(body)
    }

    fn inner(&self, body: B) -> B {
        body
    }

    fn generated(&self, bytes: Bytes) -> B {
        (self.make)(BufferedBody::new(bytes))
    }
}

/// Omits the function, which has nothing to print.
impl<F> fmt::Debug for RebuiltBodies<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RebuiltBodies")
    }
}
