//! The findings about an assertion that cannot be read: which part is wrong, why and where. They
//! show one character of it at most.

use std::borrow::Cow;

use super::{undecodable, unreadable};
use crate::event::{Excerpt, Finding, Received};
use crate::jose::base64url;
use crate::policy::Limits;
use crate::rejection::{Base64UrlFault, ClientFault, JsonFault, JsonPart};

/// The members that have a meaning here. Other names may be values, such as a `jti`, by mistake.
const REGISTERED: [&str; 18] = [
    "alg", "kid", "typ", "cty", "crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "iss", "sub", "aud", "jti", "iat",
    "nbf", "exp",
];

/// Returns the finding about the `client_assertion` parameter with this value.
pub(crate) fn text_finding(fault: &ClientFault, text: &[u8], limits: &Limits) -> Option<Finding<'static>> {
    use ClientFault as F;
    let (expected, received): (Cow<'static, str>, _) = match fault {
        F::AssertionTooLong => (at_most(limits.assertion), Received::Length(text.len())),
        F::NotThreeParts => ("three parts".into(), about_parts(text)),
        F::NotBase64Url(_, fault) => ("base64url without padding".into(), about_character(text, *fault)?),
        F::HeaderTooLong => (at_most(limits.header), Received::Length(decoded(text, JsonPart::Header)?.len())),
        F::NotJsonObject(part, _) => {
            let bytes = decoded(text, *part)?;
            let found = unreadable::find(&bytes, limits.json_depth)?;
            (expected_of_json(found.fault, limits), about_json(&bytes, *part, &found))
        }
        F::Encrypted => ("a signed JWT".into(), Received::described("a header with enc, or with a cty of JWT")),
        _ => return None,
    };
    Some(Finding::new(fault.clone(), expected, received))
}

fn at_most(bytes: usize) -> Cow<'static, str> {
    format!("at most {bytes} bytes").into()
}

fn decoded(text: &[u8], part: JsonPart) -> Option<Vec<u8>> {
    let [header, claims, _] = written_parts(text)?;
    let encoded = match part {
        JsonPart::Header => header,
        JsonPart::Claims => claims,
    };
    base64url::decode(std::str::from_utf8(encoded).ok()?)
}

fn about_parts(text: &[u8]) -> Received<'static> {
    let periods = text.iter().filter(|byte| **byte == b'.').count();
    let between = text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b',');
    let parts = match periods {
        0 => String::from("1 part"),
        more => format!("{} parts", more.saturating_add(1)),
    };
    Received::described(match (periods, between) {
        (_, Some(at)) if periods > 2 => format!("{parts}, and {} at byte {at}: perhaps two JWTs", name_at(text, at)),
        (4, None) => format!("{parts}, as many as an encrypted JWT has"),
        _ if text.first() == Some(&b'{') => format!("{parts}; the value begins like the JSON serialization"),
        _ => parts,
    })
}

fn about_character(text: &[u8], fault: Base64UrlFault) -> Option<Received<'static>> {
    let at = undecodable::find(written_parts(text)?)?.at;
    let name = name_at(text, at);
    let rest = text.get(at..).unwrap_or_default();
    Some(Received::described(match fault {
        Base64UrlFault::Incomplete => format!("a part that ends within a byte, at byte {at} of the value"),
        _ if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"Bearer ")) => {
            format!("{name} at byte {at} of the value, which begins with Bearer")
        }
        Base64UrlFault::WhiteSpace if rest.trim_ascii().is_empty() => {
            format!("{name} at byte {at} of the value, which ends with it")
        }
        Base64UrlFault::WhiteSpace if rest.first() == Some(&b' ') => {
            format!("{name} at byte {at} of the value; a plus sign that is not escaped arrives as a space")
        }
        Base64UrlFault::Character if rest.first() == Some(&0) => {
            format!("{name} at byte {at} of the value, which looks like UTF-16")
        }
        _ => format!("{name} at byte {at} of the value"),
    }))
}

/// Returns the three parts of the text as they were written.
fn written_parts(text: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = text.splitn(3, |byte| *byte == b'.');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn expected_of_json(fault: JsonFault, limits: &Limits) -> Cow<'static, str> {
    match fault {
        JsonFault::ByteOrderMark => "no byte order mark".into(),
        JsonFault::NotUtf8 => "UTF-8".into(),
        JsonFault::Syntax => "one JSON object".into(),
        JsonFault::NotAnObject => "a JSON object".into(),
        JsonFault::RepeatedMember => "each member once".into(),
        JsonFault::TooDeep => format!("at most {} levels", limits.json_depth).into(),
    }
}

fn about_json(bytes: &[u8], part: JsonPart, found: &unreadable::Unreadable<'_>) -> Received<'static> {
    let at = found.at;
    let place = format!("at byte {at} of the decoded {part}");
    Received::described(match found.fault {
        _ if bytes.is_empty() => return Received::Absent,
        JsonFault::NotUtf8 if unreadable::is_wide(bytes) => format!("text that looks like UTF-16 {place}"),
        JsonFault::NotUtf8 => match bytes.get(at) {
            Some(byte) => format!("0x{byte:02x} {place}"),
            None => place,
        },
        JsonFault::TooDeep => format!("one more {place}"),
        JsonFault::RepeatedMember => match &found.name {
            Some(name) if REGISTERED.contains(&&**name) => format!("{} again {place}", Excerpt::new(name)),
            Some(name) => format!("a name of {} bytes again {place}", name.len()),
            None => place,
        },
        JsonFault::ByteOrderMark | JsonFault::Syntax | JsonFault::NotAnObject => {
            format!("{} {place}", name_at(bytes, at))
        }
    })
}

/// Returns the character that begins at this byte: itself if it is visible ASCII, and a name or a
/// code point otherwise.
fn name_at(text: &[u8], at: usize) -> Cow<'static, str> {
    let rest = text.get(at..).unwrap_or_default();
    let character = rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    match (character, rest.first()) {
        (_, None) => "the end".into(),
        (Some(' '), _) => "a space".into(),
        (Some('\t'), _) => "a tab".into(),
        (Some('\n'), _) => "a line feed".into(),
        (Some('\r'), _) => "a carriage return".into(),
        (Some('\''), _) => "an apostrophe".into(),
        (Some('"'), _) => "a quotation mark".into(),
        (Some(visible @ '!'..='~'), _) => format!("'{visible}'").into(),
        (Some(other), _) => format!("U+{:04X}", u32::from(other)).into(),
        (None, Some(byte)) => format!("0x{byte:02x}").into(),
    }
}
