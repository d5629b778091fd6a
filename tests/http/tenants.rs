//! One layer for several tenants: which verifier judges a request, what is asked for an unknown
//! tenant, in which words it is answered, and who learns of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::{self, AuditLog, Correlation, Event};
use tower_client_assertion::explain::{Check, Outcome, Part, Verdict};
use tower_client_assertion::grpc::GrpcAssertionLayer;
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{ClientRegistry, FindResult, FixedRegistry};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, Reason, RejectionKind};
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{
    ClientAssertionLayer, ClientIdentity, Endpoint, JWT_BEARER, Policy, RequestBody, Verifier, VerifierBuilder,
};

use crate::common::{CLIENT, FORM, Jwt, NOW, body_of, client, fixture, form, kind, now_or_never};
use crate::outcomes::Outcomes;

const UNKNOWN: RejectionKind = RejectionKind::Client(ClientFault::TenantUnknown);
const REPLAYED: RejectionKind = RejectionKind::Client(ClientFault::Replayed);
const AT: UnixTime = UnixTime::from_secs(NOW);

fn issuer(name: &str) -> String {
    format!("https://as.example.com/{name}")
}

/// The builder of a tenant's verifier, which accepts its own issuer alone.
fn tenant(name: &str, replay: &Arc<MemoryReplay>) -> VerifierBuilder {
    let bare = fixture().policy(Policy::RFC7523).at_no_address().replay(Arc::clone(replay));
    bare.builder().issuer(issuer(name))
}

fn replay() -> Arc<MemoryReplay> {
    Arc::new(MemoryReplay::new(1_000).unwrap())
}

/// Chooses by the first segment of the path, byte for byte.
fn by_path<const N: usize>(
    tenants: [(&'static str, Arc<Verifier>); N],
) -> impl Fn(&Parts) -> Option<Arc<Verifier>> + Send + Sync + 'static {
    move |head| {
        let name = head.uri.path().split('/').nth(1)?;
        tenants.iter().find(|(own, _)| *own == name).map(|(_, verifier)| Arc::clone(verifier))
    }
}

/// A layer with the tenants `acme`, of RFC 7523, and `clinic`, of Redox.
fn layer() -> ClientAssertionLayer {
    let acme = tenant("acme", &replay()).build().unwrap();
    ClientAssertionLayer::choose(by_path([("acme", Arc::new(acme)), ("clinic", Arc::new(fixture().build()))]))
}

fn post(path: &str, form: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path).header("content-type", FORM).body(Full::new(form.into())).unwrap()
}

fn for_tenant(name: &str) -> String {
    form(&Jwt::new().claim("aud", issuer(name)).signed())
}

/// Sends a request through the layer. The handler answers with the client that it sees.
fn send(layer: &ClientAssertionLayer, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let handler = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
        let seen = request.extensions().get::<ClientIdentity>().map(|identity| identity.client_id().to_string());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(seen.unwrap_or_else(|| "anonymous".to_owned()))))
    });
    let (parts, body) = now_or_never(layer.layer(handler).oneshot(request)).unwrap().into_parts();
    Response::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes())
}

fn json_of(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn a_client_is_judged_by_the_verifier_of_its_tenant() {
    let store = replay();
    let build = |name| Arc::new(tenant(name, &store).build().unwrap());
    let layer = ClientAssertionLayer::choose(by_path([("acme", build("acme")), ("globex", build("globex"))]));
    let aud = RejectionKind::Client(ClientFault::Claim(Claim::Aud, ClaimFault::Unexpected));
    for (name, other) in [("acme", "globex"), ("globex", "acme")] {
        let assertion = for_tenant(name);
        assert_eq!(kind(&send(&layer, post(&format!("/{other}/token"), assertion.clone()))), Some(aud.clone()));
        assert_eq!(send(&layer, post(&format!("/{name}/token"), assertion.clone())).body(), CLIENT);
        assert_eq!(kind(&send(&layer, post(&format!("/{name}/token"), assertion))), Some(REPLAYED));
    }
}

#[test]
fn an_assertion_id_is_accepted_once_at_each_tenant_of_a_store() {
    let store = replay();
    let build = |name| Arc::new(tenant(name, &store).build().unwrap());
    let twin = Arc::new(tenant("alias", &store).tenant(issuer("globex")).build().unwrap());
    let tenants = [("acme", build("acme")), ("globex", build("globex")), ("alias", twin)];
    let layer = ClientAssertionLayer::choose(by_path(tenants));
    let sent = |path: &str, aud: &str| {
        let assertion = Jwt::new().claim("jti", "the-same").claim("aud", issuer(aud)).signed();
        kind(&send(&layer, post(path, form(&assertion))))
    };
    for name in ["acme", "globex"] {
        assert_eq!(sent(&format!("/{name}/token"), name), None, "{name}: the first use");
        assert_eq!(sent(&format!("/{name}/token"), name), Some(REPLAYED), "{name}: the second use");
    }
    assert_eq!(sent("/alias/token", "alias"), Some(REPLAYED), "a verifier of the same tenant");
}

/// A body that must not be read.
struct Unread;

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

/// Counts what it is asked.
#[derive(Debug, Default)]
struct Asked(Arc<AtomicUsize>);

impl ClientRegistry for Asked {
    fn find(&self, _: &str) -> Answer<FindResult> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Answer::Ready(Ok(Some(Arc::new(client()))))
    }
}

#[test]
fn an_unknown_tenant_is_refused_without_a_look_up() {
    let looks = Arc::new(AtomicUsize::new(0));
    let verifier = Arc::new(fixture().registry(Asked(Arc::clone(&looks))).build());
    let layer = ClientAssertionLayer::choose(by_path([("clinic", verifier)]));
    let paths = ["/", "/token", "/Clinic/token", "/clini%63/token", "//clinic/token", "/clinic%2F/token", "/clinicx"];
    for path in paths {
        for method in [Method::POST, Method::GET, Method::OPTIONS] {
            let handler = service_fn(|_: Request<RequestBody<Unread>>| async {
                panic!("the handler was called");
                #[allow(unreachable_code, reason = "the type of the service")]
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
            let request = Request::builder().method(method.clone()).uri(path).header("content-type", FORM);
            let request = request.body(Unread).unwrap();
            let response = now_or_never(layer.layer(handler).oneshot(request)).unwrap();
            assert_eq!(kind(&response), Some(UNKNOWN), "{method} {path}");
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            let headers = response.headers();
            assert_eq!(
                (&headers["cache-control"], &headers["pragma"]),
                (&"no-store".parse().unwrap(), &"no-cache".parse().unwrap())
            );
            let body = r#"{"error":"invalid_request","error_description":"Unknown tenant"}"#;
            assert_eq!(headers["content-length"], body.len().to_string());
            assert_eq!(body_of(response), body);
        }
    }
    assert_eq!(looks.load(Ordering::SeqCst), 0);
    assert_eq!(send(&layer, post("/clinic/token", form(&Jwt::new().signed()))).body(), CLIENT);
    assert_eq!(looks.load(Ordering::SeqCst), 1, "the counter counts");
}

#[test]
fn the_wording_is_that_of_the_chosen_profile_or_of_the_renderer() {
    let pages = "https://docs.example.com/errors";
    let linked = |layer: ClientAssertionLayer| {
        let (redox, rfc6749) =
            (Redox::default().error_pages(pages).unwrap(), Rfc6749::default().error_pages(pages).unwrap());
        layer.render_by_profile(redox, rfc6749)
    };
    let missing = "grant_type=client_credentials";
    let said = |layer: &ClientAssertionLayer, path: &str| {
        let response = send(layer, post(path, missing));
        let json = json_of(&response);
        let text = |name: &str| json[name].as_str().unwrap_or("-").replace(pages, "");
        format!("{} {} {} {}", response.status().as_u16(), text("error"), text("error_description"), text("error_uri"))
    };
    let table = [
        ("acme, by default", layer(), "/acme/token", "400 invalid_client Client authentication required -"),
        ("clinic, by default", layer(), "/clinic/token", "400 invalid_request Missing client assertion type -"),
        ("unknown, by default", layer(), "/x/token", "404 invalid_request Unknown tenant -"),
        ("acme, opaque", layer().render(Opaque), "/acme/token", "400 invalid_client - -"),
        ("clinic, opaque", layer().render(Opaque), "/clinic/token", "400 invalid_client - -"),
        ("unknown, opaque", layer().render(Opaque), "/x/token", "404 invalid_request - -"),
        (
            "acme, linked",
            linked(layer()),
            "/acme/token",
            "400 invalid_client Client authentication required #client-authentication-required",
        ),
        (
            "clinic, linked",
            linked(layer()),
            "/clinic/token",
            "400 invalid_request Missing client assertion type #missing-client-assertion-type",
        ),
        ("unknown, linked", linked(layer()), "/x/token", "404 invalid_request Unknown tenant #unknown-tenant"),
    ];
    for (case, layer, path, expected) in table {
        assert_eq!(said(&layer, path), expected, "{case}");
    }
    let one = |verifier: Verifier| said(&linked(ClientAssertionLayer::new(verifier)), "/token");
    assert!(one(fixture().build()).ends_with(" #missing-client-assertion-type"), "a layer with one verifier");
    assert!(one(tenant("acme", &replay()).build().unwrap()).ends_with(" #client-authentication-required"));
}

#[test]
fn every_renderer_answers_unknown_tenants_with_404() {
    let rejection = ClientFault::TenantUnknown.into();
    let renderers: [&dyn RenderRejection; 4] =
        [&Rfc6749::default(), &Redox::default(), &Redox::default().standard_codes(), &Opaque];
    for renderer in renderers {
        let response = renderer.render(&rejection);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(json_of(&response)["error"], "invalid_request");
    }
}

#[test]
fn unknown_tenants_are_reported_to_their_own_sink_alone() {
    let (of_acme, of_unknown) = (Outcomes::default(), Outcomes::default());
    let acme = Arc::new(tenant("acme", &replay()).events(of_acme.sink()).build().unwrap());
    let name = |head: &Parts| Some(Correlation::new(head.headers.get("x-request-id")?.to_str().ok()?));
    let silent = ClientAssertionLayer::choose(by_path([("acme", acme)])).endpoint(Endpoint::Revocation);
    let reported = silent.clone().correlate(name).report_unknown_tenants(of_unknown.sink());
    let request = |path: &str, form: String| {
        let mut request = post(path, form);
        request.headers_mut().insert("x-request-id", "7f3a".parse().unwrap());
        request
    };
    assert_eq!(kind(&send(&reported, request("/x/token", for_tenant("acme")))), Some(UNKNOWN));
    assert_eq!(of_unknown.take(), ["tenant_unknown by  at revocation as 7f3a"]);
    assert_eq!(of_acme.take(), Vec::<String>::new());

    assert_eq!(kind(&send(&reported, request("/acme/token", for_tenant("acme")))), None);
    assert!(kind(&send(&reported, request("/acme/token", "a=b".to_owned()))).is_some());
    assert_eq!(of_unknown.take(), Vec::<String>::new());
    let expected = ["accepted by rfc7523 at revocation as 7f3a", "no_authentication by rfc7523 at revocation as 7f3a"];
    assert_eq!(of_acme.take(), expected);

    assert_eq!(kind(&send(&silent, request("/x/token", String::new()))), Some(UNKNOWN));
    assert_eq!((of_acme.take().len(), of_unknown.take().len()), (0, 0));
}

#[test]
fn the_report_shows_the_path_escaped_and_no_query() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let sink = event::sink(move |event| {
        if let Event::Refused(refused) = event {
            let findings: Vec<_> = refused.findings().iter().map(ToString::to_string).collect();
            let nothing = refused.claimed_client().is_none() && refused.key_id().is_none();
            log.lock().unwrap().push((findings, nothing, refused.rejection().is_proven()));
        }
    });
    let layer = layer().report_unknown_tenants(sink);
    let long = format!("/{}/token", "n".repeat(500));
    send(&layer, post("/x\u{e9}/token?client_secret=hush", ""));
    send(&layer, post(&long, ""));
    let seen = seen.lock().unwrap();
    let [(first, ..), (second, ..)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(
        *first,
        ["there is no such tenant: expected a request for a known tenant, received \"/x\\u{e9}/token\""]
    );
    assert!(second[0].len() < 300, "{second:?}");
    assert!(seen.iter().all(|(findings, nothing, proven)| findings.len() == 1 && *nothing && !proven));
}

#[test]
fn with_a_path_only_requests_for_it_are_put_to_the_choice() {
    let acme = Arc::new(tenant("acme", &replay()).build().unwrap());
    let by_host = move |head: &Parts| {
        assert_eq!(head.uri.path(), "/token", "the choice is asked for guarded requests alone");
        (head.headers.get("host")? == "acme.example.com").then(|| Arc::clone(&acme))
    };
    let layer = ClientAssertionLayer::choose(by_host).path("/token").unwrap();
    let request = |path: &str, host: &'static str| {
        let mut request = post(path, for_tenant("acme"));
        request.headers_mut().insert("host", host.parse().unwrap());
        request
    };
    assert_eq!(send(&layer, request("/token", "acme.example.com")).body(), CLIENT);
    assert_eq!(kind(&send(&layer, request("/token", "globex.example.com"))), Some(UNKNOWN));
    assert_eq!(send(&layer, request("/health", "globex.example.com")).body(), "anonymous");
}

#[test]
fn the_options_of_the_layer_apply_to_every_tenant() {
    let small = layer().body_limit(10).unwrap();
    assert_eq!(send(&small, post("/acme/token", for_tenant("acme"))).status(), StatusCode::PAYLOAD_TOO_LARGE);
    let optional = layer().optional();
    assert_eq!(send(&optional, post("/acme/token", "grant_type=client_credentials")).body(), "anonymous");
    assert_eq!(kind(&send(&optional, post("/x/token", "grant_type=client_credentials"))), Some(UNKNOWN));
    let identified = send(&layer().identify_responses(), post("/acme/token", for_tenant("acme")));
    assert_eq!(identified.extensions().get::<ClientIdentity>().unwrap().client_id(), CLIENT);
}

#[test]
fn an_unknown_tenant_holds_no_reservation_of_the_inner_service() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service = layer().layer(limit.layer(handler));
    let refused = now_or_never(async { service.ready().await.unwrap().call(post("/x/token", "")).await.unwrap() });
    assert_eq!((kind(&refused), permits.available_permits()), (Some(UNKNOWN), 1));
}

#[test]
fn the_answer_to_an_unknown_tenant_is_given_once() {
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut future = pin!(layer().layer(handler).oneshot(post("/x/token", "")));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
    let mut service = layer().layer(service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let mut future = pin!(service.call(post("/x/token", "")));
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert!(future.as_mut().poll(&mut context).is_pending());
}

#[test]
fn an_explanation_is_that_of_the_chosen_verifier() {
    let whole = |path: &str, form: String| {
        let (parts, body) = post(path, form).into_parts();
        Request::from_parts(parts, now_or_never(body.collect()).unwrap().to_bytes())
    };
    let explain = |path: &str| now_or_never(layer().explain(&whole(path, for_tenant("acme")), AT));
    let of = |explanation: &tower_client_assertion::explain::Explanation| {
        let steps = explanation.steps().iter().map(|step| (step.check(), step.outcome()));
        steps.collect::<Vec<_>>()
    };

    let known = explain("/acme/token");
    assert!(matches!(known.verdict(), Verdict::Accepted { .. }), "{known}");
    assert_eq!((known.policy(), of(&known)[0]), ("rfc7523", (Check::Tenant, Outcome::Passed)));
    assert_eq!(known.steps().len(), Check::ALL.len());

    let other = explain("/clinic/token");
    assert_eq!((other.policy(), other.verdict().reason()), ("redox", Some(Reason::AudUnexpected)));

    let unknown = explain("/x/token");
    assert_eq!(unknown.verdict().reason(), Some(Reason::TenantUnknown));
    assert_eq!(of(&unknown)[0], (Check::Tenant, Outcome::Failed(Reason::TenantUnknown)));
    assert_eq!(of(&unknown).len(), Check::ALL.len());
    assert!(of(&unknown)[1..].iter().all(|(_, outcome)| *outcome == Outcome::NotReached(Check::Tenant)), "{unknown}");
    let answer = unknown.answer().unwrap();
    assert_eq!((answer.status, answer.error.as_deref()), (404, Some("invalid_request")));
    assert_eq!(unknown.advice().collect::<Vec<_>>(), [Reason::TenantUnknown.advice()]);
    let text = unknown.to_string();
    assert!(text.contains("\"/x/token\"") && text.contains("none, endpoint token"), "{text}");

    let part = now_or_never(layer().explain_part(Part::Assertion(&Jwt::new().signed()), AT));
    assert!(matches!(part.verdict(), Verdict::NotDecided { check: Check::Tenant, .. }), "{part}");
    assert!(part.steps().iter().all(|step| step.outcome() == Outcome::NotJudged && step.why().is_some()), "{part}");

    let elsewhere = layer().path("/token").unwrap();
    let unguarded = now_or_never(elsewhere.explain(&whole("/x/token", String::new()), AT));
    assert_eq!((unguarded.verdict(), unguarded.policy()), (&Verdict::LetPass, ""));
}

fn call(tenant: &str, assertion: &str) -> Request<&'static str> {
    let request = Request::post("/package.Service/Method").header("x-tenant", tenant);
    let request = request.header("client-assertion-type", JWT_BEARER).header("client-assertion", assertion);
    request.body("the messages").unwrap()
}

#[test]
fn grpc_calls_are_judged_by_the_verifier_of_their_tenant() {
    let store = replay();
    let (of_acme, of_unknown) = (Outcomes::default(), Outcomes::default());
    let acme = Arc::new(tenant("acme", &store).events(of_acme.sink()).build().unwrap());
    let layer =
        GrpcAssertionLayer::choose(move |head| (head.headers.get("x-tenant")? == "acme").then(|| Arc::clone(&acme)));
    let layer = layer.report_unknown_tenants(of_unknown.sink());
    let send = |layer: &GrpcAssertionLayer, tenant: &str, assertion: &str| {
        let handler = service_fn(|request: Request<&'static str>| async move {
            let client = request.extensions().get::<ClientIdentity>().unwrap().client_id();
            Ok::<_, Infallible>(Response::new(client.to_string()))
        });
        now_or_never(layer.layer(handler).oneshot(call(tenant, assertion))).unwrap()
    };
    let assertion = Jwt::new().claim("aud", issuer("acme")).signed();
    let unknown = send(&layer, "x", &assertion);
    assert_eq!((&unknown.headers()["grpc-status"], kind(&unknown)), (&"5".parse().unwrap(), Some(UNKNOWN)));
    assert_eq!(unknown.headers()["grpc-message"], "Unknown tenant");
    assert!(!send(&layer.clone().opaque(), "x", &assertion).headers().contains_key("grpc-message"));
    assert_eq!(of_unknown.take(), ["tenant_unknown by  at other as -"; 2]);

    assert_eq!(send(&layer, "acme", &assertion).body(), CLIENT);
    assert_eq!(kind(&send(&layer, "acme", &assertion)), Some(REPLAYED));
    assert_eq!(of_acme.take(), ["accepted by rfc7523 at other as -", "replayed by rfc7523 at other as -"]);
    assert_eq!(of_unknown.take(), Vec::<String>::new());
}

/// No verifier is responsible, so there is no policy that a line could name.
#[test]
fn the_audit_line_of_an_unknown_tenant_has_no_policy() {
    let path = std::env::temp_dir().join(format!("tenants-{}.jsonl", std::process::id()));
    let log = Arc::new(AuditLog::file(&path).unwrap().start().unwrap());
    let layer = layer().report_unknown_tenants(Arc::clone(&log));
    assert_eq!(send(&layer, post("/initech/token", "")).status(), StatusCode::NOT_FOUND);
    log.close().unwrap();
    let line: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(line["event"]["code"], "tenant_unknown");
    let mut members: Vec<_> = line["oauth"].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["endpoint", "findings"]);
}

/// What tenants share is there once, however many they are.
#[test]
fn a_thousand_tenants_share_a_store_and_a_registry() {
    let store = replay();
    let clients = Arc::new(FixedRegistry::new([client()]).unwrap());
    let names: Vec<String> = (0..1_000).map(|number| format!("tenant-{number}")).collect();
    let tenants: HashMap<String, Arc<Verifier>> = names
        .iter()
        .map(|name| {
            let builder = Verifier::builder(Policy::RFC7523, Arc::clone(&clients), Arc::clone(&store));
            let builder = builder.issuer(issuer(name)).clock(ManualClock::at(AT));
            (name.clone(), Arc::new(builder.build().unwrap()))
        })
        .collect();
    assert_eq!((Arc::strong_count(&clients), Arc::strong_count(&store)), (1_001, 1_001));
    let layer =
        ClientAssertionLayer::choose(move |head| tenants.get(head.uri.path().split('/').nth(1)?).map(Arc::clone));
    for name in names.iter().step_by(111) {
        let assertion = for_tenant(name);
        assert_eq!(send(&layer, post(&format!("/{name}/token"), assertion.clone())).body(), CLIENT);
        assert_eq!(kind(&send(&layer, post(&format!("/{name}/token"), assertion))), Some(REPLAYED));
    }
    assert_eq!(kind(&send(&layer, post("/tenant-1000/token", for_tenant("tenant-1000")))), Some(UNKNOWN));
}
