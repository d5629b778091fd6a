//! What the program prints.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use axum::http::Request;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tower_client_assertion::explain::{Check, Explanation, Outcome, Verdict};

use crate::input::{Captured, What};

/// Returns the explanation as text, with `notes` about the input.
pub(crate) fn text(explanation: &Explanation, captured: &Captured, notes: &str) -> String {
    let mut text = format!("{explanation}\ninput     {}\n{notes}", about(captured));
    if captured.has_jwt() {
        let _ = writeln!(text, "secret    {}", as_good_as_a_password(explanation));
    }
    for credential in captured.credentials() {
        let _ = writeln!(text, "secret    the input has {credential}: keep it like a password");
    }
    text
}

fn as_good_as_a_password(explanation: &Explanation) -> String {
    let is_proven =
        explanation.steps().iter().any(|step| step.check() == Check::Signature && step.outcome() == Outcome::Passed);
    let most = if is_proven { "" } else { "at most " };
    let Some(window) = explanation.acceptable() else {
        return "the input has a JWT, which is as good as a password where it is accepted".to_owned();
    };
    match rfc3339(window.end().as_secs()) {
        Some(until) => format!("{most}until {until} the input is as good as a password, unless it has been used"),
        None => "the input is as good as a password, and does not expire, unless it has been used".to_owned(),
    }
}

/// Returns the explanation as one line of JSON.
pub(crate) fn json(explanation: &Explanation) -> Result<String, String> {
    let json = serde_json::to_string(explanation);
    json.map(|json| json + "\n").map_err(|error| format!("the explanation cannot be written: {error}"))
}

/// 0: accepted, 1: refused by a fault of the client, 2: by one of the server, 3: not decided.
pub(crate) fn exit_code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Accepted { .. } => 0,
        Verdict::Refused { .. } => 1,
        Verdict::Unavailable { .. } => 2,
        // The layer is not optional, and the enum is non-exhaustive.
        _ => 3,
    }
}

/// Prints to stdout. That it was closed is no error: its reader has seen enough.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("stdout: {error}")),
        _ => Ok(()),
    }
}

/// Prints to stderr. Unlike `eprint!`, this does not panic when stderr is closed.
pub(crate) fn warn(lines: &str) {
    let _ = io::stderr().write_all(lines.as_bytes());
}

fn about(captured: &Captured) -> String {
    let source = &captured.source;
    match &captured.what {
        What::Request(request) => format!("{source}: {}, {} bytes", start(request), request.body().len()),
        What::Form(body) => format!("{source}, {} bytes", body.len()),
        What::Assertion(jwt) => format!("{source}, {} bytes", jwt.len()),
    }
}

fn start<T>(request: &Request<T>) -> String {
    format!("{} {}", shown(request.method().as_str(), "method"), path(request))
}

/// Returns the path of a request. The query may have credentials.
pub(crate) fn path<T>(request: &Request<T>) -> String {
    shown(request.uri().path(), "path")
}

/// Someone may have put a credential there, so only what is short and plain is shown.
fn shown(text: &str, what: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    let is_short = text.len() <= 64 && text.split('/').all(|part| part.len() < 16);
    match is_plain && is_short && !text.contains("eyJ") {
        true => text.to_owned(),
        false => format!("({what} of {} bytes)", text.len()),
    }
}

fn rfc3339(secs: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(secs).ok()?).ok()?.format(&Rfc3339).ok()
}
