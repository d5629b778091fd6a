//! SHA-256, for thumbprints and for values that must not be kept as they are.

use aws_lc_rs::digest::{SHA256, digest};

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    // A digest of SHA-256 has 32 bytes.
    digest(&SHA256, message).as_ref().try_into().unwrap_or_default()
}
