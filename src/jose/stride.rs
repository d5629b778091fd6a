//! Search in text, sixteen bytes at a time.
//!
//! A form and the JSON of an assertion consist of short runs of ordinary bytes between significant
//! ones. A search byte by byte costs several instructions for each, and a search made for long
//! texts costs dozens before it begins. Every function is inlined, so that vectors stay in
//! registers.

use std::ops::BitOr;

use wide::u8x16;

/// The number of bytes in a vector.
const LEN: usize = 16;

/// The number of bytes that [`find_near`] searches by itself.
pub(crate) const NEAR: usize = 2 * LEN;

/// Sixteen bytes of text.
#[derive(Clone, Copy)]
pub(crate) struct Stride(u8x16);

/// A mask of the bytes of a stride.
#[derive(Clone, Copy)]
pub(crate) struct Marks(u8x16);

impl Stride {
    /// Marks the bytes equal to `byte`.
    #[inline(always)]
    pub(crate) fn is(self, byte: u8) -> Marks {
        Marks(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// Marks the bytes from `low` to `high`, both included. If `low` is above `high`, the range
    /// wraps: from `low` to 255, and from 0 to `high`.
    #[inline(always)]
    pub(crate) fn is_within(self, low: u8, high: u8) -> Marks {
        let above = self.0 - u8x16::splat(low);
        Marks(above.min(u8x16::splat(high.wrapping_sub(low))).simd_eq(above))
    }
}

impl BitOr for Marks {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Returns a bit for each marked byte among the sixteen bytes of `text` that begin at `at`. The
/// lowest bit stands for the first byte. Bytes beyond the end are not marked.
#[inline(always)]
fn peek(text: &[u8], at: usize, marked: impl Fn(Stride) -> Marks) -> u32 {
    let bits = |bytes: &[u8; LEN]| marked(Stride(u8x16::new(*bytes))).0.to_bitmask();
    let Some(rest) = text.get(at..) else { return 0 };
    // Near the end, the last sixteen bytes are read again and those already searched are shifted
    // out. A text shorter than that is padded.
    match (rest.first_chunk(), text.last_chunk()) {
        (Some(bytes), _) => bits(bytes),
        (None, Some(last)) => bits(last) >> (LEN - rest.len()),
        (None, None) => bits(&padded(rest)) & ((1 << rest.len()) - 1),
    }
}

#[cold]
fn padded(short: &[u8]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes.iter_mut().zip(short).for_each(|(place, byte)| *place = *byte);
    bytes
}

/// Returns the offset of the first marked byte of `text` at or after `at`.
#[inline(always)]
pub(crate) fn find(text: &[u8], mut at: usize, marked: impl Fn(Stride) -> Marks) -> Option<usize> {
    while at < text.len() {
        match peek(text, at, &marked) {
            0 => at += LEN,
            bits => return Some(at + bits.trailing_zeros() as usize),
        }
    }
    None
}

/// Does the same for a mark that is usually near. If there is none within [`NEAR`] bytes, the rest
/// is left to `far`, a search made for long texts.
#[inline(always)]
pub(crate) fn find_near(
    text: &[u8],
    at: usize,
    marked: impl Fn(Stride) -> Marks,
    far: impl FnOnce(&[u8]) -> Option<usize>,
) -> Option<usize> {
    for near in [at, at + LEN] {
        match peek(text, near, &marked) {
            0 => {}
            bits => return Some(near + bits.trailing_zeros() as usize),
        }
    }
    let start = at + NEAR;
    far(text.get(start..)?).map(|found| start + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(stride: Stride) -> Marks {
        stride.is(b'"') | stride.is_within(b'0', b'9') | stride.is_within(0xFE, 1)
    }

    fn is_marked(byte: &u8) -> bool {
        matches!(byte, b'"' | b'0'..=b'9' | 0xFE.. | ..=1)
    }

    #[test]
    fn each_byte_value_is_marked_correctly_in_each_position() {
        for byte in 0..=u8::MAX {
            for place in 0..LEN {
                let mut bytes = [b'x'; LEN];
                bytes[place] = byte;
                let expected = u32::from(is_marked(&byte)) << place;
                assert_eq!(peek(&bytes, 0, marked), expected, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn all_positions_can_be_marked() {
        assert_eq!(peek(&[b'5'; LEN], 0, marked), 0xFFFF);
    }

    #[test]
    fn the_first_mark_is_found_and_nothing_beyond_the_end() {
        for len in 0..70 {
            for mark in 0..=len {
                let text: Vec<_> = (0..len).map(|at| if at == mark { b'7' } else { b'x' }).collect();
                for at in 0..=len + 1 {
                    let expected = text.iter().skip(at).position(is_marked).map(|found| at + found);
                    assert_eq!(find(&text, at, marked), expected, "{mark} in {len} from {at}");
                    let far = |text: &[u8]| text.iter().position(is_marked);
                    assert_eq!(find_near(&text, at, marked, far), expected, "{mark} in {len} from {at}");
                }
            }
        }
    }
}
