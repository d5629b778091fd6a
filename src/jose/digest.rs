//! SHA-256, for thumbprints and for values that must not be kept as they are.

use aws_lc_rs::digest::{Context, SHA256, digest};

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    // A digest of SHA-256 has 32 bytes.
    digest(&SHA256, message).as_ref().try_into().unwrap_or_default()
}

/// Hashes `tag` and then each part behind its length, so that no two lists of parts are hashed as
/// the same bytes.
pub(crate) fn sha256_of_parts(tag: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&[tag]);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}
