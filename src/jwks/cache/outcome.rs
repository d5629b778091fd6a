//! How a fetch ended, for the requests that wait for it.

use std::sync::Arc;

use crate::flight::Running;
use crate::jose::keys::KeySet;

#[derive(Clone)]
pub(super) enum FetchOutcome {
    Fetched(Arc<KeySet>),
    /// It failed, or a later fetch ended before it.
    Failed,
}

pub(super) type RunningFetch = Running<FetchOutcome>;
