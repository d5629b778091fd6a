//! What is written around a JWT by mistake, and what is done to its characters.

use std::borrow::Cow;

use super::urlencoded::unescape;

/// Something around a JWT that does not belong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// The scheme `Bearer`.
    Bearer,
    Quotes,
}

/// Takes away white space, `Bearer` and quotation marks, in either order.
pub(crate) fn unwrapped(value: &[u8]) -> (&[u8], Vec<Wrapper>) {
    let (mut jwt, mut found) = (value.trim_ascii(), Vec::new());
    for _ in 0..2 {
        for wrapper in [Wrapper::Bearer, Wrapper::Quotes] {
            let rest = match wrapper {
                Wrapper::Bearer => without_bearer(jwt),
                Wrapper::Quotes => without_quotes(jwt),
            };
            if let Some(rest) = rest.filter(|_| !found.contains(&wrapper)) {
                (jwt, _) = (rest, found.push(wrapper));
            }
        }
    }
    (jwt, found)
}

fn without_bearer(value: &[u8]) -> Option<&[u8]> {
    let (name, rest) = value.split_at_checked(6)?;
    let is_separated = rest.first().is_some_and(u8::is_ascii_whitespace);
    (name.eq_ignore_ascii_case(b"Bearer") && is_separated).then(|| rest.trim_ascii_start())
}

fn without_quotes(value: &[u8]) -> Option<&[u8]> {
    const PAIRS: &[(&str, &str)] =
        &[("\"", "\""), ("'", "'"), ("`", "`"), ("\u{201C}", "\u{201D}"), ("\u{201E}", "\u{201C}"), ("\\\"", "\\\"")];
    let between = |(open, close): &(&str, &str)| value.strip_prefix(open.as_bytes())?.strip_suffix(close.as_bytes());
    PAIRS.iter().find_map(between).map(<[u8]>::trim_ascii)
}

/// A JWT without what was around it, and with its characters as they may have been.
pub(super) struct Restored {
    /// As it was sent, or escaped up to two times less.
    pub(super) written: Vec<u8>,
    /// Without line breaks. A plus sign that is not escaped arrives as a space.
    pub(super) joined: Vec<u8>,
    /// In base64url without padding.
    pub(super) normalized: Vec<u8>,
}

impl Restored {
    pub(super) fn from(value: &[u8]) -> Self {
        let mut written = Cow::Borrowed(unwrapped(value).0);
        for _ in 0..2 {
            if let Some(decoded) = written.contains(&b'%').then(|| unescape(&written)).flatten() {
                written = Cow::Owned(unwrapped(&decoded).0.to_vec());
            }
        }
        let kept = written.iter().filter(|byte| !matches!(**byte, b'\r' | b'\n' | b'\t'));
        let joined: Vec<u8> = kept.map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        let symbols = joined.iter().filter(|byte| **byte != b'=').map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        Self { normalized: symbols.collect(), written: written.into_owned(), joined }
    }
}
