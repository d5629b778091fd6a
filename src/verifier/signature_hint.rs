//! What can be said about a signature that does not verify, without a key.

use crate::event::Received;
use crate::jose::algorithm::Algorithm;

/// Returns the length of a signature in words, if it does not depend on the key.
pub(crate) fn expected_length(algorithm: Algorithm) -> Option<String> {
    algorithm.signature_len().map(|len| format!("{len} bytes for {algorithm}"))
}

/// Returns the length of a signature and what it looks like.
pub(crate) fn about_signature(signature: &[u8]) -> Received<'static> {
    match looks_like(signature) {
        Some(encoding) => Received::described(format!("{} bytes that look like {encoding}", signature.len())),
        None => Received::Length(signature.len()),
    }
}

fn looks_like(signature: &[u8]) -> Option<&'static str> {
    let all = |is: fn(&u8) -> bool| signature.len() >= 32 && signature.iter().all(is);
    match () {
        () if is_der(signature) => Some("DER"),
        () if all(u8::is_ascii_hexdigit) => Some("hexadecimal text"),
        () if all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte)) => Some("base64 text"),
        () => None,
    }
}

/// Whether the bytes begin as the `SEQUENCE` of two `INTEGER`s that an ECDSA library outside of
/// JOSE returns (RFC 3279, section 2.2.3), and have the length that it declares.
pub(crate) fn is_der(signature: &[u8]) -> bool {
    match signature {
        [0x30, 0x81, len, 0x02, ..] => usize::from(*len) + 3 == signature.len(),
        [0x30, len, 0x02, ..] => usize::from(*len) + 2 == signature.len(),
        _ => false,
    }
}
