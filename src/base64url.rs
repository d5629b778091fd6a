//! base64url as JOSE has it: strict, and as fast as the processor allows.
//!
//! No padding, no other alphabet, no white space, no stray bits at the end (RFC 7515, section 2; RFC 4648, section 3.5).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;

/// The library's own choice of instructions, where it has one for this kind of processor.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
static ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::url_safe(NO_PAD));

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD));

/// Decodes `text` into the front of `room`; how many bytes that makes, or `None` if it is not base64url or does not fit.
pub(crate) fn decode_into(text: &[u8], room: &mut [u8]) -> Option<usize> {
    ENGINE.decode_slice(text, room).ok()
}

/// Encodes `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Decodes `text`, or `None` if it is not base64url.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}
