//! The renderer that gives no reasons.

use bytes::Bytes;
use http::Response;

use super::{RenderRejection, standard_response};
use crate::rejection::Rejection;

/// Answers like [`Rfc6749`](super::Rfc6749), but with the error code only.
///
/// Use it where even a hint about a client's registration is too much. The client's developers then
/// have to ask the operator, who finds the reason in the [events](crate::event).
#[derive(Clone, Copy, Debug, Default)]
pub struct Opaque;

impl RenderRejection for Opaque {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        standard_response(rejection.kind()).respond(None, None)
    }

    fn depends_on_kind_alone(&self) -> bool {
        true
    }
}
