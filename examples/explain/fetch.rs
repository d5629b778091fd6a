//! The fetch of the client's key set, which `--fetch` asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::body::Bytes;
use axum::http::Response;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{FetchError, HyperFetch, JwksFetch, JwksRequest, KeySource};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::port::{BoxFuture, PortError};
use tower_client_assertion::registry::ClientRegistry;

use crate::deployment::{cause, clients};

/// Fetches with the fetcher of the server, or never. Keeps the status of the last response.
#[derive(Clone, Default)]
pub(crate) struct Fetch {
    inner: Option<HyperFetch>,
    status: Arc<AtomicU16>,
}

impl Fetch {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { inner: enabled.then(clients::fetch), status: Arc::default() }
    }

    /// Fetches the keys of the client with `client_id`, and describes what came.
    pub(crate) async fn keys_of(
        &self,
        registry: &dyn ClientRegistry,
        client_id: Result<String, &str>,
        at: UnixTime,
    ) -> String {
        let client_id = match client_id {
            Ok(client_id) => client_id,
            Err(why) => return format!("nothing: {why}"),
        };
        let Ok(Some(client)) = registry.find(&client_id).get().await else {
            return "nothing: the client is not registered".to_owned();
        };
        match client.key_source() {
            Some(source) => self.keys(source, at).await,
            None => format!("nothing: client {:?} has no jwks_uri", client.id()),
        }
    }

    async fn keys(&self, source: &KeySource, at: UnixTime) -> String {
        let fetched = source.keys(at).get().await;
        let status = match self.status.load(Ordering::Relaxed) {
            0 => String::new(),
            status => format!("status {status}, "),
        };
        let what = match fetched {
            Ok(keys) => describe(&keys),
            Err(error) => format!("{}{}", error.error(), cause(error.error(), ": ")),
        };
        format!("{}: {status}{what}", source.url().without_query())
    }
}

impl JwksFetch for Fetch {
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let Self { inner, status } = self.clone();
        Box::pin(async move {
            let Some(inner) = inner else {
                return Err(FetchError::Unreachable(PortError::new("only --fetch fetches key sets")));
            };
            let response = inner.fetch(request).await?;
            status.store(response.status().as_u16(), Ordering::Relaxed);
            Ok(response)
        })
    }
}

fn describe(keys: &KeySet) -> String {
    let count = match keys.len() {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    };
    let skipped = keys.skipped().iter().map(|key| format!("; {key}"));
    count + &skipped.collect::<String>()
}
