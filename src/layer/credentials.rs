//! The parts of a request, other than its form, that can carry credentials.

use http::request::Parts;

use super::headers::DeclaredHeaders;
use crate::verifier::TokenRequest;

/// Adds the query, the headers that authenticate by other means, and the identity that a layer
/// outside has left.
pub(crate) fn with_other_credentials<'a>(
    request: TokenRequest<'a>,
    parts: &'a Parts,
    headers: &DeclaredHeaders,
) -> TokenRequest<'a> {
    let request = request.with_query(parts.uri.query().unwrap_or_default()).with_earlier(parts.extensions.get());
    request.with_other_credentials(headers.authorization, headers.has_attestation)
}
