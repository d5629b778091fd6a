//! Media types in the form that the header parameters `typ` and `cty` use.

/// Returns whether a `typ` or `cty` names the media type `expected`. Case does not matter, and
/// either may omit the prefix `application/` (RFC 7515, section 4.1.9).
pub(crate) fn is_media_type(given: &str, expected: &str) -> bool {
    given.eq_ignore_ascii_case(expected) || subtype(given).eq_ignore_ascii_case(subtype(expected))
}

fn subtype(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) => subtype,
        _ => media_type,
    }
}
