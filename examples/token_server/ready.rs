//! `GET /ready`: whether this process could decide about a request now, for a load balancer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tower_client_assertion::Verifier;

use crate::log::log;

/// How long an answer stands. The address is public, and each check asks the replay store.
const STANDS: Duration = Duration::from_secs(1);

/// What is asked, and the last answer.
pub(crate) struct Probe {
    verifier: Arc<Verifier>,
    last: Mutex<Option<Checked>>,
}

struct Checked {
    at: Instant,
    is_ready: bool,
    body: Value,
}

impl Probe {
    pub(crate) fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, last: Mutex::default() }
    }

    /// Answers 200 or 503, and names the parts. Why one of them is missing is for the log alone.
    pub(crate) async fn answer(&self) -> impl IntoResponse + use<> {
        // Others wait here for the check that is running.
        let mut last = self.last.lock().await;
        let Checked { is_ready, body, .. } = match &mut *last {
            Some(last) if last.at.elapsed() < STANDS => last,
            old => {
                let was_ready = old.as_ref().is_none_or(|old| old.is_ready);
                let checked = self.check(was_ready).await;
                old.insert(checked)
            }
        };
        let status = if *is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body.clone()))
    }

    async fn check(&self, was_ready: bool) -> Checked {
        let readiness = self.verifier.ready().await;
        let is_ready = readiness.is_ready();
        if is_ready != was_ready {
            log(&readiness.to_string());
        }
        let parts: serde_json::Map<_, _> =
            readiness.parts().map(|part| (part.reason().code().to_owned(), part.health().name().into())).collect();
        Checked { at: Instant::now(), is_ready, body: json!({"ready": is_ready, "parts": parts}) }
    }
}
