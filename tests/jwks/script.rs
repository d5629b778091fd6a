//! A scripted fetcher for a cache by itself, and what tests say about its answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::oneshot;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::jwks::{
    FetchError, JwksRequest, JwksUrl, KeySetCache, KeySetCacheBuilder, KeySource, KeysResult,
};
use tower_client_assertion::port::Answer;

use crate::common::NOW;

pub(crate) type Fetched = Result<Response<Full<Bytes>>, FetchError>;

/// The results of the next fetches. Fetches without a script hang.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Scripted>>);

#[derive(Default)]
pub(crate) struct Scripted {
    next: VecDeque<oneshot::Receiver<Fetched>>,
    urls: Vec<String>,
    events: Vec<String>,
}

impl Script {
    /// Scripts the next fetch, which ends when the sender is used.
    pub(crate) fn later(&self) -> oneshot::Sender<Fetched> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().next.push_back(receiver);
        sender
    }

    pub(crate) fn then(&self, fetched: Fetched) -> &Self {
        self.later().send(fetched).unwrap();
        self
    }

    pub(crate) fn then_keys(&self, kids: &[&str]) -> &Self {
        self.then(Ok(key_set(kids)))
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.lock().unwrap().urls.len()
    }

    /// The events since the last call.
    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }

    /// The timeout is a backstop against hanging, however slow this machine is.
    pub(crate) fn builder(&self) -> KeySetCacheBuilder {
        self.builder_by_default().timeout(Duration::from_secs(60))
    }

    pub(crate) fn builder_by_default(&self) -> KeySetCacheBuilder {
        let (script, log) = (self.clone(), self.clone());
        let fetch = move |request: JwksRequest| {
            let mut script = script.0.lock().unwrap();
            script.urls.push(request.url().to_string());
            let next = script.next.pop_front();
            async move {
                match next {
                    Some(next) => next.await.expect("the test keeps the sender"),
                    None => std::future::pending().await,
                }
            }
        };
        KeySetCache::builder(fetch).events(event::sink(move |event| {
            if let Event::KeySet(event) = event {
                log.0.lock().unwrap().events.push(format!("{}: {event}", event.client_id()));
            }
        }))
    }

    pub(crate) fn cache(&self) -> KeySetCache {
        self.builder().build().unwrap()
    }

    pub(crate) fn source(&self) -> KeySource {
        source(&self.builder().build().unwrap(), "clinic-7")
    }
}

/// The source of a client that shares its URL with no other.
pub(crate) fn source(cache: &KeySetCache, client_id: &str) -> KeySource {
    cache.source(client_id, &JwksUrl::parse(&format!("https://clinic.example/{client_id}")).unwrap()).unwrap()
}

/// The source of a client of a vendor, whose clients have one URL.
pub(crate) fn of_vendor(cache: &KeySetCache, client_id: &str) -> KeySource {
    cache.source(client_id, &JwksUrl::parse("https://vendor.example/keys").unwrap()).unwrap()
}

pub(crate) fn document(kids: &[&str]) -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let keys: Vec<_> = kids.iter().map(|kid| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})).collect();
    json!({ "keys": keys }).to_string()
}

pub(crate) fn key_set(kids: &[&str]) -> Response<Full<Bytes>> {
    Response::new(Full::from(document(kids)))
}

pub(crate) fn cached_for(kids: &[&str], cache_control: &str) -> Fetched {
    let mut response = key_set(kids);
    response.headers_mut().insert("cache-control", cache_control.parse().unwrap());
    Ok(response)
}

pub(crate) fn status(code: u16) -> Fetched {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    Ok(response)
}

pub(crate) fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(NOW + secs)
}

/// The `kid`s, or the error and who is at fault.
pub(crate) fn said(keys: KeysResult) -> Result<Vec<String>, String> {
    let kids = |key: &tower_client_assertion::keys::VerificationKey| key.key_id().unwrap().to_owned();
    keys.map(|keys| keys.iter().map(kids).collect())
        .map_err(|error| format!("{}{}", if error.is_server_fault() { "ours: " } else { "" }, error.error()))
}

#[track_caller]
pub(crate) fn assert_kids(keys: KeysResult, kids: &[&str]) {
    assert_eq!(said(keys).unwrap(), kids);
}

/// The keys without any wait, as for requests while they are fresh.
#[track_caller]
pub(crate) fn cached(source: &KeySource, now: UnixTime) -> KeysResult {
    match source.keys(now) {
        Answer::Ready(keys) => keys,
        Answer::Pending(_) => panic!("expected an answer without a wait"),
    }
}

/// Runs all tasks that are ready.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
