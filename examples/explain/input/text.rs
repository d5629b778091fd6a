//! The bytes of a file as text: byte order marks and UTF-16, which some shells write.

use std::borrow::Cow;

/// Removes a byte order mark. Text in UTF-16 becomes UTF-8.
pub(super) fn without_byte_order_mark(input: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match input {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(Cow::Borrowed(rest)),
        [0xFF, 0xFE, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
        other => Ok(Cow::Borrowed(other)),
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, [u8]>, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match (String::from_utf16(&units), rest) {
        (Ok(text), []) => Ok(Cow::Owned(text.into_bytes())),
        _ => Err("the input begins like UTF-16, but is not: save it as UTF-8".to_owned()),
    }
}

pub(super) fn as_text(input: &[u8]) -> Result<&str, String> {
    match std::str::from_utf8(input) {
        Ok(text) if text.contains('\0') => Err("the input has NUL bytes: expected text in UTF-8".to_owned()),
        Ok(text) => Ok(text),
        Err(_) => Err("the input is not text in UTF-8".to_owned()),
    }
}

pub(super) fn looks_like_json(input: &[u8]) -> bool {
    input.trim_ascii_start().starts_with(b"{")
}

/// Returns the lines with their numbers, from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}
