//! How a request is changed before the inner service sees it.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap, HeaderValue};

use super::headers::{ContentType, DeclaredHeaders, FORM};
use crate::identity::ClientIdentity;

/// An extension of requests that an optional layer has let pass without an assertion. It
/// distinguishes them from requests that no layer has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

/// Tells the inner service which client was proven. Replaces any identity that was there before.
pub(crate) fn identify(extensions: &mut Extensions, identity: Option<ClientIdentity>) {
    match identity {
        Some(identity) => {
            extensions.insert(identity);
        }
        None => {
            extensions.remove::<ClientIdentity>();
            extensions.insert(Anonymous);
        }
    }
}

/// Tells the layers outside which client was proven, unless the handler has done so.
pub(crate) fn identify_response(extensions: &mut Extensions, identity: Option<ClientIdentity>) {
    if identity.is_some() && extensions.get::<ClientIdentity>().is_none() {
        identify(extensions, identity);
    }
}

/// Makes the headers describe a form of `len` bytes in memory. The content type gets its usual
/// spelling, because parsers behind the layer may accept only that one. Otherwise a client could be
/// authenticated, and its assertion spent, and then be refused because of a capital letter.
pub(super) fn describe_buffered(headers: &mut HeaderMap, declared: &DeclaredHeaders, len: usize) {
    if declared.has_transfer_encoding {
        headers.remove(TRANSFER_ENCODING);
    }
    if declared.length() != Some(len as u64) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    if declared.content_type != ContentType::PlainForm {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    }
}
