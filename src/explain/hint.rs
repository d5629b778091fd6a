//! What a refused request looks like to an expert: the likely mistake, and what to do.

use std::fmt;

use serde::{Serialize, Serializer};

use super::kind::{AudKind, DateText, EncodedTwice, KidKind, OtherToken, SecretText, Wrapping};
use crate::rejection::Claim;

/// What a mistake looks like. It displays as one sentence, which also says what to do.
///
/// A hint is a guess: it is given if a step failed and the request looks as if this were the cause.
/// Only dates that are too large to be seconds get one without a failure.
/// If several fit, all are given, the most specific first. A hint contains no assertion, signature,
/// secret or `jti`. Texts of others in it are cut and escaped.
///
/// In JSON it is an object with its name in `hint`. If it has kinds, `kind` has one.
///
#[doc = include_str!("hints.md")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "hint", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hint {
    /// The body is JSON.
    JsonBody,
    /// The body is `multipart/form-data`.
    MultipartBody,
    /// A part of the form was percent-encoded twice.
    #[non_exhaustive]
    DoubleEncoded {
        /// What was encoded twice.
        kind: EncodedTwice,
    },
    /// The assertion is in the alphabet of standard base64, and its plus signs arrived as spaces.
    PlusAsSpace,
    /// The assertion is in the alphabet of standard base64, or padded.
    StandardBase64,
    /// There is white space around the assertion, other than a line break.
    WhiteSpace,
    /// The parameter begins with `Bearer`.
    BearerPrefix,
    /// The parameter is in quotation marks.
    Quoted,
    /// The parameter has a line break in it or at its end.
    LineBreak,
    /// The assertion is encrypted, or has another JWT in it.
    #[non_exhaustive]
    EncryptedOrNested {
        /// Which of the two.
        kind: Wrapping,
    },
    /// It is an ID token.
    IdToken,
    /// It is an access token.
    AccessToken,
    /// It is yet another kind of JWT.
    #[non_exhaustive]
    OtherToken {
        /// Which one.
        kind: OtherToken,
    },
    /// `aud` is close to a value that is accepted.
    #[non_exhaustive]
    AudNear {
        /// How it differs.
        kind: AudKind,
    },
    /// `sub` is a registered client, and `iss` is something else.
    IssSubSwapped,
    /// `iss` is a registered client, and `sub` is something else, for example a user.
    SubIsUser,
    /// Dates are in milliseconds.
    #[non_exhaustive]
    Milliseconds {
        /// The claims with such dates.
        #[serde(serialize_with = "names")]
        claims: Vec<Claim>,
    },
    /// Dates are in microseconds.
    #[non_exhaustive]
    Microseconds {
        /// The claims with such dates.
        #[serde(serialize_with = "names")]
        claims: Vec<Claim>,
    },
    /// Dates are in nanoseconds.
    #[non_exhaustive]
    Nanoseconds {
        /// The claims with such dates.
        #[serde(serialize_with = "names")]
        claims: Vec<Claim>,
    },
    /// A duration was written in place of a date.
    #[non_exhaustive]
    Duration {
        /// The claims with durations.
        #[serde(serialize_with = "names")]
        claims: Vec<Claim>,
    },
    /// The client's clock is off by a multiple of 15 minutes, as a local time is.
    #[non_exhaustive]
    TimeZone {
        /// By how much the date is ahead, rounded to 15 minutes. Negative if it is behind.
        minutes: i32,
    },
    /// Dates are JSON strings.
    #[non_exhaustive]
    DateAsString {
        /// How they are written.
        kind: DateText,
        /// The claims with such dates.
        #[serde(serialize_with = "names")]
        claims: Vec<Claim>,
    },
    /// The `kid` is close to that of a key.
    #[non_exhaustive]
    KidNear {
        /// How it differs.
        kind: KidKind,
        /// The `kid` of the key, cut and escaped. `None` if the key has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
    },
    /// The signature verifies under another key of the client than the one that `kid` names.
    #[non_exhaustive]
    OtherKey {
        /// The `kid` of that key, cut and escaped. `None` if the key has none.
        kid: Option<String>,
        /// The SHA-256 thumbprint of that key, in base64url (RFC 7638).
        thumbprint: String,
    },
    /// The signature verifies under a key of another client. Given only if clients to search are.
    #[non_exhaustive]
    OtherClient {
        /// The id of that client, cut and escaped.
        client_id: String,
    },
    /// The signature is DER, where ECDSA in a JWT has two numbers of fixed length.
    DerSignature,
    /// The signature verifies with the decoded secret, where its text is the key.
    #[non_exhaustive]
    SecretAsBase64 {
        /// How it was decoded.
        kind: SecretText,
    },
    /// The keys of the client are stale.
    #[non_exhaustive]
    KeySetStale {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// The last fetch of the client's key set failed.
    #[non_exhaustive]
    KeySetFailed {
        /// How, as a sentence.
        error: String,
    },
    /// A key that may have been meant cannot be used.
    #[non_exhaustive]
    KeysSkipped {
        /// Which key, and why, as a sentence.
        reason: String,
    },
    /// The client is registered, but with something that cannot be used.
    #[non_exhaustive]
    ClientRefused {
        /// The member of its registration, and what is wrong with it.
        problem: String,
    },
}

impl Hint {
    /// Returns the name in JSON. It never changes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JsonBody => "json_body",
            Self::MultipartBody => "multipart_body",
            Self::DoubleEncoded { .. } => "double_encoded",
            Self::PlusAsSpace => "plus_as_space",
            Self::StandardBase64 => "standard_base64",
            Self::WhiteSpace => "white_space",
            Self::BearerPrefix => "bearer_prefix",
            Self::Quoted => "quoted",
            Self::LineBreak => "line_break",
            Self::EncryptedOrNested { .. } => "encrypted_or_nested",
            Self::IdToken => "id_token",
            Self::AccessToken => "access_token",
            Self::OtherToken { .. } => "other_token",
            Self::AudNear { .. } => "aud_near",
            Self::IssSubSwapped => "iss_sub_swapped",
            Self::SubIsUser => "sub_is_user",
            Self::Milliseconds { .. } => "milliseconds",
            Self::Microseconds { .. } => "microseconds",
            Self::Nanoseconds { .. } => "nanoseconds",
            Self::Duration { .. } => "duration",
            Self::TimeZone { .. } => "time_zone",
            Self::DateAsString { .. } => "date_as_string",
            Self::KidNear { .. } => "kid_near",
            Self::OtherKey { .. } => "other_key",
            Self::OtherClient { .. } => "other_client",
            Self::DerSignature => "der_signature",
            Self::SecretAsBase64 { .. } => "secret_as_base64",
            Self::KeySetStale { .. } => "key_set_stale",
            Self::KeySetFailed { .. } => "key_set_failed",
            Self::KeysSkipped { .. } => "keys_skipped",
            Self::ClientRefused { .. } => "client_refused",
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonBody => f.write_str("the body is JSON; send application/x-www-form-urlencoded"),
            Self::MultipartBody => {
                f.write_str("the body is multipart/form-data; send application/x-www-form-urlencoded")
            }
            Self::DoubleEncoded { kind } => write!(f, "{} is percent-encoded twice; encode it once", kind.phrase()),
            Self::PlusAsSpace => f.write_str(
                "client_assertion is standard base64, whose plus signs arrive as spaces; use base64url without padding",
            ),
            Self::StandardBase64 => {
                f.write_str("client_assertion is standard base64; use base64url without padding, so none of + / =")
            }
            Self::WhiteSpace => f.write_str("client_assertion has white space around it; send the JWT alone"),
            Self::BearerPrefix => f.write_str("client_assertion begins with Bearer; send the JWT alone"),
            Self::Quoted => f.write_str("client_assertion is in quotation marks; send the JWT alone"),
            Self::LineBreak => {
                f.write_str("client_assertion has a line break; send the JWT as one line without an end")
            }
            Self::EncryptedOrNested { kind } => {
                write!(f, "client_assertion is {}; send a JWT that is signed and nothing more", kind.phrase())
            }
            Self::IdToken => about_token("an ID token", f),
            Self::AccessToken => about_token("an access token", f),
            Self::OtherToken { kind } => about_token(kind.phrase(), f),
            Self::AudNear { kind } => about_audience(*kind, f),
            Self::IssSubSwapped => {
                f.write_str("sub is a registered client and iss is not; set both to the client's id")
            }
            Self::SubIsUser => f.write_str("iss is a registered client and sub is not; set both to the client's id"),
            Self::Milliseconds { claims } => write!(f, "{} in milliseconds; divide by 1000", Are(claims)),
            Self::Microseconds { claims } => write!(f, "{} in microseconds; divide by 1000000", Are(claims)),
            Self::Nanoseconds { claims } => write!(f, "{} in nanoseconds; divide by 1000000000", Are(claims)),
            Self::Duration { claims } => write!(f, "{} written as a duration; add the time of issue", Are(claims)),
            Self::TimeZone { minutes } => about_time_zone(*minutes, f),
            Self::DateAsString { kind, claims } => {
                write!(f, "{} written as {}; write a JSON number of seconds since 1970", Are(claims), kind.phrase())
            }
            Self::KidNear { kind, kid } => about_kid(*kind, kid, f),
            Self::OtherKey { kid, thumbprint } => {
                write!(f, "the signature is by another key of the client: {}, thumbprint {thumbprint}; ", Key(kid))?;
                f.write_str("send the kid of this key, or sign with the key that kid names")
            }
            Self::OtherClient { client_id } => {
                write!(f, "the signature is by a key of the client \"{client_id}\"; use the key of this client")
            }
            Self::DerSignature => {
                f.write_str("the signature is DER; write R and S in fixed length, one after the other (RFC 7518)")
            }
            Self::SecretAsBase64 { kind } => {
                write!(f, "the secret was decoded from {}; use the octets of its text as the key", kind.phrase())
            }
            Self::KeySetStale { seconds } => {
                write!(f, "the client's keys have been stale for {seconds} s; find out why no newer ones are fetched")
            }
            Self::KeySetFailed { error } => write!(f, "the last fetch of the client's key set failed: {error}"),
            Self::KeysSkipped { reason } => write!(f, "a key of the client cannot be used: {reason}"),
            Self::ClientRefused { problem } => write!(f, "the client is registered in a way that fails: {problem}"),
        }
    }
}

fn about_token(kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "this is {kind}; sign an assertion with the client's own key instead")
}

fn about_kid(kind: KidKind, kid: &Option<String>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (kind, kid) {
        (KidKind::Thumbprint, None) => {
            f.write_str("kid is the thumbprint of a key that is registered without a kid; register it with one")
        }
        (KidKind::Thumbprint, Some(_)) => {
            write!(f, "kid is the thumbprint of {}; send the kid that is registered", Key(kid))
        }
        (kind, kid) => write!(f, "kid differs from that of {} in {}; send it exactly", Key(kid), kind.phrase()),
    }
}

fn about_audience(kind: AudKind, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use AudKind as K;
    let phrase = kind.phrase();
    match kind {
        K::TrailingSlash | K::Case | K::Scheme | K::DefaultPort | K::WhiteSpace | K::PercentEncoding | K::Path => {
            write!(f, "aud differs from an accepted value in {phrase}; it is compared byte for byte")
        }
        K::TokenEndpoint => write!(f, "aud is {phrase}; send the issuer identifier of this server"),
        K::Issuer => write!(f, "aud is {phrase}; send the URL of the token endpoint"),
        K::Array => write!(f, "aud is {phrase} with an accepted value; send the value as a string"),
        K::Several => write!(f, "aud has {phrase}; send the accepted one alone"),
        K::OtherPolicy => write!(f, "aud is {phrase}; check which policy the client is registered under"),
    }
}

fn about_time_zone(minutes: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (hours, rest) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    let (direction, or) = match minutes {
        ..0 => ("behind", ", or the request is that old"),
        _ => ("ahead of", ""),
    };
    write!(f, "the time of issue is {hours} h {rest:02} min {direction} the clock, as if local time had been ")?;
    write!(f, "taken as UTC{or}; write the seconds since 1970 in UTC")
}

/// Claims with their verb.
struct Are<'a>(&'a [Claim]);

impl fmt::Display for Are<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("dates are"),
            [only] => write!(f, "{only} is"),
            [first, others @ ..] => {
                write!(f, "{first}")?;
                others.iter().try_for_each(|claim| write!(f, " and {claim}"))?;
                f.write_str(" are")
            }
        }
    }
}

/// A key by its `kid`.
struct Key<'a>(&'a Option<String>);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(kid) => write!(f, "the key \"{kid}\""),
            None => f.write_str("a key without a kid"),
        }
    }
}

fn names<S: Serializer>(claims: &[Claim], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(claims.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    /// One of each hint, with its sentence and the members of its JSON.
    fn samples() -> Vec<(Hint, &'static str, Value)> {
        use Hint as H;
        let (iat, both) = (|| vec![Claim::Iat], || vec![Claim::Iat, Claim::Exp]);
        let kid = || Some("key-1".to_owned());
        vec![
            (H::JsonBody, "the body is JSON; send application/x-www-form-urlencoded", json!({})),
            (H::MultipartBody, "the body is multipart/form-data; send application/x-www-form-urlencoded", json!({})),
            (
                H::DoubleEncoded { kind: EncodedTwice::AssertionType },
                "client_assertion_type is percent-encoded twice; encode it once",
                json!({"kind": "client_assertion_type"}),
            ),
            (
                H::PlusAsSpace,
                "client_assertion is standard base64, whose plus signs arrive as spaces; use base64url without padding",
                json!({}),
            ),
            (
                H::StandardBase64,
                "client_assertion is standard base64; use base64url without padding, so none of + / =",
                json!({}),
            ),
            (H::WhiteSpace, "client_assertion has white space around it; send the JWT alone", json!({})),
            (H::BearerPrefix, "client_assertion begins with Bearer; send the JWT alone", json!({})),
            (H::Quoted, "client_assertion is in quotation marks; send the JWT alone", json!({})),
            (H::LineBreak, "client_assertion has a line break; send the JWT as one line without an end", json!({})),
            (
                H::EncryptedOrNested { kind: Wrapping::Nested },
                "client_assertion is a JWT inside of another; send a JWT that is signed and nothing more",
                json!({"kind": "nested"}),
            ),
            (H::IdToken, "this is an ID token; sign an assertion with the client's own key instead", json!({})),
            (H::AccessToken, "this is an access token; sign an assertion with the client's own key instead", json!({})),
            (
                H::OtherToken { kind: OtherToken::DpopProof },
                "this is a DPoP proof; sign an assertion with the client's own key instead",
                json!({"kind": "dpop_proof"}),
            ),
            (
                H::AudNear { kind: AudKind::TrailingSlash },
                "aud differs from an accepted value in the slash at its end; it is compared byte for byte",
                json!({"kind": "trailing_slash"}),
            ),
            (H::IssSubSwapped, "sub is a registered client and iss is not; set both to the client's id", json!({})),
            (H::SubIsUser, "iss is a registered client and sub is not; set both to the client's id", json!({})),
            (
                H::Milliseconds { claims: both() },
                "iat and exp are in milliseconds; divide by 1000",
                json!({"claims": ["iat", "exp"]}),
            ),
            (
                H::Microseconds { claims: iat() },
                "iat is in microseconds; divide by 1000000",
                json!({"claims": ["iat"]}),
            ),
            (
                H::Nanoseconds { claims: iat() },
                "iat is in nanoseconds; divide by 1000000000",
                json!({"claims": ["iat"]}),
            ),
            (
                H::Duration { claims: vec![Claim::Exp] },
                "exp is written as a duration; add the time of issue",
                json!({"claims": ["exp"]}),
            ),
            (
                H::TimeZone { minutes: -285 },
                "the time of issue is 4 h 45 min behind the clock, as if local time had been taken as UTC, or the \
                 request is that old; write the seconds since 1970 in UTC",
                json!({"minutes": -285}),
            ),
            (
                H::DateAsString { kind: DateText::Seconds, claims: iat() },
                "iat is written as a number in quotation marks; write a JSON number of seconds since 1970",
                json!({"kind": "seconds", "claims": ["iat"]}),
            ),
            (
                H::KidNear { kind: KidKind::Case, kid: kid() },
                "kid differs from that of the key \"key-1\" in upper and lower case; send it exactly",
                json!({"kind": "case", "kid": "key-1"}),
            ),
            (
                H::OtherKey { kid: None, thumbprint: "NzbLsXh8".to_owned() },
                "the signature is by another key of the client: a key without a kid, thumbprint NzbLsXh8; send the \
                 kid of this key, or sign with the key that kid names",
                json!({"kid": null, "thumbprint": "NzbLsXh8"}),
            ),
            (
                H::OtherClient { client_id: "lab-1".to_owned() },
                "the signature is by a key of the client \"lab-1\"; use the key of this client",
                json!({"client_id": "lab-1"}),
            ),
            (
                H::DerSignature,
                "the signature is DER; write R and S in fixed length, one after the other (RFC 7518)",
                json!({}),
            ),
            (
                H::SecretAsBase64 { kind: SecretText::Base64 },
                "the secret was decoded from base64; use the octets of its text as the key",
                json!({"kind": "base64"}),
            ),
            (
                H::KeySetStale { seconds: 60 },
                "the client's keys have been stale for 60 s; find out why no newer ones are fetched",
                json!({"seconds": 60}),
            ),
            (
                H::KeySetFailed { error: "the server could not be reached".to_owned() },
                "the last fetch of the client's key set failed: the server could not be reached",
                json!({"error": "the server could not be reached"}),
            ),
            (
                H::KeysSkipped { reason: "key 0: n has 1024 bits".to_owned() },
                "a key of the client cannot be used: key 0: n has 1024 bits",
                json!({"reason": "key 0: n has 1024 bits"}),
            ),
            (
                H::ClientRefused { problem: "jwks: missing".to_owned() },
                "the client is registered in a way that fails: jwks: missing",
                json!({"problem": "jwks: missing"}),
            ),
        ]
    }

    #[test]
    fn hints_are_a_sentence_and_an_object() {
        for (hint, text, mut members) in samples() {
            assert_eq!(hint.to_string(), text);
            members["hint"] = hint.name().into();
            assert_eq!(serde_json::to_value(&hint).unwrap(), members);
        }
        let thumbprint = |kid| Hint::KidNear { kind: KidKind::Thumbprint, kid };
        assert!(thumbprint(None).to_string().starts_with("kid is the thumbprint of a key that is registered without"));
        let named = "kid is the thumbprint of the key \"a\"; send the kid that is registered";
        assert_eq!(thumbprint(Some("a".to_owned())).to_string(), named);
        assert_eq!(serde_json::to_value(thumbprint(None)).unwrap(), json!({"hint": "kid_near", "kind": "thumbprint"}));
    }

    /// The arms of [`Hint::name`] are all hints, so the compiler keeps this complete.
    #[test]
    fn samples_and_documentation_have_every_hint() {
        let source = include_str!("hint.rs");
        let between = |line: &str, quote: char| line.split(quote).nth(1).map(str::to_owned);
        let is_name = |line: &&str| line.trim_start().starts_with("Self::") && line.contains("=> \"");
        let all: BTreeSet<_> = source.lines().filter(is_name).filter_map(|line| between(line, '"')).collect();
        let sampled: BTreeSet<_> = samples().iter().map(|(hint, ..)| hint.name().to_owned()).collect();
        assert_eq!(sampled, all);
        let rows = include_str!("hints.md").lines().filter(|line| line.starts_with("| `"));
        let documented: BTreeSet<_> = rows.filter_map(|line| between(line, '`')).collect();
        assert_eq!(documented, all);
    }

    #[test]
    fn the_documentation_has_every_kind() {
        let kinds = |hint: &str| -> Vec<&str> {
            match hint {
                "aud_near" => AudKind::ALL.iter().map(|kind| kind.name()).collect(),
                "kid_near" => KidKind::ALL.iter().map(|kind| kind.name()).collect(),
                "double_encoded" => EncodedTwice::ALL.iter().map(|kind| kind.name()).collect(),
                "date_as_string" => DateText::ALL.iter().map(|kind| kind.name()).collect(),
                "encrypted_or_nested" => Wrapping::ALL.iter().map(|kind| kind.name()).collect(),
                "other_token" => OtherToken::ALL.iter().map(|kind| kind.name()).collect(),
                "secret_as_base64" => SecretText::ALL.iter().map(|kind| kind.name()).collect(),
                _ => Vec::new(),
            }
        };
        for row in include_str!("hints.md").lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.split(" | ").collect();
            let hint = cells[0].trim_matches(['|', ' ', '`']);
            let written = cells[2].split(';').find_map(|part| part.trim().strip_prefix("`kind`: ")).unwrap_or_default();
            let written: Vec<_> = written.split(", ").map(|kind| kind.trim_matches(['`', ' ', '|'])).collect();
            let written: Vec<_> = written.into_iter().filter(|kind| !kind.is_empty()).collect();
            assert_eq!(written, kinds(hint), "{hint}");
        }
    }
}
