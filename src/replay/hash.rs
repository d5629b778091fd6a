//! A keyed hash of a client and its `jti`: SipHash-1-3 with 128 bits of output. The key is random
//! for each process, so that an attacker cannot provoke collisions.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

static KEYED: LazyLock<SipHasher13> = LazyLock::new(|| {
    let random = RandomState::new();
    SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1))
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyHash {
    /// The hash of the client alone.
    pub(super) client: u64,
    pub(super) low: u64,
    pub(super) high: u64,
}

impl KeyHash {
    /// The length of the client is hashed first, since it tells where the client ends.
    pub(super) fn of(client: &str, jti: &str) -> Self {
        let mut hasher = *KEYED;
        hasher.write_u64(client.len() as u64);
        hasher.write(client.as_bytes());
        let client = hasher.finish128().h1;
        hasher.write(jti.as_bytes());
        let Hash128 { h1: low, h2: high } = hasher.finish128();
        Self { client, low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_join_to_the_same_text_hash_differently() {
        let all = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("ab", "c\0"), ("ab\0", "c")];
        let hashes = all.map(|(client, jti)| KeyHash::of(client, jti));
        for (index, (client, jti)) in all.into_iter().enumerate() {
            let hash = KeyHash::of(client, jti);
            assert_eq!(hash, hashes[index]);
            let same = |other: &KeyHash| (other.low, other.high) == (hash.low, hash.high);
            assert_eq!(hashes.iter().filter(|other| same(other)).count(), 1, "{client:?} {jti:?}");
        }
    }

    #[test]
    fn the_client_hash_does_not_depend_on_the_jti() {
        assert_eq!(KeyHash::of("a", "1").client, KeyHash::of("a", "2").client);
        assert_ne!(KeyHash::of("a", "1").client, KeyHash::of("b", "1").client);
    }
}
