//! `token_server --audit`: a line for each request at the token endpoint, and the rotation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tower_client_assertion::event::AUDIT_SCHEMA;

use crate::common::schema::faults;
use crate::common::{Signer, TempDir};
use crate::server::{Answer, ClientFile, FORM, Server, command, form, soon};

/// A server with one client, and an audit log in a folder.
struct Audited {
    server: Server,
    signer: Signer,
    clients: ClientFile,
    folder: TempDir,
}

impl Audited {
    async fn start() -> Self {
        let signer = Signer::es384("key-1");
        let clients =
            ClientFile::new(&json!([{"client_id": "clinic-7", "scope": "a", "jwks": {"keys": [signer.jwk()]}}]));
        let folder = TempDir::new();
        let audit = folder.path().join("audit.jsonl").to_str().unwrap().to_owned();
        let server = Server::start(&[clients.arguments(), vec!["--audit".to_owned(), audit]].concat()).await;
        Self { server, signer, clients, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops the server. Returns its folder.
    async fn stop(self) -> TempDir {
        self.server.terminate().await;
        self.server.finished_quietly().await;
        self.folder
    }
}

/// Waits until a file is there.
async fn appears(path: &Path) {
    soon("the file", async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The lines of a log, which meet the schema.
fn lines(path: &Path) -> Vec<Value> {
    let schema: Value = serde_json::from_str(AUDIT_SCHEMA).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert_eq!(faults(&schema, line), [""; 0], "{line:#}");
    }
    lines
}

#[tokio::test]
async fn each_request_at_the_token_endpoint_has_a_line() {
    let audited = Audited::start().await;
    let server = &audited.server;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {}", server.address);
    let accepted = form(&audited.signer, "clinic-7", "");
    let named = format!("{}\r\nX-Request-Id: 7f3a", server.token_request(accepted.len()));
    let json = server.token_request(2).replace(FORM, "Content-Type: application/json");
    // In the order of the lines: the answer, and the code.
    let answers: [(Answer, u16, Value); 6] = [
        (server.send(&named, &accepted).await, 200, json!(null)),
        (server.post(&accepted).await, 400, json!("replayed")),
        (server.send(&get("/v2/auth/token"), "").await, 405, json!("method")),
        (server.send(&json, "{}").await, 400, json!("content_type")),
        // The handler refuses the scope of a client that has authenticated.
        (server.post(&form(&audited.signer, "clinic-7", "&scope=b")).await, 400, json!(null)),
        (server.post("grant_type=client_credentials").await, 400, json!("no_authentication")),
    ];
    for path in ["/errors", "/.well-known/oauth-authorization-server", "/v2/auth/token/", "/other"] {
        server.send(&get(path), "").await;
    }
    let folder = audited.stop().await;
    let lines = lines(&folder.path().join("audit.jsonl"));
    assert_eq!(lines.len(), answers.len(), "{lines:#?}");
    for (number, (line, (answer, status, code))) in (1..).zip(lines.iter().zip(&answers)) {
        assert_eq!((answer.status, &line["event"]["code"]), (*status, code), "{line}");
        assert_eq!(line["event"]["sequence"], number);
        assert_eq!(line["event"]["outcome"], if code.is_null() { "success" } else { "failure" });
        assert_eq!(line["http"]["request"]["id"].as_str(), answer.header("x-request-id"), "{line}");
    }
    assert_eq!(lines[0]["http"]["request"]["id"], "7f3a");
    assert_eq!(lines[0]["oauth"]["client"], json!({"id": "clinic-7", "proven": true}));
    let hash = |line: &Value| line["oauth"]["jti_sha256"].clone();
    assert!(hash(&lines[0]).is_string() && hash(&lines[0]) == hash(&lines[1]), "{lines:#?}");
}

#[tokio::test]
async fn a_hangup_rotates_the_log_and_reloads_the_clients() {
    let mut audited = Audited::start().await;
    let (path, old) = (audited.path("audit.jsonl"), audited.path("audit.jsonl.1"));
    assert_eq!(audited.server.post(&form(&audited.signer, "clinic-7", "")).await.status, 200);
    fs::rename(&path, &old).unwrap();
    fs::write(audited.clients.path(), "[]").unwrap();
    audited.server.signal("HUP").await;
    audited.server.stderr_line(|line| line.starts_with("clients: reloaded 0 clients")).await;
    appears(&path).await;
    assert_eq!(audited.server.post(&form(&audited.signer, "clinic-7", "")).await.status, 400);
    let _folder = audited.stop().await;
    let sequences = |path| lines(path).iter().map(|line| line["event"]["sequence"].clone()).collect::<Vec<_>>();
    assert_eq!((sequences(&old), sequences(&path)), (vec![json!(1)], vec![json!(2)]));
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_ends_the_program() {
    let clients = ClientFile::new(&json!([]));
    let absent = TempDir::new().path().join("absent").join("audit.jsonl").to_str().unwrap().to_owned();
    let arguments = [clients.arguments(), vec!["--audit".to_owned(), absent.clone()]].concat();
    let Output { status, stdout, stderr } = soon("the refusal", command(&arguments).output()).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len(), stderr.trim_end().lines().count()), (Some(2), 0, 1), "{stderr}");
    assert!(stderr.starts_with(&format!("--audit: {absent}: ")), "{stderr}");
}

/// A path in the configuration file is relative to it.
#[tokio::test]
async fn the_configuration_file_names_the_log() {
    let signer = Signer::es384("key-1");
    let folder = TempDir::new();
    let clients = json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]);
    fs::write(folder.path().join("clients.json"), clients.to_string()).unwrap();
    let toml = "issuer = \"https://auth.example.com\"\naudiences = [\"https://auth.example.com/v2/auth/token\"]\n\
        policy = \"redox\"\nclients = \"clients.json\"\naudit = \"audit.jsonl\"\n";
    let config = folder.path().join("config.toml");
    fs::write(&config, toml).unwrap();
    let server = Server::start(&["--config".to_owned(), config.to_str().unwrap().to_owned()]).await;
    assert_eq!(server.post(&form(&signer, "clinic-7", "")).await.status, 200);
    server.terminate().await;
    server.finished_quietly().await;
    assert_eq!(lines(&folder.path().join("audit.jsonl")).len(), 1);
}
