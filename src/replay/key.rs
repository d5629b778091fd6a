//! The identifier of an assertion in a replay store.

use std::fmt;
use std::sync::Arc;

use super::hash::{KeyHash, TenantHasher};
use crate::jose::digest::{sha256, sha256_of_parts};

/// The identifier of an assertion: its tenant, its client, and what tells this client's assertions
/// apart. RFC 7519, section 4.1.7, asks issuers to avoid collisions with each other; this crate
/// does not rely on that.
///
/// - The *tenant* is the authorization server that the assertion is for, so that two servers with
///   equal client ids can share a store: see [`tenant`](crate::VerifierBuilder::tenant).
/// - An assertion is known by its `jti` or, if it has none, by the SHA-256 hash of its signing
///   input (RFC 7515, section 2). It is not known by its signature: an ECDSA signature can be
///   changed into another valid one without the key. No `jti` equals such a hash.
///
/// A store that is not in memory uses [`digest`](Self::digest), which covers all three. The parts
/// may contain any separator. A store that joins them must include their lengths, so that one
/// client cannot spend the identifiers of another.
///
/// ```
/// use tower_client_assertion::replay::ReplayKey;
///
/// let key = ReplayKey::new("https://as.example.com", "clinic-7", "a1b2c3");
/// let same = ReplayKey::new("https://as.example.com", "clinic-7", "a1b2c3");
/// let other = ReplayKey::new("https://other.example", "clinic-7", "a1b2c3");
/// assert_eq!(key.digest(), same.digest());
/// assert_ne!(key.digest(), other.digest());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey<'a> {
    tenant: &'a str,
    client_id: &'a str,
    id: AssertionId<'a>,
    /// For stores in memory. Computed here, so that the look and the insert share it.
    pub(super) hash: KeyHash,
}

/// What tells the assertions of one client apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AssertionId<'a> {
    Jti(&'a str),
    /// The SHA-256 hash of the signing input, behind [`NO_JTI`].
    SigningInput([u8; 33]),
}

/// The first byte of an identifier that is no `jti`: it does not occur in UTF-8.
const NO_JTI: u8 = 0xFF;

impl<'a> AssertionId<'a> {
    /// Returns the identifier of an assertion without a `jti`.
    pub(crate) fn of_signing_input(input: &[u8]) -> Self {
        let mut bytes = [NO_JTI; 33];
        if let Some(rest) = bytes.last_chunk_mut() {
            *rest = sha256(input);
        }
        Self::SigningInput(bytes)
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Jti(jti) => jti.as_bytes(),
            Self::SigningInput(bytes) => bytes,
        }
    }
}

impl<'a> ReplayKey<'a> {
    /// Creates the key of this client's assertion with this `jti`.
    pub fn new(tenant: &'a str, client_id: &'a str, jti: &'a str) -> Self {
        Self::with(tenant, &TenantHasher::of(tenant), client_id, AssertionId::Jti(jti))
    }

    /// Creates the key of this client's assertion without a `jti`.
    pub fn without_jti(tenant: &'a str, client_id: &'a str, signing_input: &[u8]) -> Self {
        Self::with(tenant, &TenantHasher::of(tenant), client_id, AssertionId::of_signing_input(signing_input))
    }

    pub(crate) fn of(tenant: &'a Tenant, client_id: &'a str, id: AssertionId<'a>) -> Self {
        Self::with(&tenant.name, &tenant.hasher, client_id, id)
    }

    #[inline]
    fn with(tenant: &'a str, hasher: &TenantHasher, client_id: &'a str, id: AssertionId<'a>) -> Self {
        Self { tenant, client_id, id, hash: hasher.hash(client_id, id.as_bytes()) }
    }

    /// Returns the name of the tenant.
    pub fn tenant(&self) -> &'a str {
        self.tenant
    }

    /// Returns the id of the client.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// Returns what tells this client's assertions apart: the bytes of the `jti`, which is not
    /// empty and of bounded length, or the byte `0xFF` and the hash of the signing input.
    pub fn id(&self) -> &[u8] {
        self.id.as_bytes()
    }

    /// Returns the first 128 bits of a SHA-256 hash over all parts, each behind its length. It is
    /// the same on every node and reveals no identifier. A release that changes it says so in the
    /// changelog.
    ///
    /// 128 bits are enough. A client that finds a collision among its own identifiers, after some
    /// 2^64 attempts, has spent an assertion that is its own. Hitting one of another client takes
    /// 2^128 attempts.
    pub fn digest(&self) -> [u8; 16] {
        let parts = [self.tenant.as_bytes(), self.client_id.as_bytes(), self.id.as_bytes()];
        first_half(sha256_of_parts(DIGEST, &parts))
    }

    /// Returns the digest that releases before the tenant used. They did not record an assertion
    /// without a `jti`.
    #[cfg(feature = "redis-no-provider")]
    pub(super) fn digest_without_tenant(&self) -> Option<[u8; 16]> {
        match self.id {
            AssertionId::Jti(jti) => {
                let parts = [self.client_id.as_bytes(), jti.as_bytes()];
                Some(first_half(sha256_of_parts(DIGEST_WITHOUT_TENANT, &parts)))
            }
            AssertionId::SigningInput(_) => None,
        }
    }

    /// Returns a keyed hash of the tenant and the client.
    pub(crate) fn client_hash(&self) -> u64 {
        self.hash.client
    }

    /// Returns a keyed hash of all parts.
    pub(crate) fn assertion_hash(&self) -> u64 {
        self.hash.low
    }

    pub(crate) fn assertion_id(&self) -> AssertionId<'a> {
        self.id
    }
}

/// Hashed before the parts, so that two formats never collide. Raise it with every change of what
/// is hashed. Stores outlive a release: see `key.rs` of the Redis store.
pub(super) const DIGEST: u8 = 2;
#[cfg(feature = "redis-no-provider")]
pub(super) const DIGEST_WITHOUT_TENANT: u8 = 1;

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    digest.first_chunk().copied().unwrap_or_default()
}

impl fmt::Debug for ReplayKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReplayKey");
        debug.field("tenant", &self.tenant).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// The tenant of a verifier, hashed once.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    name: Arc<str>,
    hasher: TenantHasher,
}

impl Tenant {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { hasher: TenantHasher::of(&name), name }
    }
}

/// A key for a future, which cannot borrow from the request.
pub(super) struct OwnedKey {
    tenant: Box<str>,
    client_id: Box<str>,
    id: OwnedId,
    hash: KeyHash,
}

enum OwnedId {
    Jti(Box<str>),
    SigningInput([u8; 33]),
}

impl OwnedKey {
    pub(super) fn borrow(&self) -> ReplayKey<'_> {
        let id = match &self.id {
            OwnedId::Jti(jti) => AssertionId::Jti(jti),
            OwnedId::SigningInput(bytes) => AssertionId::SigningInput(*bytes),
        };
        ReplayKey { tenant: &self.tenant, client_id: &self.client_id, id, hash: self.hash }
    }
}

impl From<ReplayKey<'_>> for OwnedKey {
    fn from(key: ReplayKey<'_>) -> Self {
        let id = match key.id {
            AssertionId::Jti(jti) => OwnedId::Jti(jti.into()),
            AssertionId::SigningInput(bytes) => OwnedId::SigningInput(bytes),
        };
        Self { tenant: key.tenant.into(), client_id: key.client_id.into(), id, hash: key.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_if_any_part_does() {
        let hash = sha256(b"header.claims");
        let jti_like_hash = String::from_utf8_lossy(&hash).into_owned();
        let keys = [
            ReplayKey::new("t", "c", "j"),
            ReplayKey::new("u", "c", "j"),
            ReplayKey::new("t", "d", "j"),
            ReplayKey::new("t", "c", "k"),
            ReplayKey::new("tc", "", "j"),
            ReplayKey::new("", "tc", "j"),
            ReplayKey::new("t", "cj", ""),
            ReplayKey::new("", "", "tcj"),
            ReplayKey::new("t\0", "c", "j"),
            ReplayKey::without_jti("t", "c", b"header.claims"),
            ReplayKey::without_jti("u", "c", b"header.claims"),
            ReplayKey::without_jti("t", "d", b"header.claims"),
            ReplayKey::without_jti("t", "c", b"header.claimt"),
            ReplayKey::new("t", "c", "header.claims"),
            ReplayKey::new("t", "c", &jti_like_hash),
        ];
        for (index, key) in keys.iter().enumerate() {
            for other in &keys[..index] {
                assert_ne!(key, other);
                assert_ne!(key.digest(), other.digest(), "{key:?} {other:?}");
                assert_ne!((key.hash.low, key.hash.high), (other.hash.low, other.hash.high), "{key:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_client_has_one_share_with_and_without_jti() {
        let key = ReplayKey::new("t", "c", "j");
        assert_eq!(key.client_hash(), ReplayKey::without_jti("t", "c", b"a.b").client_hash());
        assert_ne!(key.client_hash(), ReplayKey::new("u", "c", "j").client_hash());
        assert_ne!(key.client_hash(), ReplayKey::new("t", "d", "j").client_hash());
    }

    #[test]
    fn all_ways_to_a_key_lead_to_the_same() {
        let tenant = Tenant::new("t".into());
        let of_input = AssertionId::of_signing_input(b"a.b");
        for (key, same) in [
            (ReplayKey::new("t", "c", "j"), ReplayKey::of(&tenant, "c", AssertionId::Jti("j"))),
            (ReplayKey::without_jti("t", "c", b"a.b"), ReplayKey::of(&tenant, "c", of_input)),
        ] {
            assert_eq!(key, same);
            assert_eq!(OwnedKey::from(key).borrow(), key);
        }
    }

    #[test]
    fn no_jti_begins_like_a_hash() {
        assert_eq!(ReplayKey::without_jti("t", "c", b"a.b").id()[0], NO_JTI);
        assert!(std::str::from_utf8(&[NO_JTI]).is_err());
    }
}
