//! A keyed hash of a tenant, a client and its assertion: SipHash-1-3 with 128 bits of output. The
//! key is random for each process, so that an attacker cannot provoke collisions.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

static KEYED: LazyLock<SipHasher13> = LazyLock::new(|| {
    let random = RandomState::new();
    SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1))
});

/// A hasher whose key is the hash of a tenant.
#[derive(Clone, Copy)]
pub(super) struct TenantHasher(SipHasher13);

impl TenantHasher {
    pub(super) fn of(tenant: &str) -> Self {
        let mut hasher = *KEYED;
        hasher.write(tenant.as_bytes());
        let Hash128 { h1, h2 } = hasher.finish128();
        Self(SipHasher13::new_with_keys(h1, h2))
    }

    /// The length of the client is hashed first, since it tells where the client ends.
    #[inline]
    pub(super) fn hash(&self, client: &str, id: &[u8]) -> KeyHash {
        let mut hasher = self.0;
        hasher.write_u64(client.len() as u64);
        hasher.write(client.as_bytes());
        let client = hasher.finish128().h1;
        hasher.write(id);
        let Hash128 { h1: low, h2: high } = hasher.finish128();
        KeyHash { client, low, high }
    }
}

/// Shows nothing: the state is a secret.
impl fmt::Debug for TenantHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantHasher")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyHash {
    /// The hash of the client alone.
    pub(super) client: u64,
    pub(super) low: u64,
    pub(super) high: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_join_to_the_same_text_hash_differently() {
        let all = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("ab", "c\0"), ("ab\0", "c")];
        let of = |(client, id): (&str, &str)| TenantHasher::of("t").hash(client, id.as_bytes());
        let hashes = all.map(of);
        for (index, key) in all.into_iter().enumerate() {
            let hash = of(key);
            assert_eq!(hash, hashes[index]);
            let same = |other: &KeyHash| (other.low, other.high) == (hash.low, hash.high);
            assert_eq!(hashes.iter().filter(|other| same(other)).count(), 1, "{key:?}");
        }
    }
}
