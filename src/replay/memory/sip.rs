//! SipHash-1-3 with 128 bits of output, under a random key: cheap, and nobody can aim at what it answers.
//!
//! The hasher of the standard library takes any number of pieces, and half of its instructions go into the seams between them.
//! What is hashed here is laid out in words: the length of the client, the client, zeros up to the next word, the `jti`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// What has taken in its key, and then perhaps some words.
#[derive(Clone, Copy)]
pub(super) struct SipHash {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
    /// Bytes that it has taken in.
    length: usize,
}

impl SipHash {
    pub(super) fn with_random_key() -> Self {
        let random = RandomState::new();
        Self::with_key(random.hash_one(0), random.hash_one(1))
    }

    fn with_key(k0: u64, k1: u64) -> Self {
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
            length: 0,
        }
    }

    /// Takes in a text in a way that leaves no doubt where it ends.
    #[inline]
    pub(super) fn and(mut self, text: &str) -> Self {
        self.take_in(text.len() as u64);
        let rest = self.take_in_words(text.as_bytes());
        if !text.len().is_multiple_of(8) {
            self.take_in(rest);
        }
        self
    }

    /// Takes in a text after which nothing comes.
    #[inline]
    pub(super) fn and_last(mut self, text: &str) -> Hash {
        let rest = self.take_in_words(text.as_bytes());
        self.finish(rest, text.len() % 8)
    }

    /// As if an empty text had come last.
    #[inline]
    pub(super) fn and_nothing(self) -> Hash {
        self.finish(0, 0)
    }

    /// Returns what is left over, as the lower bytes of a word.
    fn take_in_words(&mut self, text: &[u8]) -> u64 {
        let (words, rest) = text.as_chunks();
        words.iter().for_each(|word| self.take_in(u64::from_le_bytes(*word)));
        match text.last_chunk() {
            // The end of what has been taken in already is shifted out again. It shifts by no whole word.
            Some(last) if !rest.is_empty() => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
            _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }

    fn take_in(&mut self, word: u64) {
        self.v3 ^= word;
        self.mix();
        self.v0 ^= word;
        self.length += 8;
    }

    fn finish(mut self, rest: u64, bytes: usize) -> Hash {
        self.take_in(rest | ((self.length + bytes) as u64) << 56);
        self.v2 ^= 0xee;
        (0..3).for_each(|_| self.mix());
        Hash(self)
    }

    fn mix(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

/// The hash of all that was taken in.
#[derive(Clone, Copy)]
pub(super) struct Hash(SipHash);

impl Hash {
    /// The lower half.
    pub(super) fn low(self) -> u64 {
        let Self(SipHash { v0, v1, v2, v3, .. }) = self;
        v0 ^ v1 ^ v2 ^ v3
    }

    /// The upper half, for which more has to be worked out.
    pub(super) fn high(mut self) -> u64 {
        self.0.v1 ^= 0xdd;
        (0..3).for_each(|_| self.0.mix());
        self.low()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use siphasher::sip128::{Hasher128 as _, SipHasher13};

    use super::*;

    /// What another implementation says of the bytes that the module describes.
    fn expected(client: &str, jti: &str) -> (u64, u64) {
        let mut hasher = SipHasher13::new_with_keys(1, 2);
        hasher.write(&(client.len() as u64).to_le_bytes());
        hasher.write(client.as_bytes());
        hasher.write(&vec![0; client.len().next_multiple_of(8) - client.len()]);
        hasher.write(jti.as_bytes());
        let hash = hasher.finish128();
        (hash.h1, hash.h2)
    }

    #[test]
    fn texts_of_every_length_have_the_hash_that_another_implementation_gives_them() {
        let hasher = SipHash::with_key(1, 2);
        let text = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(8);
        for client in (0..40).map(|length| &text[..length]) {
            let client_alone = hasher.and(client).and_nothing();
            assert_eq!((client_alone.low(), client_alone.high()), expected(client, ""), "{client}");
            for jti in (0..text.len()).map(|length| &text[text.len() - length..]) {
                let hash = hasher.and(client).and_last(jti);
                assert_eq!((hash.low(), hash.high()), expected(client, jti), "{client} {jti}");
            }
        }
    }

    #[test]
    fn stores_have_keys_of_their_own() {
        let [a, b] = [(); 2].map(|()| SipHash::with_random_key().and("a").and_last("1").low());
        assert_ne!(a, b);
    }
}
