//! Events as records of `tracing`.

use std::error::Error;

use ::tracing::{debug, error, field, info, warn};

use super::{Event, EventSink, KeySetEvent, KeySetNews, Refused};
use crate::identity::ClientIdentity;
use crate::rejection::{RejectionKind, ServerFault};

/// Hands events to `tracing`.
///
/// | event | level |
/// |---|---|
/// | accepted, key set fetched | `debug` |
/// | refused, the client's fault | `info` |
/// | refused by overload or for a used-up share, [`Warning`](super::Warning), other news of key sets | `warn` |
/// | refused, the server's fault | `error` |
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

/// The target of all records. Filters name it, so it does not follow the path of this file.
const TARGET: &str = "tower_client_assertion::event";

impl EventSink for TracingEvents {
    fn record(&self, event: &Event<'_>) {
        match event {
            Event::Accepted(identity) => accepted(identity),
            Event::Refused(refused) => record_refusal(refused),
            Event::Warning(warning) => warn!(target: TARGET, "{warning}"),
            Event::KeySet(event) => key_set(event),
        }
    }
}

fn accepted(identity: &ClientIdentity) {
    let (algorithm, policy) = (identity.algorithm(), identity.policy());
    let lax_audience = identity.has_lax_audience();
    debug!(target: TARGET, client = %identity.client_id(), %algorithm, policy, lax_audience, "client authenticated");
}

fn record_refusal(refused: &Refused<'_>) {
    let rejection = refused.rejection();
    let client = refused.claimed_client().map(field::display);
    let proven = rejection.is_proven();
    let cause = rejection.source().map(field::display);
    match rejection.kind() {
        RejectionKind::Client(_) => {
            let findings = refused.findings().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            info!(target: TARGET, client, proven, findings, cause, "client refused: {rejection}");
        }
        RejectionKind::Server(ServerFault::Overloaded | ServerFault::ClientOverloaded | ServerFault::ClientQuota) => {
            warn!(target: TARGET, client, proven, "client not authenticated: {rejection}");
        }
        RejectionKind::Server(_) => {
            error!(target: TARGET, client, proven, cause, "client not authenticated: {rejection}")
        }
    }
}

fn key_set(event: &KeySetEvent<'_>) {
    // A query may hold a secret.
    let (client, clients, url) = (event.client_id(), event.clients().len(), event.url_without_query());
    match event.news() {
        KeySetNews::Fetched { .. } => debug!(target: TARGET, client, clients, url, "key set: {event}"),
        KeySetNews::Failed { error, .. } => {
            let cause = error.source().map(field::display);
            warn!(target: TARGET, client, clients, url, cause, "key set: {event}");
        }
        _ => warn!(target: TARGET, client, clients, url, "key set: {event}"),
    }
}
