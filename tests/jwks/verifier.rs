//! A whole verifier with clients that publish their keys at a URL: which requests are accepted
//! while keys rotate, fail and change, what each request may cause to be fetched, and what a
//! refused client is told.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::key_server::{KeyServer, Reply};
use crate::common::{CLIENT, Jwt, NOW, SIGNER, Signer, TempFile, fixture, form, now_or_never};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, HyperFetch, JwksRequest, JwksUrl, KeySetCache, KeySetCacheBuilder,
};
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::port::PortError;
use tower_client_assertion::registry::{
    AsyncClientRegistry, Client, ClientRegistry, FileRegistry, FindResult, FixedRegistry,
};
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::render::{Redox, RenderRejection, Rfc6749};
use tower_client_assertion::{ClientAssertionLayer, Rejection, RequestBody, TokenRequest, Verifier};

fn loopback() -> AddressGuard {
    AddressGuard::default().allow_http().allow_range("127.0.0.1").unwrap()
}

/// The time is a backstop against hanging, however slow this machine is.
fn cache_builder() -> KeySetCacheBuilder {
    KeySetCache::builder(HyperFetch::with_webpki_roots()).guard(loopback()).timeout(Duration::from_secs(60))
}

fn cache() -> KeySetCache {
    cache_builder().build().unwrap()
}

fn client(id: &str, url: &str, cache: &KeySetCache) -> Client {
    Client::with_key_set_url(id, &JwksUrl::parse(url).unwrap(), cache).unwrap()
}

fn verifier(registry: impl ClientRegistry + 'static, clock: &ManualClock) -> Verifier {
    fixture().registry(registry).clock(clock).build()
}

/// A verifier that knows [`CLIENT`] with its keys at `server`.
fn verifier_of(server: &KeyServer, clock: &ManualClock) -> Verifier {
    verifier(FixedRegistry::new([client(CLIENT, &server.url(), &cache())]).unwrap(), clock)
}

async fn verify(verifier: &Verifier, assertion: &str) -> Result<(), Rejection> {
    verifier.verify(&TokenRequest::new(form(assertion).as_bytes())).await.map(drop)
}

async fn fault(verifier: &Verifier, assertion: &str) -> RejectionKind {
    verify(verifier, assertion).await.unwrap_err().kind().clone()
}

fn theirs(fault: ClientFault) -> RejectionKind {
    RejectionKind::Client(fault)
}

/// An assertion of [`CLIENT`] that is valid at this time.
fn signed(signer: &Signer, now: u64) -> String {
    Jwt::by(signer, CLIENT).claim("iat", now).claim("exp", now + 300).signed_by(signer)
}

#[tokio::test]
async fn clients_are_accepted_by_their_published_keys() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let verifier = verifier_of(&server, &crate::common::clock());
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    // From now on, requests do not wait.
    for _ in 0..10 {
        now_or_never(verify(&verifier, &Jwt::new().signed())).unwrap();
    }
    assert_eq!(server.fetches(), 1);
    let replayed = Jwt::new().signed();
    verify(&verifier, &replayed).await.unwrap();
    assert_eq!(fault(&verifier, &replayed).await, theirs(ClientFault::Replayed));
    assert_eq!(server.fetches(), 1, "other keys would not change that");
}

#[tokio::test]
async fn key_17_rotation_is_followed_within_one_request() {
    let (first, second, third) = (Signer::es384("a"), Signer::es384("b"), Signer::es384("b"));
    let server = KeyServer::start(Reply::keys(&[first.jwk()])).await;
    let clock = crate::common::clock();
    let verifier = verifier_of(&server, &clock);
    verify(&verifier, &signed(&first, NOW)).await.unwrap();
    server.reply(Reply::keys(&[second.jwk()]));
    verify(&verifier, &signed(&second, NOW)).await.unwrap();
    assert_eq!(fault(&verifier, &signed(&first, NOW)).await, theirs(ClientFault::NoKey), "the old key is gone");
    // Another key with the same `kid`. Within the cool-down the signature fails; then the new key
    // is fetched.
    server.reply(Reply::keys(&[third.jwk()]));
    assert_eq!(fault(&verifier, &signed(&third, NOW)).await, theirs(ClientFault::BadSignature));
    assert_eq!(server.fetches(), 2);
    clock.advance(30);
    let assertion = signed(&third, NOW + 30);
    verify(&verifier, &assertion).await.unwrap();
    assert_eq!(fault(&verifier, &signed(&second, NOW + 30)).await, theirs(ClientFault::BadSignature));
    assert_eq!(server.fetches(), 3);
}

#[tokio::test]
async fn e43_a_flood_of_unknown_kids_causes_one_fetch() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let clock = crate::common::clock();
    let verifier = Arc::new(verifier_of(&server, &clock));
    let flood = |from: usize, now: u64| {
        let verifier = Arc::clone(&verifier);
        async move {
            let mut tasks = tokio::task::JoinSet::new();
            for index in from..from + 1000 {
                let (verifier, header) = (Arc::clone(&verifier), format!("kid-{index}"));
                let jwt = Jwt::new().claim("iat", now).claim("exp", now + 300).header("kid", header);
                tasks.spawn(async move { fault(&verifier, &jwt.signed()).await });
            }
            for fault in tasks.join_all().await {
                assert_eq!(fault, theirs(ClientFault::NoKey));
            }
        }
    };
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    flood(0, NOW).await;
    assert_eq!(server.fetches(), 2);
    now_or_never(verify(&verifier, &Jwt::new().signed())).unwrap();
    clock.advance(29);
    flood(1000, NOW + 29).await;
    assert_eq!(server.fetches(), 2);
    clock.advance(1);
    flood(2000, NOW + 30).await;
    assert_eq!(server.fetches(), 3);
}

#[tokio::test]
async fn freshly_fetched_keys_are_not_fetched_again() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let verifier = verifier_of(&server, &crate::common::clock());
    assert_eq!(fault(&verifier, &Jwt::new().header("kid", "other").signed()).await, theirs(ClientFault::NoKey));
    assert_eq!(server.fetches(), 1);
    let forged = Signer::es384("key-1");
    assert_eq!(fault(&verifier, &signed(&forged, NOW)).await, theirs(ClientFault::BadSignature));
    assert_eq!(server.fetches(), 2, "a later one may");
    for _ in 0..100 {
        assert_eq!(fault(&verifier, &signed(&forged, NOW)).await, theirs(ClientFault::BadSignature));
    }
    assert_eq!(server.fetches(), 2, "once in each cool-down");
}

/// No key can verify a signature of another length, so newer keys would not help.
#[tokio::test]
async fn a_signature_of_the_wrong_length_causes_no_fetch() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let verifier = verifier_of(&server, &crate::common::clock());
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    for longer in ["AAAA", "AAAAAAAA"] {
        let assertion = Jwt::new().signed() + longer;
        assert_eq!(fault(&verifier, &assertion).await, theirs(ClientFault::SignatureLength));
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn early_refusals_cause_no_fetch() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let verifier = verifier_of(&server, &crate::common::clock());
    for (jwt, expected) in [
        (Jwt::new().claim("aud", "https://other.example"), None),
        (Jwt::new().claim("iat", NOW - 1000), None),
        (Jwt::new().claim("exp", NOW - 1000), None),
        (Jwt::new().header("alg", "none"), Some(ClientFault::AlgorithmNotAllowed)),
        (Jwt::new().header("alg", "HS384"), Some(ClientFault::MethodNotRegistered)),
        (Jwt::new().without_header("kid"), Some(ClientFault::KidMissing)),
        (Jwt::new().claim("iss", "stranger").claim("sub", "stranger"), Some(ClientFault::UnknownClient)),
        (Jwt::new().header("jku", format!("{}?", server.url())), Some(ClientFault::JkuMismatch)),
        (Jwt::new().header("jku", server.url().to_uppercase()), Some(ClientFault::JkuMismatch)),
    ] {
        let found = fault(&verifier, &jwt.signed()).await;
        assert!(expected.is_none_or(|expected| found == theirs(expected)), "{found:?}");
    }
    verify(&verifier, "not.a.jwt").await.unwrap_err();
    assert_eq!(server.connections(), 0);
    verify(&verifier, &Jwt::new().header("jku", server.url()).signed()).await.unwrap();
}

#[tokio::test]
async fn e35_keys_are_never_shared_between_clients() {
    let (mine, yours) = (Signer::es384("key-1"), Signer::es384("key-1"));
    let (my_server, your_server) =
        (KeyServer::start(Reply::keys(&[mine.jwk()])).await, KeyServer::start(Reply::keys(&[yours.jwk()])).await);
    let cache = cache();
    let clients = [client("mine", &my_server.url(), &cache), client("yours", &your_server.url(), &cache)];
    let verifier = verifier(FixedRegistry::new(clients).unwrap(), &crate::common::clock());
    for (client, signer, accepted) in [("mine", &mine, true), ("yours", &mine, false), ("yours", &yours, true)] {
        let assertion = Jwt::by(signer, client).signed_by(signer);
        assert_eq!(verify(&verifier, &assertion).await.is_ok(), accepted, "{client}");
    }
}

#[tokio::test]
async fn clients_of_one_url_are_each_judged_by_their_own_rules() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let cache = cache();
    let of_vendor = |id: &str| client(id, &server.url(), &cache);
    let other_alg = of_vendor("other-alg").with_signing_alg(Algorithm::RS384).unwrap();
    let clients = [of_vendor("one"), of_vendor("two"), other_alg];
    let verifier = verifier(FixedRegistry::new(clients).unwrap(), &crate::common::clock());
    let accepted = async |id: &str| verify(&verifier, &Jwt::by(&SIGNER, id).signed()).await.is_ok();
    for (client, expected) in [("one", true), ("two", true), ("other-alg", false)] {
        assert_eq!(accepted(client).await, expected, "{client}");
    }
    // A spent `jti` is spent for its client only.
    for client in ["one", "two"] {
        let assertion = Jwt::by(&SIGNER, client).claim("jti", "the-same").signed();
        verify(&verifier, &assertion).await.unwrap();
        assert_eq!(fault(&verifier, &assertion).await, theirs(ClientFault::Replayed), "{client}");
    }
    assert_eq!(server.fetches(), 1);
    server.reply(Reply::status("500 Oops"));
    cache.invalidate("two");
    assert!(accepted("one").await && !accepted("two").await);
}

/// The layer's answer to a request with this assertion.
async fn told(verifier: Verifier, renderer: impl RenderRejection, assertion: &str) -> (u16, Value) {
    let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("{}")))
    });
    let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::from(form(assertion))).unwrap();
    let response = ClientAssertionLayer::new(verifier).render(renderer).layer(handler).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

#[tokio::test]
async fn err_09_an_unreachable_key_set_is_the_clients_fault() {
    for (reply, cause) in [
        (Reply::status("404 Not Found"), "the server answered with the status 404"),
        (Reply::status("500 Oops"), "the server answered with the status 500"),
        (Reply::json("garbage"), "the document is not well-formed JSON at line 1, column 1"),
        (Reply::Bytes(Vec::new()), "the server could not be reached"),
    ] {
        let server = KeyServer::start(reply).await;
        let rejection = verify(&verifier_of(&server, &crate::common::clock()), &Jwt::new().signed()).await.unwrap_err();
        assert_eq!(*rejection.kind(), theirs(ClientFault::KeySetUnavailable));
        assert_eq!(std::error::Error::source(&rejection).unwrap().to_string(), cause);

        let redox = told(verifier_of(&server, &crate::common::clock()), Redox::default(), &Jwt::new().signed()).await;
        let row_7 = "Public key not found, check client_id, kid and Redox dashboard settings";
        assert_eq!(redox, (400, json!({"error": "invalid_request", "error_description": row_7})));
        let standard =
            told(verifier_of(&server, &crate::common::clock()), Rfc6749::default(), &Jwt::new().signed()).await;
        let text = "Client key set could not be retrieved";
        assert_eq!(standard, (400, json!({"error": "invalid_client", "error_description": text})));
    }
}

#[tokio::test]
async fn a_broken_server_network_is_503_if_configured() {
    let silent =
        |_: JwksRequest| async { Err::<Response<Full<Bytes>>, _>(FetchError::Unreachable(PortError::new("no route"))) };
    for configured in [false, true] {
        let builder = KeySetCache::builder(silent);
        let hosts = NonZeroUsize::new(2).unwrap();
        let cache = if configured { builder.blame_own_network_after(hosts) } else { builder }.build().unwrap();
        let of_host = |id: &str, host: &str| client(id, &format!("https://{host}/"), &cache);
        let clients = [of_host(CLIENT, "a.example"), of_host("other", "b.example")];
        let registry = Arc::new(FixedRegistry::new(clients).unwrap());
        let first = verifier(Arc::clone(&registry), &crate::common::clock());
        assert_eq!(fault(&first, &Jwt::new().signed()).await, theirs(ClientFault::KeySetUnavailable));
        let second = fault(&first, &Jwt::by(&SIGNER, "other").signed()).await;
        let (status, body) = told(first, Redox::default(), &Jwt::new().signed()).await;
        match configured {
            true => {
                assert_eq!(second, RejectionKind::Server(ServerFault::KeySetFetch));
                assert_eq!((status, &body["error"]), (503, &json!("temporarily_unavailable")));
            }
            false => {
                assert_eq!(second, theirs(ClientFault::KeySetUnavailable));
                assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
            }
        }
    }
}

#[tokio::test]
async fn stale_keys_bridge_an_outage_except_under_smart() {
    for (smart, survives) in [(false, true), (true, false)] {
        let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
        let builder = if smart { cache_builder().smart() } else { cache_builder() };
        let registry = FixedRegistry::new([client(CLIENT, &server.url(), &builder.build().unwrap())]).unwrap();
        let clock = crate::common::clock();
        let verifier = verifier(registry, &clock);
        verify(&verifier, &Jwt::new().signed()).await.unwrap();
        server.reply(Reply::status("503 Service Unavailable"));
        clock.advance(1000);
        let outcome = verify(&verifier, &signed(&SIGNER, NOW + 1000)).await;
        assert_eq!(outcome.is_ok(), survives, "{smart}: {outcome:?}");
        clock.advance(60 * 60);
        let late = NOW + 1000 + 60 * 60;
        assert_eq!(fault(&verifier, &signed(&SIGNER, late)).await, theirs(ClientFault::KeySetUnavailable));
    }
}

#[tokio::test]
async fn a_removed_key_set_revokes_its_client() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let clock = crate::common::clock();
    let verifier = verifier_of(&server, &clock);
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    server.reply(Reply::status("410 Gone"));
    clock.advance(300);
    assert_eq!(fault(&verifier, &signed(&SIGNER, NOW + 300)).await, theirs(ClientFault::KeySetUnavailable));
}

#[tokio::test]
async fn a_hanging_key_server_delays_only_unknown_kids() {
    let (slow, quick) =
        (KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await, KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await);
    let cache = cache();
    let clients = [client(CLIENT, &slow.url(), &cache), client("other", &quick.url(), &cache)];
    let verifier = verifier(FixedRegistry::new(clients).unwrap(), &crate::common::clock());
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    slow.reply(Reply::Stall(Vec::new()));
    let unknown = form(&Jwt::new().header("kid", "other").signed());
    let request = TokenRequest::new(unknown.as_bytes());
    let mut waiting = tokio_test::task::spawn(verifier.verify(&request));
    assert!(waiting.poll().is_pending());
    now_or_never(verify(&verifier, &Jwt::new().signed())).unwrap();
    verify(&verifier, &Jwt::by(&SIGNER, "other").signed()).await.unwrap();
    assert!(waiting.poll().is_pending());
}

#[tokio::test]
async fn dropping_a_request_does_not_abort_a_shared_fetch() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let verifier = verifier_of(&server, &crate::common::clock());
    let (one, two) = (form(&Jwt::new().signed()), form(&Jwt::new().signed()));
    let (one, two) = (TokenRequest::new(one.as_bytes()), TokenRequest::new(two.as_bytes()));
    let mut leader = tokio_test::task::spawn(verifier.verify(&one));
    assert!(leader.poll().is_pending());
    let mut follower = tokio_test::task::spawn(verifier.verify(&two));
    assert!(follower.poll().is_pending());
    drop(leader);
    follower.await.unwrap();
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn assertions_that_expire_during_a_fetch_are_refused() {
    let clock = crate::common::clock();
    let moving = clock.clone();
    let keys = json!({"keys": [SIGNER.jwk()]}).to_string();
    let slow = move |_: JwksRequest| {
        moving.advance(1000);
        let response = Response::new(Full::<Bytes>::from(keys.clone()));
        async move { Ok::<_, std::convert::Infallible>(response) }
    };
    let cache = KeySetCache::builder(slow).build().unwrap();
    let registry = FixedRegistry::new([client(CLIENT, "https://clinic.example/", &cache)]).unwrap();
    let rejection = fault(&verifier(registry, &clock), &Jwt::new().signed()).await;
    assert!(matches!(rejection, RejectionKind::Client(ClientFault::Claim(..))), "{rejection:?}");
}

/// Builds the client again for each request.
#[derive(Debug)]
struct Database(String, KeySetCache);

impl AsyncClientRegistry for Database {
    async fn find(&self, client_id: &str) -> FindResult {
        tokio::task::yield_now().await;
        Ok(Some(Arc::new(client(client_id, &self.0, &self.1))))
    }
}

#[tokio::test]
async fn cached_keys_outlive_a_database_record() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let database = tower_client_assertion::port::Awaited::new(Database(server.url(), cache()));
    let verifier = verifier(database, &crate::common::clock());
    for _ in 0..5 {
        verify(&verifier, &Jwt::new().signed()).await.unwrap();
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn accepted_requests_and_fetches_are_events() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = |events: &Arc<Mutex<Vec<String>>>| {
        let events = Arc::clone(events);
        event::sink(move |event| {
            let text = match event {
                Event::Accepted(event) => format!("accepted {}", event.identity().client_id()),
                Event::Refused(refused) => format!("refused: {}", refused.rejection()),
                Event::KeySet(event) => format!("{} at {}: {event}", event.client_id(), event.url()),
                _ => "another".to_owned(),
            };
            events.lock().unwrap().push(text);
        })
    };
    let cache = cache_builder().events(sink(&events)).build().unwrap();
    let registry = FixedRegistry::new([client(CLIENT, &server.url(), &cache)]).unwrap();
    let verifier = fixture().registry(registry).builder().events(sink(&events)).build().unwrap();
    verify(&verifier, &Jwt::new().signed()).await.unwrap();
    verify(&verifier, &Jwt::new().header("kid", "other").signed()).await.unwrap_err();
    let fetched = format!("{CLIENT} at {}: fetched 1 usable key, fresh for 300 s", server.url());
    let refused = "refused: the client has no usable key for this algorithm and kid".to_owned();
    assert_eq!(*events.lock().unwrap(), [fetched.clone(), format!("accepted {CLIENT}"), fetched, refused]);
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_unchanged_clients() {
    let server = KeyServer::start(Reply::keys(&[SIGNER.jwk()])).await;
    let entry = |id: &str, path: &str| json!({"client_id": id, "jwks_uri": format!("http://{}{path}", server.address)});
    let clients = |moved: &str| [entry("stays", "/keys"), entry("moves", moved), entry("goes", "/keys")];
    let file = TempFile::new(json!(clients("/old")).to_string());
    let cache = cache();
    let registry = Arc::new(FileRegistry::load_with(file.path(), &cache).unwrap());
    assert!(registry.problems().is_empty(), "{:?}", registry.problems());
    let verifier = verifier(Arc::clone(&registry), &crate::common::clock());
    let accepted = async |id: &str| verify(&verifier, &Jwt::by(&SIGNER, id).signed()).await.is_ok();
    for id in ["stays", "moves", "goes"] {
        assert!(accepted(id).await, "{id}");
    }
    assert_eq!((server.fetches(), cache.kept_sources()), (2, 2), "two URLs");
    file.write(json!(&clients("/new")[..2]).to_string());
    registry.reload().unwrap();
    assert_eq!(cache.kept_sources(), 1, "unused sources are dropped immediately");
    assert!(accepted("stays").await && accepted("moves").await && !accepted("goes").await);
    assert_eq!(server.fetches(), 3);
    assert!(server.requests()[2].starts_with("GET /new "));
    assert_eq!(cache.prefetch(UnixTime::from_secs(NOW)).await.ready, 2);
    assert_eq!(server.fetches(), 3);
}

/// The fetch from the old URL never ends, so the request waits when the file is read again.
#[tokio::test]
async fn key_24_a_reload_during_a_fetch_decides_by_the_new_file() {
    let (old, new) = (Signer::es384("key-1"), Signer::es384("key-1"));
    let entry = |path: &str| json!({"client_id": CLIENT, "jwks_uri": format!("https://clinic.example/{path}")});
    for (by_now, signer, expected) in [
        (json!([entry("new")]), &new, None),
        (json!([entry("new")]), &old, Some(ClientFault::BadSignature)),
        (json!([]), &old, Some(ClientFault::UnknownClient)),
        (json!([{"client_id": CLIENT, "jwks": {"keys": [new.jwk()]}}]), &new, None),
        (json!([{"client_id": CLIENT, "jwks": {"keys": [new.jwk()]}}]), &old, Some(ClientFault::BadSignature)),
    ] {
        let keys = json!({"keys": [new.jwk()]}).to_string();
        let fetch = move |request: JwksRequest| {
            let response = Response::new(Full::<Bytes>::from(keys.clone()));
            async move {
                if request.url().uri().path() == "/old" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        };
        let cache = KeySetCache::builder(fetch).timeout(Duration::from_secs(60)).build().unwrap();
        let file = TempFile::new(json!([entry("old")]).to_string());
        let registry = Arc::new(FileRegistry::load_with(file.path(), &cache).unwrap());
        let verifier = verifier(Arc::clone(&registry), &crate::common::clock());
        let form = form(&Jwt::by(signer, CLIENT).signed_by(signer));
        let request = TokenRequest::new(form.as_bytes());
        let mut waiting = tokio_test::task::spawn(verifier.verify(&request));
        assert!(waiting.poll().is_pending());
        file.write(by_now.to_string());
        registry.reload().unwrap();
        let outcome = waiting.await.map(drop).map_err(|rejection| rejection.kind().clone());
        assert_eq!(outcome, expected.map_or(Ok(()), |fault| Err(theirs(fault))), "{by_now}");
    }
}

#[test]
fn invalid_jwks_uris_are_reported_by_member() {
    for (url, why) in [
        (json!("https://me:secret@clinic.example/"), "it has a user name or a password; remove them"),
        (json!("https://clinic.example/#keys"), "it has a fragment; remove it"),
        (json!("ftp://clinic.example/"), "its scheme is not https"),
        (json!("http://clinic.example/"), "its scheme is http, which is not allowed; use https"),
        (json!("clinic.example"), "it is not an absolute URL; write https://host/path"),
        (json!("https://127.0.0.1/"), "the address 127.0.0.1 is loopback; allow the host or its range if it is yours"),
        (
            json!("https://169.254.169.254/"),
            "the address 169.254.169.254 is link-local, where clouds keep their metadata; allow the host or its range if it is yours",
        ),
        (json!("https://0x7f.1/"), "its host is neither a name nor a plain address, or its port is out of range"),
        (json!(7), "a number, expected a string"),
    ] {
        let file = TempFile::new(json!([{"client_id": "odd", "jwks_uri": url}]).to_string());
        let cache = KeySetCache::builder(HyperFetch::with_webpki_roots()).build().unwrap();
        let registry = FileRegistry::load_with(file.path(), &cache).unwrap();
        let problem = &registry.problems()[0];
        assert_eq!(problem.to_string(), format!("client 0 (\"odd\"): jwks_uri: {why}"));
        assert!(problem.is_unusable() && problem.member() == "jwks_uri");
        assert!(cache.sources().is_empty());
    }
}

#[test]
fn key_03_a_client_registers_jwks_or_jwks_uri_and_not_both() {
    let jwks = json!({"keys": [SIGNER.jwk()]});
    let file =
        TempFile::new(json!([{"client_id": "odd", "jwks_uri": "https://clinic.example/", "jwks": jwks}]).to_string());
    let registry = FileRegistry::load_with(file.path(), &cache()).unwrap();
    let expected = "client 0 (\"odd\"): jwks_uri: jwks is registered too; register only one of them";
    assert_eq!(registry.problems()[0].to_string(), expected);
    assert!(registry.problems()[0].is_unusable());
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_no_longer_than_a_fetch_may_take() {
    let server = KeyServer::start(Reply::Stall(Vec::new())).await;
    let by_default = KeySetCache::builder(HyperFetch::with_webpki_roots()).guard(loopback()).build().unwrap();
    let registry = FixedRegistry::new([client(CLIENT, &server.url(), &by_default)]).unwrap();
    let verifier = verifier(registry, &crate::common::clock());
    let started = tokio::time::Instant::now();
    assert_eq!(fault(&verifier, &Jwt::new().signed()).await, theirs(ClientFault::KeySetUnavailable));
    assert!(started.elapsed() < Duration::from_millis(3_100), "{:?}", started.elapsed());
    now_or_never(verify(&verifier, &Jwt::new().signed())).unwrap_err();
}
