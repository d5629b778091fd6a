//! Events as records of `tracing`.

use std::error::Error;
use std::time::Duration;

use ::tracing::{debug, error, field, info, warn};

use super::{
    Accepted, Correlation, Event, EventSink, KeySetEvent, KeySetNews, LetPass, Refused, RegistryEvent, RegistryNews,
    ReplayEvent, ReplayNews,
};
use crate::jose::base64url;
use crate::rejection::{RejectionKind, ServerFault};
use crate::text::Excerpt;

/// Hands events to `tracing`.
///
/// | event | level |
/// |---|---|
/// | accepted, let pass, key set fetched | `debug` |
/// | refused, the client's fault; clients of a file reloaded | `info` |
/// | refused by overload or for a used-up share, [`Warning`](super::Warning), other news of key sets, a slow replay store | `warn` |
/// | refused, the server's fault; clients of a file not reloaded, a replay store that failed | `error` |
///
/// Outcomes have these fields. A field that an outcome does not have is absent, and never empty.
///
/// | field | of | value |
/// |---|---|---|
/// | `client` | accepted, refused | the id of the client; of a refused request, the one that the sender claims |
/// | `proven` | refused | whether a signature has proven that id |
/// | `code` | refused | the [code](crate::rejection::Reason::code) of the fault |
/// | `policy` | accepted, refused | the name of the policy |
/// | `method`, `algorithm` | accepted | as in [`ClientIdentity`](crate::ClientIdentity) |
/// | `kid` | accepted, refused | of the key; of a refused request, the one that the sender named |
/// | `thumbprint` | accepted | of the key (RFC 7638), in base64url |
/// | `jti_hash` | accepted, replays | the SHA-256 hash of the `jti`, in base64url: a replay and its first use have the same |
/// | `lax_audience` | accepted | see [`has_lax_audience`](crate::ClientIdentity::has_lax_audience) |
/// | `findings` | refused | what exactly was wrong: each code, what was expected and what was received |
/// | `cause` | refused | the error behind the fault |
/// | `endpoint` | all | the [name](crate::Endpoint::name) of the endpoint |
/// | `correlation` | all | see [`correlate`](crate::ClientAssertionLayer::correlate) |
/// | `total_us`, `body_us`, `registry_us`, `keys_us`, `signature_us`, `replay_us` | all | the [times](super::StepTimes) in microseconds, [if they are wanted](Self::with_times) |
///
/// News of key sets have `client`, `clients`, `url` and `cause`, those of a file `path`, `clients`,
/// `problems`, `took_us` and `cause`, and those of a replay store `took_us`, `cause` and
/// `correlation`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

impl TracingEvents {
    /// Returns a sink that also records how long the steps of a request took.
    pub fn with_times(self) -> impl EventSink {
        WithTimes(self)
    }
}

struct WithTimes(TracingEvents);

impl EventSink for WithTimes {
    fn record(&self, event: &Event<'_>) {
        self.0.record(event);
    }

    fn needs_times(&self) -> bool {
        true
    }
}

/// The target of all records. Filters name it, so it does not follow the path of this file.
const TARGET: &str = "tower_client_assertion::event";

impl EventSink for TracingEvents {
    fn record(&self, event: &Event<'_>) {
        match event {
            Event::Accepted(event) => accepted(event),
            Event::Refused(event) => refused(event),
            Event::LetPass(event) => let_pass(event),
            Event::Warning(warning) => warn!(target: TARGET, "{warning}"),
            Event::KeySet(event) => key_set(event),
            Event::Registry(event) => registry(event),
            Event::Replay(event) => replay(event),
        }
    }
}

/// Records an outcome with its own fields and those that all outcomes have. The fields are computed
/// only if the level is enabled.
macro_rules! outcome {
    ($level:ident, $event:ident, { $($field:tt)* }, $($message:tt)+) => {{
        let times = $event.times();
        $level!(
            target: TARGET,
            {
                $($field)*
                endpoint = $event.endpoint().name(),
                correlation = $event.correlation().map(Correlation::as_str),
                total_us = micros(times.total()),
                body_us = micros(times.body()),
                registry_us = micros(times.registry()),
                keys_us = micros(times.keys()),
                signature_us = micros(times.signature()),
                replay_us = micros(times.replay()),
            },
            $($message)+
        )
    }};
}

fn accepted(event: &Accepted<'_>) {
    let identity = event.identity();
    outcome!(
        debug,
        event,
        {
            client = identity.client_id().as_str(),
            policy = identity.policy(),
            method = identity.method().name(),
            algorithm = identity.algorithm().name(),
            kid = identity.key_id().map(|kid| Excerpt::new(kid).text()).as_deref(),
            thumbprint = identity.key_thumbprint().map(|hash| base64url::encode(&hash)),
            jti_hash = identity.claims().jti_hash().map(|hash| base64url::encode(&hash)),
            lax_audience = identity.has_lax_audience(),
        },
        "client authenticated"
    );
}

fn let_pass(event: &LetPass<'_>) {
    outcome!(debug, event, {}, "request without an assertion passed on");
}

fn refused(event: &Refused<'_>) {
    let rejection = event.rejection();
    macro_rules! at {
        ($level:ident, $message:literal) => {
            outcome!(
                $level,
                event,
                {
                    code = event.code(),
                    client = event.claimed_client().map(|id| id.text()).as_deref(),
                    proven = rejection.is_proven(),
                    policy = event.policy(),
                    kid = event.key_id().map(|kid| kid.text()).as_deref(),
                    jti_hash = event.jti_hash().map(|hash| base64url::encode(&hash)),
                    findings = findings(event),
                    cause = rejection.source().map(field::display),
                },
                $message
            )
        };
    }
    match rejection.kind() {
        RejectionKind::Client(_) => at!(info, "client refused: {rejection}"),
        RejectionKind::Server(ServerFault::Overloaded | ServerFault::ClientOverloaded | ServerFault::ClientQuota) => {
            at!(warn, "client not authenticated: {rejection}")
        }
        RejectionKind::Server(_) => at!(error, "client not authenticated: {rejection}"),
    }
}

fn findings(refused: &Refused<'_>) -> Option<String> {
    let findings = refused.findings();
    let lines = findings.iter().map(|finding| format!("{}: {finding}", finding.fault().reason().code()));
    (!findings.is_empty()).then(|| lines.collect::<Vec<_>>().join("; "))
}

fn micros(time: Option<Duration>) -> Option<u64> {
    time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
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

fn registry(event: &RegistryEvent<'_>) {
    let (path, took_us) = (event.path().display(), micros(Some(event.took())));
    match event.news() {
        RegistryNews::Reloaded { clients, problems } => {
            info!(target: TARGET, %path, clients, problems, took_us, "registry: {event}");
        }
        RegistryNews::Failed(error) => {
            let cause = error.source().map(field::display);
            error!(target: TARGET, %path, took_us, cause, "registry: {event}");
        }
    }
}

fn replay(event: &ReplayEvent<'_>) {
    let took_us = micros(Some(event.took()));
    let correlation = event.correlation().map(Correlation::as_str);
    match event.news() {
        ReplayNews::Slow { .. } => warn!(target: TARGET, took_us, correlation, "replay store: {event}"),
        ReplayNews::Failed(error) => {
            let cause = error.source().map(field::display);
            error!(target: TARGET, took_us, correlation, cause, "replay store: {event}");
        }
    }
}
