//! A JWK Set as a document: its keys as they are written, or what the document is instead.

use serde_json::value::RawValue;

use crate::jose::key_set_error::{Document, KeySetError};
use crate::jose::member::{Members, read_object};
use crate::jose::private::{self, is_utf16};

/// Returns the keys of a JWK Set (RFC 7517, section 5) within these limits.
///
/// A byte order mark in front of the document is skipped, once (RFC 8259, section 8.1, permits
/// that). It says nothing about the keys.
pub(crate) fn read_keys(json: &[u8], max_bytes: usize, max_keys: usize) -> Result<Vec<&RawValue>, KeySetError> {
    #[derive(serde::Deserialize)]
    struct JwkSet<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    let document = read_value(json, max_bytes)?;
    let other = || match private::in_value(document) {
        Some(label) => KeySetError::PrivateKey { label },
        None => KeySetError::NotAKeySet { found: Document::of(document) },
    };
    let JwkSet { keys } = read_object(document).ok_or_else(other)?;
    match keys.len() > max_keys {
        true => Err(KeySetError::TooManyKeys { limit: max_keys }),
        false => Ok(keys),
    }
}

/// Returns one JSON value of at most this length.
pub(crate) fn read_value(json: &[u8], max_bytes: usize) -> Result<&RawValue, KeySetError> {
    if json.len() > max_bytes {
        return Err(KeySetError::TooLong { limit: max_bytes });
    }
    let json = without_byte_order_mark(json);
    serde_json::from_slice(json).map_err(|error| not_json(json, &error))
}

/// Some programs begin every file with a byte order mark.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// The message of the parser is dropped: it can quote a secret.
#[cold]
fn not_json(text: &[u8], error: &serde_json::Error) -> KeySetError {
    if let Some(label) = private::in_document(text) {
        return KeySetError::PrivateKey { label };
    }
    match Document::without_json(text) {
        Some(found) => KeySetError::NotAKeySet { found },
        None => KeySetError::NotJson { line: error.line(), column: error.column() },
    }
}

impl Document {
    /// Recognises a document that is not JSON.
    fn without_json(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        match text {
            [] => Some(Self::Empty),
            _ if is_utf16(text) => Some(Self::Utf16),
            [b'<', ..] => Some(Self::Markup),
            _ if is_pem(text) => Some(Self::Pem),
            _ if is_jwt(text) => Some(Self::Jwt),
            _ => None,
        }
    }

    fn of(json: &RawValue) -> Self {
        let Some(members) = Members::of(json) else {
            return match json.get().as_bytes() {
                [b'[', ..] => Self::Array,
                value => Self::of_string(value).unwrap_or(Self::Value),
            };
        };
        let has = |name| members.get(name).is_some();
        match members.named("keys").count() {
            0 if has("kty") => Self::Jwk,
            0 if has("jwks_uri") || has("issuer") => Self::ServerMetadata,
            0 if has("jwks") => Self::ClientMetadata,
            0 if members.values().any(|value| is_pem(value.get().as_bytes())) => Self::Pem,
            0 => Self::Object,
            1 if members.get("keys").is_some_and(|keys| keys.get().starts_with('[')) => Self::UnreadableName,
            1 => Self::OtherKeys,
            _ => Self::RepeatedKeys,
        }
    }

    fn of_string(written: &[u8]) -> Option<Self> {
        let text = written.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Self::without_json(text)
    }
}

/// Explanatory text may come first (RFC 7468, section 2).
fn is_pem(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    text.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn is_jwt(text: &[u8]) -> bool {
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.starts_with(b"eyJ") && text.iter().all(is_symbol)
}
