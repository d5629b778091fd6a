//! Lines on stderr, among them what the layer reports.

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_client_assertion::event::{Accepted, Event, EventSink, KeySetEvent, KeySetNews, Refused, sink};

use crate::deployment::cause;
use crate::request_id;

/// Writes a line to stderr. While a request is served, its id is the end of the line: a client
/// chooses the id, and cannot make the line look like another one.
///
/// Unlike `eprintln!`, this does not panic when stderr is closed: no request should fail because of
/// its log line.
pub(crate) fn log(line: &str) {
    let id = request_id::current().map(|id| format!(" x-request-id={id}")).unwrap_or_default();
    let _ = writeln!(io::stderr(), "{line}{id}");
}

pub(crate) fn events() -> impl EventSink {
    sink(log_event)
}

fn log_event(event: &Event<'_>) {
    match event {
        Event::Accepted(accepted) => log(&format!("accepted {}", describe_accepted(accepted))),
        Event::Refused(refused) => log(&format!("refused {}", describe(refused))),
        Event::Warning(warning) => log(&format!("warning: {warning}")),
        Event::LetPass(event) => log(&format!("let pass without an assertion, endpoint {}", event.endpoint().name())),
        Event::KeySet(event) => log(&describe_key_set(event)),
        Event::Registry(event) => log(&format!("clients: {event}")),
        Event::Replay(event) => log(&format!("replay store: {event}")),
        // The enum is non-exhaustive.
        _ => {}
    }
}

fn describe_accepted(accepted: &Accepted<'_>) -> String {
    let identity = accepted.identity();
    let (client, method, algorithm) = (identity.client_id(), identity.method(), identity.algorithm());
    let key = identity.key_id().map(|kid| format!(" with kid {kid:?}")).unwrap_or_default();
    let (policy, endpoint) = (identity.policy(), accepted.endpoint().name());
    let thumbprint =
        identity.key_thumbprint().map(|hash| format!(" thumbprint {},", encoded(&hash))).unwrap_or_default();
    let lax = if identity.has_lax_audience() { ", with an audience that is not the issuer" } else { "" };
    let jti = jti(identity.claims().jti_hash());
    format!("{client:?}{jti},{thumbprint} {method}, {algorithm}{key}, policy {policy}, endpoint {endpoint}{lax}")
}

fn describe_key_set(event: &KeySetEvent<'_>) -> String {
    let cause = match event.news() {
        KeySetNews::Failed { error, .. } => cause(error, "; "),
        _ => String::new(),
    };
    let others = match event.clients().len() {
        0 | 1 => String::new(),
        clients => format!(" and {} more", clients - 1),
    };
    format!("key set of {:?}{others} at {}: {event}{cause}", event.client_id(), event.url_without_query())
}

/// The response names the first fault. The log names all of them.
fn describe(refused: &Refused<'_>) -> String {
    let claimed = refused.claimed_client().map_or_else(|| "an unidentified client".to_owned(), |id| id.to_string());
    let key = refused.key_id().map(|kid| format!(", kid {kid}")).unwrap_or_default();
    let proven = if refused.rejection().is_proven() { "" } else { " (unproven)" };
    let head = format!(
        "{claimed}{key}{proven}, code {}, policy {}, endpoint {}",
        refused.code(),
        refused.policy(),
        refused.endpoint().name()
    );
    let jti = jti(refused.jti_hash());
    let findings: Vec<_> = refused.findings().iter().map(ToString::to_string).collect();
    match findings[..] {
        [] => format!("{head}: {}{}{jti}", refused.rejection(), cause(refused.rejection(), "; ")),
        _ => format!("{head}: {}{jti}", findings.join("; ")),
    }
}

/// A replay and its first use have the same hash. The `jti` itself is not shown.
fn jti(hash: Option<[u8; 32]>) -> String {
    hash.map(|hash| format!(", jti hash {}", encoded(&hash))).unwrap_or_default()
}

fn encoded(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}
