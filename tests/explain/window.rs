//! When the dates of an assertion are accepted, at the boundaries.

use serde_json::{Map, Value, json};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::explain::{Explanation, Verdict};
use tower_client_assertion::rejection::Reason;

use crate::common::attempt::Attempt;
use crate::common::vectors::Server;
use crate::common::{ISSUER, NOW};
use crate::layer::{Found, explain, send, whole};
use crate::servers::{TestServer, all};

fn servers() -> Vec<TestServer> {
    let known = [Server::Redox, Server::Rfc7523, Server::Oidc];
    all().into_iter().filter(|server| server.name == "of the vectors" && known.contains(&server.base)).collect()
}

fn request(server: &TestServer, dates: &Value) -> http::Request<bytes::Bytes> {
    let mut attempt = match server.base {
        Server::Redox => Attempt::new(),
        _ => Attempt::with(|a| a.claim("aud", ISSUER)),
    };
    let dates: &Map<String, Value> = dates.as_object().unwrap();
    for name in ["iat", "nbf", "exp"] {
        match dates.get(name) {
            Some(date) => attempt.claim(name, date.clone()),
            None => attempt.drop_claim(name),
        }
    }
    whole(attempt.request())
}

#[test]
fn both_ends_are_accepted_and_nothing_outside() {
    let fractions = NOW as f64 + 0.5;
    for server in servers() {
        for dates in [
            json!({"iat": NOW, "exp": NOW + 300}),
            json!({"iat": NOW}),
            json!({"exp": NOW + 60}),
            json!({"iat": NOW, "nbf": NOW + 20, "exp": NOW + 100}),
            json!({"iat": fractions, "exp": fractions + 60.0}),
            json!({"iat": fractions}),
            json!({"nbf": fractions, "exp": NOW + 61}),
            json!({"iat": NOW - 1_000, "exp": NOW + 100}),
            json!({"iat": NOW + 1, "exp": NOW + 1}),
            json!({"iat": 0, "exp": 1}),
        ] {
            let what = format!("{:?} {dates}", server.base);
            let request = request(&server, &dates);
            let at = |second: u64| -> (Explanation, bool) {
                let at = UnixTime::from_secs(second);
                server.clock.set(at);
                let accepted = matches!(send(&server.layer, &request), Found::Accepted(..));
                (explain(&server.layer, &request, at), accepted)
            };
            let (explanation, accepted) = at(NOW);
            let Some(window) = explanation.acceptable() else {
                assert!(!accepted, "{what}: no second is acceptable");
                continue;
            };
            let (from, to) = (window.start().as_secs(), window.end().as_secs());
            for (second, inside) in [
                (from.saturating_sub(1), from == 0),
                (from, true),
                (from + (to - from) / 2, true),
                (to, true),
                (to + 1, false),
            ] {
                let (explanation, accepted) = at(second);
                assert_eq!(accepted, inside, "{what}: {second} in {from} to {to}\n{explanation}");
                assert_eq!(explanation.acceptable(), Some(window.clone()), "{what}: it does not depend on the time");
            }
        }
    }
}

#[test]
fn dates_that_are_never_accepted_have_no_window() {
    for dates in [
        json!({"exp": NOW + 60}),
        json!({"iat": NOW.to_string(), "exp": NOW + 60}),
        json!({"iat": NOW, "exp": "later"}),
        json!({"iat": NOW + 10_000, "exp": NOW + 60}),
        json!({"iat": NOW, "nbf": NOW + 10_000}),
        json!({"iat": 1_u64 << 60, "exp": NOW}),
    ] {
        let server = &servers()[0];
        let explanation = explain(&server.layer, &request(server, &dates), UnixTime::from_secs(NOW));
        assert_eq!(explanation.acceptable(), None, "{dates}\n{explanation}");
        assert_eq!(serde_json::to_value(&explanation).unwrap()["acceptable"], Value::Null, "{dates}");
    }
}

/// A wrong audience or an unknown client has no part in it.
#[test]
fn the_window_is_about_the_dates_alone() {
    let server = &servers()[0];
    let right = explain(&server.layer, &whole(Attempt::new().request()), UnixTime::from_secs(NOW)).acceptable();
    assert_eq!(right, Some(UnixTime::from_secs(NOW - 10)..=UnixTime::from_secs(NOW + 309)));
    let wrong = Attempt::with(|a| {
        a.claim("aud", "x");
        a.claim("iss", "unknown");
        a.method = "PUT";
    });
    assert_eq!(explain(&server.layer, &whole(wrong.request()), UnixTime::from_secs(0)).acceptable(), right);
}

/// Several policies, all of which refuse: one that never judges this client gets furthest.
#[test]
fn the_dates_are_those_of_the_policy_of_the_client() {
    let server = all().into_iter().find(|server| server.name == "short" && server.base == Server::Rfc7523).unwrap();
    let mut attempt = Attempt::with(|a| a.claim("aud", ISSUER));
    attempt.drop_claim("iat");
    attempt.claim("exp", NOW + 30);
    let right = explain(&server.layer, &whole(attempt.request()), UnixTime::from_secs(NOW));
    assert!(matches!(right.verdict(), Verdict::Accepted { .. }), "{right}");

    attempt.drop_claim("jti");
    let wrong = explain(&server.layer, &whole(attempt.request()), UnixTime::from_secs(NOW + 1_000));
    assert_eq!(wrong.verdict().reason(), Some(Reason::ExpPast), "{wrong}");
    assert_ne!(wrong.policy(), "short", "{wrong}");
    assert_eq!(wrong.acceptable(), right.acceptable(), "{wrong}");
}
