//! How a fetch ended, for the requests that wait for it.

use std::sync::Arc;

use crate::jose::keys::KeySet;

#[derive(Clone)]
pub(super) enum FetchOutcome {
    Fetched(Arc<KeySet>),
    Failed,
    /// The source was invalidated while the fetch was running.
    Superseded,
}
