//! A form without a head, or a JWT alone.

use std::borrow::Cow;

use axum::body::Bytes;

use super::{Captured, What, text};

/// The parameters by which a form is recognized.
const NAMES: [&str; 5] = ["client_assertion", "client_assertion_type", "grant_type", "client_id", "scope"];

pub(super) fn read(text: &str) -> Result<Captured, String> {
    // An editor ends the last line.
    let whole = text.trim_matches(['\r', '\n']);
    let has_other_lines = whole.contains('\n') && whole.contains([' ', '\t']);
    if is_form(whole) && !has_other_lines {
        return Ok(form(whole, "a form body"));
    }
    if is_assertion(whole) {
        return Ok(Captured::new(What::Assertion(whole.to_owned()), "a JWT"));
    }
    if let Some(what) = looks_like(text) {
        return Err(unrecognized(&format!("the input looks like {what}")));
    }
    let mut lines = text::numbered(text).filter(|(_, line)| line.contains("client_assertion=") && is_form(line));
    match (lines.next(), lines.next()) {
        (Some((number, line)), None) => {
            let mut captured = form(line.trim(), &format!("a form body, line {number}"));
            captured.notes.push(format!("only line {number} is judged: the other lines are neither a head nor a form"));
            Ok(captured)
        }
        (Some(_), Some(_)) => Err("the input has several lines with a client_assertion: expected one".to_owned()),
        (None, _) if whole.trim().is_empty() => Err(unrecognized("the input is empty")),
        (None, _) => Err(unrecognized("the input is not recognized")),
    }
}

/// Returns the first `client_assertion` of a form.
pub(super) fn assertion(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut pairs = form_urlencoded::parse(body);
    let (_, value) = pairs.find(|(name, _)| name == "client_assertion")?;
    Some(match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    })
}

fn form(text: &str, source: &str) -> Captured {
    Captured::new(What::Form(bytes(text)), source)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Names what is often captured, but not read.
fn looks_like(text: &str) -> Option<&'static str> {
    let is_request = |line: &str| line.split_whitespace().skip(1).any(|word| word.starts_with("HTTP/"));
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let table = [
        ("fetch(", "a call of fetch: copy it as cURL for bash"),
        ("invoke-webrequest", "a command of PowerShell: copy it as cURL for bash"),
        ("invoke-restmethod", "a command of PowerShell: copy it as cURL for bash"),
        ("wget ", "a wget line"),
        ("requests.post(", "a program"),
        ("curl ", "a curl line, but something else is in front of curl"),
        ("curl.exe ", "a curl line, but something else is in front of curl"),
    ];
    let found = table.iter().find(|(part, _)| lower.contains(part)).map(|(_, what)| *what);
    match is_request(first) {
        true => Some("a raw HTTP request, but its first line is not METHOD TARGET VERSION with single spaces"),
        false => found,
    }
}

/// The name of its first parameter is bare.
fn is_form(text: &str) -> bool {
    let first = text.trim_start().split('=').next().unwrap_or_default();
    if first.chars().any(|char| char.is_whitespace() || char.is_control() || "\"'`{}()<>".contains(char)) {
        return false;
    }
    let mut names = text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.trim());
    names.any(|name| NAMES.contains(&name))
}

/// A JOSE header is a JSON object, so in base64url it begins with `eyJ`. What is in front of it or
/// behind it in a form, a header or JSON often remains there.
fn is_assertion(text: &str) -> bool {
    let bare = text.strip_prefix("Bearer ").or(text.strip_prefix("bearer ")).unwrap_or(text).trim();
    let bare = bare.trim_matches(['"', '\'']);
    let legible = |char: char| char.is_ascii_alphanumeric() || "-_.=+/\r\n".contains(char);
    let begins = bare.starts_with("eyJ") && bare.chars().all(legible);
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    // Without a signature, the third part is empty.
    let parts = bare.strip_suffix('.').unwrap_or(bare).split('.');
    begins || (bare.matches('.').count() == 2 && parts.clone().all(part))
}

fn unrecognized(what: &str) -> String {
    format!("{what}: expected a curl line, a raw HTTP request, a HAR file, a form with a client_assertion or a JWT")
}
