//! A line: an entry in JSON, with the names of the Elastic Common Schema where it has them.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::entry::{Change, Entry, Kind, News, RefusedNotes, RequestNotes};
use crate::clock::{CivilTime, UnixTime};
use crate::event::{Correlation, Excerpt};
use crate::identity::ClientIdentity;
use crate::jose::base64url;

/// The version of the Elastic Common Schema that has all names.
const ECS_VERSION: &str = "8.11.0";

/// The longest text of news, in characters.
const LONGEST_REASON: usize = 512;

#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Ecs,
    event: EventMembers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth: Option<OAuth<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileMembers<'a>>,
}

#[derive(Debug, Serialize)]
struct Ecs {
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct EventMembers<'a> {
    kind: &'static str,
    category: [&'static str; 1],
    #[serde(rename = "type")]
    types: &'static [&'static str],
    action: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    provider: &'static str,
    sequence: u64,
}

/// What the Elastic Common Schema has no names for.
#[derive(Debug, Default, Serialize)]
struct OAuth<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lax_audience: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Client<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proven: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Http<'a> {
    request: HttpRequest<'a>,
}

#[derive(Debug, Serialize)]
struct HttpRequest<'a> {
    id: &'a str,
}

#[derive(Debug, Serialize)]
struct Source {
    ip: IpAddr,
}

#[derive(Debug, Serialize)]
struct Url<'a> {
    full: &'a str,
}

#[derive(Debug, Serialize)]
struct FileMembers<'a> {
    path: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn new(sequence: u64, entry: &'a Entry) -> Self {
        let line = match &entry.kind {
            Kind::Accepted { identity, request } => Self::accepted(identity, request),
            Kind::Refused(refused) => Self::refused(refused),
            Kind::LetPass(request) => Self::let_pass(request),
            Kind::News(news) => Self::news(news),
        };
        Self { timestamp: timestamp(entry.time), event: EventMembers { sequence, ..line.event }, ..line }
    }

    /// Appends the line, with its end.
    pub(super) fn append_to(&self, buffer: &mut Vec<u8>) {
        // Texts and numbers cannot fail.
        let _ = serde_json::to_writer(&mut *buffer, self);
        buffer.push(b'\n');
    }

    fn accepted(identity: &'a ClientIdentity, request: &'a RequestNotes) -> Self {
        let oauth = OAuth {
            client: Some(Client { id: identity.client_id().as_str(), proven: Some(true) }),
            policy: Some(identity.policy()),
            method: Some(identity.method().name()),
            alg: Some(identity.algorithm().name()),
            kid: identity.key_id().map(|kid| Excerpt::new(kid).text()),
            jkt: identity.key_thumbprint().map(|hash| base64url::encode(&hash)),
            jti_sha256: identity.claims().jti_hash().map(|hash| base64url::encode(&hash)),
            lax_audience: Some(identity.has_lax_audience()),
            ..OAuth::default()
        };
        Self::of_request(authentication("success", &["start", "allowed"]), oauth, request)
    }

    fn refused(refused: &'a RefusedNotes) -> Self {
        let event = EventMembers {
            code: Some(refused.rejection.code()),
            reason: Some(refused.rejection.to_string().into()),
            ..authentication("failure", &["start", "denied"])
        };
        let proven = Some(refused.rejection.is_proven());
        let oauth = OAuth {
            client: refused.claimed_client.as_deref().map(|id| Client { id, proven }),
            // An unknown tenant has none.
            policy: Some(&*refused.policy).filter(|name| !name.is_empty()),
            kid: refused.key_id.as_deref().map(Cow::Borrowed),
            jti_sha256: refused.jti_hash.map(|hash| base64url::encode(&hash)),
            findings: Some(&refused.findings),
            ..OAuth::default()
        };
        Self::of_request(event, oauth, &refused.request)
    }

    fn let_pass(request: &'a RequestNotes) -> Self {
        Self::of_request(authentication("unknown", &["info"]), OAuth::default(), request)
    }

    fn of_request(event: EventMembers<'a>, oauth: OAuth<'a>, request: &'a RequestNotes) -> Self {
        let oauth = OAuth { endpoint: Some(request.endpoint.name()), ..oauth };
        let line = Self::of(event, request.correlation.as_ref());
        Self { oauth: Some(oauth), ..line }
    }

    fn news(news: &'a News) -> Self {
        let (outcome, types): (_, &[_]) = match news.change {
            Change::Changed => ("success", &["change"]),
            Change::Failed => ("failure", &["error"]),
            Change::Noted => ("unknown", &["info"]),
        };
        let event = EventMembers {
            category: ["configuration"],
            action: news.action,
            reason: Some(cut(&news.reason).into()),
            ..authentication(outcome, types)
        };
        let client = news.client.as_deref().map(|id| Client { id, proven: None });
        Self {
            oauth: client.map(|client| OAuth { client: Some(client), ..OAuth::default() }),
            url: news.url.as_deref().map(|full| Url { full }),
            file: news.path.as_deref().map(|path| FileMembers { path }),
            ..Self::of(event, news.correlation.as_ref())
        }
    }

    fn of(event: EventMembers<'a>, correlation: Option<&'a Correlation>) -> Self {
        Self {
            timestamp: String::new(),
            ecs: Ecs { version: ECS_VERSION },
            event,
            oauth: None,
            http: correlation.map(|name| Http { request: HttpRequest { id: name.as_str() } }),
            source: correlation.and_then(Correlation::source_ip).map(|ip| Source { ip }),
            url: None,
            file: None,
        }
    }
}

fn authentication<'a>(outcome: &'static str, types: &'static [&'static str]) -> EventMembers<'a> {
    EventMembers {
        kind: "event",
        category: ["authentication"],
        types,
        action: "client-authentication",
        outcome,
        code: None,
        reason: None,
        provider: env!("CARGO_PKG_NAME"),
        sequence: 0,
    }
}

/// A time in milliseconds as RFC 3339 writes it. It stays at the end of the year 9999.
fn timestamp(millis: u64) -> String {
    let time = CivilTime::of(UnixTime::from_secs(millis / 1000));
    time.map_or_else(|| "9999-12-31T23:59:59.999Z".to_owned(), |time| format!("{time}.{:03}Z", millis % 1000))
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST_REASON).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_end_with_the_year_9999() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (999, "1970-01-01T00:00:00.999Z"),
            (1000, "1970-01-01T00:00:01.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(millis), text);
        }
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        for (length, kept) in [(511, 511), (512, 512), (513, 512)] {
            assert_eq!(cut(&"\u{e9}".repeat(length)), "\u{e9}".repeat(kept));
        }
    }
}
