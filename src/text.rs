//! Checks of characters that several rooms need, and untrusted text in a form that is safe to
//! print.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Whether `bytes` are UTF-8. Nearly all of them are ASCII, which is checked faster.
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// Whether `text` is `%x20-7E` throughout. It never stops early, so that many bytes are compared in
/// one instruction.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, 0x20..=0x7E))
}

/// Whether `text` is `%x21-7E` throughout.
pub(crate) fn is_visible_ascii(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `text` has a control character. Printable ASCII is recognised first: that is fastest.
pub(crate) fn has_control(text: &str) -> bool {
    !is_printable_ascii(text) && text.chars().any(char::is_control)
}

/// Whether `text` is short, or of words as media types and URNs are: of letters, of which only the
/// first may differ in case, and of few digits at the end. Neither a signature nor a random value
/// is.
pub(crate) fn is_of_words(text: &str) -> bool {
    /// A part of a secret that is shorter may be shown.
    const SHORT: usize = 16;
    const LONGEST: usize = 64;
    const MOST_DIGITS: usize = 8;
    /// Of the letters and the digits of a word.
    const MOST: (usize, usize) = (20, 5);
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|end: char| end.is_ascii_digit());
        let others = letters.get(1..).unwrap_or_default();
        letters.len() <= MOST.0
            && word.len().saturating_sub(letters.len()) <= MOST.1
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            && (others.bytes().all(|byte| byte.is_ascii_lowercase())
                || letters.bytes().all(|byte| byte.is_ascii_uppercase()))
    };
    // A form may have escaped the separators.
    let unescaped = text.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
    let mut words = unescaped.split(|between: char| !between.is_ascii_alphanumeric());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() < SHORT || (text.len() <= LONGEST && text.is_ascii() && digits <= MOST_DIGITS && words.all(is_word))
}

/// A piece of untrusted text that is safe to print. It displays in quotation marks, escaped, and
/// cut after 64 characters. If a JWT or a private key in PEM begins in what would be shown, only
/// the length of the text is: clients mix up their parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt<'a>(&'a str);

impl<'a> Excerpt<'a> {
    const LONGEST: usize = 64;

    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns the text without quotation marks, for a field whose format escapes by itself: as it
    /// is if it is printable ASCII of at most 64 characters, and otherwise as it displays.
    pub fn text(&self) -> Cow<'a, str> {
        let is_plain = self.0.len() <= Self::LONGEST && is_printable_ascii(self.0);
        if is_plain && !self.is_withheld() { self.0.into() } else { self.to_string().into() }
    }

    /// Returns whether the length is shown in place of the text.
    pub(crate) fn is_withheld(&self) -> bool {
        secret_in(self.0, Self::LONGEST).is_some()
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(secret) = secret_in(self.0, Self::LONGEST) {
            return write!(f, "{} bytes that look like {secret}", self.0.len());
        }
        f.write_str("\"")?;
        for character in self.0.chars().take(Self::LONGEST) {
            match character {
                ' '..='~' => write!(f, "{}", character.escape_debug())?,
                _ => write!(f, "{}", character.escape_unicode())?,
            }
        }
        let cut = self.0.chars().nth(Self::LONGEST).is_some();
        f.write_str(if cut { "\"..." } else { "\"" })
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns what begins in the shown part of a text, which has this many characters, and must not be
/// shown. The rest is not searched, so that a long text costs little.
#[cold]
pub(crate) fn secret_in(text: &str, shown: usize) -> Option<&'static str> {
    let starts = text.char_indices().take(shown);
    let shown: String = starts.clone().map(|(_, character)| character.to_ascii_uppercase()).collect();
    // A form may have escaped the space, once or twice.
    let spaced = shown.replace("%2520", " ").replace("%20", " ").replace('+', " ");
    if spaced.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    let mut rests = starts.filter_map(|(at, _)| text.as_bytes().get(at..));
    rests.any(is_jwt).then_some("a JWT")
}

/// Whether a text begins with a part of a JWT. One that has a `jti` is longer than 40 bytes.
fn is_jwt(text: &[u8]) -> bool {
    text.get(..40).is_some_and(|start| start.iter().copied().all(is_of_jwt)) && begins_object(text)
}

/// Whether a byte may occur in a JWT in compact form, which may be percent-encoded.
fn is_of_jwt(byte: u8) -> bool {
    is_of_base64url(byte) || matches!(byte, b'.' | b'%')
}

fn is_of_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether a text begins with a JSON object in base64url, as each part of a JWT does that is not
/// its signature. There may be white space around the brace.
fn begins_object(text: &[u8]) -> bool {
    /// In bytes. Programs indent by less.
    const LONGEST: usize = 64;
    let encoded = text.iter().copied().take(LONGEST).take_while(|byte| is_of_base64url(*byte));
    let encoded: Vec<_> = encoded.collect();
    let decoded: Vec<_> =
        encoded.chunks_exact(4).map_while(|four| URL_SAFE_NO_PAD.decode(four).ok()).flatten().collect();
    decoded.trim_ascii_start().strip_prefix(b"{").is_some_and(|object| object.trim_ascii_start().starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Excerpt, is_of_words};

    fn shown(text: &str) -> String {
        Excerpt::new(text).to_string()
    }

    fn encoded(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn jwts_are_shown_by_their_length() {
        let headers = [
            r#"{"alg":"ES256"}"#,
            r#"{ "alg":"ES256"}"#,
            "{\n  \"alg\": \"ES256\"}",
            "{\r\n\t\"alg\": \"ES256\"}",
            "{\t\"alg\": \"ES256\"}",
            r#" {"alg":"ES256"}"#,
            "\n{\"alg\":\"ES256\"}",
            "\r\n{\"alg\":\"ES256\"}",
            "\t {  \"alg\":\"ES256\"}",
        ];
        for header in headers.map(encoded) {
            let claims = encoded(r#"{"iss":"a","jti":"hush-hush-hush"}"#);
            let jwt = format!("{header}.{claims}.c2lnbmF0dXJl");
            let texts = [
                jwt.clone(),
                format!("{header}.{claims}"),
                claims.clone(),
                format!("Bearer {jwt}"),
                format!("x{jwt}"),
                format!("Bearer%20{}", jwt.replace('.', "%2E")),
                format!(r#"["https://as.example",{jwt:?}]"#),
                format!("\u{feff}{jwt}\n"),
                jwt.get(5..).unwrap_or_default().to_owned(),
                format!("{}{jwt}", "\u{e9}".repeat(63)),
            ];
            for text in texts {
                assert_eq!(shown(&text), format!("{} bytes that look like a JWT", text.len()), "{text}");
            }
        }
        let beyond = format!("{}{}", "x".repeat(64), encoded(r#"{"iss":"a","jti":"hush-hush-hush"}"#));
        assert_eq!(shown(&beyond), format!("{:?}...", "x".repeat(64)));
        let exact = |len: usize| format!("{}{}", encoded(r#"{"a"#), "x".repeat(len - 4));
        assert_eq!(shown(&exact(39)), format!("{:?}", exact(39)));
        assert_eq!(shown(&exact(40)), "40 bytes that look like a JWT");
    }

    #[test]
    fn words_are_told_from_signatures_and_secrets() {
        let words = [
            "client_credentials",
            "Authorization_Code",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
            "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            "application/x-www-form-urlencoded; charset=windows-1252",
            "text/plain; charset=ISO-8859-15",
            "client_credentials\r\n",
            "VERSION-CONTROL-UPDATE",
            "Zm9vLWJhci1iYXo",
            "",
        ];
        for text in words {
            assert!(is_of_words(text), "{text}");
        }
        let long = "a-".repeat(32) + "a";
        let others = [
            "Zm9vLWJhci1iYXot",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "6c8e0c3fd1f44a6b",
            "1234-5678-9012-3456",
            "abcdefghijklmnopqrstu",
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
            &long,
        ];
        for text in others {
            assert!(!is_of_words(text), "{text}");
        }
    }

    #[test]
    fn private_keys_are_shown_by_their_length() {
        let escaped = ["PRIVATE+KEY", "EC%20PRIVATE%20KEY", "EC%2520PRIVATE%2520KEY"];
        let plain = ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "private key"];
        for label in plain.into_iter().chain(escaped) {
            let pem = format!("-----BEGIN {label}-----\nMC4CAQ\n");
            assert_eq!(shown(&pem), format!("{} bytes that look like a private key", pem.len()));
        }
    }

    #[test]
    fn long_names_are_shown() {
        let names = [
            "https://auth.production.eu-central-1.example-company.com/t",
            "https://rework-service.production.example-company.com/t",
            "com.example-company.mobile-banking.assertion-client",
            "eyewear-and-news.production.example-company.com.internal",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301.e0e1e2e3e4e5e6e7",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "eyJ",
            "{\"iss\":\"a\"}",
            "-----BEGIN PUBLIC KEY-----",
            "",
        ];
        for name in names {
            assert_eq!(shown(name), format!("{name:?}"));
        }
        let list = format!("e30.{}", encoded("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"));
        assert_eq!(shown(&list), format!("{list:?}"), "no part is an object with a member");
    }
}
