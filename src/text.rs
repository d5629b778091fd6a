//! Questions about characters that several rooms ask.

/// Whether `bytes` are UTF-8. Nearly all of them are ASCII, which is checked faster.
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// Whether `text` is `%x20-7E` throughout. It never stops early, so that many bytes are compared in
/// one instruction.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, 0x20..=0x7E))
}

/// Whether `text` has a control character. Printable ASCII is recognised first, since it is fastest.
pub(crate) fn has_control(text: &str) -> bool {
    !is_printable_ascii(text) && text.chars().any(char::is_control)
}
