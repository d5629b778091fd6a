//! Finds parts of secrets in texts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tower_client_assertion::JWT_BEARER;

use super::{AUDIENCE, ISSUER};

/// Returns the end of `secret` of which a part is shown, if one is. A long secret is searched at
/// its ends.
pub fn leak_of<'a>(shown: &str, secret: &'a [u8]) -> Option<&'a [u8]> {
    let (start, end) = (secret.len().min(300), secret.len().saturating_sub(300));
    [&secret[..start], &secret[end..]].into_iter().find(|part| has_run_of(shown, part))
}

/// Undoes the escapes of a text. JSON escapes them again.
pub fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('u') => {
                    let digits: String = rest.by_ref().take_while(|next| *next != '}').skip(1).collect();
                    plain.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                }
                itself => plain.extend(itself),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Whether a run of 16 bytes of `secret` occurs in `shown`. Each has a block of 8 bytes at a
/// multiple of 8, which is searched first.
pub fn has_run_of(shown: &str, secret: &[u8]) -> bool {
    let occurs = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| shown.contains(text));
    let is_public = |run: &[u8]| PUBLIC.iter().any(|public| public.as_bytes().windows(16).any(|own| own == run));
    let is_leak = |start: usize| secret.get(start..start + 16).is_some_and(|run| occurs(run) && !is_public(run));
    let mut blocks = secret.chunks_exact(8).enumerate().filter(|(_, block)| occurs(block)).map(|(at, _)| at * 8);
    blocks.any(|at| (at.saturating_sub(8)..=at).any(is_leak))
}

/// Values that are public, although a mutation may send them as a secret.
const PUBLIC: [&str; 7] = [
    "client_credentials",
    "client_assertion_type",
    "client-authentication+jwt",
    "urn:example:posted",
    JWT_BEARER,
    ISSUER,
    AUDIENCE,
];

/// The secrets of a request: its assertions with their signatures and `jti`, and other credentials.
pub fn secrets(request: &Request<Bytes>) -> Vec<Vec<u8>> {
    let mut secrets: Vec<Vec<u8>> =
        request.headers().get_all("authorization").iter().map(|value| value.as_bytes().to_vec()).collect();
    for (name, value) in form_urlencoded::parse(request.body()) {
        match &*name {
            "client_secret" => secrets.push(value.clone().into_owned().into_bytes()),
            "client_assertion" => {
                let Some((input, signature)) = value.rsplit_once('.') else { continue };
                secrets.push(signature.as_bytes().to_vec());
                secrets.push(input.as_bytes().to_vec());
                let claims = input.split_once('.').map(|(_, claims)| claims).unwrap_or_default();
                let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
                let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
                secrets.extend(claims["jti"].as_str().map(|jti| jti.as_bytes().to_vec()));
            }
            _ => {}
        }
    }
    secrets.retain(|secret| !PUBLIC.iter().any(|public| public.as_bytes() == secret));
    secrets
}

#[test]
fn runs_of_sixteen_bytes_are_found() {
    let secret = b"0123456789abcdefghijklmnop";
    for start in 0..=10 {
        let run = std::str::from_utf8(&secret[start..start + 16]).unwrap();
        assert!(has_run_of(&format!("shown: {run}."), secret), "{run}");
        assert!(!has_run_of(&run[1..], secret), "{run} without its first byte");
    }
}
