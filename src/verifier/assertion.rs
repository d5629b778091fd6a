//! From the compact text of a JWS to its typed header and claims: decoded once, read once, borrowed
//! throughout.
//!
//! Every header parameter and claim that the verifier reads is absent, of the wrong type, or
//! present. Values are judged later, in [`checks`](super::checks).

use std::borrow::Cow;

use memchr::memchr;

use super::{undecodable, unreadable};
use crate::clock::UnixTime;
use crate::jose::base64url::DecodeBuffer;
use crate::jose::json::{self, JsonType, Value, Visit};
use crate::jose::media_type::is_media_type;
use crate::policy::Limits;
use crate::rejection::{ClientFault, JsonFault, JsonPart};
use crate::text::Excerpt;

/// A member of the header or of the claims.
#[derive(Debug, Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    WrongType(JsonType),
    Is(T),
}

/// The header parameters that the verifier reads (RFC 7515, section 4.1). It ignores `jwk`, `x5u`,
/// `x5c` and the thumbprints, because a header must never choose or supply a key.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) alg: Field<Cow<'a, str>>,
    pub(crate) kid: Field<Cow<'a, str>>,
    pub(crate) typ: Field<Cow<'a, str>>,
    pub(crate) jku: Field<Cow<'a, str>>,
    /// `crit`, or `b64` of RFC 7797.
    pub(crate) has_extension: bool,
    /// `enc`, or a `cty` of `JWT`.
    pub(super) has_inner: bool,
}

/// The claims that the verifier reads (RFC 7519, section 4.1).
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: Field<Cow<'a, str>>,
    pub(crate) sub: Field<Cow<'a, str>>,
    pub(crate) jti: Field<Cow<'a, str>>,
    pub(crate) aud: Field<Audience<'a>>,
    pub(crate) iat: Field<NumericDate>,
    pub(crate) nbf: Field<NumericDate>,
    pub(crate) exp: Field<NumericDate>,
    /// The text of all claims as signed, if there are others than these.
    pub(crate) with_others: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) enum Audience<'a> {
    One(Cow<'a, str>),
    /// The array as written.
    Many(&'a str),
}

/// Seconds since the epoch, with fractions (RFC 7519, section 2). Always finite. Whole seconds are
/// exact up to 2^53.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct NumericDate(f64);

impl NumericDate {
    fn of(number: &str) -> Option<Self> {
        // Nearly all are whole seconds. Integers parse faster, and convert to the same double.
        if let Ok(secs) = number.parse::<u64>() {
            return Some(Self(secs as f64));
        }
        // A JSON number that is too large for a double becomes infinite.
        number.parse().ok().filter(|secs: &f64| secs.is_finite()).map(Self)
    }

    pub(crate) fn as_secs(self) -> f64 {
        self.0
    }

    /// Returns the whole second that it lies in, clamped to the range of [`UnixTime`].
    pub(crate) fn floor(self) -> UnixTime {
        UnixTime::from_secs(self.0 as u64)
    }
}

/// A well-formed JWS in compact serialization. Nothing in it is proven or even plausible yet.
pub(crate) struct Assertion<'a> {
    pub(crate) header: Header<'a>,
    pub(crate) claims: Claims<'a>,
    /// The signed octets (RFC 7515, section 5.2, step 8).
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Assertion<'a> {
    pub(crate) fn read(parts: Parts<'a>, limits: &Limits) -> Result<Self, ClientFault> {
        if parts.header.len() > limits.header {
            return Err(ClientFault::HeaderTooLong);
        }
        // Read in place: moving an assertion takes longer than checking its header.
        let mut assertion = Self::unread(&parts);
        assertion.fill(&parts, limits)?;
        if assertion.header.has_inner {
            return Err(ClientFault::Encrypted);
        }
        Ok(assertion)
    }

    pub(super) fn read_members(parts: Parts<'a>, limits: &Limits) -> Result<Self, ClientFault> {
        let mut assertion = Self::unread(&parts);
        assertion.fill(&parts, limits)?;
        Ok(assertion)
    }

    fn unread(&Parts { signing_input, signature, .. }: &Parts<'a>) -> Self {
        Self { header: Header::default(), claims: Claims::default(), signing_input, signature }
    }

    fn fill(&mut self, &Parts { header, claims, .. }: &Parts<'a>, limits: &Limits) -> Result<(), ClientFault> {
        let unreadable = |part, bytes| move |_| not_json_object(part, bytes, limits);
        self.header.read(header, limits).map_err(unreadable(JsonPart::Header, header))?;
        self.claims.read(claims, limits).map_err(unreadable(JsonPart::Claims, claims))
    }
}

/// For explanations.
impl<'a> Assertion<'a> {
    /// Reads the header and the claims, each on its own, and returns which of them could be read.
    pub(super) fn read_each(parts: Parts<'a>, limits: &Limits) -> (Self, [bool; 2]) {
        let Parts { header: header_bytes, claims: claims_bytes, signature, signing_input } = parts;
        let (mut header, mut claims) = (Header::default(), Claims::default());
        let is_read = [header.read(header_bytes, limits).is_ok(), claims.read(claims_bytes, limits).is_ok()];
        let header = if is_read[0] { header } else { Header::default() };
        let claims = if is_read[1] { claims } else { Claims::default() };
        (Self { header, claims, signing_input, signature }, is_read)
    }
}

/// The parts of a JWS, decoded but not read.
pub(crate) struct Parts<'a> {
    pub(super) header: &'a [u8],
    pub(super) claims: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) signing_input: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn decode(text: &'a [u8], buffer: &'a mut DecodeBuffer, limits: &Limits) -> Result<Self, ClientFault> {
        if text.len() > limits.assertion {
            return Err(ClientFault::AssertionTooLong);
        }
        let (encoded, signing_input) = split(text).ok_or(ClientFault::NotThreeParts)?;
        let [header, claims, signature] = buffer.decode(encoded).ok_or_else(|| undecodable(encoded))?;
        Ok(Self { header, claims, signature, signing_input })
    }
}

/// Returns the header, the claims, the signature, and the signed text, which is the first two with
/// the period between them. There must be exactly two periods (RFC 7515, section 7.1). A third
/// period is found when the signature is decoded, because it is not a base64url character.
pub(super) fn split(text: &[u8]) -> Option<([&[u8]; 3], &[u8])> {
    let (header, rest) = split_at_period(text)?;
    let (claims, signature) = split_at_period(rest)?;
    Some(([header, claims, signature], text.get(..header.len() + 1 + claims.len())?))
}

fn split_at_period(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b'.', text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Returns the reason why the text does not consist of three base64url parts. A JWE has five parts
/// (RFC 7516, section 7.1).
#[cold]
fn undecodable(parts: [&[u8]; 3]) -> ClientFault {
    let [_, _, signature] = parts;
    match undecodable::find(parts) {
        Some(found) if memchr(b'.', signature).is_none() => ClientFault::NotBase64Url(found.part, found.fault),
        _ => ClientFault::NotThreeParts,
    }
}

/// Returns the reason why a part is not one JSON object.
#[cold]
fn not_json_object(part: JsonPart, bytes: &[u8], limits: &Limits) -> ClientFault {
    let found = unreadable::find(bytes, limits.json_depth);
    ClientFault::NotJsonObject(part, found.map_or(JsonFault::Syntax, |found| found.fault))
}

fn as_text(bytes: &[u8]) -> Result<&str, json::Malformed> {
    std::str::from_utf8(bytes).map_err(|_| json::Malformed)
}

impl<'a> Header<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &Limits) -> Result<(), json::Malformed> {
        json::object(as_text(bytes)?, limits.json_depth, &mut |name, value| {
            match name {
                "alg" => return self.alg.keep(Field::string(value)),
                "kid" => return self.kid.keep(Field::string(value)),
                "typ" => return self.typ.keep(Field::string(value)),
                "jku" => return self.jku.keep(Field::string(value)),
                "crit" | "b64" => self.has_extension = true,
                "enc" => self.has_inner = true,
                "cty" => self.has_inner |= value.text().is_some_and(|cty| is_media_type(&cty, "jwt")),
                _ => {}
            }
            Visit::Ignored
        })
    }
}

impl<'a> Claims<'a> {
    fn read(&mut self, bytes: &'a [u8], limits: &Limits) -> Result<(), json::Malformed> {
        let text = as_text(bytes)?;
        json::object(text, limits.json_depth, &mut |name, value| match name {
            "iss" => self.iss.keep(Field::string(value)),
            "sub" => self.sub.keep(Field::string(value)),
            "jti" => self.jti.keep(Field::string(value)),
            "aud" => self.aud.keep(Field::audience(value)),
            "iat" => self.iat.keep(Field::date(value)),
            "nbf" => self.nbf.keep(Field::date(value)),
            "exp" => self.exp.keep(Field::date(value)),
            _ => {
                self.with_others = Some(text);
                Visit::Ignored
            }
        })
    }
}

impl Claims<'_> {
    /// Returns the names of the first claims that the verifier does not read, safe to print.
    pub(crate) fn other_names(&self, limits: &Limits) -> Vec<String> {
        const MOST: usize = 16;
        let mut names = Vec::new();
        let Some(text) = self.with_others else { return names };
        let read = ["iss", "sub", "jti", "aud", "iat", "nbf", "exp"];
        // The text was read before, so it is an object within the limits.
        let _ = json::object(text, limits.json_depth, &mut |name, _| {
            if !read.contains(&name) && names.len() < MOST {
                names.push(Excerpt::new(name).to_string());
            }
            Visit::Ignored
        });
        names
    }
}

impl<T> Field<T> {
    /// Keeps the first member with a name, and refuses a second one.
    fn keep(&mut self, found: Self) -> Visit {
        if !matches!(self, Self::Absent) {
            return Visit::Repeated;
        }
        *self = found;
        Visit::Kept
    }
}

impl<'a> Field<Cow<'a, str>> {
    /// Returns the text. Only for members whose type has been checked.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::WrongType(_) => None,
        }
    }

    fn string(value: Value<'a>) -> Self {
        value.text().map_or(Self::WrongType(value.json_type()), Self::Is)
    }
}

impl<'a> Field<Audience<'a>> {
    fn audience(value: Value<'a>) -> Self {
        match value {
            Value::Array(array) => Self::Is(Audience::Many(array)),
            _ => value.text().map_or(Self::WrongType(value.json_type()), |text| Self::Is(Audience::One(text))),
        }
    }
}

impl Field<NumericDate> {
    fn date(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => NumericDate::of(number).map_or(Self::WrongType(JsonType::Number), Self::Is),
            _ => Self::WrongType(value.json_type()),
        }
    }
}
