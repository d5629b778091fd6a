//! SHA-256, for thumbprints and for values that must not be kept as they are.

#[cfg(feature = "redis-no-provider")]
use aws_lc_rs::digest::Context;
use aws_lc_rs::digest::{SHA256, digest};

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    // A digest of SHA-256 has 32 bytes.
    digest(&SHA256, message).as_ref().try_into().unwrap_or_default()
}

/// Hashes `tag` and then each part behind its length, so that no two lists of parts are hashed as
/// the same bytes.
#[cfg(feature = "redis-no-provider")]
pub(crate) fn sha256_of_parts(tag: u8, parts: &[&str]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&[tag]);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}
