//! What the cause of a failed fetch may show.

use std::error::Error;

use super::url::JwksUrl;
use crate::port::PortError;

/// Hides the query of `url` in a cause. HTTP clients often show the whole URL in their errors, and
/// a query may hold a secret.
pub(super) fn without_query(cause: PortError, url: &JwksUrl) -> PortError {
    let query = url.as_str().trim_start_matches(|character| character != '?');
    if query.len() < 2 {
        return cause;
    }
    let mut shown = cause.to_string();
    let mut next = cause.source();
    while let Some(error) = next {
        shown = format!("{shown}: {error}");
        next = error.source();
    }
    // A cause can be printed with `Debug` as well.
    if !shown.contains(query) && !format!("{cause:?}").contains(query) {
        return cause;
    }
    PortError::new(shown.replace(query, "?.."))
}
