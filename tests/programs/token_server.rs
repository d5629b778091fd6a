//! Runs the example `token_server` as a process: what it prints, what it answers over real sockets,
//! how it stops, and which command lines it refuses.

use std::process::Output;

use std::collections::BTreeSet;

use crate::common::attempt::Attempt;
use crate::common::key_server::{KeyServer, Reply};
#[cfg(feature = "redis")]
use crate::common::redis::{Redis, until};
use crate::common::vectors::VECTORS;
use crate::common::{CLIENT, Jwt, NOW, SIGNER, Signer};
use crate::server::{AUDIENCE, Answer, ClientFile, FORM, ISSUER, Server, addressed, command, form, soon};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_client_assertion::clock::{Clock, SystemClock};

#[tokio::test]
async fn demo_prints_a_curl_line_that_works_once() {
    let mut server = Server::start(&[]).await;
    let curl = server.stderr_line(|line| line.starts_with("curl ")).await;

    let accepted = server.post(&form_of_curl(&curl)).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    assert!(accepted.json()["access_token"].is_string());

    let refused = server.post(&form_of_curl(&curl)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error_description"], "Unexpected jti claim value");

    server.stderr_line(|line| line.contains("already been used")).await;
    server.terminate().await;
    server.finished_quietly().await;
}

#[tokio::test]
async fn demo_shows_an_accepted_and_a_refused_request() {
    let mut server = Server::start(&[]).await;
    server.stderr_line(|line| line.starts_with("curl ")).await;
    let shown: Vec<_> = server.seen.iter().filter(|line| line.starts_with(['<', '>'])).cloned().collect();
    let shown = shown.join("\n");
    assert!(shown.contains("< HTTP/1.1 200 OK"), "{shown}");
    assert!(shown.contains("< HTTP/1.1 400 Bad Request"), "{shown}");
    assert!(shown.contains("Unexpected jti claim value"), "{shown}");
    let assertions: Vec<_> = shown.lines().filter_map(|line| line.split_once("client_assertion=")).collect();
    assert_eq!(assertions.len(), 2);
    assert!(assertions.iter().all(|(_, assertion)| assertion.ends_with("...") && assertion.len() < 40), "{shown}");
}

#[tokio::test]
async fn what_is_weaker_is_told_at_the_start() {
    let key = Signer::ed25519("EdDSA", "key-1").jwk();
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "jwks": {"keys": [key]}},
        {"client_id": "clinic-8", "jwks": {"keys": [key]}},
    ]));
    for (profile, expected, absent) in [
        ("fapi2", ["C02", "R02", "O02"].as_slice(), ["P01", "P02", "P06"].as_slice()),
        ("rfc7523", &["P01", "P13", "C02"], &["P04", "P06"]),
    ] {
        let mut server = Server::start(&clients.arguments_for(profile)).await;
        server
            .stderr_line(|line| line.starts_with("WEAKER") && line.ends_with("By this rule also: \"clinic-8\"."))
            .await;
        server.terminate().await;
        server.stderr_line(|line| line.starts_with("stopping")).await;
        let told = |rule: &str| server.seen.iter().any(|line| line.starts_with("WEAKER") && line.contains(rule));
        for rule in expected {
            assert!(told(rule), "{profile}: {rule} of {:?}", server.seen);
        }
        for rule in absent {
            assert!(!told(rule), "{profile}: {rule} of {:?}", server.seen);
        }
        let secret = key["x"].as_str().unwrap();
        assert!(!server.seen.iter().any(|line| line.contains(secret)), "{:?}", server.seen);
    }
}

#[tokio::test]
async fn client_files_are_served_and_unusable_clients_reported() {
    let signer = Signer::es384("key-1");
    let other = Signer::es256("key-2");
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "scope": "system/Patient.rs system/Observation.rs", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "clinic-8"},
        {"client_id": "clinic-9", "jwks": {"keys": [other.jwk()]}},
        {"client_id": "clinic-10", "jwks": {"keys": [signer.jwk()]}},
    ]));
    let mut server = Server::start(&clients.arguments()).await;
    server.stderr_line(|line| line.contains("clinic-8") && line.contains("jwks")).await;
    server.stderr_line(|line| line.contains("clinic-9") && line.contains("ES256")).await;

    let accepted = server.post(&form(&signer, "clinic-7", "")).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    assert_eq!(accepted.header("cache-control"), Some("no-store"));
    assert_eq!(accepted.header("pragma"), Some("no-cache"));
    assert_eq!(accepted.header("content-type"), Some("application/json"));
    let token = accepted.json();
    assert!(token["access_token"].as_str().is_some_and(|text| text.len() >= 22), "{token}");
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("bearer"), &json!(300)));
    assert_eq!(token.get("scope"), None);

    let unknown = server.post(&form(&signer, "clinic-8", "")).await;
    assert_eq!(unknown.status, 400);
    let by_get = server.send(&format!("GET /v2/auth/token HTTP/1.1\r\nHost: {}", server.address), "").await;
    assert_eq!((by_get.status, by_get.header("allow")), (405, Some("POST")));

    server.terminate().await;
    server.finished_quietly().await;
}

#[tokio::test]
async fn granted_scope_is_both_requested_and_registered() {
    let signer = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([
        {"client_id": "some", "scope": "a b", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "none", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "empty", "scope": "", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "malformed", "scope": "a  b", "jwks": {"keys": [signer.jwk()]}},
    ]));
    let server = Server::start(&clients.arguments()).await;
    let table = [
        ("some", "&scope=b+c", 200, json!("b")),
        ("some", "&scope=b+a", 200, json!("b a")),
        ("some", "&scope=", 200, Value::Null),
        ("some", "", 200, Value::Null),
        ("some", "&scope=c", 400, Value::Null),
        ("some", "&scope=b+b", 200, json!("b")),
        ("some", "&scope=+", 200, Value::Null),
        ("some", "&scope=a+", 200, json!("a")),
        ("some", "&scope=a++b", 400, Value::Null),
        ("some", "&scope=a%22", 400, Value::Null),
        ("some", "&scope=%C3%A9", 400, Value::Null),
        ("none", "", 200, Value::Null),
        ("none", "&scope=", 200, Value::Null),
        ("none", "&scope=a", 400, Value::Null),
        ("none", "&scope=c%20d", 400, Value::Null),
        ("empty", "&scope=a", 400, Value::Null),
        ("malformed", "", 200, Value::Null),
        ("malformed", "&scope=a", 400, Value::Null),
    ];
    for (client, asked, status, granted) in table {
        let answer = server.post(&form(&signer, client, asked)).await;
        assert_eq!(answer.status, status, "{client} {asked}: {}", answer.body);
        assert_eq!(answer.json()["scope"], granted, "{client} {asked}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{client} {asked}");
        let described = answer.json()["error_description"].as_str().is_some_and(|text| text.contains("scope"));
        assert_eq!((answer.json()["error"] == "invalid_scope", described), (status == 400, status == 400), "{asked}");
    }
}

/// Once by a flag, and once by the file. By default, nothing is shown.
#[tokio::test]
async fn a_token_response_shows_the_client_if_that_is_asked_for() {
    let signer = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]));
    let config = clients.path().with_extension("show.toml");
    std::fs::write(&config, "show_client = true").unwrap();
    let by_file = vec!["--config".to_owned(), config.to_str().unwrap().to_owned()];
    for (more, is_shown) in [(vec![], false), (vec!["--show-client".to_owned()], true), (by_file, true)] {
        let server = Server::start(&[clients.arguments(), more].concat()).await;
        let mut token = server.post(&form(&signer, "clinic-7", "")).await.json();
        let mut shown = token["client"].take();
        let thumbprint = shown.as_object_mut().and_then(|shown| shown.remove("jkt"));
        assert_eq!(thumbprint.is_some_and(|text| text.as_str().unwrap().len() == 43), is_shown, "{token}");
        let expected = json!({"id": "clinic-7", "method": "private_key_jwt", "alg": "ES384", "kid": "key-1",
            "policy": "redox", "single_use": true});
        assert_eq!(shown, if is_shown { expected } else { Value::Null });
        let mistaken = server.post(&form(&signer, "clinic-8", "")).await;
        assert!(mistaken.json().get("client").is_none(), "{}", mistaken.body);
    }
    std::fs::remove_file(config).unwrap();
}

fn tenant(name: &str, profile: &str) -> Value {
    json!({"issuer": format!("https://{name}.example.com"), "profile": profile, "clients": "clients.json"})
}

#[tokio::test]
async fn tenants_are_served_below_their_names() {
    let signer = Signer::es384("key-1");
    let clients = json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]);
    let base = ClientFile::new(&clients);
    let folder = crate::common::TempDir::new();
    std::fs::write(folder.path().join("clients.json"), clients.to_string()).unwrap();
    let tenants = folder.path().join("tenants.json");
    let urls = json!(["https://c.example.com/token"]);
    let with_url = crate::common::with_member(&tenant("c", "redox"), "audience", urls);
    let all = json!({"a": tenant("a", "rfc7523"), "b": tenant("b", "oidc"), "c": with_url});
    std::fs::write(&tenants, all.to_string()).unwrap();
    let arguments = ["--tenants".to_owned(), tenants.to_str().unwrap().to_owned()];
    let server = Server::start(&[base.arguments(), arguments.to_vec()].concat()).await;

    let send = async |path: &str, aud: &str, jti: &str| {
        let now = SystemClock.now().unwrap().as_secs();
        let jwt = Jwt::by(&signer, "clinic-7").claim("aud", aud).claim("jti", jti).claim("iat", now);
        let form = crate::common::form(&jwt.claim("exp", now + 60).signed_by(&signer));
        let head = server.token_request(form.len()).replace("/v2/auth/token", path);
        server.send(&head, &form).await
    };
    // One id with one `jti` is accepted once by each.
    for (path, aud) in [
        ("/a/v2/auth/token", "https://a.example.com"),
        ("/b/v2/auth/token", "https://b.example.com"),
        ("/c/v2/auth/token", "https://c.example.com/token"),
        ("/v2/auth/token", AUDIENCE),
    ] {
        let accepted = send(path, aud, "the-same").await;
        assert_eq!(accepted.status, 200, "{path}: {}", accepted.body);
        assert_eq!(send(path, aud, "the-same").await.status, 400, "{path}");
        assert_eq!(send(path, "https://d.example.com", "another").await.status, 400, "{path}");
    }
    assert_eq!(send("/d/v2/auth/token", "https://d.example.com", "d").await.status, 404);
    let metadata = server.send("GET /.well-known/oauth-authorization-server/b HTTP/1.1\r\nHost: a", "").await;
    assert_eq!(metadata.json()["token_endpoint"], "https://b.example.com/v2/auth/token");
}

#[tokio::test]
async fn a_file_of_tenants_that_cannot_be_used_is_refused() {
    let base = ClientFile::new(&json!([]));
    let without_clients = crate::common::with_member(&tenant("a", "oidc"), "clients", "missing.json");
    let cases = [
        (json!({"a": {"issuer": "https://a.example.com"}}).to_string(), "missing field `clients`"),
        (json!({"a": {"typo": 1}}).to_string(), "unknown field `typo`"),
        (json!({"a b": tenant("a", "oidc")}).to_string(), "\"a b\": a name has 1 to 64 letters"),
        (json!({"a": tenant("a", "saml")}).to_string(), "\"a\": profile: \"saml\" is not valid; expected redox, smart"),
        (json!({"a": tenant("a", "redox")}).to_string(), "\"a\": audience: not set"),
        (json!({"a": without_clients}).to_string(), "\"a\": clients: "),
        ("[]".to_owned(), "invalid type: sequence, expected a map"),
    ];
    for (content, expected) in cases {
        let file = ClientFile::of(content.as_bytes());
        let flags = ["--tenants".to_owned(), file.path().to_str().unwrap().to_owned()];
        let output = soon("the end", command(&[base.arguments(), flags.to_vec()].concat()).output()).await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{content}: {error}");
        assert!(error.contains(expected) && error.contains("--tenants: "), "{error:?} has no {expected:?}");
    }
}

/// A request without usable id gets a new one.
#[tokio::test]
async fn every_response_and_its_log_line_have_one_request_id() {
    let long = "x".repeat(65);
    let visible: String = ('!'..='~').collect();
    // The header lines, and whether the id in them is kept.
    let table = [
        ("", None),
        ("x-request-id: a", Some("a")),
        ("X-Request-ID: 6F9619FF-8B86-D011-B42D-00CF4FC964FF", Some("6F9619FF-8B86-D011-B42D-00CF4FC964FF")),
        (&format!("x-request-id: {}", &long[1..]), Some(&long[1..])),
        (&format!("x-request-id: {long}"), None),
        (&format!("x-request-id: {}", &visible[..64]), Some(&visible[..64])),
        (&format!("x-request-id: {}", &visible[64..]), Some(&visible[64..])),
        ("x-request-id:", None),
        ("x-request-id:  padded  ", Some("padded")),
        ("x-request-id: two words", None),
        ("x-request-id: tab\tbed", None),
        ("x-request-id: café", None),
        ("x-request-id: \u{80}", None),
        ("x-request-id: a\r\nx-request-id: b", None),
        ("x-request-id: a\r\nx-request-id: a", None),
    ];
    let mut server = Server::start(&ClientFile::new(&json!([])).arguments()).await;
    let mut generated = std::collections::HashSet::new();
    for (header, kept) in table {
        let separator = if header.is_empty() { "" } else { "\r\n" };
        for target in ["POST /v2/auth/token", "GET /v2/auth/token", "GET /nowhere", "POST /.well-known/none"] {
            let head = format!("{target} HTTP/1.1\r\nHost: a\r\n{FORM}\r\nContent-Length: 0{separator}{header}");
            let answer = server.send(&head, "").await;
            assert!(answer.status >= 400, "{target}");
            let id = answer.header("x-request-id").unwrap().to_owned();
            match kept {
                Some(kept) => assert_eq!(id, kept, "{target}"),
                None => {
                    let usable = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
                    assert!(usable && generated.insert(id.clone()), "{header:?} {target}: {id:?}");
                }
            }
            if target.contains("/v2/") {
                let line = server.stderr_line(|line| line.starts_with("refused")).await;
                assert!(line.ends_with(&format!(" x-request-id={id}")), "{header:?}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_with_its_store_in_memory_is_ready() {
    let server = Server::start(&ClientFile::new(&json!([])).arguments()).await;
    let answer = probe(&server).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let parts = json!({"clock": "healthy", "registry": "healthy", "replay_store": "healthy"});
    assert_eq!(answer.json(), json!({"ready": true, "parts": parts}));
}

#[tokio::test]
#[cfg(feature = "redis")]
async fn a_server_whose_store_is_down_is_not_ready() {
    let mut redis = Redis::start().await;
    let replay = ["--replay", &redis.url()].map(str::to_owned);
    let clients = ClientFile::new(&json!([]));
    let mut server = Server::start(&[clients.arguments(), replay.to_vec()].concat()).await;
    let becomes = async |status| until("the status", async || probe(&server).await.status == status).await;
    becomes(200).await;
    redis.kill().await;
    becomes(503).await;
    let answer = probe(&server).await;
    let parts = json!({"clock": "healthy", "registry": "healthy", "replay_store": "unhealthy"});
    assert_eq!(answer.json(), json!({"ready": false, "parts": parts}));
    redis.restart().await;
    becomes(200).await;
    let line = server.stderr_line(|line| line.starts_with("not ready; replay_store: redis: ")).await;
    assert!(line.ends_with(" x-request-id=probe-1"), "{line}");
    server.stderr_line(|line| line.starts_with("ready")).await;
}

async fn probe(server: &Server) -> Answer {
    let answer = server.send("GET /ready HTTP/1.1\r\nHost: a\r\nx-request-id: probe-1", "").await;
    let headers = ["content-type", "cache-control", "x-request-id"].map(|name| answer.header(name));
    assert_eq!(headers, [Some("application/json"), Some("no-store"), Some("probe-1")]);
    answer
}

/// A client may be registered under an id that looks like the rest of a line.
#[tokio::test]
async fn no_client_id_forges_a_line() {
    let (signer, id) = (Signer::es384("key-1"), r#"evil, private_key_jwt, ES384 refused "x""#);
    let clients = ClientFile::new(&json!([{"client_id": id, "jwks": {"keys": [signer.jwk()]}}]));
    let mut server = Server::start(&clients.arguments()).await;
    let form = form(&signer, id, "");
    let quoted = r#" "evil, private_key_jwt, ES384 refused \"x\"", "#;
    for outcome in ["accepted", "refused"] {
        server.post(&form).await;
        let line = server.stderr_line(|line| line.starts_with(outcome)).await;
        assert!(line.strip_prefix(outcome).unwrap().starts_with(quoted), "{line}");
    }
}

#[tokio::test]
async fn accepted_requests_and_the_metadata_have_a_request_id() {
    let signer = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]));
    let mut server = Server::start(&clients.arguments()).await;
    let form = form(&signer, "clinic-7", "&scope=a");
    let head = server.token_request(form.len()) + "\r\nx-request-id: call-7";
    let answer = server.send(&head, &form).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (400, Some("call-7")));
    let accepted = server.stderr_line(|line| line.starts_with("accepted \"clinic-7\"")).await;
    let refused = server.stderr_line(|line| line.starts_with("no token")).await;
    assert!([&accepted, &refused].iter().all(|line| line.ends_with(" x-request-id=call-7")));
    let details = r#", private_key_jwt, ES384 with kid "key-1", policy redox, endpoint token x-request-id="#;
    assert!(accepted.contains(details), "{accepted}");
    server.send(&head, &form).await;
    let replayed = server.stderr_line(|line| line.starts_with("refused")).await;
    let details = r#"refused "clinic-7", kid "key-1" (unproven), code replayed, policy redox, endpoint token: "#;
    assert!(replayed.starts_with(details) && replayed.ends_with(" x-request-id=call-7"), "{replayed}");
    let jti = |line: &str| line.split(", jti hash ").nth(1).unwrap().split([',', ' ']).next().unwrap().to_owned();
    assert_eq!((jti(&accepted), jti(&accepted).len()), (jti(&replayed), 43), "the first use is found by the hash");
    assert!(accepted.contains(", thumbprint "), "{accepted}");
    for method in ["GET", "HEAD", "DELETE"] {
        let head = format!("{method} /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: a\r\nx-request-id: m");
        assert_eq!(server.send(&head, "").await.header("x-request-id"), Some("m"), "{method}");
    }
}

#[tokio::test]
async fn metadata_follows_the_configuration() {
    const ALL: &str = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 ML-DSA-44 ML-DSA-65 \
                       ML-DSA-87 HS256 HS384 HS512";
    let table = [
        ("redox", &["private_key_jwt", "client_secret_jwt"][..], "RS384 ES384 HS384"),
        ("smart", &["private_key_jwt"], "RS384 ES384"),
        ("fapi2", &["private_key_jwt"], "PS256 ES256 EdDSA Ed25519"),
        ("rfc7523", &["private_key_jwt", "client_secret_jwt"], ALL),
        ("oidc", &["private_key_jwt", "client_secret_jwt"], ALL),
    ];
    let clients = ClientFile::new(&json!([]));
    for (profile, methods, algorithms) in table {
        let server = Server::start(&clients.arguments_for(profile)).await;
        let path = "/.well-known/oauth-authorization-server";
        let answer = server.send(&format!("GET {path} HTTP/1.1\r\nHost: {}", server.address), "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let expected = json!({
            "issuer": ISSUER,
            "token_endpoint": AUDIENCE,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms.split(' ').collect::<Vec<_>>(),
        });
        assert_eq!(answer.json(), expected, "{profile}");
    }
}

#[tokio::test]
async fn each_profile_accepts_its_own_audiences_and_secrets() {
    let signer = Signer::es256("key-1");
    let smart_signer = Signer::es384("key-1");
    let secret = "s".repeat(64);
    let clients = ClientFile::new(&json!([
        {"client_id": "es256", "jwks": {"keys": [signer.jwk()]}},
        {"client_id": "es384", "jwks": {"keys": [smart_signer.jwk()]}},
        {"client_id": "secret", "token_endpoint_auth_method": "client_secret_jwt", "client_secret": secret},
    ]));
    let (url, issuer) = (json!(AUDIENCE), json!(ISSUER));
    let both = json!([ISSUER, AUDIENCE]);
    // Profile; whether a URL is configured; the algorithms with a secret; and which of four
    // audiences are accepted: the URL, the issuer, the issuer in an array, and both in an array.
    let table = [
        ("redox", true, &["HS384"][..], [true, false, false, false]),
        ("smart", true, &[], [true, false, false, false]),
        ("fapi2", true, &[], [false, true, false, false]),
        ("rfc7523", true, &["HS256", "HS384", "HS512"], [true, true, true, true]),
        ("rfc7523", false, &["HS256", "HS384", "HS512"], [false, true, true, false]),
        ("oidc", true, &["HS256", "HS384", "HS512"], [true, true, true, true]),
    ];
    for (profile, with_url, macs, accepted) in table {
        let arguments = clients.arguments_for(profile);
        let kept = arguments.chunks(2).filter(|pair| with_url || pair[0] != "--audience");
        let server = Server::start(&kept.flatten().cloned().collect::<Vec<_>>()).await;
        let (client, signer) = match profile {
            "redox" | "smart" => ("es384", &smart_signer),
            _ => ("es256", &signer),
        };
        for (audience, accepted) in [&url, &issuer, &json!([ISSUER]), &both].into_iter().zip(accepted) {
            let answer = server.post(&addressed(signer, client, audience)).await;
            let expected = match (accepted, profile) {
                (true, _) => (200, None),
                (false, "redox") => (400, Some("invalid_request")),
                (false, _) => (400, Some("invalid_client")),
            };
            let body = answer.json();
            assert_eq!((answer.status, body["error"].as_str()), expected, "{profile} {audience}: {body}");
        }
        let audience = if accepted[1] { &issuer } else { &url };
        for alg in ["HS256", "HS384", "HS512"] {
            let answer = server.post(&addressed(&Signer::secret(alg, secret.as_bytes()), "secret", audience)).await;
            assert_eq!(answer.status, if macs.contains(&alg) { 200 } else { 400 }, "{profile} {alg}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn error_uri_is_in_every_refusal() {
    let clients = ClientFile::new(&json!([]));
    let uri = "https://auth.example.com/help";
    let arguments = [clients.arguments(), vec!["--error-uri".to_owned(), uri.to_owned()]].concat();
    let server = Server::start(&arguments).await;
    assert_eq!(server.post("").await.json()["error_uri"], uri);
}

/// The same request, at the time of the server.
fn now(mut attempt: Attempt) -> Attempt {
    let passed = SystemClock.now().unwrap().as_secs() - NOW;
    for name in ["iat", "nbf", "exp"] {
        if let Some(date) = attempt.jwt.claims.get(name).and_then(Value::as_u64) {
            attempt.claim(name, date + passed);
        }
    }
    attempt
}

/// Each refusal leads to its section of the page, in each vocabulary: those of the shared requests,
/// and those of the handler.
#[tokio::test]
async fn error_pages_explain_every_refusal() {
    let base = "https://auth.example.com/errors";
    for profile in ["redox", "smart", "rfc7523", "fapi2", "oidc"] {
        let es256 = Signer::es256("key-256");
        let clients = ClientFile::new(&json!([
            {"client_id": CLIENT, "jwks": {"keys": [SIGNER.jwk()]}},
            {"client_id": "scoped", "scope": "a", "jwks": {"keys": [SIGNER.jwk(), es256.jwk()]}},
        ]));
        let arguments = [clients.arguments_for(profile), vec!["--error-pages".to_owned(), base.to_owned()]].concat();
        let server = Server::start(&arguments).await;
        let get = |accept: &str| format!("GET /errors HTTP/1.1\r\nHost: a\r\nAccept: {accept}");
        let page = server.send(&get("text/html"), "").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{profile}");
        assert!(page.header("etag").is_some() && page.header("x-request-id").is_some(), "{profile}");
        let explained = |refused: &Answer, case: &str| {
            let (status, refused) = (refused.status, refused.json());
            let topic = refused["error_uri"].as_str().and_then(|uri| uri.strip_prefix(base)?.strip_prefix('#'));
            let topic = topic.unwrap_or_else(|| panic!("{profile}, {case}: {refused}"));
            let section = page.body.split(&format!("<section id=\"{topic}\"")).nth(1);
            let section = section.unwrap_or_else(|| panic!("{profile}, {case}: no section {topic}"));
            let section = section.split("</section>").next().unwrap();
            let answer = format!("{status} <code>{}</code>", refused["error"].as_str().unwrap());
            let text = refused["error_description"].as_str().unwrap();
            assert!(section.contains(text) && section.contains(&answer), "{profile}, {case}: {section}");
            text.to_owned()
        };
        let mut texts = BTreeSet::new();
        // The layer inside of that one is not there to take the body.
        for vector in VECTORS.iter().filter(|vector| vector.code != "body_consumed") {
            let answer = server.attempt(&now(vector.attempt())).await;
            if answer.status != 200 {
                texts.insert(explained(&answer, vector.name));
            }
        }
        assert!(texts.len() > 20, "{profile}: {texts:?}");
        let (signer, audience) = match profile {
            "redox" | "smart" => (&*SIGNER, AUDIENCE),
            _ => (&es256, ISSUER),
        };
        for (scope, text) in [("zzz", "not registered for the requested scope"), ("a%22", "characters that are not")] {
            let form = addressed(signer, "scoped", &json!(audience)) + &format!("&scope={scope}");
            let text_sent = explained(&server.post(&form).await, scope);
            assert!(text_sent.contains(text), "{profile}: {text_sent}");
        }
        let markdown = server.send(&get("text/markdown"), "").await;
        assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"));
        let is_vendors = markdown.body.contains("| \"\" | If you receive a blank error_description");
        assert_eq!(is_vendors, profile == "redox", "{profile}");
        let head = server.send("HEAD /errors HTTP/1.1\r\nHost: a", "").await;
        let length = page.body.len().to_string();
        assert_eq!((head.status, head.header("content-length"), &*head.body), (200, Some(&*length), ""), "{profile}");
        let refused = server.send("DELETE /errors HTTP/1.1\r\nHost: a", "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{profile}");
    }
}

#[tokio::test]
async fn requests_in_flight_finish_before_shutdown() {
    let signer = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]));
    let mut server = Server::start(&clients.arguments()).await;

    let form = form(&signer, "clinic-7", "");
    let head = format!("{}\r\nExpect: 100-continue", server.token_request(form.len()));
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    // The layer asks for the body and this answer arrives: from now on, the request is in flight.
    let mut interim = [0; 25];
    soon("the interim response", socket.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let (half, rest) = form.as_bytes().split_at(form.len() / 2);
    socket.write_all(half).await.unwrap();

    server.terminate().await;
    server.stderr_line(|line| line.starts_with("stopping")).await;
    socket.write_all(rest).await.unwrap();
    let mut text = String::new();
    soon("the response", socket.read_to_string(&mut text)).await.unwrap();
    let answer = Answer::parse(&text);
    assert_eq!(answer.status, 200, "{text}");
    assert!(answer.json()["access_token"].is_string());
    server.finished_quietly().await;
}

#[tokio::test]
async fn interrupt_stops_the_server() {
    let mut server = Server::start(&[]).await;
    server.stderr_line(|line| line.starts_with("curl ")).await;
    server.signal("INT").await;
    server.finished_quietly().await;
}

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    let table: [(&[&str], &str); 9] = [
        (&["--help"], "usage: token_server"),
        (&["-h"], "usage: token_server"),
        (&["--listen", "--help"], "usage: token_server"),
        (&["--colour", "--help"], "usage: token_server"),
        (&["--clients", "nowhere.json", "-h"], "usage: token_server"),
        (&["--version", "--help"], "usage: token_server"),
        (&["--version"], concat!("token_server ", env!("CARGO_PKG_VERSION"), "\n")),
        (&["-V"], concat!("token_server ", env!("CARGO_PKG_VERSION"), "\n")),
        (&["--profile", "smart", "-V"], concat!("token_server ", env!("CARGO_PKG_VERSION"), "\n")),
    ];
    for (arguments, expected) in table {
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let Output { status, stdout, stderr } = soon("the text", command(&arguments).output()).await.unwrap();
        let stdout = String::from_utf8(stdout).unwrap();
        assert!(status.success() && stderr.is_empty() && stdout.contains(expected), "{arguments:?}: {stdout}");
    }
}

/// The usage and the parser read one table, so each flag of the usage is one that the parser knows.
#[tokio::test]
async fn the_usage_names_every_flag() {
    let output = soon("the usage", command(&["--help".to_owned()]).output()).await.unwrap();
    let usage = String::from_utf8(output.stdout).unwrap();
    let named: Vec<_> = usage.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let valued = [
        "--config",
        "--clients",
        "--issuer",
        "--audience",
        "--profile",
        "--listen",
        "--metrics",
        "--replay",
        "--error-uri",
        "--error-pages",
        "--ca-file",
        "--allow-address",
    ];
    let switches = ["--allow-http-jwks", "--help", "--version"];
    for flag in valued.iter().chain(&switches) {
        assert!(named.contains(flag), "{flag}");
    }
    for flag in valued {
        refused(&[flag.to_owned()], &format!("{flag}: no value: expected ")).await;
    }
    assert!(usage.lines().all(|line| line.len() <= 100), "{usage}");
}

#[tokio::test]
async fn invalid_command_lines_are_refused_by_flag() {
    let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = neighbour.local_addr().unwrap().to_string();
    let clients = ClientFile::new(&json!([]));
    let path = clients.path().to_str().unwrap();
    let minimal = ["--clients", path, "--issuer", ISSUER, "--audience", AUDIENCE];
    let with = |more: &[&str]| minimal.iter().chain(more).map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let without = |flag: &str| {
        let kept = minimal.chunks(2).filter(|pair| pair[0] != flag);
        kept.flatten().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let table = [
        (without("--clients"), "--clients: missing"),
        (without("--issuer"), "--issuer: missing"),
        (without("--audience"), "--audience: missing"),
        (with(&["--colour", "red"]), "--colour: unknown flag; see --help"),
        (with(&["--Listen", "127.0.0.1:0"]), "--Listen: unknown flag; see --help"),
        (with(&["--list"]), "--list: unknown flag; see --help"),
        (with(&["-x"]), "-x: unknown flag; see --help"),
        (with(&[""]), ": unknown flag; see --help"),
        (with(&["two\nlines"]), "two\\nlines: unknown flag; see --help"),
        (with(&["serve"]), "serve"),
        (with(&["--listen"]), "--listen"),
        (with(&["--listen", "--replay"]), "--listen"),
        (with(&["--listen", "localhost"]), "--listen"),
        (with(&["--listen", &taken]), "--listen: cannot listen on"),
        (with(&["--metrics", "9090"]), "--metrics"),
        (with(&["--metrics", &taken]), "--metrics: cannot listen on"),
        (with(&["--issuer", ISSUER]), "--issuer: given 2 times"),
        ([without("--issuer"), vec!["--issuer".into(), "auth.example.com".into()]].concat(), "--issuer"),
        ([without("--issuer"), vec!["--issuer".into(), "https://a.example/?b".into()]].concat(), "--issuer"),
        (with(&["--audience", "not a URL"]), "--audience"),
        ([without("--audience"), vec!["--profile".into(), "smart".into()]].concat(), "--audience: missing"),
        ([without("--issuer"), vec!["--issuer".into(), "https://u@a.example".into()]].concat(), "issuer: "),
        (with(&["--profile", "saml"]), "--profile"),
        #[cfg(not(feature = "redis"))]
        (with(&["--replay", "redis://127.0.0.1:6379"]), "--features redis"),
        #[cfg(feature = "redis")]
        (with(&["--replay", "redis://127.0.0.1:1"]), "redis url: connection refused"),
        #[cfg(feature = "redis")]
        (with(&["--replay", "redis://a b"]), "redis url: it does not parse"),
        (with(&["--replay", "disk"]), "--replay"),
        (with(&["--error-uri", "https://a.example/\"quoted\""]), "--error-uri"),
        (with(&["--error-pages", "https://a.example/#a"]), "error_pages: "),
        (with(&["--error-pages", "<script>"]), "error_pages: "),
        (with(&["--error-uri", "https://x/%zz"]), "error_uri: "),
        (with(&["--error-pages", "/errors", "--error-uri", "/errors"]), "--error-pages: expected without --error-uri"),
        (with(&["--allow-http-jwks", "yes"]), "yes: unknown flag"),
        (vec!["--allow-http-jwks".into()], "--audience: missing"),
    ];
    for (arguments, expected) in table {
        refused(&arguments, expected).await;
    }
}

#[tokio::test]
async fn key_sets_are_fetched_on_demand() {
    let (signer, next) = (Signer::es384("key-1"), Signer::es384("key-2"));
    let keys = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let clients = ClientFile::new(&json!([
        {"client_id": "clinic-7", "jwks_uri": keys.url()},
        {"client_id": "clinic-8", "jwks_uri": "https://u:p@keys.example/"},
        {"client_id": "clinic-9", "jwks_uri": format!("http://localhost:{}/", keys.address.port())},
        {"client_id": "clinic-10", "jwks_uri": "https://10.0.0.1/"},
    ]));
    let mut server = Server::start(&[clients.arguments(), vec!["--allow-http-jwks".into()]].concat()).await;
    server.stderr_line(|line| line.contains("clinic-8") && line.contains("jwks_uri: it has a user name")).await;
    server.stderr_line(|line| line.contains("clinic-10") && line.contains("jwks_uri: the address 10.0.0.1")).await;
    assert_eq!(keys.fetches(), 0);
    for client in ["clinic-7", "clinic-9"] {
        let accepted = server.post(&form(&signer, client, "")).await;
        assert_eq!(accepted.status, 200, "{client}: {}", accepted.body);
    }
    assert_eq!(keys.fetches(), 2);
    keys.reply(Reply::keys(&[next.jwk()]));
    assert_eq!(server.post(&form(&next, "clinic-7", "")).await.status, 200);
    let removed = server.post(&form(&signer, "clinic-7", "")).await;
    let not_found = "Public key not found, check client_id, kid and Redox dashboard settings";
    assert_eq!((removed.status, &removed.json()["error_description"]), (400, &json!(not_found)));
    server.stderr_line(|line| line.contains("key set of \"clinic-7\"") && line.contains("fetched 1 usable key")).await;
    server.terminate().await;
    server.finished_quietly().await;
}

#[tokio::test]
async fn http_key_sets_are_refused_without_the_flag() {
    let signer = Signer::es384("key-1");
    let keys = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let clients = ClientFile::new(&json!([
        {"client_id": "plain", "jwks_uri": keys.url()},
        {"client_id": "loopback", "jwks_uri": format!("https://{}/", keys.address)},
        {"client_id": "named", "jwks_uri": format!("https://localhost:{}/", keys.address.port())},
    ]));
    let mut server = Server::start(&clients.arguments()).await;
    server.stderr_line(|line| line.contains("\"plain\"") && line.contains("jwks_uri: its scheme is http")).await;
    server.stderr_line(|line| line.contains("\"loopback\"") && line.contains("jwks_uri: the address 127.0.0.1")).await;
    for client in ["plain", "loopback", "named"] {
        assert_eq!(server.post(&form(&signer, client, "")).await.status, 400, "{client}");
    }
    server.stderr_line(|line| line.contains("\"named\"") && line.contains("is loopback")).await;
    assert_eq!(keys.connections(), 0);
}

#[tokio::test]
async fn unreadable_client_files_are_refused() {
    let clients = ClientFile::new(&json!({"client_id": "clinic-7"}));
    refused(&clients.arguments(), "not a JSON array").await;
    std::fs::write(clients.path(), "clients:\n  - clinic-7\n").unwrap();
    refused(&clients.arguments(), "invalid JSON").await;
    std::fs::remove_file(clients.path()).unwrap();
    refused(&clients.arguments(), "cannot be read").await;
}

async fn refused(arguments: &[String], expected: &str) {
    let output = command(arguments).output();
    let Output { status, stdout, stderr } = soon("the refusal", output).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments:?}: {stderr}");
    assert!(stdout.is_empty(), "{arguments:?}");
}

/// The body that curl makes of the line's `-d` and `--data-urlencode` options.
fn form_of_curl(line: &str) -> String {
    let mut words = line.split(' ');
    let mut parameters = Vec::new();
    while let Some(word) = words.next() {
        if !matches!(word, "-d" | "--data-urlencode") {
            continue;
        }
        let (name, value) = words.next().unwrap().trim_matches('\'').split_once('=').unwrap();
        let encode = word == "--data-urlencode";
        let value = if encode { serde_urlencoded::to_string([("", value)]).unwrap() } else { format!("={value}") };
        parameters.push(format!("{name}{value}"));
    }
    parameters.join("&")
}
