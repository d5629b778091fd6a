//! Which audiences are accepted: each rule with each shape of `aud`, byte for byte; the strict rule
//! for assertions that ask for it by `typ`; and how lax audiences are reported.

use std::sync::{Arc, Mutex};

use crate::common::{self, ISSUER, Jwt, SIGNER, fixture, fresh_jti};
use serde_json::{Value, json};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::policy::{AudienceRule, Limits, Policy};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault};
use tower_client_assertion::{ClientIdentity, Verifier};

const URL: &str = common::AUDIENCE;
const ALIAS: &str = "https://alias.example.com/token";

const RULES: [AudienceRule; 4] =
    [AudienceRule::IssuerString, AudienceRule::SoleIssuer, AudienceRule::Urls, AudienceRule::IssuerOrUrls];

/// A verifier with an issuer and two URLs. Its second policy uses those that the first does not.
fn verifier(policy: Policy) -> Verifier {
    let other = Policy::OIDC.with_name("unused");
    fixture().policy(policy).at_issuer_and_url().builder().audience(ALIAS).client_policy(other).build().unwrap()
}

/// The outcome under the policy of the client.
fn outcome(verifier: &Verifier, jwt: &Jwt) -> Result<ClientIdentity, ClientFault> {
    common::outcome(verifier, &jwt.signed())
}

/// What is wrong with `aud` under each of [`RULES`].
type Row = (Value, [Option<ClaimFault>; 4]);

fn table() -> Vec<Row> {
    use ClaimFault::{Malformed, Missing, TooLong, Unexpected};
    const OK: Option<ClaimFault> = None;
    const NO: Option<ClaimFault> = Some(Unexpected);
    const FORM: Option<ClaimFault> = Some(Malformed);
    const LONG: Option<ClaimFault> = Some(TooLong);
    const NONE: Option<ClaimFault> = Some(Missing);
    let mut rows = vec![
        (json!(ISSUER), [OK, OK, NO, OK]),
        (json!(URL), [NO, NO, OK, OK]),
        (json!(ALIAS), [NO, NO, OK, OK]),
        (json!([ISSUER]), [FORM, OK, NO, OK]),
        (json!([URL]), [FORM, NO, OK, OK]),
        (json!([URL, ALIAS]), [FORM, NO, OK, OK]),
        (json!([ISSUER, URL]), [FORM, NO, NO, OK]),
        (json!([URL, ISSUER]), [FORM, NO, NO, OK]),
        (json!([ISSUER, ISSUER]), [FORM, NO, NO, OK]),
        (json!([URL, URL]), [FORM, NO, OK, OK]),
        (json!([ISSUER, "https://evil.example"]), [FORM, NO, NO, NO]),
        (json!(["https://evil.example", URL]), [FORM, NO, NO, NO]),
        (json!([ISSUER, ""]), [FORM, NO, NO, NO]),
        (json!([ISSUER, null]), [FORM; 4]),
        (json!([ISSUER, [URL]]), [FORM; 4]),
        (json!([[ISSUER]]), [FORM; 4]),
        (json!([1]), [FORM; 4]),
        (json!(vec![URL; 8]), [FORM, NO, OK, OK]),
        (json!(vec![URL; 9]), [FORM, LONG, LONG, LONG]),
        (json!([]), [FORM, NONE, NONE, NONE]),
        (json!([""]), [FORM, NO, NO, NO]),
        (json!(""), [NONE; 4]),
        (json!(null), [FORM; 4]),
        (json!(7), [FORM; 4]),
        (json!(true), [FORM; 4]),
        (json!({ISSUER: URL}), [FORM; 4]),
        (json!(format!("{ISSUER} {URL}")), [NO; 4]),
        (json!(format!("{ISSUER},{URL}")), [NO; 4]),
    ];
    // RFC 7519, section 2: no transformation of any kind.
    for (ours, place) in [(ISSUER, "as"), (URL, "api")] {
        for spelling in [
            format!("{ours}/"),
            format!("{ours}?"),
            format!("{ours}#"),
            format!(" {ours}"),
            format!("{ours}\u{0}"),
            ours[..ours.len() - 1].to_owned(),
            ours.replace("https", "HTTPS"),
            ours.replace("https", "http"),
            ours.replace(place, &place.to_uppercase()),
            ours.replace(".com", ".com:443"),
            ours.replace(".com", ".com."),
            ours.replace("example", "ex%61mple"),
            ours.replace("example", "e\u{445}ample"),
            ours.replace("://", "://x@"),
        ] {
            rows.push((json!(spelling), [NO; 4]));
        }
    }
    rows
}

#[test]
fn each_rule_accepts_its_values_byte_for_byte_and_no_others() {
    for (column, rule) in RULES.into_iter().enumerate() {
        // Redox's profile has no strict `typ`, and its other rules are the same for all audience
        // rules.
        let verifier = verifier(Policy::REDOX.dangerous().audience(rule));
        for (aud, faults) in table() {
            let found = outcome(&verifier, &Jwt::new().claim("aud", aud.clone())).map(|_| ());
            let expected = faults[column].map_or(Ok(()), |fault| Err(ClientFault::Claim(Claim::Aud, fault)));
            assert_eq!(found, expected, "{rule:?}: {aud}");
        }
    }
}

#[test]
fn an_escaped_spelling_is_the_same_bytes() {
    let verifier = verifier(Policy::RFC7523);
    for (spelling, accepted) in [
        ("\"https:\\/\\/as.example.com\"", true),
        ("\"\\u0068ttps://as.example.com\"", true),
        ("[ \"https://\\u0061s.example.com\" ]", true),
        ("\"https:\\/\\/as.example.com\\/\"", false),
    ] {
        let jwt = Jwt::new().claim("aud", "@");
        let claims = serde_json::to_string(&jwt.claims).unwrap().replace("\"@\"", spelling);
        let assertion = SIGNER.sign(serde_json::to_vec(&jwt.header).unwrap(), &claims);
        assert_eq!(common::outcome(&verifier, &assertion).is_ok(), accepted, "{spelling}");
    }
}

#[test]
fn the_number_of_values_is_bounded_by_the_limit() {
    for limit in [1, 2, 3] {
        let limits = Limits::default().with_audiences(limit);
        let verifier = fixture().policy(Policy::SMART_BACKEND_SERVICES).builder().limits(limits).build().unwrap();
        for count in [limit - 1, limit, limit + 1] {
            let found = outcome(&verifier, &Jwt::new().claim("aud", json!(vec![URL; count]))).map(|_| ());
            let expected = match count {
                0 => Err(ClaimFault::Missing),
                _ if count > limit => Err(ClaimFault::TooLong),
                _ => Ok(()),
            };
            assert_eq!(found, expected.map_err(|fault| ClientFault::Claim(Claim::Aud, fault)), "{count} of {limit}");
        }
    }
}

/// RFC 10070: an assertion that declares the explicit type is judged by the rule of that type.
#[test]
fn an_explicit_typ_requires_the_sole_issuer() {
    let refused = Err(ClientFault::Claim(Claim::Aud, ClaimFault::Unexpected));
    let lax = |policy: Policy| policy.dangerous().audience(AudienceRule::IssuerOrUrls);
    let urls = |policy: Policy| policy.dangerous().audience(AudienceRule::Urls);
    let strict = [
        ("rfc7523, lax", lax(Policy::RFC7523)),
        ("rfc7523, URLs", urls(Policy::RFC7523)),
        ("rfc7523", Policy::RFC7523),
        ("oidc", Policy::OIDC),
        ("oidc, URLs", urls(Policy::OIDC)),
    ];
    for (name, policy) in strict {
        let verifier = verifier(policy);
        for typ in ["client-authentication+jwt", "application/client-authentication+jwt", "Client-Authentication+JWT"] {
            let jwt = Jwt::new().header("typ", typ);
            for (aud, accepted) in [
                (json!(ISSUER), true),
                (json!([ISSUER]), true),
                (json!(URL), false),
                (json!([URL]), false),
                (json!([ISSUER, ISSUER]), false),
                (json!([ISSUER, URL]), false),
            ] {
                let found = outcome(&verifier, &jwt.clone().claim("aud", aud.clone()).claim("jti", fresh_jti()));
                let expected = if accepted { Ok(false) } else { refused.clone() };
                assert_eq!(found.map(|identity| identity.has_lax_audience()), expected, "{name}, {typ}, {aud}");
            }
        }
    }
}

#[test]
fn a_rule_stricter_than_sole_issuer_stays_strict() {
    let verifier = verifier(Policy::OIDC.require_issuer_string());
    let jwt = Jwt::new().header("typ", "client-authentication+jwt");
    assert!(outcome(&verifier, &jwt.clone().claim("aud", ISSUER)).is_ok());
    let malformed = Err(ClientFault::Claim(Claim::Aud, ClaimFault::Malformed));
    assert_eq!(outcome(&verifier, &jwt.claim("aud", json!([ISSUER]))).map(|_| ()), malformed);
}

#[test]
fn audiences_beyond_the_sole_issuer_are_lax() {
    let cases = [
        (json!(ISSUER), false),
        (json!([ISSUER]), false),
        (json!(URL), true),
        (json!([URL]), true),
        (json!([ISSUER, URL]), true),
        (json!([URL, ISSUER]), true),
        (json!([ISSUER, ISSUER]), true),
    ];
    for policy in [Policy::OIDC, Policy::RFC7523.dangerous().audience(AudienceRule::IssuerOrUrls)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let events = event::sink(move |event| {
            if let Event::Accepted(event) = event {
                log.lock().unwrap().push(event.identity().has_lax_audience());
            }
        });
        let verifier = fixture().policy(policy).at_issuer_and_url().builder().events(events).build().unwrap();
        for (aud, lax) in &cases {
            let identity = outcome(&verifier, &Jwt::new().claim("aud", aud.clone())).unwrap();
            assert_eq!(identity.has_lax_audience(), *lax, "{aud}");
            let first = aud.as_str().or_else(|| aud[0].as_str()).unwrap();
            assert_eq!(identity.claims().audience(), first);
        }
        assert_eq!(*seen.lock().unwrap(), cases.iter().map(|(_, lax)| *lax).collect::<Vec<_>>());
    }
    let urls = |policy: Policy| policy.dangerous().audience(AudienceRule::Urls);
    // A profile that never had another rule cannot be tightened.
    let others = [
        (Policy::SMART_BACKEND_SERVICES, false),
        (Policy::REDOX, false),
        (urls(Policy::RFC7523), true),
        (urls(Policy::OIDC), true),
        (Policy::REDOX.dangerous().audience(AudienceRule::IssuerOrUrls), true),
    ];
    for (policy, lax) in others {
        let verifier = fixture().policy(policy).at_issuer_and_url().build();
        for aud in [json!(URL), json!([URL, URL])] {
            let identity = outcome(&verifier, &Jwt::new().claim("aud", aud.clone())).unwrap();
            assert_eq!(identity.has_lax_audience(), lax, "{:?}, {aud}", verifier.policies()[0].name());
        }
    }
    let verifier = fixture().policy(urls(Policy::RFC7523)).at_issuer_and_url().build();
    let asked = Jwt::new().header("typ", "client-authentication+jwt").claim("aud", ISSUER);
    assert!(!outcome(&verifier, &asked).unwrap().has_lax_audience());
}

#[test]
fn findings_name_the_audience_rule_in_force() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let events = event::sink(move |event| {
        if let Event::Refused(refused) = event {
            log.lock().unwrap().extend(refused.findings().iter().map(ToString::to_string));
        }
    });
    let verifier = fixture().policy(Policy::OIDC).at_issuer_and_url().builder().events(events).build().unwrap();
    for typ in ["JWT", "client-authentication+jwt"] {
        outcome(&verifier, &Jwt::new().header("typ", typ).claim("aud", json!([URL, "x"]))).unwrap_err();
    }
    let received = format!(r#"received ["{URL}", "x"]"#);
    let expected = [
        format!("aud is not an accepted value: expected only {ISSUER} or {URL}, {received}"),
        format!("aud is not an accepted value: expected only {ISSUER}, as the sole value, {received}"),
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}
