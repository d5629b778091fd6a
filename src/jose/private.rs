//! Private and symmetric keys where only public keys belong, in any form.
//!
//! The owner of a published private key must hear of it first, also if the document cannot be read
//! for another reason. What is returned names the key and contains nothing of it.

use std::borrow::Cow;

use serde_json::value::RawValue;
use spki::der::asn1::AnyRef;
use spki::der::{Decode, Reader, Result, SliceReader, Tag, Tagged};

use crate::jose::member::{Members, is_empty};

/// The members of a JWK that hold a secret (RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 9964,
/// section 3).
pub(crate) const MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Members of which at least one tells a JWK from other objects: `d` alone is a name like any
/// other.
const OF_JWKS: [&str; 6] = ["kty", "crv", "kid", "n", "x", "pub"];

/// How deep arrays, objects and JSON within strings are searched. It bounds the effort.
const MOST_LEVELS: usize = 8;

/// The longest label of PEM that is read, in bytes.
const LONGEST_LABEL: usize = 40;

/// Returns the name of a private key in a document of any form.
#[cold]
pub(crate) fn in_document(document: &[u8]) -> Option<String> {
    in_text(&narrow(document), MOST_LEVELS)
}

/// Returns the name of a private key in a value.
#[cold]
pub(crate) fn in_value(json: &RawValue) -> Option<String> {
    in_json(json, MOST_LEVELS)
}

/// Returns ASCII that is written in UTF-16 as one byte each.
fn narrow(text: &[u8]) -> Cow<'_, [u8]> {
    match is_utf16(text) {
        true => text.iter().copied().filter(|byte| !matches!(byte, 0 | 0xFE | 0xFF)).collect(),
        false => text.into(),
    }
}

/// Some tools write files in UTF-16. ASCII in it has a zero in every second byte.
pub(crate) fn is_utf16(text: &[u8]) -> bool {
    matches!(text, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..])
}

fn in_text(text: &[u8], levels: usize) -> Option<String> {
    let lossy = String::from_utf8_lossy(text);
    in_pem(&lossy).or_else(|| match serde_json::from_slice(text) {
        Ok(json) => in_json(json, levels),
        Err(_) => in_broken_json(&lossy),
    })
}

/// Recognises the private members of JWKs that no parser reads: one on each line, or with a comma
/// too many.
fn in_broken_json(text: &str) -> Option<String> {
    let is_private = |name: &&str| {
        let name = format!("\"{name}\"");
        let rests = text.match_indices(&name).filter_map(|(at, name)| text.get(at.saturating_add(name.len())..));
        let mut values = rests.filter_map(|rest| Some(rest.trim_start().strip_prefix(':')?.trim_start()));
        values.any(|value| match value.split_at_checked(1) {
            Some(("\"", content)) => !content.starts_with('"'),
            Some(("[", content)) => !content.trim_start().starts_with(']'),
            _ => false,
        })
    };
    let names: Vec<_> = MEMBERS.into_iter().filter(is_private).collect();
    (text.contains("\"kty\"") && !names.is_empty()).then(|| jwk_with(&names))
}

fn in_json(json: &RawValue, levels: usize) -> Option<String> {
    let levels = levels.checked_sub(1)?;
    match json.get().as_bytes() {
        [b'{', ..] => {
            let members = Members::of(json)?;
            in_jwk(&members).or_else(|| members.values().find_map(|value| in_json(value, levels)))
        }
        [b'[', ..] => {
            let elements: Vec<&RawValue> = serde_json::from_str(json.get()).ok()?;
            elements.into_iter().find_map(|element| in_json(element, levels))
        }
        [b'"', ..] => in_text(serde_json::from_str::<String>(json.get()).ok()?.as_bytes(), levels),
        _ => None,
    }
}

fn in_jwk(members: &Members<'_>) -> Option<String> {
    let is_jwk = OF_JWKS.iter().any(|name| members.get(name).is_some());
    let names = private_members(members);
    (is_jwk && !names.is_empty()).then(|| jwk_with(&names))
}

fn jwk_with(names: &[&str]) -> String {
    format!("JWK with {}", names.join(", "))
}

/// Returns the names of the private members that have a value.
pub(crate) fn private_members(members: &Members<'_>) -> Vec<&'static str> {
    MEMBERS.into_iter().filter(|name| members.named(name).any(|value| !is_empty(value))).collect()
}

/// Returns the label of a private key in PEM, or in a form like it: the dashes and the lines may be
/// damaged. The line that ends a key tells of it as well as the one that begins it.
pub(crate) fn in_pem(text: &str) -> Option<String> {
    let after = |word: &'static str| {
        let lines = text.match_indices(word).filter_map(move |(at, _)| text.split_at_checked(at));
        let lines = lines.filter(|(before, _)| before.trim_end_matches(' ').ends_with('-'));
        lines.filter_map(move |(_, line)| private_label(label(line.strip_prefix(word)?.trim_start_matches(' '))))
    };
    after("BEGIN").chain(after("END")).next()
}

/// Returns the label at the beginning of a text. It ends at the first character that labels do not
/// have, for example at a dash or at the end of the line.
pub(crate) fn label(text: &str) -> &str {
    let is_of_label = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'_' | b'#');
    let len = text.bytes().take(LONGEST_LABEL).take_while(is_of_label).count();
    text.get(..len).unwrap_or_default()
}

/// Returns the label as far as it names a private key. If the dashes after it are missing, the key
/// follows.
fn private_label(label: &str) -> Option<String> {
    const PRIVATE: &str = "PRIVATE KEY";
    const OF_PGP: &str = "PRIVATE KEY BLOCK";
    let at = label.to_ascii_uppercase().find(PRIVATE)?;
    let rest = label.get(at..)?;
    let len = if rest.starts_with(OF_PGP) { OF_PGP.len() } else { PRIVATE.len() };
    label.get(..at.saturating_add(len)).map(str::to_owned)
}

/// Returns whether DER is a private key: PKCS #1 (RFC 8017, appendix A.1.2), PKCS #8 (RFC 5958,
/// sections 2 and 3), or one of an elliptic curve (RFC 5915, section 3). It is told by its first
/// values.
pub(crate) fn is_der(der: &[u8]) -> bool {
    let begins_private = |der| -> Result<bool> {
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|key| {
            let (first, second) = (AnyRef::decode(key)?, AnyRef::decode(key)?);
            let more = !key.is_finished();
            while !key.is_finished() {
                AnyRef::decode(key)?;
            }
            let is_version = first.tag() == Tag::Integer && matches!(first.value(), [0 | 1]);
            Ok(match second.tag() {
                Tag::OctetString => is_version || first.tag() == Tag::Sequence,
                Tag::Sequence => is_version,
                Tag::Integer => is_version && more,
                _ => false,
            })
        })
    };
    begins_private(der).unwrap_or(false)
}
