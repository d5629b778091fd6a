//! What of a client's registration or key set explains a refusal.

use std::error::Error;

use super::excerpt;
use crate::clock::UnixTime;
use crate::explain::hint::Hint;
use crate::jose::keys::KeySet;
use crate::jwks::SourceState;

/// The most hints of one kind.
const MOST: usize = 4;

/// Returns what is wrong with the key set of a client that registered its URL.
pub(super) fn about_source(state: &SourceState, now: UnixTime) -> Vec<Hint> {
    let stale_for = state.fresh_until().filter(|until| *until <= now).map(|until| now - until);
    let stale = stale_for.map(|stale_for| Hint::KeySetStale { seconds: stale_for.as_secs() });
    let failed = state.last_error().map(|error| Hint::KeySetFailed { error: with_cause(error) });
    stale.into_iter().chain(failed).collect()
}

/// The error and the first cause below it, which says what the network or TLS library found.
fn with_cause(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", excerpt(&cause.to_string())),
        None => error.to_string(),
    }
}

/// Returns the skipped keys that the sender may have meant.
pub(super) fn skipped(kid: Option<&str>, keys: &KeySet) -> Vec<Hint> {
    let meant = |named: Option<&str>| kid.is_none() || named.is_none() || named == kid;
    let skipped = keys.skipped().iter().filter(|key| meant(key.key_id())).take(MOST);
    skipped.map(|key| Hint::KeysSkipped { reason: key.to_string() }).collect()
}

/// Returns what keeps the client from being accepted.
pub(super) fn refused(problems: impl IntoIterator<Item = String>) -> Vec<Hint> {
    problems.into_iter().take(MOST).map(|problem| Hint::ClientRefused { problem }).collect()
}
