//! From the compact text of a JWS to its typed header and claims: decoded once, read once, borrowed throughout.
//!
//! For every header parameter and claim that we read, absent, of the wrong type and present are three different things.
//! Nothing here judges values; that is for [`claims`](crate::claims).

use std::borrow::Cow;

use memchr::memchr_iter;

use crate::base64url;
use crate::clock::UnixTime;
use crate::json::{self, Number, Value, Visit};
use crate::policy::Limits;
use crate::rejection::ClientFault;

/// What a member of the header or of the claims was found to be.
#[derive(Debug, Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    WrongType,
    Is(T),
}

/// The header parameters that concern us (RFC 7515, section 4.1). `jwk`, `x5u`, `x5c` and the thumbprints do not: they never
/// choose or supply a key.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) alg: Field<Cow<'a, str>>,
    pub(crate) kid: Field<Cow<'a, str>>,
    pub(crate) typ: Field<Cow<'a, str>>,
    pub(crate) jku: Field<Cow<'a, str>>,
    /// `crit`, or `b64` of RFC 7797.
    pub(crate) has_extension: bool,
    /// `enc`, or a `cty` of `JWT`.
    has_inner: bool,
}

/// The claims that concern us (RFC 7519, section 4.1).
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: Field<Cow<'a, str>>,
    pub(crate) sub: Field<Cow<'a, str>>,
    pub(crate) jti: Field<Cow<'a, str>>,
    pub(crate) aud: Field<Audience<'a>>,
    pub(crate) iat: Field<NumericDate>,
    pub(crate) nbf: Field<NumericDate>,
    pub(crate) exp: Field<NumericDate>,
    /// All of them, as signed, where there are others than these.
    pub(crate) with_others: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) enum Audience<'a> {
    One(Cow<'a, str>),
    /// The array as written.
    Many(&'a str),
}

/// Seconds since the epoch, fractions allowed (RFC 7519, section 2); always finite. Whole seconds are exact up to 2^53.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct NumericDate(f64);

impl NumericDate {
    fn of(number: &Number<'_>) -> Option<Self> {
        // Nearly all are whole seconds of ten digits, and every number of fifteen is a double.
        if let Some(secs) = number.whole {
            return Some(Self(secs as f64));
        }
        // A number of the JSON grammar too large for a double becomes infinite.
        number.text.parse().ok().filter(|secs: &f64| secs.is_finite()).map(Self)
    }

    pub(crate) fn as_secs(self) -> f64 {
        self.0
    }

    /// The whole second in which it lies; what lies before 1970 or after the end of time is cut off there.
    pub(crate) fn floor(self) -> UnixTime {
        UnixTime::from_secs(self.0 as u64)
    }
}

/// A well-formed JWS in compact serialization. Nothing in it is proven, nor even plausible.
pub(crate) struct Assertion<'a> {
    pub(crate) header: Header<'a>,
    pub(crate) claims: Claims<'a>,
    /// The octets that were signed (RFC 7515, section 5.2, step 8).
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Assertion<'a> {
    pub(crate) fn parse(text: &'a [u8], buffer: &'a mut Buffer, limits: &Limits) -> Result<Self, ClientFault> {
        if text.len() > limits.assertion {
            return Err(ClientFault::AssertionTooLong);
        }
        let Parts { encoded, signing_input } = Parts::split(text)?;
        let [header, claims, signature] = buffer.decode(encoded, text.len()).ok_or(ClientFault::Malformed)?;
        if header.len() > limits.header {
            return Err(ClientFault::Malformed);
        }
        let mut assertion = Self { header: Header::default(), claims: Claims::default(), signing_input, signature };
        assertion.header.read(as_text(header)?, limits)?;
        assertion.claims.read(as_text(claims)?, limits)?;
        if assertion.header.has_inner {
            return Err(ClientFault::Encrypted);
        }
        Ok(assertion)
    }
}

struct Parts<'a> {
    /// Header, claims and signature.
    encoded: [&'a [u8]; 3],
    signing_input: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Exactly two periods (RFC 7515, section 7.1). A JWE has four (RFC 7516, section 7.1).
    fn split(text: &'a [u8]) -> Result<Self, ClientFault> {
        let mut periods = memchr_iter(b'.', text);
        let (Some(first), Some(second), None) = (periods.next(), periods.next(), periods.next()) else {
            return Err(ClientFault::NotThreeParts);
        };
        let part = |range| text.get(range).ok_or(ClientFault::NotThreeParts);
        let encoded = [part(0..first)?, part(first + 1..second)?, part(second + 1..text.len())?];
        Ok(Self { encoded, signing_input: part(0..second)? })
    }
}

/// Room for the decoded parts: on the stack for what is common, on the heap for post-quantum signatures and the like.
pub(crate) struct Buffer {
    inline: [u8; 2048],
    spilled: Vec<u8>,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { inline: [0; 2048], spilled: Vec::new() }
    }

    /// Decodes the parts of a compact text of `len` bytes.
    fn decode(&mut self, parts: [&[u8]; 3], len: usize) -> Option<[&[u8]; 3]> {
        if base64url::room_for_short::<3>(len) <= self.inline.len() {
            return base64url::decode_short(parts, &mut self.inline);
        }
        self.spilled.resize(len, 0);
        base64url::decode_long(parts, &mut self.spilled)
    }
}

fn read_object<'a>(
    text: &'a str,
    limits: &Limits,
    visit: impl FnMut(&str, Value<'a>) -> Visit,
) -> Result<(), ClientFault> {
    json::object(text, limits.json_depth, visit).map_err(|json::Malformed| ClientFault::Malformed)
}

fn as_text(bytes: &[u8]) -> Result<&str, ClientFault> {
    std::str::from_utf8(bytes).map_err(|_| ClientFault::Malformed)
}

impl<'a> Header<'a> {
    fn read(&mut self, text: &'a str, limits: &Limits) -> Result<(), ClientFault> {
        read_object(text, limits, |name, value| {
            match name {
                "alg" => return self.alg.keep(Field::string(value)),
                "kid" => return self.kid.keep(Field::string(value)),
                "typ" => return self.typ.keep(Field::string(value)),
                "jku" => return self.jku.keep(Field::string(value)),
                "crit" | "b64" => self.has_extension = true,
                "enc" => self.has_inner = true,
                "cty" => self.has_inner |= matches!(value, Value::String(cty) if is_media_type(&cty, "jwt")),
                _ => {}
            }
            Visit::Passed
        })
    }
}

impl<'a> Claims<'a> {
    fn read(&mut self, text: &'a str, limits: &Limits) -> Result<(), ClientFault> {
        read_object(text, limits, |name, value| match name {
            "iss" => self.iss.keep(Field::string(value)),
            "sub" => self.sub.keep(Field::string(value)),
            "jti" => self.jti.keep(Field::string(value)),
            "aud" => self.aud.keep(Field::audience(value)),
            "iat" => self.iat.keep(Field::date(value)),
            "nbf" => self.nbf.keep(Field::date(value)),
            "exp" => self.exp.keep(Field::date(value)),
            _ => {
                self.with_others = Some(text);
                Visit::Passed
            }
        })
    }
}

impl<T> Field<T> {
    /// Keeps what was found, unless something was before.
    fn keep(&mut self, found: Self) -> Visit {
        if !matches!(self, Self::Absent) {
            return Visit::Repeated;
        }
        *self = found;
        Visit::Kept
    }
}

impl<'a> Field<Cow<'a, str>> {
    /// The text, where it is not in doubt that a value of the wrong type has been refused.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::WrongType => None,
        }
    }

    fn string(value: Value<'a>) -> Self {
        match value {
            Value::String(text) => Self::Is(text),
            _ => Self::WrongType,
        }
    }
}

impl<'a> Field<Audience<'a>> {
    fn audience(value: Value<'a>) -> Self {
        match value {
            Value::String(text) => Self::Is(Audience::One(text)),
            Value::Array(array) => Self::Is(Audience::Many(array)),
            _ => Self::WrongType,
        }
    }
}

impl Field<NumericDate> {
    fn date(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => NumericDate::of(&number).map_or(Self::WrongType, Self::Is),
            _ => Self::WrongType,
        }
    }
}

/// Whether a `typ` or `cty` means the media type `expected`: case does not matter, and the prefix `application/` may be left
/// out of either (RFC 7515, section 4.1.9).
pub(crate) fn is_media_type(given: &str, expected: &str) -> bool {
    given.eq_ignore_ascii_case(expected) || subtype(given).eq_ignore_ascii_case(subtype(expected))
}

fn subtype(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) => subtype,
        _ => media_type,
    }
}
