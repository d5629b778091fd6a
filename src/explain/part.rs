//! A part of a request, where the rest was not captured.

use std::fmt::Write as _;

use crate::endpoint::JWT_BEARER;

/// A part of a request. What surrounds it is not judged.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Part<'a> {
    /// The body: a form. Neither the head nor the query is judged.
    Form(&'a [u8]),
    /// The value of `client_assertion` alone, decoded. Neither the head nor the form is judged.
    Assertion(&'a str),
}

/// Shows the length and nothing else, because a part contains secrets.
impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, len) = match self {
            Self::Form(form) => ("Form", form.len()),
            Self::Assertion(text) => ("Assertion", text.len()),
        };
        f.debug_tuple(name).field(&format_args!("{len} bytes")).finish()
    }
}

/// Returns a form with this assertion and nothing else.
pub(crate) fn form_around(assertion: &str) -> String {
    let mut form = format!("client_assertion_type={JWT_BEARER}&client_assertion=");
    for byte in assertion.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => form.push(char::from(byte)),
            // Writing to a string cannot fail.
            other => _ = write!(form, "%{other:02X}"),
        }
    }
    form
}
