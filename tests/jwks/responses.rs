//! What a fetched response may be, what the operator is told about one that is refused, and when
//! its server is asked again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event, KeySetNews};
use tower_client_assertion::jwks::{FetchError, JwksFetch, JwksRequest, KeySetCache};
use tower_client_assertion::port::BoxFuture;

use crate::common::NOW;
use crate::script::{Script, assert_kids, at, cached, document, key_set, said, source};

fn response(status: u16, headers: &[(&str, &[u8])], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let (name, value) = (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
        response.headers_mut().append(name, value);
    }
    response
}

/// What the operator reads about a response.
async fn reason(response: Response<Bytes>) -> String {
    let script = Script::default();
    script.then(Ok(response.map(Full::new)));
    let source = script.source();
    let error = said(source.keys(at(0)).get().await).unwrap_err();
    let event = script.events().remove(0);
    let start = format!("clinic-7: fetch failed: {error}; next attempt in ");
    assert!(event.starts_with(&start), "the event says the same: {event}");
    error
}

#[tokio::test]
async fn e41_documents_that_are_not_key_sets_are_refused() {
    let nested = |depth: usize| format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    let many = |count: usize| document(&vec!["a"; count]);
    let padded = |len: usize| document(&["a"]) + &" ".repeat(len - document(&["a"]).len());
    for (body, accepted) in [
        (document(&["a"]), true),
        (r#"{"keys":[]}"#.to_owned(), true),
        (nested(16), true),
        (nested(17), false),
        (nested(100_000), false),
        (many(100), true),
        (many(101), false),
        (padded(256 * 1024), true),
        (padded(256 * 1024 + 1), false),
        (String::new(), false),
        ("{}".to_owned(), false),
        ("[]".to_owned(), false),
        ("null".to_owned(), false),
        (r#"{"keys":{}}"#.to_owned(), false),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), false),
        (format!("{} x", document(&["a"])), false),
        (format!("\u{feff}{}", document(&["a"])), true),
        (format!("\u{feff}\u{feff}{}", document(&["a"])), false),
        (format!("{}\u{feff}", document(&["a"])), false),
        (format!("\u{feff}{}", nested(17)), false),
        ("<html></html>".to_owned(), false),
    ] {
        let script = Script::default();
        script.then(Ok(Response::new(Full::from(body.clone()))));
        let answer = script.source().keys(at(0)).get().await;
        assert_eq!(answer.is_ok(), accepted, "{:.80}", body);
    }
    let script = Script::default();
    script.then(Ok(Response::new(Full::from(&b"{\"keys\":[],\"\xff\":1}"[..]))));
    assert!(script.source().keys(at(0)).get().await.is_err(), "invalid UTF-8");
}

#[tokio::test]
async fn responses_with_unfitting_headers_are_refused() {
    for (name, value, accepted) in [
        ("content-type", "application/json", true),
        ("content-type", "application/json; charset=utf-8", true),
        ("content-type", "Application/JWK-Set+JSON", true),
        ("content-type", "application/octet-stream", true),
        ("content-type", "text/plain; charset=utf-8", true),
        ("content-type", "text/html", false),
        ("content-type", "application/xml", false),
        ("content-type", "application/jsonp", false),
        ("content-type", "image/png", false),
        ("content-encoding", "identity", true),
        ("content-encoding", "gzip", false),
        ("content-encoding", "br, gzip", false),
    ] {
        let script = Script::default();
        let mut response = key_set(&["a"]);
        response.headers_mut().insert(name, value.parse().unwrap());
        script.then(Ok(response));
        assert_eq!(script.source().keys(at(0)).get().await.is_ok(), accepted, "{name}: {value}");
    }
}

#[tokio::test]
async fn key_22_a_byte_order_mark_is_skipped() {
    for mark in ["", "\u{feff}"] {
        let script = Script::default();
        script.then(Ok(Response::new(Full::from(format!("{mark}{}", document(&["a"]))))));
        assert_kids(script.source().keys(at(0)).get().await, &["a"]);
    }
}

#[tokio::test]
async fn a_refused_document_is_described() {
    let deep = |depth: usize| format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    let long = "n".repeat(70);
    for (body, expected) in [
        ("".to_owned(), "this is not a JWK Set: the document is empty"),
        ("{\n  \"keys\": [\n    x\n".to_owned(), "the document is not well-formed JSON at line 3, column 5"),
        (r#"{"keys":[]} x"#.to_owned(), "the document is not well-formed JSON at line 1, column 13"),
        (r#"{"keys":["#.to_owned(), "the document is not well-formed JSON at line 1, column 9"),
        (r#"[{"kty":"RSA"}]"#.to_owned(), r#"this is not a JWK Set: it is an array; wrap it in {"keys":..}"#),
        (r#"{"kty":"RSA"}"#.to_owned(), r#"this is not a JWK Set: it is one JWK; wrap it in {"keys":[..]}"#),
        (r#"{"keys":{}}"#.to_owned(), "this is not a JWK Set: its member keys is not an array"),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), "this is not a JWK Set: it has more than one member keys"),
        (r#"{"keys":[],"a":1,"a":2}"#.to_owned(), r#"the response has two members "a""#),
        (r#"{"a":1,"keys":[],"\u0061":2}"#.to_owned(), r#"the response has two members "a""#),
        (r#"{"keys":[],"\n":1,"\n":2}"#.to_owned(), r#"the response has two members "\u{a}""#),
        (
            format!(r#"{{"keys":[],"{long}":1,"{long}":2}}"#),
            concat!(
                r#"the response has two members "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"#,
                r#"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"..."#
            ),
        ),
        (deep(17), "the response is nested deeper than 16 levels"),
        (deep(100_000), "the response is nested deeper than 16 levels"),
        (r#"{"keys":[],"a":"\ud800"}"#.to_owned(), "the response has an escape that stands for no character"),
    ] {
        assert_eq!(reason(response(200, &[], body.clone())).await, expected, "{body:.80}");
    }
    // Brackets in strings are no nesting.
    let brackets = format!(r#"{{"keys":[],"x":"{}\\"}}"#, r#"[{\"[{"#.repeat(100));
    let script = Script::default();
    script.then(Ok(Response::new(Full::from(brackets))));
    assert!(script.source().keys(at(0)).get().await.is_ok());
}

#[tokio::test]
async fn a_refused_head_is_described() {
    let long = "x".repeat(70);
    let cut = format!(r#"the response has the content type "text/{}"..., expected application/json"#, &long[..59]);
    let redirected = "the server answered with the status 302, and redirects are not followed";
    for (status, headers, expected) in [
        (500, vec![], "the server answered with the status 500".to_owned()),
        (302, vec![], redirected.to_owned()),
        (
            302,
            vec![("location", "https://me:secret@other.example:8443/keys?token=secret".to_owned())],
            format!(r#"{redirected}; it refers to "https://other.example""#),
        ),
        (
            302,
            vec![("location", "http://[::1]/keys".to_owned())],
            format!(r#"{redirected}; it refers to "http://[::1]""#),
        ),
        (302, vec![("location", "/login?token=secret".to_owned())], redirected.to_owned()),
        (302, vec![("location", "a b".to_owned())], redirected.to_owned()),
        (304, vec![], redirected.replace("302", "304")),
        (
            200,
            vec![("content-type", "text/html; charset=utf-8".to_owned())],
            r#"the response has the content type "text/html; charset=utf-8", expected application/json"#.to_owned(),
        ),
        (200, vec![("content-type", format!("text/{long}"))], cut),
        (
            200,
            vec![("content-type", "application/json".to_owned()), ("content-type", "text/html".to_owned())],
            r#"the response has the content type "text/html", expected application/json"#.to_owned(),
        ),
        (
            200,
            vec![("content-type", "\u{fc}".to_owned())],
            r#"the response has the content type "\u{fc}", expected application/json"#.to_owned(),
        ),
        (
            200,
            vec![("content-encoding", "UTF-8".to_owned())],
            r#"the response has the content encoding "UTF-8", expected none"#.to_owned(),
        ),
        (
            200,
            vec![("content-encoding", "gzip".to_owned())],
            r#"the response has the content encoding "gzip", expected none"#.to_owned(),
        ),
        (
            200,
            vec![("content-encoding", "identity".to_owned()), ("content-encoding", "br".to_owned())],
            r#"the response has the content encoding "br", expected none"#.to_owned(),
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        assert_eq!(reason(response(status, &headers, document(&["a"]))).await, expected, "{status} {headers:?}");
    }
}

/// A fetcher without the help that closures get: it returns responses as they are.
struct ByHand(Response<Bytes>);

impl JwksFetch for ByHand {
    fn fetch(&self, _: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let response = self.0.clone();
        Box::pin(async move { Ok(response) })
    }
}

#[tokio::test]
async fn responses_of_a_fetcher_by_hand_are_judged_as_well() {
    let keys = document(&["a"]);
    let padded = |len: usize| format!("{keys:len$}");
    for (given, accepted) in [
        (response(200, &[], keys.clone()), true),
        (response(201, &[], keys.clone()), false),
        (response(204, &[], keys.clone()), false),
        (response(206, &[], keys.clone()), false),
        (response(302, &[], keys.clone()), false),
        (response(404, &[], keys.clone()), false),
        (response(500, &[], keys.clone()), false),
        (response(200, &[("content-type", b"application/jwk-set+json")], keys.clone()), true),
        (response(200, &[("content-type", b"text/html")], keys.clone()), false),
        (response(200, &[("content-type", b"\xff")], keys.clone()), false),
        (response(200, &[("content-encoding", b"identity")], keys.clone()), true),
        (response(200, &[("content-encoding", b"gzip")], keys.clone()), false),
        (response(200, &[], padded(1000)), true),
        (response(200, &[], padded(1001)), false),
    ] {
        let text = format!("{given:?}");
        let cache = KeySetCache::builder(ByHand(given)).max_bytes(1000).build().unwrap();
        assert_eq!(source(&cache, "clinic-7").keys(at(0)).get().await.is_ok(), accepted, "{text}");
    }
}

#[tokio::test]
async fn key_25_a_retry_after_lengthens_the_pause_up_to_its_limit() {
    // The own pause after a first failure is 1 or 2 s here, and the longest is 300 s.
    let own = 1..=2;
    let date = |secs: u64| httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(NOW + secs));
    for (status, value, expected) in [
        (429, "120".to_owned(), 120..=120),
        (503, "120".to_owned(), 120..=120),
        (503, date(120), 120..=120),
        (503, "299".to_owned(), 299..=299),
        (503, "300".to_owned(), 300..=300),
        (503, "301".to_owned(), 300..=300),
        (503, date(300), 300..=300),
        (503, date(301), 300..=300),
        (429, "99999999999999999999".to_owned(), 300..=300),
        (429, date(4_000_000_000), 300..=300),
        (429, "0".to_owned(), own.clone()),
        (429, date(0), own.clone()),
        (429, "Tue, 14 Nov 1995 22:13:20 GMT".to_owned(), own.clone()),
        (429, "-5".to_owned(), own.clone()),
        (429, "soon".to_owned(), own.clone()),
        (302, "120".to_owned(), own.clone()),
        (404, "120".to_owned(), own.clone()),
        (500, "120".to_owned(), own.clone()),
        (502, "120".to_owned(), own.clone()),
        (200, "120".to_owned(), own.clone()),
    ] {
        let announced = Arc::new(Mutex::new(None));
        let log = Arc::clone(&announced);
        let reply = response(status, &[("retry-after", value.as_bytes())], "not a key set");
        let cache = KeySetCache::builder(ByHand(reply)).events(event::sink(move |event| {
            if let Event::KeySet(event) = event
                && let KeySetNews::Failed { retry_in, .. } = event.news()
            {
                *log.lock().unwrap() = Some(retry_in.as_secs());
            }
        }));
        let source = source(&cache.build().unwrap(), "clinic-7");
        assert!(source.keys(at(0)).get().await.is_err());
        let pause = announced.lock().unwrap().unwrap();
        assert!(expected.contains(&pause), "{status}, {value}: {pause}");
        assert_eq!(source.state().next_refresh(), Some(at(pause)), "{status}, {value}");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_said() {
    let script = Script::default();
    let source = script.source();
    script.then_keys(&["a"]).then(Ok(response(429, &[("retry-after", b"100")], "").map(Full::new)));
    let seen = source.keys(at(0)).get().await.unwrap();
    assert!(source.newer(&seen, at(10)).get().await.is_none());
    let events = script.events();
    let expected = "clinic-7: fetch failed: the server answered with the status 429; next attempt in 100 s";
    assert_eq!(events[1], expected);
    // Neither an unknown `kid` nor a refresh that is due asks earlier.
    for now in [at(41), at(100), at(109)] {
        assert!(source.newer(&seen, now).get().await.is_none());
        assert_kids(cached(&source, now), &["a"]);
    }
    assert_eq!(script.fetches(), 2);
    script.then_keys(&["b"]);
    assert_kids(Ok(source.newer(&seen, at(110)).get().await.unwrap()), &["b"]);
}

#[tokio::test]
async fn repeated_failures_never_shorten_a_retry_after() {
    let script = Script::default();
    let source = script.source();
    let mut now = 0;
    for failures in 1..=12 {
        script.then(Ok(response(503, &[("retry-after", b"100")], "").map(Full::new)));
        assert!(source.keys(at(now)).get().await.is_err());
        let next = source.state().next_refresh().unwrap();
        let pause = next.as_secs() - NOW - now;
        assert!((100..=300).contains(&pause), "{pause} after {failures}");
        now += pause;
        assert_eq!(next, UnixTime::from_secs(NOW + now));
    }
    script.then(Ok(key_set(&["a"])));
    assert_kids(source.keys(at(now)).get().await, &["a"]);
}
