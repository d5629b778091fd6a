//! A JWK Set as a document: its keys as they are written, or what the document is instead.

use std::error::Error;
use std::fmt;

use serde_json::value::RawValue;

use crate::jose::member::{Members, read_object};

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
    if json.len() > max_bytes {
        return Err(KeySetError::TooLong { limit: max_bytes });
    }
    let json = without_byte_order_mark(json);
    let document: &RawValue = serde_json::from_slice(json).map_err(|error| not_json(json, &error))?;
    let other = || KeySetError::NotAKeySet { found: Document::of(document) };
    let JwkSet { keys } = read_object(document).ok_or_else(other)?;
    match keys.len() > max_keys {
        true => Err(KeySetError::TooManyKeys { limit: max_keys }),
        false => Ok(keys),
    }
}

/// Some programs begin every file with a byte order mark.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// The message of the parser is dropped: it can quote a secret.
#[cold]
fn not_json(text: &[u8], error: &serde_json::Error) -> KeySetError {
    match Document::without_json(text) {
        Some(found) => KeySetError::NotAKeySet { found },
        None => KeySetError::NotJson { line: error.line(), column: error.column() },
    }
}

/// Why a document is not a JWK Set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document is longer than the limit, in bytes.
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The document is not well-formed JSON.
    #[non_exhaustive]
    NotJson {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one, in bytes.
        column: usize,
    },
    /// The document is not a JSON object with one array `keys` (RFC 7517, section 5).
    #[non_exhaustive]
    NotAKeySet {
        /// What it is instead.
        found: Document,
    },
    /// The document has more keys than the limit.
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the JWK Set is longer than {limit} bytes"),
            Self::NotJson { line, column } => {
                write!(f, "the JWK Set is not well-formed JSON at line {line}, column {column}")
            }
            Self::NotAKeySet { found } => write!(f, "this is not a JWK Set: {found}"),
            Self::TooManyKeys { limit } => write!(f, "the JWK Set has more than {limit} keys"),
        }
    }
}

impl Error for KeySetError {}

/// What a document is that should have been a JWK Set. It displays as a sentence that says what to
/// do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// Nothing, or white space.
    Empty,
    /// A single JWK.
    Jwk,
    /// An array, usually of JWKs.
    Array,
    /// An object whose `keys` is not an array.
    OtherKeys,
    /// An object with more than one member `keys`.
    RepeatedKeys,
    /// The metadata of an authorization server (RFC 8414, or OpenID Connect Discovery).
    ServerMetadata,
    /// The metadata of a client (RFC 7591).
    ClientMetadata,
    /// A page in HTML, or another document in XML.
    Markup,
    /// Keys or certificates in PEM, as text or as the values of an object.
    Pem,
    /// A JWT, for example a signed key set.
    Jwt,
    /// Another object.
    Object,
    /// A string, a number or another value.
    Value,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the document is empty",
            Self::Jwk => r#"it is one JWK; wrap it in {"keys":[..]}"#,
            Self::Array => r#"it is an array; wrap it in {"keys":..}"#,
            Self::OtherKeys => "its member keys is not an array",
            Self::RepeatedKeys => "it has more than one member keys",
            Self::ServerMetadata => "it is the metadata of a server; use the URL that it names as jwks_uri",
            Self::ClientMetadata => "it is the metadata of a client; use its member jwks",
            Self::Markup => "it is a page in HTML or XML; check the URL",
            Self::Pem => "it has keys or certificates in PEM; convert it to a JWK Set",
            Self::Jwt => "it is a JWT; use the plain JWK Set",
            Self::Object => "it is an object without the array keys",
            Self::Value => r#"it is a single value, expected an object {"keys":[..]}"#,
        })
    }
}

impl Document {
    /// Recognises a document that is not JSON.
    fn without_json(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        match text {
            [] => Some(Self::Empty),
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
