//! Error responses for refused requests.
//!
//! The response is all that a client's developers see, so it says what to fix. The texts are fixed,
//! and nothing from the request is ever repeated. A [`Rejection`] goes in and a response comes out;
//! a renderer never sees the request.
//!
//! There are three renderers. [`Rfc6749`] is the default, [`Redox`] is the default of that profile,
//! and [`Opaque`] gives no reasons. A closure is a renderer too.
//!
//! [`Troubleshooting`] is the page to which responses can [link](Rfc6749::error_pages): every text,
//! what is wrong and what to do, made from a renderer and a verifier.
//!
//! ```
//! use http::{Response, StatusCode};
//! use tower_client_assertion::Rejection;
//! use tower_client_assertion::rejection::{ClientFault, ServerFault};
//! use tower_client_assertion::render::{
//!     Opaque, Redox, RenderRejection, Rfc6749,
//! };
//!
//! let replayed = Rejection::from(ClientFault::Replayed);
//! let body = |renderer: &dyn RenderRejection| {
//!     let response = renderer.render(&replayed);
//!     String::from_utf8_lossy(response.body()).replace(",", ",\n")
//! };
//!
//! assert_eq!(body(&Opaque), r#"{"error":"invalid_client"}"#);
//! assert_eq!(
//!     body(&Rfc6749::default()),
//!     r#"{"error":"invalid_client",
//! "error_description":"Client assertion has already been used"}"#,
//! );
//! assert_eq!(
//!     body(&Redox::default()),
//!     r#"{"error":"invalid_request",
//! "error_description":"Unexpected jti claim value"}"#,
//! );
//!
//! // A fault of the server is never answered as the client's.
//! let unavailable = Rejection::from(ServerFault::Registry);
//! let response = Rfc6749::default().render(&unavailable);
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(response.headers()["retry-after"], "5");
//! ```

mod link;
mod opaque;
mod page;
mod redox;
mod redox_rows;
mod response;
mod response_cache;
mod rfc6749;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::rejection::{Rejection, RejectionKind};

pub use link::topic_id;
pub use opaque::Opaque;
pub use page::{PageBody, Troubleshooting, TroubleshootingPage};
pub use redox::Redox;
pub(crate) use response_cache::ResponseCache;
pub use rfc6749::Rfc6749;
pub(crate) use rfc6749::standard_response;

/// Makes the response to a refused request.
///
/// The layer sets `Content-Length`, and puts the [`Rejection`] into the response's extensions. A
/// renderer needs to do neither. Closures and `Arc`s of renderers implement this trait:
///
/// ```
/// use http::{Response, StatusCode};
/// use tower_client_assertion::Rejection;
/// use tower_client_assertion::rejection::{ClientFault, RejectionKind};
/// use tower_client_assertion::render::RenderRejection;
///
/// let renderer = |rejection: &Rejection| {
///     let (status, text) = match rejection.kind() {
///         RejectionKind::Client(_) => (StatusCode::BAD_REQUEST, "no"),
///         _ => (StatusCode::SERVICE_UNAVAILABLE, "later"),
///     };
///     let mut response = Response::new(text.into());
///     *response.status_mut() = status;
///     response
/// };
///
/// let response = renderer.render(&ClientFault::Replayed.into());
/// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
/// assert_eq!(response.body(), "no");
/// ```
pub trait RenderRejection: Send + Sync + 'static {
    /// Returns the response to `rejection`.
    fn render(&self, rejection: &Rejection) -> Response<Bytes>;

    /// Returns whether the response depends on nothing but the [kind](Rejection::kind) of the
    /// rejection. If so, the layer calls [`render`](Self::render) once for each kind and answers
    /// with copies. Default: `false`, so that a renderer may count or vary its responses.
    fn depends_on_kind_alone(&self) -> bool {
        false
    }

    /// Returns what to do about a rejection of this kind, in the words of this vocabulary. Default:
    /// its own [advice](RejectionKind::advice).
    fn advice(&self, kind: &RejectionKind) -> &'static str {
        kind.advice()
    }

    /// Returns the row of the vendor's own documentation about a rejection of this kind, if the
    /// vocabulary comes from a vendor. Default: none.
    fn vendor_row(&self, kind: &RejectionKind) -> Option<VendorRow<'_>> {
        let _ = kind;
        None
    }
}

/// A row of a vendor's documentation of its error responses, quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct VendorRow<'a> {
    /// Its place in the table.
    pub number: usize,
    /// The text of the responses, or a pattern for several texts.
    pub description: &'a str,
    /// What the vendor says about them. It may be empty.
    pub notes: &'a str,
}

impl<'a> VendorRow<'a> {
    /// Returns the row at this place, with this description and these notes.
    pub const fn new(number: usize, description: &'a str, notes: &'a str) -> Self {
        Self { number, description, notes }
    }
}

impl<F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static> RenderRejection for F {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        self(rejection)
    }
}

impl<R: RenderRejection + ?Sized> RenderRejection for Arc<R> {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        (**self).render(rejection)
    }

    fn depends_on_kind_alone(&self) -> bool {
        (**self).depends_on_kind_alone()
    }

    fn advice(&self, kind: &RejectionKind) -> &'static str {
        (**self).advice(kind)
    }

    fn vendor_row(&self, kind: &RejectionKind) -> Option<VendorRow<'_>> {
        (**self).vendor_row(kind)
    }
}
