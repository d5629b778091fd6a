//! The troubleshooting page: it knows every text that is sent, says no more than the texts, and is
//! served as HTML and as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tower::ServiceExt;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::policy::{Algorithm, AudienceRule, Policy};
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, Reason, RejectionKind, ServerFault};
use tower_client_assertion::render::{
    Opaque, Redox, RenderRejection, Rfc6749, Troubleshooting, TroubleshootingPage, topic_id,
};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, PreservedBodies, Rejection, Verifier, VerifierBuilder};

use crate::common::attempt::{Attempt, Change, send};
use crate::common::vectors::VECTORS;
use crate::common::{CLIENT, Fixture, ISSUER, Jwt, NOW, SIGNER, Signer, client_with, fixture, now_or_never};
use crate::links::{answer, vocabularies};

/// Policies that differ in what they can refuse.
fn policies() -> Vec<(&'static str, Policy)> {
    let rfc7523 = Policy::RFC7523;
    vec![
        ("redox", Policy::REDOX),
        ("smart", Policy::SMART_BACKEND_SERVICES),
        ("rfc7523", rfc7523.clone()),
        ("fapi2", Policy::FAPI2),
        ("oidc", Policy::OIDC),
        ("redox, any grant type", Policy::REDOX.allow_any_grant_type()),
        ("redox, optional kid, jti and iat", {
            let policy = Policy::REDOX.dangerous().optional_kid().dangerous().optional_jti().require_exp();
            policy.with_max_lifetime(Duration::from_secs(60)).dangerous().optional_iat()
        }),
        ("rfc7523, all required", rfc7523.clone().require_typ().require_jti().require_iat().require_kid()),
        ("rfc7523, one trial", rfc7523.clone().with_key_trials(1)),
        ("rfc7523, a secret", rfc7523.clone().allow_client_secret_jwt()),
        ("rfc7523, no exp", {
            let policy = rfc7523.require_iat().with_max_age(Duration::from_secs(60)).dangerous().optional_exp();
            policy.dangerous().max_lifetime(None)
        }),
        ("oidc, a string", Policy::OIDC.require_issuer_string()),
    ]
}

static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("key-1"));

/// The client, with a key for some algorithm of each policy.
fn registered() -> Client {
    client_with(&[SIGNER.jwk(), ES256.jwk()])
}

/// A request that the policy would accept, without the changes.
fn attempt(policy: &Policy, changes: &[Change]) -> Attempt {
    let is_allowed = policy.algorithms().contains(Algorithm::from_name(SIGNER.alg).unwrap());
    let signer: &'static Signer = if is_allowed { &SIGNER } else { &ES256 };
    let mut attempt = Attempt::of(signer, Jwt::by(signer, CLIENT));
    attempt.claim("exp", NOW + 60);
    if policy.audience() != AudienceRule::Urls {
        attempt.claim("aud", ISSUER);
    }
    changes.iter().for_each(|change| change(&mut attempt));
    attempt
}

/// A server of these policies, with the names that they accept.
fn server(policies: &[Policy]) -> Fixture {
    let urls = |policy: &Policy| matches!(policy.audience(), AudienceRule::Urls | AudienceRule::IssuerOrUrls);
    let issuer = |policy: &Policy| policy.audience() != AudienceRule::Urls || policy.requires_sole_issuer_by_typ();
    let fixture = fixture().policy(policies[0].clone());
    match (policies.iter().any(issuer), policies.iter().any(urls)) {
        (true, true) => fixture.at_issuer_and_url(),
        (true, false) => fixture.at_issuer(),
        _ => fixture,
    }
}

/// The verifier of such a server.
fn verifier(policies: &[Policy]) -> VerifierBuilder {
    let builder = server(policies).clients([registered()]).builder();
    policies.iter().skip(1).fold(builder, |builder, policy| builder.client_policy(policy.clone()))
}

fn page_of(vocabulary: &dyn RenderRejection, policies: &[Policy]) -> Troubleshooting {
    Troubleshooting::of(vocabulary, &verifier(policies).build().unwrap())
}

/// Two verifiers of a server with this policy. The second also refuses old assertions.
fn verifiers(policy: &Policy) -> [Verifier; 2] {
    let fixture = || server(std::slice::from_ref(policy)).clients([registered()]);
    let restarted = fixture().builder().refuse_issued_before(UnixTime::from_secs(NOW + 1));
    [fixture().build(), restarted.build().unwrap()]
}

/// The kind of the refusal, if the request is refused.
fn refusal(layer: &ClientAssertionLayer<PreservedBodies>, attempt: &Attempt) -> Option<RejectionKind> {
    send(layer, attempt).extensions().get().map(Rejection::kind).cloned()
}

/// The page in HTML, read by its sections.
struct Page {
    html: String,
    /// The content of each element with an `id`, without tags.
    sections: BTreeMap<String, String>,
}

impl Page {
    fn of(vocabulary: &dyn RenderRejection, policies: &[Policy]) -> Self {
        Self::read(page_of(vocabulary, policies).html())
    }

    /// Reads the elements. Panics if tags are not balanced, or an `id` is not unique.
    fn read(html: String) -> Self {
        let mut sections = BTreeMap::new();
        let mut open: Vec<(&str, Option<&str>, String)> = Vec::new();
        let body = html.split_once("</style>").unwrap().1.trim_start().strip_prefix("</head>").unwrap();
        for piece in body.strip_suffix("</html>\n").unwrap().split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("an open tag: {piece}"));
            if let Some(name) = tag.strip_prefix('/') {
                let (opened, id, content) = open.pop().unwrap();
                assert_eq!(opened, name);
                if let Some(id) = id {
                    assert_eq!(sections.insert(id.to_owned(), unescaped(&content)), None, "{id}");
                }
                if let Some((.., outer)) = open.last_mut() {
                    outer.push_str(&content);
                    outer.push_str(text);
                }
            } else if tag != "br" {
                let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{tag}");
                let id = attributes.split("id=\"").nth(1).filter(|_| attributes.starts_with("id"));
                open.push((name, id.and_then(|rest| rest.split('"').next()), text.to_owned()));
            } else if let Some((.., outer)) = open.last_mut() {
                outer.push_str(text);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        Self { html, sections }
    }

    /// Whether the page has a section for this response, which contains its text.
    fn explains(&self, renderer: &dyn RenderRejection, kind: &RejectionKind) -> bool {
        let (status, error, text, link) = answer(renderer, kind);
        let (text, link) = (text.unwrap(), link.unwrap());
        let Some(section) = self.sections.get(link.split_once('#').unwrap().1) else { return false };
        section.contains(&text) && section.contains(&format!("{status} {error}"))
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[test]
fn every_refusal_of_every_vector_is_on_the_page() {
    let vocabularies = vocabularies();
    for (name, policy) in policies() {
        let mut refused = BTreeSet::new();
        for verifier in verifiers(&policy) {
            let html = |renderer: &dyn RenderRejection| Troubleshooting::of(renderer, &verifier).html();
            let pages: Vec<_> = vocabularies.iter().map(|(_, renderer)| Page::read(html(&**renderer))).collect();
            let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
            for vector in VECTORS {
                let Some(kind) = refusal(&layer, &attempt(&policy, &[vector.change])) else { continue };
                refused.insert(kind.reason());
                for (page, (vocabulary, renderer)) in pages.iter().zip(&vocabularies) {
                    assert!(page.explains(&**renderer, &kind), "{name}, {vocabulary}: {kind:?}");
                }
            }
        }
        assert!(refused.len() > 45, "{name}: {refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Requests with two things wrong, and verifiers with two policies.
    #[test]
    fn refusals_of_mutated_requests_are_on_the_page(
        (one, two) in (0..VECTORS.len(), 0..VECTORS.len()),
        (first, second) in (0..policies().len(), 0..policies().len()),
        (vocabulary, restarted) in (0..vocabularies().len(), any::<bool>()),
    ) {
        let policies = policies();
        let policies = [policies[first].1.clone(), policies[second].1.clone().with_name("other")];
        let attempt = attempt(&policies[0], &[VECTORS[one].change, VECTORS[two].change]);
        let server = server(&policies).clients([registered().with_policy("other")]);
        let builder = server.builder().client_policy(policies[1].clone());
        let builder =
            if restarted { builder.refuse_issued_before(UnixTime::from_secs(NOW)) } else { builder };
        let verifier = builder.build().unwrap();
        let (name, renderer) = &vocabularies()[vocabulary];
        let page = Page::read(Troubleshooting::of(&**renderer, &verifier).html());
        let layer = ClientAssertionLayer::new(verifier).preserve_body_types();
        if let Some(kind) = refusal(&layer, &attempt) {
            prop_assert!(page.explains(&**renderer, &kind), "{}: {:?}", name, kind);
        }
    }
}

#[test]
fn pages_leave_out_what_their_policies_cannot_refuse() {
    let rfc7523 = Policy::RFC7523;
    let no_bound = Policy::REDOX;
    let table: [(&str, Policy, ClientFault, bool); 20] = [
        ("any grant type", rfc7523.clone(), ClientFault::MissingGrantType, false),
        ("any grant type", rfc7523.clone(), ClientFault::UnsupportedGrantType, false),
        ("some grant types", rfc7523.clone().with_grant_types(&["x"]), ClientFault::MissingGrantType, true),
        ("some grant types", rfc7523.clone().with_grant_types(&["x"]), ClientFault::UnsupportedGrantType, true),
        ("jku checked", rfc7523.clone(), ClientFault::JkuMismatch, true),
        ("jku ignored", Policy::OIDC, ClientFault::JkuMismatch, false),
        ("exp required", rfc7523.clone(), ClientFault::Claim(Claim::Exp, ClaimFault::Missing), true),
        ("exp optional", no_bound.clone(), ClientFault::Claim(Claim::Exp, ClaimFault::Missing), false),
        ("a longest life", rfc7523.clone(), ClientFault::Claim(Claim::Exp, ClaimFault::Future), true),
        ("no longest life", no_bound, ClientFault::Claim(Claim::Exp, ClaimFault::Future), false),
        ("aud a string", Policy::FAPI2, ClientFault::Claim(Claim::Aud, ClaimFault::TooLong), false),
        ("aud an array", rfc7523.clone(), ClientFault::Claim(Claim::Aud, ClaimFault::TooLong), true),
        ("iat optional", rfc7523.clone(), ClientFault::Claim(Claim::Iat, ClaimFault::Missing), false),
        ("iat required", Policy::REDOX, ClientFault::Claim(Claim::Iat, ClaimFault::Missing), true),
        ("iat of any age", rfc7523.clone(), ClientFault::Claim(Claim::Iat, ClaimFault::Past), false),
        ("a largest age", Policy::REDOX, ClientFault::Claim(Claim::Iat, ClaimFault::Past), true),
        ("jti optional", rfc7523.clone(), ClientFault::Claim(Claim::Jti, ClaimFault::Missing), true),
        ("kid required", Policy::SMART_BACKEND_SERVICES, ClientFault::KidNeeded, true),
        ("reusable", rfc7523.dangerous().reusable_without_jti(), ClientFault::Replayed, true),
        ("algorithms", Policy::FAPI2, ClientFault::AlgorithmNotAllowed, true),
    ];
    // Where no vocabulary tells the faults of a claim apart, the codes tell what is left out.
    let renderer = Rfc6749::default().error_pages("/errors").unwrap();
    for (name, policy, fault, expected) in table {
        let kind = RejectionKind::Client(fault);
        let page = Page::of(&renderer, std::slice::from_ref(&policy));
        assert_eq!(page.explains(&renderer, &kind), expected, "{name}: {kind:?}");
        let others = [Policy::SMART_BACKEND_SERVICES.require_iat().with_max_age(Duration::from_secs(60)), Policy::OIDC];
        let both = Page::of(&renderer, &[vec![policy.with_name("first")], others.to_vec()].concat());
        assert!(both.explains(&renderer, &kind), "{name}: {kind:?}, of one of several policies");
    }
    let codes = [
        ("typ_missing", rfc_with(Policy::require_typ), true),
        ("typ_missing", Policy::RFC7523, false),
        ("ambiguous_key", Policy::RFC7523, false),
        ("ambiguous_key", Policy::REDOX, true),
        ("kid_needed", Policy::RFC7523, true),
        ("kid_needed", Policy::REDOX, false),
        ("aud_too_long", Policy::RFC7523.dangerous().audience(AudienceRule::IssuerString), false),
    ];
    for (code, policy, expected) in codes {
        let page = Page::of(&renderer, &[policy]);
        assert_eq!(page.html.contains(&format!("<code>{code}</code>")), expected, "{code}");
    }
}

/// What a verifier refuses in addition depends on its other settings.
#[test]
fn pages_leave_out_what_their_verifier_does_not_bound() {
    use SignatureChecks as Checks;
    const PAST: RejectionKind = RejectionKind::Client(ClientFault::Claim(Claim::Iat, ClaimFault::Past));
    const MISSING: RejectionKind = RejectionKind::Client(ClientFault::Claim(Claim::Iat, ClaimFault::Missing));
    const FLOOD: RejectionKind = RejectionKind::Server(ServerFault::ClientOverloaded);
    const QUOTA: RejectionKind = RejectionKind::Server(ServerFault::ClientQuota);
    type Change = fn(VerifierBuilder) -> VerifierBuilder;
    let table: [(&str, Change, RejectionKind, bool); 7] = [
        ("any", |builder| builder, PAST, false),
        ("any", |builder| builder, MISSING, false),
        ("after a start", |builder| builder.refuse_issued_before(UnixTime::from_secs(NOW)), PAST, true),
        ("after a start", |builder| builder.refuse_issued_before(UnixTime::from_secs(NOW)), MISSING, true),
        ("no bound", |builder| builder, FLOOD, false),
        ("one bound", |builder| builder.signature_checks(Checks::new(4).unwrap()), FLOOD, false),
        ("a share", |builder| builder.signature_checks(Checks::new(4).unwrap().per_client(3).unwrap()), FLOOD, true),
    ];
    let renderer = Rfc6749::default().error_pages("/errors").unwrap();
    let read = |builder: VerifierBuilder| Page::read(Troubleshooting::of(&renderer, &builder.build().unwrap()).html());
    for (name, change, kind, expected) in table {
        let page = read(change(verifier(&[Policy::RFC7523])));
        assert_eq!(page.explains(&renderer, &kind), expected, "{name}: {kind:?}");
        assert_eq!(page.html.contains("<code>overloaded</code>"), name == "one bound" || name == "a share", "{name}");
    }
    for (share, expected) in [(usize::MAX, false), (usize::MAX - 1, true), (1, true)] {
        let store = MemoryReplay::new(usize::MAX >> 8).and_then(|store| store.per_client(share));
        let Ok(store) = store else { continue };
        let page = read(server(&[Policy::RFC7523]).replay(store).builder());
        assert_eq!(page.explains(&renderer, &QUOTA), expected, "{share}");
    }
}

fn rfc_with(change: fn(Policy) -> Policy) -> Policy {
    change(Policy::RFC7523)
}

/// One text for several faults stays one: a reader of the page learns what can be behind it, and
/// not which it was.
#[test]
fn a_section_lists_all_causes_of_its_text() {
    for (name, renderer) in vocabularies() {
        let page = Page::of(&*renderer, &[Policy::REDOX, Policy::RFC7523]);
        let section = |fault: ClientFault| {
            let link = answer(&*renderer, &RejectionKind::Client(fault)).3.unwrap();
            page.sections[link.split_once('#').unwrap().1].clone()
        };
        let unknown = section(ClientFault::UnknownClient);
        assert_eq!(unknown, section(ClientFault::NoKey), "{name}");
        for code in ["unknown_client", "no_key", "ambiguous_key"] {
            assert!(unknown.contains(code), "{name}: {code}");
        }
        for advice in ["is the client registered with this server?", "Publish or register the key"] {
            assert!(unknown.contains(advice), "{name}: {advice}");
        }
    }
}

/// Returns the part between two marks, of the first piece that begins with the first.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap_or_else(|| panic!("no {start}")).1.split(end).next().unwrap()
}

/// A section says all that its reader needs, wherever it stands.
#[test]
fn each_section_says_what_is_wrong_and_what_to_do() {
    for (name, renderer) in vocabularies() {
        for (policy, rules) in policies() {
            let page = Page::of(&*renderer, &[rules]);
            for id in page.sections.keys() {
                let section = between(&page.html, &format!("<section id=\"{id}\""), "</section>");
                for part in ["class=\"answer\">", "<dt>What is wrong</dt><dd>", "class=\"advice\">"] {
                    assert!(section.contains(part), "{name}, {policy}: {id}: {part}");
                }
            }
        }
    }
}

/// Headings and the contents tell the sections apart.
#[test]
fn headings_and_contents_are_different_words() {
    for (name, renderer) in vocabularies() {
        for (policy, rules) in policies() {
            let page = Page::of(&*renderer, &[rules]);
            let contents = between(&page.html, "<nav", "</nav>");
            for (tag, html) in [("<h2>", &*page.html), ("<h3>", &*page.html), ("<li>", contents)] {
                let mut seen = BTreeSet::new();
                for heading in html.split(tag).skip(1) {
                    let heading = heading.split("</h").next().unwrap().split("</li>").next().unwrap();
                    let text: String = heading.split('<').map(|part| part.rsplit('>').next().unwrap()).collect();
                    let words = text.split_whitespace().filter(|word| *word != "\u{2026}").count();
                    assert!(words >= 1 && seen.insert(text.clone()), "{name}, {policy}: {tag} {text:?}");
                    let is_pattern = tag == "<h2>" && !heading.contains("<a ") && text.contains('\u{2026}');
                    assert!(words >= 3 || !is_pattern, "{name}, {policy}: {text:?} is too general");
                    assert!(tag != "<li>" || text.chars().count() <= 64, "{name}, {policy}: {text:?} is too long");
                }
            }
        }
    }
}

/// One reason covers them all, and each is fixed in another way.
#[test]
fn malformed_assertions_have_the_advice_of_their_fault() {
    for (name, renderer) in vocabularies() {
        let page = Page::of(&*renderer, &[Policy::REDOX]);
        let markdown = page_of(&*renderer, &[Policy::REDOX]).markdown().replace("\\", "");
        let mut all = BTreeSet::new();
        for kind in RejectionKind::all().filter(|kind| kind.reason() == Reason::Malformed) {
            let link = answer(&*renderer, &kind).3.unwrap();
            let section = &page.sections[link.split_once('#').unwrap().1];
            assert!(section.contains(kind.advice()), "{name}: {kind:?}: {section}");
            assert!(markdown.contains(kind.advice()), "{name}: {kind:?}");
            all.insert(kind.advice());
        }
        assert_eq!(all.len(), 11, "{name}");
    }
}

/// What the operator can do is no advice to a client, and a client that sends too much is not told
/// that it is not at fault.
#[test]
fn advice_is_apart_for_clients_and_operators() {
    const OPERATOR: &str = "<div class=\"operator\">";
    let retry = "the request again with a new assertion, after the seconds in <code>Retry-After</code>";
    let checks = SignatureChecks::new(4).unwrap().per_client(2).unwrap();
    let verifier = verifier(&[Policy::RFC7523]).signature_checks(checks).build().unwrap();
    let html = |renderer: &dyn RenderRejection| Troubleshooting::of(renderer, &verifier).html();
    let section = |html: &str, id: &str| between(html, &format!("<section id=\"{id}\""), "</section>").to_owned();
    let (named, opaque) = (html(&Rfc6749::default()), html(&Opaque));
    for (fault, advice) in [
        (ServerFault::ClientOverloaded, "Send fewer requests concurrently."),
        (ServerFault::ClientQuota, "Send fewer requests, or let assertions expire sooner."),
    ] {
        let text = answer(&Rfc6749::default(), &RejectionKind::Server(fault)).2.unwrap();
        let section = section(&named, &topic_id(&text));
        assert!(section.contains(advice) && section.contains(&format!("Then send {retry}")), "{text}: {section}");
        assert!(!section.contains("not at fault") && !section.contains(OPERATOR), "{text}: {section}");
    }
    let unavailable = section(&named, "the-authorization-server-is-temporarily-unavailable");
    let (client, operator) = unavailable.split_once(OPERATOR).unwrap();
    assert!(client.contains(&format!("The client is not at fault. Send {retry}.")), "{client}");
    assert!(!client.contains("Check the clock") && operator.contains("Check the clock"), "{unavailable}");
    let misconfigured = section(&named, "the-authorization-server-is-misconfigured");
    assert!(misconfigured.contains("The client is not at fault. Tell the operator of the server."), "{misconfigured}");

    let mixed = section(&opaque, "temporarily-unavailable");
    let (client, operator) = mixed.split_once(OPERATOR).unwrap();
    for code in ["client_quota", "client_overloaded"] {
        assert!(client.contains(code) && !operator.contains(code), "{code}: {mixed}");
    }
    for code in ["clock", "registry", "overloaded"] {
        let code = format!("<code>{code}</code>");
        assert!(!client.contains(&code) && operator.contains(&code), "{code}: {mixed}");
    }
    assert!(client.contains("If none of this is the cause, the client is not at fault."), "{mixed}");
}

/// The introduction names what the responses of this vocabulary have.
#[test]
fn the_introduction_says_what_to_search_for() {
    let some = |rejection: &Rejection| match rejection.kind() {
        RejectionKind::Client(_) => Response::new(Bytes::from_static(br#"{"error":"a","error_description":"b"}"#)),
        _ => Response::new(Bytes::from_static(br#"{"error":"a"}"#)),
    };
    let plain = |_: &Rejection| Response::new(Bytes::from_static(b"no"));
    let table: [(&dyn RenderRejection, &str); 5] = [
        (&Rfc6749::default(), "with JSON. Find its `error_description` here. The texts"),
        (
            &Redox::default(),
            "with JSON. Find its `error_description` here. An empty one is under [An empty description](#blank). The",
        ),
        (&Opaque, "with JSON. Find its `error` here. The texts"),
        (&some, "with JSON. Find its `error_description` here, or its `error` if it has no description. The"),
        (&plain, "is answered. Find its status here. The texts"),
    ];
    for (renderer, expected) in table {
        let page = page_of(renderer, &[Policy::REDOX]);
        let markdown = page.markdown().replace('\n', " ");
        assert!(markdown.contains(expected), "{}", &markdown[..300]);
        let html = page.html().replace("<code>", "`").replace("</code>", "`");
        let html = html.replace("<a href=\"#blank\">An empty description</a>", "[An empty description](#blank)");
        assert!(html.contains(expected), "{expected}");
    }
}

fn json(status: StatusCode, description: &str) -> Response<Bytes> {
    let body = serde_json::json!({"error": "e", "error_description": description}).to_string();
    Response::builder().status(status).body(body.into()).unwrap()
}

#[test]
fn applications_add_their_own_responses() {
    let busy = "The authorization server is temporarily unavailable";
    let page = page_of(&Rfc6749::default(), &[Policy::RFC7523])
        .with_response(&json(StatusCode::BAD_REQUEST, "No such scope"), "the scope is <unknown>", "Ask & get.")
        .with_response(&json(StatusCode::BAD_REQUEST, "no SUCH scope!"), "another", "Ask again.")
        .with_response(&json(StatusCode::SERVICE_UNAVAILABLE, busy), "no random numbers", "Check the system.");
    let read = Page::read(page.html());
    let own = &read.sections[&topic_id("No such scope")];
    for part in ["No such scope", "400 e", "The scope is <unknown>.", "Ask & get."] {
        assert!(own.contains(part), "{part}: {own}");
    }
    assert!(read.sections["no-such-scope-2"].contains("no SUCH scope!"), "another text has another id");
    let busy = &read.sections[&topic_id(busy)];
    let (client, operator) = busy.split_once("For the operator of the server").unwrap();
    assert!(client.contains("503 temporarily_unavailable or 503 e"), "{client}");
    assert!(operator.contains("Check the system.") && operator.contains("Check the clock"), "{operator}");
    let markdown = page.markdown();
    assert!(markdown.contains("| the scope is &lt;unknown> | Ask &amp; get. | |"), "{markdown}");
    assert!(markdown.contains("| no random numbers | *For the operator:* Check the system. | |"), "{markdown}");
}

#[test]
fn links_and_sections_of_a_page_are_the_same() {
    for (name, renderer) in vocabularies() {
        let policies: Vec<_> = policies().into_iter().map(|(name, policy)| policy.with_name(name)).collect();
        let page = Page::of(&*renderer, &policies);
        let explained: BTreeSet<_> = RejectionKind::all()
            .filter(|kind| page.explains(&*renderer, kind))
            .map(|kind| answer(&*renderer, &kind).3.unwrap().split_once('#').unwrap().1.to_owned())
            .collect();
        assert_eq!(explained, page.sections.keys().cloned().collect(), "{name}: no section without a response");
        let inner: BTreeSet<_> =
            page.html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(inner.iter().all(|id| page.sections.contains_key(*id)), "{name}");
        for scripted in ["<script", "javascript:", "onload", "<img", "<link", "http://", "https://", "url(", "@import"]
        {
            assert!(!page.html.contains(scripted), "{name}: {scripted}");
        }
    }
}

#[test]
fn the_page_of_redox_has_every_row_of_the_vendor() {
    let page = page_of(&Redox::default(), &[Policy::REDOX]);
    let (markdown, html) = (page.markdown(), unescaped(&page.html()));
    let mut last = 0;
    for line in include_str!("../vectors/redox_page.txt").lines() {
        let at = markdown.find(&format!("| {line}")).or_else(|| markdown.find(&format!("|{line}")));
        let at = at.unwrap_or_else(|| panic!("the row {line:?} is missing"));
        assert!(at > last || last == 0, "the rows are in the vendor's order: {line}");
        last = at;
    }
    let label = "<p class=\"label\">From the vendor\u{2019}s page</p>\n";
    for line in include_str!("../vectors/redox_page.txt").lines().skip(2) {
        let (description, notes) = line.split_once('|').unwrap();
        let (description, notes) = (description.trim(), notes.trim_end_matches('|').trim());
        let quoted = format!("{label}<p>{description}</p>\n<p>{notes}</p>");
        let count = if notes.is_empty() { 0 } else { 1 };
        assert_eq!(html.matches(&quoted).count(), count, "once in full: {line}");
        assert!(html.contains(description), "{line}");
    }
}

#[test]
fn texts_of_other_renderers_are_escaped() {
    let renderer = |rejection: &Rejection| {
        let text = match rejection.kind() {
            RejectionKind::Client(ClientFault::Method) => "<script>alert('a & b')</script>",
            RejectionKind::Client(ClientFault::Charset) => "script alert a b script",
            RejectionKind::Client(ClientFault::Replayed) => "a | b `c` [d](e)\n# f",
            RejectionKind::Client(ClientFault::NoKey) => "a ``b`` ```",
            _ => "other",
        };
        let body = serde_json::json!({"error": "no", "error_description": text}).to_string();
        Response::new(Bytes::from(body))
    };
    let page = Page::of(&renderer, &[Policy::RFC7523]);
    assert!(page.sections["script-alert-a-b-script"].contains("<script>alert('a & b')</script>"));
    assert!(page.sections["script-alert-a-b-script-2"].contains("script alert a b script"), "a second id");
    assert!(!page.html.contains("<script"));
    let markdown = page_of(&renderer, &[Policy::RFC7523]).markdown();
    assert!(markdown.contains("`` a \\| b `c` [d](e) # f ``"), "{markdown}");
    assert!(markdown.contains("```` a ``b`` ``` ````"), "{markdown}");
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(markdown.lines().filter(|line| line.starts_with('|')).all(|line| columns(line) == 5), "{markdown}");
}

#[test]
fn renderers_without_descriptions_have_a_page_of_errors() {
    let page = Page::of(&Opaque, &[Policy::RFC7523]);
    for id in ["invalid-request", "invalid-client", "temporarily-unavailable", "server-error"] {
        assert!(page.sections.contains_key(id), "{id}");
    }
    assert_eq!(page.sections.len(), 4);
    let plain = Page::of(&|_: &Rejection| Response::new(Bytes::from_static(b"no")), &[Policy::RFC7523]);
    assert_eq!(plain.sections.keys().collect::<Vec<_>>(), ["status-200"]);
}

fn service() -> TroubleshootingPage {
    page_of(&Redox::default(), &[Policy::REDOX]).service()
}

/// Sends a request with these headers to the page.
fn ask(method: Method, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri("/errors?x=%3Cscript%3E");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("x-secret", "hunter2hunter2").body(Full::<Bytes>::default()).unwrap();
    let (parts, body) = now_or_never(service().oneshot(request)).unwrap().into_parts();
    Response::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes())
}

#[test]
fn the_service_answers_by_method_and_accept() {
    let (html, markdown) = ("text/html; charset=utf-8", "text/markdown; charset=utf-8");
    let accept = |value| [("accept", value)];
    let table: [(_, &[_], _, _); 8] = [
        (Method::GET, &[], StatusCode::OK, html),
        (Method::HEAD, &[], StatusCode::OK, html),
        (Method::GET, &accept("text/html, text/markdown;q=0.9"), StatusCode::OK, html),
        (Method::GET, &accept("text/html;q=0.9, text/markdown"), StatusCode::OK, markdown),
        (Method::HEAD, &accept("text/markdown"), StatusCode::OK, markdown),
        (Method::GET, &accept("application/json"), StatusCode::NOT_ACCEPTABLE, "text/plain; charset=utf-8"),
        (Method::POST, &accept("application/json"), StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8"),
        (Method::DELETE, &[], StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8"),
    ];
    let page = page_of(&Redox::default(), &[Policy::REDOX]);
    for (method, headers, status, media_type) in table {
        let response = ask(method.clone(), headers);
        let case = format!("{method} {headers:?}");
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (status, &media_type.parse().unwrap()),
            "{case}"
        );
        let content = if media_type == markdown { page.markdown() } else { page.html() };
        if status == StatusCode::OK {
            let expected = if method == Method::HEAD { "" } else { &content };
            assert!(response.body() == expected, "{case}");
            assert_eq!(response.headers()["content-length"], content.len().to_string(), "{case}");
            assert_eq!(response.headers()["cache-control"], "public, max-age=300", "{case}");
        }
        let allow = response.headers().get("allow").map(|value| value.to_str().unwrap());
        assert_eq!(allow, (status == StatusCode::METHOD_NOT_ALLOWED).then_some("GET, HEAD"), "{case}");
        assert_eq!(response.headers()["vary"], "accept", "{case}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{case}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(!String::from_utf8_lossy(response.body()).contains("hunter2"), "{case}");
    }
}

/// The browser applies the style only if its hash is the one in the policy.
#[test]
fn the_policy_permits_exactly_the_style_of_the_page() {
    use base64::Engine as _;
    let response = ask(Method::GET, &[]);
    let html = String::from_utf8_lossy(response.body()).into_owned();
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert_eq!((html.matches("<style").count(), html.contains("style=")), (1, false));
}

#[test]
fn known_pages_are_not_sent_again() {
    let tag = |headers: &[(&str, &str)]| ask(Method::GET, headers).headers()["etag"].to_str().unwrap().to_owned();
    let (html, markdown) = (tag(&[]), tag(&[("accept", "text/markdown")]));
    assert_ne!(html, markdown);
    assert_eq!(html, tag(&[]), "as of another node");
    let table = [
        (html.clone(), true),
        (format!("W/{html}"), true),
        (format!("\"a\", {html}"), true),
        ("*".to_owned(), true),
        (markdown, false),
        (html.trim_matches('"').to_owned(), false),
        ("\"\"".to_owned(), false),
        (String::new(), false),
    ];
    for (known, unchanged) in table {
        for method in [Method::GET, Method::HEAD] {
            let response = ask(method.clone(), &[("if-none-match", &known)]);
            let status = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!(response.status(), status, "{method} {known}");
            assert_eq!(response.headers()["etag"], *html, "{method} {known}");
            assert_eq!(response.headers()["vary"], "accept", "{method} {known}");
            assert!(!unchanged || response.body().is_empty(), "{method} {known}");
        }
    }
    assert_eq!(ask(Method::POST, &[("if-none-match", "*")]).status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Any body of a request, and no conversion.
#[test]
fn the_service_takes_any_body() {
    let request = Request::new(Full::<Bytes>::from("ignored"));
    assert_eq!(now_or_never(service().oneshot(request)).unwrap().status(), StatusCode::OK);
    assert_eq!(now_or_never(service().oneshot(Request::new(()))).unwrap().status(), StatusCode::OK);
}
