//! `token_server --config`: the file, the flags that override it, and what is refused.

use std::path::PathBuf;
use std::process::Output;

use crate::common::Signer;
use crate::common::key_server::{KeyServer, Reply};
use crate::server::{AUDIENCE, ClientFile, ISSUER, Server, addressed, command, form, soon};
use serde_json::{Value, json};

/// A file, next to which its clients are.
struct Files {
    config: PathBuf,
    clients: ClientFile,
}

impl Files {
    /// `CLIENTS` in the text is the name of the file of clients.
    fn new(clients: &Value, toml: &str) -> Self {
        let clients = ClientFile::new(clients);
        let name = clients.path().file_name().unwrap().to_str().unwrap();
        let config = clients.path().with_file_name("config.toml");
        std::fs::write(&config, toml.replace("CLIENTS", name)).unwrap();
        Self { config, clients }
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let file = ["--config", self.config.to_str().unwrap()];
        file.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }
}

async fn refused(files: &Files, more: &[&str]) -> String {
    let output = command(&files.arguments(more)).output();
    let Output { status, stdout, stderr } = soon("the refusal", output).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len(), stderr.trim_end().lines().count()), (Some(2), 0, 1), "{stderr}");
    stderr
}

const REDOX: &str = r#"
issuer = "https://auth.example.com"
audiences = ["https://auth.example.com/v2/auth/token"]
policy = "redox"
clients = "CLIENTS"
"#;

#[tokio::test]
async fn a_file_is_served_like_the_flags() {
    let signer = Signer::es384("key-1");
    let clients = json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]);
    let toml = format!("listen = \"127.0.0.1:0\"\nerror_pages = \"https://auth.example.com/errors\"{REDOX}");
    let files = Files::new(&clients, &toml);
    let server = Server::start(&files.arguments(&[])).await;
    let by_flags = [files.clients.arguments(), vec!["--error-pages".into(), format!("{ISSUER}/errors")]].concat();
    let twin = Server::start(&by_flags).await;
    let get = "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: a";
    assert_eq!(server.send(get, "").await.json(), twin.send(get, "").await.json());
    for server in [&server, &twin] {
        let form = form(&signer, "clinic-7", "");
        assert_eq!(server.post(&form).await.status, 200);
        let replayed = server.post(&form).await.json();
        assert_eq!(replayed["error_uri"], format!("{ISSUER}/errors#unexpected-jti-claim-value"));
        assert_eq!(server.post("grant_type=password").await.json()["error"], "invalid_request");
    }
}

#[tokio::test]
async fn flags_override_the_file() {
    let signer = Signer::es384("key-1");
    let other = "https://other.example/token";
    let clients = json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]);
    // The flags, and the values of `aud` that are accepted: the one of the file, another one, and
    // two issuers.
    let issuer = "https://other.example";
    let table: [(&[&str], [bool; 4]); 6] = [
        (&[], [true, false, false, false]),
        (&["--audience", other], [false, true, false, false]),
        (&["--audience", other, "--audience", AUDIENCE], [true, true, false, false]),
        (&["--profile", "oidc"], [true, false, true, false]),
        (&["--profile", "oidc", "--issuer", issuer], [true, false, false, true]),
        (&["--profile", "rfc7523", "--audience", other], [false, true, true, false]),
    ];
    let files = Files::new(&clients, REDOX);
    for (flags, accepted) in table {
        let server = Server::start(&files.arguments(flags)).await;
        for (audience, accepted) in [AUDIENCE, other, ISSUER, issuer].into_iter().zip(accepted) {
            let answer = server.post(&addressed(&signer, "clinic-7", &json!(audience))).await;
            assert_eq!(answer.status, if accepted { 200 } else { 400 }, "{flags:?} {audience}: {}", answer.body);
        }
    }
    let elsewhere = ClientFile::new(&json!([]));
    let server = Server::start(&files.arguments(&["--clients", elsewhere.path().to_str().unwrap()])).await;
    assert_eq!(server.post(&form(&signer, "clinic-7", "")).await.status, 400);
}

#[tokio::test]
async fn clients_have_the_policies_of_the_file() {
    let (modern, old) = (Signer::es256("key-1"), Signer::es256("key-2"));
    let clients = json!([
        {"client_id": "modern", "jwks": {"keys": [modern.jwk()]}},
        {"client_id": "old", "jwks": {"keys": [old.jwk()]}, "client_assertion_policy": "legacy"},
        {"client_id": "lost", "jwks": {"keys": [old.jwk()]}, "client_assertion_policy": "legasy"},
    ]);
    let toml = r#"
        issuer = "https://auth.example.com"
        audiences = ["https://auth.example.com/v2/auth/token"]
        clients = "CLIENTS"
        policy = "fapi2"
        [policies.legacy]
        base = "oidc"
    "#;
    let mut server = Server::start(&Files::new(&clients, toml).arguments(&[])).await;
    server.stderr_line(|line| line.contains("\"lost\"") && line.contains("\"fapi2\" or \"legacy\"")).await;
    server.stderr_line(|line| line.ends_with("profile fapi2, legacy")).await;
    for (client, signer, audience, status) in [
        ("modern", &modern, ISSUER, 200),
        ("modern", &modern, AUDIENCE, 400),
        ("old", &old, ISSUER, 200),
        ("old", &old, AUDIENCE, 200),
        ("lost", &old, ISSUER, 503),
    ] {
        let answer = server.post(&addressed(signer, client, &json!(audience))).await;
        assert_eq!(answer.status, status, "{client} {audience}: {}", answer.body);
    }
}

/// The handler would issue a token for any grant.
#[tokio::test]
async fn only_client_credentials_get_a_token() {
    let signer = Signer::es256("key-1");
    let clients = json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]);
    let toml = "issuer = \"https://auth.example.com\"\nclients = \"CLIENTS\"\n";
    let files = Files::new(&clients, &format!("{toml}policy = \"oidc\""));
    let server = Server::start(&files.arguments(&[])).await;
    let form = addressed(&signer, "clinic-7", &json!(ISSUER));
    let other = form.replace("client_credentials", "authorization_code");
    let answer = server.post(&other).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("unsupported_grant_type")));
    assert_eq!(server.post(&form).await.status, 200);
    let files = Files::new(&clients, &format!("{toml}[policy]\ngrant_types = [\"password\"]"));
    let error = refused(&files, &[]).await;
    assert!(error.contains("grant_types of the policy rfc7523"), "{error}");
}

#[tokio::test]
async fn key_sets_are_fetched_as_the_file_permits() {
    let signer = Signer::es384("key-1");
    let keys = KeyServer::start(Reply::keys(&[signer.jwk()])).await;
    let clients = json!([{"client_id": "clinic-7", "jwks_uri": keys.url()}]);
    let port = keys.address.port();
    for (toml, flags, status) in [
        ("", &[][..], 400),
        ("[key_sets]\nallow_http = false", &[], 400),
        ("[key_sets]\nallow_http = false", &["--allow-http-jwks"], 200),
        ("[key_sets]\nallow_http = true", &[], 200),
        ("[key_sets]\nallow_http_for = [\"127.0.0.1\"]", &[], 400),
        ("[key_sets]\nallow_http_for = [\"127.0.0.1\"]\n[fetch]\nallow_addresses = [\"127.0.0.1\"]", &[], 200),
        ("[key_sets]\nallow_http_for = [\"127.0.0.1\"]", &["--allow-address", "127.0.0.0/8"], 200),
        (
            "[key_sets]\nallow_http_for = [\"127.0.0.1\"]\n[fetch]\nallow_addresses = [\"127.0.0.1\"]",
            &["--allow-address", "10.0.0.0/8"],
            400,
        ),
    ] {
        let files = Files::new(&clients, &format!("{REDOX}{toml}"));
        let server = Server::start(&files.arguments(flags)).await;
        let answer = server.post(&form(&signer, "clinic-7", "")).await;
        assert_eq!(answer.status, status, "{toml} {flags:?} at port {port}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_in_one_line_with_its_place() {
    let complete = "clients = \"CLIENTS\"\nissuer = \"https://a.example\"\n";
    let table = [
        ("issuer = ", "line 1, column 10: "),
        (
            "[policy]\nmax_lifetim = 1",
            "line 2, column 1: policy.max_lifetim: there is no such member; did you mean max_l",
        ),
        ("lissen = \"127.0.0.1:0\"", "line 1, column 1: lissen: there is no such member; did you mean listen? "),
        ("policy = \"oidc\"\nlisten = \"localhost\"", "line 2, column 10: "),
        ("[policy]\noptional_iat = true", "line 2, column 1: policy.optional_iat: it loosens the policy"),
        ("issuer_without_tls = \"http://a\"", "line 1, column 1: issuer_without_tls: it loosens the configuration"),
        ("issuer = \"http://a\"", "line 1, column 10: issuer: \"http://a\" is not valid; use an https URL"),
        ("metadata_clients = [\"chatgpt.com\"]", "line 1, column 1: metadata_clients: there is no such member"),
        ("workload_issuers = \"a.json\"", "line 1, column 1: workload_issuers: there is no such member"),
        ("replay = \"disk\"", "line 1, column 10: replay: unknown store; use memory, a redis:// URL, or a table"),
        (
            "replay = { url = \"redis://:hush@h\", prefx = \"a\" }",
            "replay.prefx: there is no such member; did you mean",
        ),
        ("[replay]\nurl = \"redi://:hush@h\"", "line 2, column 7: replay.url: the value is not valid; use redis://["),
        (
            "policy = \"oidc\"\nerror_uri = \"/a\"\nerror_pages = \"/a\"\n{}",
            "--error-pages: expected without --error-uri",
        ),
        ("policy = \"oidc\"\nclients = \"nowhere.json\"", "--issuer: missing"),
        ("policy = \"oidc\"", "--clients: missing"),
        ("{}policy = \"rfc7523\"\naudiences = [\"https://b\"]", "audience: URLs are set"),
        ("{}policy = \"redox\"", "audience: not set"),
        ("{}", "--audience: missing"),
    ];
    for (toml, expected) in table {
        let error = refused(&Files::new(&json!([]), &toml.replace("{}", complete)), &[]).await;
        assert!(error.contains(expected) && !error.contains("hush"), "{toml}\n{error}");
    }
    let files = Files::new(&json!([]), &format!("{REDOX}[fetch]\nca_file = \"nowhere.pem\""));
    let error = refused(&files, &[]).await;
    assert!(error.contains("fetch.ca_file: ") && error.contains("nowhere.pem cannot be read"), "{error}");
    std::fs::remove_file(&files.config).unwrap();
    let error = refused(&files, &[]).await;
    assert!(error.starts_with("--config: ") && error.contains("cannot be read"), "{error}");
}

/// A test of the library compares the other members with the code.
#[tokio::test]
async fn the_reference_has_the_members_of_the_program() {
    let reference = include_str!("../../examples/token_server/reference.toml");
    let clients = ClientFile::new(&json!([]));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/token_server/reference.toml");
    let server = Server::start(&[clients.arguments(), vec!["--config".to_owned(), file.to_owned()]].concat()).await;
    assert_eq!(server.post("").await.status, 400, "as it is, it sets nothing");

    let (own, others) = reference.split_once("---- Members of every program.").unwrap();
    let named = |text: &'static str| text.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = "));
    let error = refused(&Files::new(&json!([]), "zzz = 1"), &[]).await;
    let members: Vec<_> = error.rsplit("use one of ").next().unwrap().trim().split(", ").collect();
    assert!(members.len() > 14, "{error}");
    for member in members {
        let is_table = others.contains(&format!("\n#[{member}]")) || others.contains(&format!("\n#[{member}."));
        let is_named = named(own).chain(named(others)).any(|(name, _)| name == member);
        assert!(is_table || is_named, "{member} is not in the reference");
    }
    for (name, value) in named(own).filter(|(name, _)| !name.starts_with(' ')) {
        // Any free port.
        let value = value.trim_end_matches(" # no default").replace(":9090\"", ":0\"");
        let files = Files::new(&json!([]), &format!("{name} = {value}{REDOX}"));
        std::fs::write(files.config.with_file_name("tenants.json"), "{}").unwrap();
        Server::start(&files.arguments(&[])).await;
    }
}
