//! The response to a refused request.

use bytes::Bytes;
use http::{HeaderValue, Response, Version, header};

use crate::rejection::{ClientFault, Rejection, RejectionKind};
use crate::render::ResponseCache;

/// Returns the renderer's response to `rejection`. The [`Rejection`] itself goes into its
/// extensions, regardless of the renderer.
pub(super) fn response(responses: &ResponseCache, rejection: &Rejection, version: Version) -> Response<Bytes> {
    let mut response = responses.response(rejection);
    if abandons_body(rejection.kind()) && version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.extensions_mut().insert(rejection.clone());
    response
}

/// Whether the rest of the body stays unread. An HTTP/1 connection then cannot be used again
/// (RFC 9110, section 15.5.14).
fn abandons_body(kind: &RejectionKind) -> bool {
    matches!(kind, RejectionKind::Client(ClientFault::BodyTooLarge | ClientFault::BodyTimeout))
}
