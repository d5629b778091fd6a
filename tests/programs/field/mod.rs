//! What real clients send, and what they must be told: each input goes to the example
//! `token_server`, and a table compares what is expected with what came. `tests/field.sh` runs it
//! with the release build.
//!
//! Other tests cover each kind to its boundaries. This one shows that the parts work together.

mod documents;
mod keys;
mod requests;

use std::fmt::Write as _;

use crate::common::key_server::{KeyServer, Reply};
use crate::common::{Jwt, Signer};
use crate::server::{AUDIENCE, Answer, ClientFile, Server};
use serde_json::{Value, json};
use tower_client_assertion::clock::{Clock, SystemClock};

/// The inputs to one server, and the clients that send them.
struct Field {
    profile: &'static str,
    clients: Vec<Value>,
    cases: Vec<Case>,
    key_servers: Vec<KeyServer>,
    /// Bytes in front of the client file.
    prefix: &'static [u8],
}

/// An input, and what it must lead to.
struct Case {
    /// The kind of input, which is also the number in the table.
    kind: &'static str,
    input: String,
    /// The client that the lines on stderr name.
    client: String,
    headers: Vec<String>,
    body: String,
    status: u16,
    /// A part of the body of the response.
    told: &'static str,
    /// A header that the response must not have.
    without: &'static str,
    /// Parts of the lines on stderr about the client or the request.
    logged: Vec<String>,
}

impl Field {
    fn new(profile: &'static str) -> Self {
        Self { profile, clients: Vec::new(), cases: Vec::new(), key_servers: Vec::new(), prefix: b"" }
    }

    /// Registers a client with these metadata, and returns its id.
    fn client(&mut self, mut metadata: Value) -> String {
        let id = format!("client-{:03}", self.clients.len());
        metadata["client_id"] = json!(id);
        self.clients.push(metadata);
        id
    }

    /// Registers a client with these keys.
    fn client_with(&mut self, keys: &[Value]) -> String {
        self.client(json!({"jwks": {"keys": keys}}))
    }

    /// Registers a client whose keys are at a URL with this content.
    async fn client_at(&mut self, reply: Reply) -> String {
        let server = KeyServer::start(reply).await;
        let id = self.client(json!({"jwks_uri": server.url()}));
        self.key_servers.push(server);
        id
    }

    /// Adds an input that is accepted, until it is said to be refused.
    fn case(&mut self, kind: &'static str, input: impl Into<String>, client: &str, body: String) -> &mut Case {
        self.cases.push(Case {
            kind,
            input: input.into(),
            client: client.to_owned(),
            headers: Vec::new(),
            body,
            status: 200,
            told: "access_token",
            without: "",
            logged: Vec::new(),
        });
        self.cases.last_mut().unwrap()
    }

    /// Sends everything, and returns the rows of the table.
    async fn run(self) -> Vec<Row> {
        let file = [self.prefix, Value::from(self.clients).to_string().as_bytes()].concat();
        let file = ClientFile::of(&file);
        let arguments = [file.arguments_for(self.profile), vec!["--allow-http-jwks".to_owned()]].concat();
        let mut server = Server::start(&arguments).await;
        let mut rows = Vec::new();
        for (number, case) in self.cases.into_iter().enumerate() {
            rows.push(case.run(&mut server, &format!("request-{number:03}")).await);
        }
        rows
    }
}

impl Case {
    fn refused(&mut self, status: u16, told: &'static str) -> &mut Self {
        (self.status, self.told) = (status, told);
        self
    }

    fn logged(&mut self, part: impl Into<String>) -> &mut Self {
        self.logged.push(part.into());
        self
    }

    fn header(&mut self, line: impl Into<String>) -> &mut Self {
        self.headers.push(line.into());
        self
    }

    async fn run(self, server: &mut Server, id: &str) -> Row {
        let mut head = server.token_request(self.body.len());
        for line in self.headers.iter().chain([&format!("x-request-id: {id}")]) {
            if line.starts_with("Content-Type:") {
                head = head.replace(crate::server::FORM, line);
            } else {
                let _ = write!(head, "\r\n{line}");
            }
        }
        let answer = server.send(&head, &self.body).await;
        let headers = answer.header("x-request-id") == Some(id) && answer.header(self.without).is_none();
        let Answer { status, body, .. } = answer;
        let marker = format!(" x-request-id={id}");
        server.stderr_line(|line| line.ends_with(&marker)).await;
        // Lines about a client, such as those about its keys, belong to no request.
        let of_client = |line: &str| line.contains(&self.client) && !line.contains(" x-request-id=");
        let about = |line: &&String| line.ends_with(&marker) || of_client(line);
        let lines: Vec<_> = server.seen.iter().filter(about).cloned().collect();
        let expected = format!("{} {:?}, stderr {:?}", self.status, self.told, self.logged);
        let told = status == self.status && body.contains(self.told);
        let logged = self.logged.iter().all(|part| lines.iter().any(|line| line.contains(&**part)));
        let got =
            if self.logged.is_empty() { format!("{status} {body}") } else { format!("{status} {body} {lines:?}") };
        Row { kind: self.kind, input: self.input, expected, got, passed: headers && told && logged }
    }
}

struct Row {
    kind: &'static str,
    input: String,
    expected: String,
    got: String,
    passed: bool,
}

/// The form of a new assertion by `client`.
fn form(signer: &Signer, client: &str) -> String {
    crate::common::form(&jwt(signer, client).signed_by(signer))
}

/// A valid assertion.
fn jwt(signer: &Signer, client: &str) -> Jwt {
    let now = now();
    Jwt::by(signer, client).claim("aud", AUDIENCE).claim("iat", now).claim("exp", now + 300)
}

fn now() -> u64 {
    SystemClock.now().unwrap().as_secs()
}

#[tokio::test]
async fn field_inputs_lead_to_the_expected_answers() {
    let mut rows = keys::rows().await;
    rows.extend(documents::rows().await);
    rows.extend(requests::rows().await);
    let mut failed = 0;
    for Row { kind, input, expected, got, passed } in &rows {
        let verdict = if *passed { "ok" } else { "DIFFERS" };
        println!("{kind:4} {verdict:8} {input}\n     expected {expected}\n     got      {got}");
        failed += usize::from(!passed);
    }
    println!("{} inputs, {failed} differ", rows.len());
    assert_eq!(failed, 0, "some answers differ, see above");
}
