//! Why a part of an assertion is not base64url, and where. The decoder only says that it is not, so
//! refused assertions are searched again.

use crate::rejection::{Base64UrlFault, JwtPart};

/// The first fault of an assertion that does not decode.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    pub(crate) part: JwtPart,
    pub(crate) fault: Base64UrlFault,
    /// The offset of the byte in the assertion as sent, counted from zero.
    pub(crate) at: usize,
}

/// Returns the first fault of the parts, which were separated by periods. Returns `None` if all of
/// them decode.
pub(crate) fn find(parts: [&[u8]; 3]) -> Option<Undecodable> {
    let mut start = 0;
    for (part, text) in [JwtPart::Header, JwtPart::Claims, JwtPart::Signature].into_iter().zip(parts) {
        if let Some((at, fault)) = find_in(text) {
            return Some(Undecodable { part, fault, at: start + at });
        }
        start += text.len() + 1;
    }
    None
}

fn find_in(text: &[u8]) -> Option<(usize, Base64UrlFault)> {
    let foreign = text.iter().enumerate().find(|(_, byte)| value_of(**byte).is_none());
    if let Some((at, byte)) = foreign {
        return Some((at, fault_of(*byte)));
    }
    // Three of the four cases leave bits that belong to no byte. They must be zero.
    let (last, stray) = match text.len() % 4 {
        0 => return None,
        1 => (text.last()?, 0b11_1111),
        2 => (text.last()?, 0b1111),
        _ => (text.last()?, 0b11),
    };
    let complete = text.len() % 4 != 1 && value_of(*last)? & stray == 0;
    (!complete).then_some((text.len() - 1, Base64UrlFault::Incomplete))
}

fn fault_of(byte: u8) -> Base64UrlFault {
    match byte {
        b'=' => Base64UrlFault::Padding,
        b'+' | b'/' => Base64UrlFault::StandardAlphabet,
        b' ' | b'\t' | b'\n' | b'\r' => Base64UrlFault::WhiteSpace,
        _ => Base64UrlFault::Character,
    }
}

/// Returns the six bits that a character stands for (RFC 4648, section 5).
fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::base64url::DecodeBuffer;

    #[test]
    fn the_first_fault_is_found_in_every_part() {
        let cases: [(&str, Base64UrlFault, usize); 14] = [
            ("AAA=", Base64UrlFault::Padding, 3),
            ("A=AA", Base64UrlFault::Padding, 1),
            ("AA+/", Base64UrlFault::StandardAlphabet, 2),
            ("A/==", Base64UrlFault::StandardAlphabet, 1),
            (" AAA", Base64UrlFault::WhiteSpace, 0),
            ("A\tA", Base64UrlFault::WhiteSpace, 1),
            ("AAA\r\n", Base64UrlFault::WhiteSpace, 3),
            ("AAA\n", Base64UrlFault::WhiteSpace, 3),
            ("\"AAA\"", Base64UrlFault::Character, 0),
            ("A%2EA", Base64UrlFault::Character, 1),
            ("\u{FEFF}AAA", Base64UrlFault::Character, 0),
            ("AAAAA", Base64UrlFault::Incomplete, 4),
            ("AB", Base64UrlFault::Incomplete, 1),
            ("AAB", Base64UrlFault::Incomplete, 2),
        ];
        for (text, fault, at) in cases {
            let text = text.as_bytes();
            for (part, parts, before) in [
                (JwtPart::Header, [text, b"AA=", b"+"], 0),
                (JwtPart::Claims, [b"AAAA", text, b"+"], 5),
                (JwtPart::Signature, [b"AA", b"", text], 4),
            ] {
                let expected = Undecodable { part, fault, at: before + at };
                assert_eq!(find(parts), Some(expected), "{parts:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_fault_is_found_if_and_only_if_the_decoder_fails(
            parts in prop::array::uniform3("([A-Za-z0-9_-]{0,9}|[A-D]{0,5}|[AQgw]{0,6}[-_=+/ \n.%\"]?)"),
        ) {
            let parts = [0, 1, 2].map(|part| parts[part].as_bytes());
            let mut buffer = DecodeBuffer::default();
            prop_assert_eq!(find(parts).is_none(), buffer.decode(parts).is_some());
        }
    }
}
