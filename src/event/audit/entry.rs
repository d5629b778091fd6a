//! What is copied of an event while its request waits. Everything that can be computed later is.

use crate::clock;
use crate::endpoint::Endpoint;
use crate::event::{
    Accepted, Correlation, Event, Excerpt, KeySetEvent, KeySetNews, Refused, RegistryEvent, RegistryNews, ReplayEvent,
    ReplayNews,
};
use crate::identity::ClientIdentity;
use crate::rejection::Rejection;

/// An event, without what it borrows.
#[derive(Debug)]
pub(super) struct Entry {
    /// In milliseconds since the epoch.
    pub(super) time: u64,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Inline, so that an accepted request allocates nothing for it.
    Accepted {
        identity: ClientIdentity,
        request: RequestNotes,
    },
    Refused(Box<RefusedNotes>),
    LetPass(RequestNotes),
    News(Box<News>),
}

#[derive(Debug)]
pub(super) struct RequestNotes {
    pub(super) endpoint: Endpoint,
    pub(super) correlation: Option<Correlation>,
}

#[derive(Debug)]
pub(super) struct RefusedNotes {
    pub(super) rejection: Rejection,
    pub(super) policy: Box<str>,
    pub(super) claimed_client: Option<Box<str>>,
    pub(super) key_id: Option<Box<str>>,
    pub(super) jti_hash: Option<[u8; 32]>,
    /// Codes.
    pub(super) findings: Vec<&'static str>,
    pub(super) request: RequestNotes,
}

/// News about what requests depend on.
#[derive(Debug)]
pub(super) struct News {
    pub(super) action: &'static str,
    pub(super) change: Change,
    pub(super) reason: String,
    pub(super) client: Option<Box<str>>,
    pub(super) url: Option<Box<str>>,
    pub(super) path: Option<Box<str>>,
    pub(super) correlation: Option<Correlation>,
}

/// What an item of news says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Changed,
    Failed,
    Noted,
}

impl Entry {
    /// Returns `None` for news unless they are to be written.
    pub(super) fn of(event: &Event<'_>, with_news: bool) -> Option<Self> {
        let kind = match event {
            Event::Accepted(accepted) => accepted_kind(accepted),
            Event::Refused(refused) => Kind::Refused(Box::new(refused_notes(refused))),
            Event::LetPass(event) => Kind::LetPass(RequestNotes::new(event.endpoint(), event.correlation())),
            _ if !with_news => return None,
            Event::Warning(warning) => Kind::News(Box::new(News::new("warning", Change::Noted, warning.to_string()))),
            Event::KeySet(event) => Kind::News(Box::new(key_set_news(event))),
            Event::Registry(event) => Kind::News(Box::new(registry_news(event))),
            Event::Replay(event) => Kind::News(Box::new(replay_news(event))),
        };
        Some(Self { time: clock::system_millis(), kind })
    }
}

fn accepted_kind(accepted: &Accepted<'_>) -> Kind {
    let request = RequestNotes::new(accepted.endpoint(), accepted.correlation());
    Kind::Accepted { identity: accepted.identity().clone(), request }
}

fn refused_notes(refused: &Refused<'_>) -> RefusedNotes {
    let text = |excerpt: Excerpt<'_>| Box::from(excerpt.text());
    RefusedNotes {
        rejection: refused.rejection().clone(),
        policy: refused.policy().into(),
        claimed_client: refused.claimed_client().map(text),
        key_id: refused.key_id().map(text),
        jti_hash: refused.jti_hash(),
        findings: refused.findings().iter().map(|finding| finding.fault().reason().code()).collect(),
        request: RequestNotes::new(refused.endpoint(), refused.correlation()),
    }
}

impl RequestNotes {
    fn new(endpoint: Endpoint, correlation: Option<&Correlation>) -> Self {
        Self { endpoint, correlation: correlation.cloned() }
    }
}

impl News {
    fn new(action: &'static str, change: Change, reason: String) -> Self {
        Self { action, change, reason, client: None, url: None, path: None, correlation: None }
    }
}

fn key_set_news(event: &KeySetEvent<'_>) -> News {
    let (action, change) = match event.news() {
        KeySetNews::Fetched { .. } => ("key-set-fetched", Change::Changed),
        KeySetNews::Skipped(_) => ("key-skipped", Change::Noted),
        KeySetNews::Failed { .. } => ("key-set-fetch-failed", Change::Failed),
        KeySetNews::Stale { .. } => ("key-set-stale", Change::Noted),
        KeySetNews::Revoked => ("key-set-revoked", Change::Changed),
    };
    let (client, url) = (Some(event.client_id().into()), Some(event.url_without_query().into()));
    News { client, url, ..News::new(action, change, event.to_string()) }
}

fn registry_news(event: &RegistryEvent<'_>) -> News {
    let (action, change) = match event.news() {
        RegistryNews::Reloaded { .. } => ("clients-reloaded", Change::Changed),
        RegistryNews::Failed(_) => ("clients-reload-failed", Change::Failed),
    };
    let path = Some(event.path().display().to_string().into());
    News { path, ..News::new(action, change, event.to_string()) }
}

fn replay_news(event: &ReplayEvent<'_>) -> News {
    let news = match event.news() {
        ReplayNews::Slow { .. } => News::new("replay-store-slow", Change::Noted, event.to_string()),
        // The error is the store's own, and may name a URL with a password.
        ReplayNews::Failed(_) => {
            News::new("replay-store-failed", Change::Failed, format!("failed after {:?}", event.took()))
        }
    };
    News { correlation: event.correlation().cloned(), ..news }
}
