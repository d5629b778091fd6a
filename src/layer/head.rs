//! Checks of the head of a request before its body is read, and of the body against what the head
//! declared.

use http::Method;

use super::headers::DeclaredHeaders;
use crate::rejection::{ClientFault, Rejection, ServerFault};

/// Checks everything that needs no body, in a fixed order: the first fault is the one reported.
pub(super) fn check(method: &Method, headers: &DeclaredHeaders, body_limit: usize) -> Result<(), ClientFault> {
    check_method(method)?;
    check_encoding(headers)?;
    headers.check_form()?;
    check_length(headers, body_limit)
}

pub(super) fn check_method(method: &Method) -> Result<(), ClientFault> {
    if method == Method::POST { Ok(()) } else { Err(ClientFault::Method) }
}

pub(super) fn check_encoding(headers: &DeclaredHeaders) -> Result<(), ClientFault> {
    if headers.is_encoded { Err(ClientFault::ContentEncoding) } else { Ok(()) }
}

/// Checks the declared length.
pub(super) fn check_length(headers: &DeclaredHeaders, body_limit: usize) -> Result<(), ClientFault> {
    match headers.length() {
        Some(length) if length > body_limit as u64 => Err(ClientFault::BodyTooLarge),
        _ => Ok(()),
    }
}

/// Checks that the body is as long as declared. A body that was at its end when it arrived has been
/// read by a layer outside. A body that ends early was cut off, which over HTTP/2 can look like a
/// regular end. A body without a declared length cannot be found short.
pub(super) fn check_complete(headers: &DeclaredHeaders, arrived_empty: bool, body: &[u8]) -> Result<(), Rejection> {
    match headers.length() {
        _ if headers.has_transfer_encoding => Ok(()),
        Some(length) if length > 0 && arrived_empty => Err(ServerFault::BodyConsumed.into()),
        Some(length) if length > body.len() as u64 => Err(ClientFault::BodyUnreadable.into()),
        _ => Ok(()),
    }
}
