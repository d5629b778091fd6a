//! Hints about the body and the parameters as they were sent, before anything in them is read.

use super::MAX_DEPTH;
use crate::endpoint::JWT_BEARER;
use crate::explain::hint::Hint;
use crate::explain::kind::{EncodedTwice, Wrapping};
use crate::jose::base64url;
use crate::jose::json::{self, Visit};
use crate::jose::media_type::is_media_type;
use crate::verifier::unescape;
use crate::verifier::wrapping::{Wrapper, unwrapped};

/// What the body is, if it is not a form.
pub(super) fn about_body(body: &[u8]) -> Option<Hint> {
    let start = without_byte_order_mark(body).trim_ascii_start();
    match start {
        [b'{', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]) => Some(Hint::JsonBody),
        [b'-', b'-', ..] if is_multipart(start) => Some(Hint::MultipartBody),
        _ if is_encoded_form(start) => Some(Hint::DoubleEncoded { kind: EncodedTwice::Body }),
        _ => None,
    }
}

fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// Whether the first part has its header `Content-Disposition` (RFC 7578, section 4.2), which
/// follows the line of the boundary.
fn is_multipart(body: &[u8]) -> bool {
    /// In bytes: a boundary has at most 70 characters (RFC 2046, section 5.1.1).
    const LONGEST: usize = 512;
    const NAME: &[u8] = b"content-disposition:";
    let start = body.get(..LONGEST).unwrap_or(body);
    let mut lines = start.split(|byte| *byte == b'\n').skip(1);
    lines.any(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
}

/// Whether not even the separators of the form arrived as such.
fn is_encoded_form(body: &[u8]) -> bool {
    const PARAMETER: &[u8] = b"client_assertion=";
    let contains = |text: &[u8]| text.windows(PARAMETER.len()).any(|part| part == PARAMETER);
    !body.contains(&b'=') && unescape(body).is_some_and(|decoded| contains(&decoded))
}

/// What the value of `client_assertion_type` looks like.
pub(super) fn about_type(value: &[u8]) -> Option<Hint> {
    let is_known = value.contains(&b'%') && unescape(value).is_some_and(|value| value == JWT_BEARER.as_bytes());
    is_known.then_some(Hint::DoubleEncoded { kind: EncodedTwice::AssertionType })
}

/// What the value of `client_assertion` looks like, if it is not three parts of base64url.
pub(super) fn about_value(value: &[u8]) -> Vec<Hint> {
    let (jwt, wrappers) = unwrapped(value);
    let hint = |wrapper| match wrapper {
        Wrapper::Bearer => Hint::BearerPrefix,
        Wrapper::Quotes => Hint::Quoted,
    };
    let mut hints: Vec<_> = wrappers.into_iter().map(hint).collect();
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        hints.push(Hint::LineBreak);
    }
    let around = value.len() > value.trim_ascii().len();
    if around && !hints.contains(&Hint::LineBreak) && is_jwt(jwt) {
        hints.push(Hint::WhiteSpace);
    }
    if jwt.contains(&b'%') && unescape(jwt).is_some_and(|decoded| is_jwt(&decoded)) {
        hints.push(Hint::DoubleEncoded { kind: EncodedTwice::Assertion });
    }
    match is_standard_base64(jwt) {
        true if jwt.contains(&b' ') => hints.push(Hint::PlusAsSpace),
        true => hints.push(Hint::StandardBase64),
        false => {}
    }
    hints.extend(wrapping(jwt).map(|kind| Hint::EncryptedOrNested { kind }));
    hints
}

/// Whether the value reads as a JWT in standard base64, whose plus signs may be spaces.
fn is_standard_base64(value: &[u8]) -> bool {
    if !value.iter().any(|byte| matches!(byte, b' ' | b'+' | b'/' | b'=')) {
        return false;
    }
    let as_base64url = |byte: &u8| match byte {
        b' ' | b'+' => Some(b'-'),
        b'/' => Some(b'_'),
        b'=' => None,
        other => Some(*other),
    };
    is_jwt(&value.iter().filter_map(as_base64url).collect::<Vec<_>>())
}

/// Whether the text is three parts of base64url, of which the first two are JSON objects.
fn is_jwt(text: &[u8]) -> bool {
    let parts: Vec<_> = text.splitn(4, |byte| *byte == b'.').collect();
    match *parts {
        [header, claims, signature] => is_object(header) && is_object(claims) && decoded(signature).is_some(),
        _ => false,
    }
}

fn is_object(part: &[u8]) -> bool {
    object(part).is_some_and(|text| json::object(&text, MAX_DEPTH, &mut |_, _| Visit::Ignored).is_ok())
}

fn object(part: &[u8]) -> Option<String> {
    decoded(part).and_then(|bytes| String::from_utf8(bytes).ok())
}

fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(part).ok().and_then(base64url::decode)
}

/// A JWE has five parts (RFC 7516, section 7.1), and the second is empty if there is no encrypted
/// key.
fn wrapping(jwt: &[u8]) -> Option<Wrapping> {
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let header = object(jwt.split(|byte| *byte == b'.').next()?)?;
    let (mut has_enc, mut is_nested) = (false, false);
    let read = json::object(&header, MAX_DEPTH, &mut |name, value| {
        match name {
            "enc" => has_enc = true,
            "cty" => is_nested |= value.text().is_some_and(|cty| is_media_type(&cty, "jwt")),
            _ => {}
        }
        Visit::Ignored
    });
    let periods = jwt.iter().filter(|byte| **byte == b'.').count();
    match (periods, jwt.iter().all(is_base64url)) {
        (4, true) if read.is_ok() => Some(Wrapping::Encrypted),
        (2, true) if has_enc => Some(Wrapping::Encrypted),
        (2, true) if is_nested => Some(Wrapping::Nested),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(json: &str) -> String {
        base64url::encode(json.as_bytes())
    }

    fn jwt() -> String {
        format!("{}.{}.c2lnbmF0dXJl", encoded(r#"{"alg":"ES256"}"#), encoded(r#"{"iss":"a"}"#))
    }

    #[test]
    fn bodies_that_are_no_forms_are_told() {
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--";
        let long = format!("--{}\r\ncontent-disposition: form-data", "x".repeat(70));
        let percent: String = "a=b&client_assertion=c".bytes().map(|byte| format!("%{byte:02X}")).collect();
        let twice = Hint::DoubleEncoded { kind: EncodedTwice::Body };
        let cases = [
            (r#"{"grant_type":"client_credentials"}"#, Some(Hint::JsonBody)),
            (" \r\n{ \"a\":1}", Some(Hint::JsonBody)),
            ("\u{FEFF}{}", Some(Hint::JsonBody)),
            (multipart, Some(Hint::MultipartBody)),
            (&long, Some(Hint::MultipartBody)),
            ("grant_type%3Da%26client_assertion%3Db", Some(twice.clone())),
            (&percent, Some(twice)),
            ("{", None),
            ("{a=b", None),
            ("[1]", None),
            ("", None),
            ("--a=b", None),
            ("--a\r\nContent-Type: text/plain", None),
            ("grant_type=a&client_assertion=b", None),
            ("grant_type%3Da", None),
            ("grant_type=a&x=client_assertion%3Db", None),
        ];
        for (body, expected) in cases {
            assert_eq!(about_body(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn wrapped_assertions_are_told() {
        use Hint as H;
        let jwt = jwt();
        let twice = H::DoubleEncoded { kind: EncodedTwice::Assertion };
        let dots = jwt.replace('.', "%2E");
        let all: String = jwt.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let cases = [
            (format!("Bearer {jwt}"), vec![H::BearerPrefix]),
            (format!("bearer\t{jwt}"), vec![H::BearerPrefix]),
            (format!("Bearer{jwt}"), vec![]),
            ("Bearer".to_owned(), vec![]),
            (format!("\"{jwt}\""), vec![H::Quoted]),
            (format!("'{jwt}'"), vec![H::Quoted]),
            (format!("\u{201C}{jwt}\u{201D}"), vec![H::Quoted]),
            (format!("\"{jwt}"), vec![]),
            (format!("{jwt}\n"), vec![H::LineBreak]),
            (format!("{jwt}\r\n"), vec![H::LineBreak]),
            (jwt.replacen('.', ".\n", 1), vec![H::LineBreak]),
            (format!("{jwt}\t"), vec![H::WhiteSpace]),
            (format!(" {jwt}"), vec![H::WhiteSpace]),
            (format!("{jwt}=="), vec![H::StandardBase64]),
            (" a.b.c".to_owned(), vec![]),
            ("a.b.c=".to_owned(), vec![]),
            (format!("\"Bearer {jwt}\"\n"), vec![H::Quoted, H::BearerPrefix, H::LineBreak]),
            (format!("Bearer '{jwt}'"), vec![H::BearerPrefix, H::Quoted]),
            (dots.clone(), vec![twice.clone()]),
            (format!("\"{dots}\""), vec![H::Quoted, twice.clone()]),
            (all, vec![twice]),
            (jwt.replace('.', "%252E"), vec![]),
            (jwt.replace('.', "%2"), vec![]),
            ("a%2Eb%2Ec".to_owned(), vec![]),
            (jwt.clone(), vec![]),
            (String::new(), vec![]),
        ];
        for (value, expected) in cases {
            assert_eq!(about_value(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn spaces_for_plus_signs_are_told() {
        // `>` at these places becomes a plus sign in standard base64.
        let header = encoded(r#"{"alg":"ES256","a":">>>>"}"#);
        let claims = encoded(r#"{"iss":">>>>"}"#);
        assert!(header.contains('-') || claims.contains('-'), "{header} {claims}");
        let jwt = format!("{header}.{claims}.-_-_");
        let spaced = jwt.replace('-', " ").replace('_', "/");
        let padded = spaced.replace('.', "=.");
        let standard = jwt.replace('-', "+").replace('_', "/");
        assert_eq!(about_value(standard.as_bytes()), [Hint::StandardBase64], "{standard}");
        for value in [spaced, padded] {
            assert_eq!(about_value(value.as_bytes()), [Hint::PlusAsSpace], "{value}");
        }
        let wrapped = jwt.replacen('.', " .", 1);
        for value in [wrapped.as_str(), "a b c", "a.b c.d", &jwt] {
            assert_eq!(about_value(value.as_bytes()), [], "{value}");
        }
    }

    #[test]
    fn encrypted_and_nested_jwts_are_told() {
        let part = |header: &str| encoded(header);
        let (enc, plain) = (part(r#"{"alg":"dir","enc":"A256GCM"}"#), part(r#"{"alg":"ES256"}"#));
        let (cty, other) = (part(r#"{"alg":"ES256","cty":"JWT"}"#), part(r#"{"cty":"text"}"#));
        let cases = [
            (format!("{enc}..a.b.c"), Some(Wrapping::Encrypted)),
            (format!("{plain}.a.b.c.d"), Some(Wrapping::Encrypted)),
            (format!("{enc}.a.b"), Some(Wrapping::Encrypted)),
            (format!("{cty}.a.b"), Some(Wrapping::Nested)),
            (format!("{plain}.a.b"), None),
            (format!("{other}.a.b"), None),
            (format!("{plain}.a.b.c"), None),
            (format!("{enc}.a.b.c.d.e"), None),
            (format!("{plain}.a.b,{plain}.a.b"), None),
            ("a.b.c.d.e".to_owned(), None),
        ];
        for (value, expected) in cases {
            let expected: Vec<_> = expected.map(|kind| Hint::EncryptedOrNested { kind }).into_iter().collect();
            assert_eq!(about_value(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn types_that_are_encoded_twice_are_told() {
        let twice: String = JWT_BEARER.replace(':', "%3A");
        assert_eq!(about_type(twice.as_bytes()), Some(Hint::DoubleEncoded { kind: EncodedTwice::AssertionType }));
        let others = [JWT_BEARER.to_owned(), twice.replace('%', "%25"), twice.replace("jwt", "saml2"), String::new()];
        for value in others {
            assert_eq!(about_type(value.as_bytes()), None, "{value}");
        }
    }
}
