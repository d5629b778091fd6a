//! What the operator learns about a request that was refused before its form was read.

use std::borrow::Cow;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;

use super::headers::{DeclaredHeaders, FORM};
use super::options::LayerOptions;
use crate::event::{Finding, Received};
use crate::rejection::{ClientFault, Rejection, RejectionKind};

/// Returns the finding about a head or a body that was refused.
pub(super) fn finding(
    rejection: &Rejection,
    parts: &Parts,
    headers: &DeclaredHeaders,
    options: &LayerOptions,
) -> Option<Finding<'static>> {
    use ClientFault as F;
    let RejectionKind::Client(fault) = rejection.kind() else { return None };
    let values = |names: &[HeaderName]| about_values(parts, names);
    let (expected, received): (Cow<'static, str>, _) = match fault {
        F::Method => ("POST".into(), shown(parts.method.as_str().as_bytes())),
        F::ContentEncoding => {
            ("no coding but identity or chunked".into(), values(&[CONTENT_ENCODING, TRANSFER_ENCODING]))
        }
        F::ContentType => (FORM.into(), values(&[CONTENT_TYPE])),
        F::Charset => ("the charset UTF-8".into(), values(&[CONTENT_TYPE])),
        F::BodyTooLarge => {
            (format!("at most {} bytes", options.settings.body_limit).into(), about_length(headers, "more"))
        }
        F::BodyUnreadable => match headers.length() {
            Some(length) => (format!("{length} bytes").into(), Received::described("an error or an earlier end")),
            None => ("the whole body".into(), Received::described("an error")),
        },
        F::BodyTimeout => (
            format!("the whole body within {:?}", options.settings.body_timeout).into(),
            Received::described("a part of it"),
        ),
        _ => return None,
    };
    Some(Finding::new(fault.clone(), expected, received))
}

/// Shows the headers of these names, which are expected to be one at most.
fn about_values(parts: &Parts, names: &[HeaderName]) -> Received<'static> {
    let all = names.iter().flat_map(|name| parts.headers.get_all(name));
    let shown: Vec<_> = all.take(3).map(|value| shown(value.as_bytes()).to_string()).collect();
    if shown.is_empty() { Received::Absent } else { Received::described(shown.join(" and ")) }
}

fn about_length(headers: &DeclaredHeaders, otherwise: &'static str) -> Received<'static> {
    match headers.length() {
        Some(length) => Received::described(format!("{length} bytes")),
        None => Received::described(otherwise),
    }
}

fn shown(value: &[u8]) -> Received<'static> {
    Received::of_words(&String::from_utf8_lossy(value))
}
