//! base64url as JOSE defines it, strict and vectorised.
//!
//! Padding, other alphabets, white space and stray bits at the end are refused (RFC 7515,
//! section 2; RFC 4648, section 3.5).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;

/// The engine with vector instructions, on the processors for which the library has one.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
static ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::url_safe(NO_PAD));

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD));

/// The number of symbols that the engine reads in one step.
const ENGINE_BLOCK: usize = 32;

/// The symbol for six zero bits, used as padding.
const FILLER: u8 = b'A';

/// Memory for decoded texts: on the stack for ordinary assertions, on the heap for long ones, such
/// as those with post-quantum signatures.
#[derive(Default)]
pub(crate) struct DecodeBuffer {
    /// `None` until it is used, so that it is not filled for long texts.
    inline: Option<[u8; Self::INLINE]>,
    spilled: Vec<u8>,
}

impl DecodeBuffer {
    const INLINE: usize = 2048;

    /// Decodes all of these texts. Returns `None` if one of them is not base64url.
    pub(crate) fn decode<const N: usize>(&mut self, texts: [&[u8]; N]) -> Option<[&[u8]; N]> {
        let len = texts.iter().map(|text| text.len()).sum();
        if short_buffer_len::<N>(len) <= Self::INLINE {
            return decode_short(texts, self.inline.insert([FILLER; Self::INLINE]));
        }
        self.spilled.resize(len, 0);
        decode_long(texts, &mut self.spilled)
    }
}

/// Returns the size of the buffer that [`decode_short`] needs, at most, for texts of `len` bytes in
/// total.
const fn short_buffer_len<const N: usize>(len: usize) -> usize {
    (len + 3 * N + ENGINE_BLOCK + 4).div_ceil(4) * 7
}

/// Decodes into `buffer`, which must be filled with [`FILLER`].
///
/// The start and the end of a text cost an engine more than its middle. So the texts are
/// concatenated and decoded in one call. Each is padded to whole quartets, and all of them to whole
/// blocks of the engine. The padding decodes to zero bits, so any other bit behind a text is a
/// stray one.
fn decode_short<'a, const N: usize>(texts: [&[u8]; N], buffer: &'a mut [u8]) -> Option<[&'a [u8]; N]> {
    let quartets = texts.iter().map(|text| text.len().next_multiple_of(4)).sum::<usize>();
    // The engine decodes the last quartet slowly, so that one is padding.
    let (encoded, decoded) = buffer.split_at_mut_checked(quartets.next_multiple_of(ENGINE_BLOCK) + 4)?;
    let mut place = &mut *encoded;
    for text in texts {
        let (own, others) = place.split_at_mut_checked(text.len().next_multiple_of(4))?;
        own.split_at_mut_checked(text.len())?.0.copy_from_slice(text);
        place = others;
    }
    ENGINE.decode_slice(encoded, decoded).ok()?;
    let mut decoded = &*decoded;
    let mut parts = [&[][..]; N];
    for (part, text) in parts.iter_mut().zip(texts) {
        // A single symbol beyond whole quartets is less than a byte.
        let len = (text.len() % 4 != 1).then_some(text.len() / 4 * 3 + (text.len() % 4).saturating_sub(1))?;
        let (own, others) = decoded.split_at_checked(text.len().div_ceil(4) * 3)?;
        let (bytes, stray) = own.split_at_checked(len)?;
        stray.iter().all(|byte| *byte == 0).then_some(())?;
        (*part, decoded) = (bytes, others);
    }
    Some(parts)
}

/// Decodes long texts, for which the copy would cost more than it saves. `buffer` needs as many
/// bytes as the texts have, with any content.
fn decode_long<'a, const N: usize>(texts: [&[u8]; N], mut buffer: &'a mut [u8]) -> Option<[&'a [u8]; N]> {
    let mut parts = [&[][..]; N];
    for (part, text) in parts.iter_mut().zip(texts) {
        let len = ENGINE.decode_slice(text, buffer).ok()?;
        let (own, others) = buffer.split_at_mut_checked(len)?;
        (*part, buffer) = (own, others);
    }
    Some(parts)
}

/// Encodes `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Appends the encoding of `bytes`.
#[cfg(feature = "mint")]
pub(crate) fn encode_onto(bytes: &[u8], text: &mut String) {
    ENGINE.encode_string(bytes, text);
}

/// Decodes `text`. Returns `None` if it is not base64url.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|index| (index * 167 + len * 29) as u8).collect()
    }

    /// Decodes both ways, in buffers of exactly the promised size.
    fn decoded(texts: [&str; 3]) -> Option<[Vec<u8>; 3]> {
        let len = texts.iter().map(|text| text.len()).sum();
        let texts = texts.map(str::as_bytes);
        let (mut buffer, mut smaller) = (vec![FILLER; short_buffer_len::<3>(len)], vec![b'-'; len]);
        let short = decode_short(texts, &mut buffer);
        assert_eq!(short, decode_long(texts, &mut smaller), "{texts:?}");
        Some(short?.map(<[u8]>::to_vec))
    }

    #[test]
    fn texts_of_every_length_decode_as_if_each_were_alone() {
        for len in 0..200 {
            let parts = [bytes(len % 7), bytes(len), bytes(len * 3 % 101)];
            let texts = [0, 1, 2].map(|part| URL_SAFE_NO_PAD.encode(&parts[part]));
            assert_eq!(decoded([&texts[0], &texts[1], &texts[2]]), Some(parts), "{len}");
        }
    }

    #[test]
    fn invalid_base64url_is_refused_in_every_position() {
        // One symbol too many, stray bits, padding, other alphabets, white space, not ASCII.
        for wrong in ["A", "AAAAA", "AB", "AAB", "A=", "AA==", "AAA=", "+AAA", "/AAA", "A AA", "AAA\n", "A.AA", "Ä"] {
            let long = format!("{}{wrong}", "AAAA".repeat(20));
            for wrong in [wrong, &long] {
                for texts in [[wrong, "AAAA", ""], ["", wrong, "AAA"], ["AA", "", wrong]] {
                    assert_eq!(decoded(texts), None, "{texts:?}");
                }
            }
        }
        assert_eq!(decoded(["AA", "AAA", "AAAA"]), Some([vec![0], vec![0; 2], vec![0; 3]]));
    }

    #[test]
    fn a_buffer_can_be_used_again() {
        let mut buffer = DecodeBuffer::default();
        for len in [600, 5_000, 5, 4_999, 601, 6] {
            let bytes = bytes(len);
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            assert_eq!(buffer.decode([text.as_bytes(), b"AA", b"AAA"]), Some([&bytes[..], &[0], &[0, 0]]), "{len}");
        }
    }

    #[test]
    fn a_buffer_that_is_one_byte_too_small_is_refused() {
        let texts = ["AAAA", "AAAA", "AAAA"].map(str::as_bytes);
        let least = 36 + 36 / 4 * 3;
        assert!(decode_short(texts, &mut vec![FILLER; least]).is_some());
        assert!(decode_short(texts, &mut vec![FILLER; least - 1]).is_none());
        assert!(decode_long(texts, &mut [0; 9]).is_some());
        assert!(decode_long(texts, &mut [0; 8]).is_none());
    }
}
