//! Checks of characters that several rooms need, and untrusted text in a form that is safe to
//! print.

use std::fmt;

/// Whether `bytes` are UTF-8. Nearly all of them are ASCII, which is checked faster.
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// Whether `text` is `%x20-7E` throughout. It never stops early, so that many bytes are compared in
/// one instruction.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, 0x20..=0x7E))
}

/// Whether `text` has a control character. Printable ASCII is recognised first: that is fastest.
pub(crate) fn has_control(text: &str) -> bool {
    !is_printable_ascii(text) && text.chars().any(char::is_control)
}

/// A piece of untrusted text that is safe to print. It displays in quotation marks, escaped, and
/// cut after 64 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt<'a>(&'a str);

impl<'a> Excerpt<'a> {
    const LONGEST: usize = 64;

    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars().take(Self::LONGEST) {
            match character {
                ' '..='~' => write!(f, "{}", character.escape_debug())?,
                _ => write!(f, "{}", character.escape_unicode())?,
            }
        }
        let cut = self.0.chars().nth(Self::LONGEST).is_some();
        f.write_str(if cut { "\"..." } else { "\"" })
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
