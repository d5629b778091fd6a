//! A keyed hash of a client and its `jti`: SipHash-1-3 with 128 bits of output, under a random key, so that nobody can aim at
//! what it answers.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

/// The key of one store.
pub(super) struct Digester(SipHasher13);

impl Digester {
    pub(super) fn with_random_key() -> Self {
        let random = RandomState::new();
        Self(SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1)))
    }

    /// Of the client alone.
    pub(super) fn client(&self, client: &str) -> u64 {
        self.0.hash(client.as_bytes()).h1
    }

    /// Of both. The length of the client says where it ends.
    pub(super) fn assertion(&self, client: &str, jti: &str) -> Hash {
        let mut hasher = self.0;
        hasher.write(&(client.len() as u64).to_le_bytes());
        hasher.write(client.as_bytes());
        hasher.write(jti.as_bytes());
        let Hash128 { h1, h2 } = hasher.finish128();
        Hash { low: h1, high: h2 }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Hash {
    pub(super) low: u64,
    pub(super) high: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(Hash { low, high }: Hash) -> (u64, u64) {
        (low, high)
    }

    #[test]
    fn it_matters_where_the_client_ends() {
        let digester = Digester::with_random_key();
        let hash = |client, jti| halves(digester.assertion(client, jti));
        let all = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("ab", "c\0"), ("ab\0", "c")];
        for (index, (client, jti)) in all.into_iter().enumerate() {
            assert_eq!(hash(client, jti), hash(client, jti));
            assert!(all[..index].iter().all(|(other, id)| hash(client, jti) != hash(other, id)), "{client:?} {jti:?}");
        }
    }

    #[test]
    fn stores_have_keys_of_their_own() {
        let [a, b] = [(); 2].map(|()| Digester::with_random_key());
        assert_ne!(halves(a.assertion("a", "1")), halves(b.assertion("a", "1")));
        assert_ne!(a.client("a"), b.client("a"));
    }
}
