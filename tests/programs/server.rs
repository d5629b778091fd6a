//! The example `token_server` as a process, and what tests send to it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use crate::common::attempt::Attempt;
use crate::common::{Jwt, Signer, TempFile, example};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tower_client_assertion::clock::{Clock, SystemClock};

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const AUDIENCE: &str = "https://auth.example.com/v2/auth/token";
pub(crate) const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// The running example. It is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// The lines of stderr so far.
    pub(crate) seen: Vec<String>,
}

impl Server {
    pub(crate) async fn start(arguments: &[String]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let first = line(&mut stdout, "the first line on stdout").await;
        let address =
            first.strip_prefix("listening on http://").unwrap_or_else(|| panic!("stdout began with {first:?}"));
        let address = address.to_owned();
        Self { child, address, stdout, stderr, seen: Vec::new() }
    }

    /// Waits for the next line of stderr that `wanted` selects.
    pub(crate) async fn stderr_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let line = line(&mut self.stderr, "a line on stderr").await;
            self.seen.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }

    pub(crate) async fn post(&self, form: &str) -> Answer {
        self.send(&self.token_request(form.len()), form).await
    }

    pub(crate) fn token_request(&self, length: usize) -> String {
        format!("POST /v2/auth/token HTTP/1.1\r\nHost: {}\r\n{FORM}\r\nContent-Length: {length}", self.address)
            + "\r\nConnection: close"
    }

    pub(crate) async fn send(&self, head: &str, body: &str) -> Answer {
        let close = if head.contains("Connection: close") { "" } else { "\r\nConnection: close" };
        let exchange = async {
            let mut socket = TcpStream::connect(&self.address).await?;
            socket.write_all(format!("{head}{close}\r\n\r\n{body}").as_bytes()).await?;
            let mut text = String::new();
            socket.read_to_string(&mut text).await.map(|_| text)
        };
        Answer::parse(&soon("a response", exchange).await.unwrap())
    }

    /// Sends the request as it is.
    pub(crate) async fn attempt(&self, attempt: &Attempt) -> Answer {
        let (request, body) = (attempt.request(), attempt.body());
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}", request.method(), request.uri(), self.address);
        for (name, value) in request.headers() {
            head += &format!("\r\n{name}: {}", value.to_str().unwrap());
        }
        if !request.headers().contains_key("content-length") {
            head += &format!("\r\ncontent-length: {}", body.len());
        }
        self.send(&head, &body).await
    }

    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id().unwrap());
        let sent = soon("the signal", Command::new("sh").arg("-c").arg(kill).status()).await.unwrap();
        assert!(sent.success());
    }

    /// Asserts that it ended successfully and printed only the first line to stdout.
    pub(crate) async fn finished_quietly(mut self) {
        // Read to the end first, so that the process never blocks on a full pipe.
        let mut rest = String::new();
        soon("the end of stdout", self.stdout.read_to_string(&mut rest)).await.unwrap();
        let mut log = String::new();
        soon("the end of stderr", self.stderr.read_to_string(&mut log)).await.unwrap();
        let status: ExitStatus = soon("the end of the process", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}: {log}");
        assert_eq!(rest, "");
    }
}

/// The address of the metrics, which is on the second line of stdout.
pub(crate) async fn metrics_address(server: &mut Server) -> String {
    let second = line(&mut server.stdout, "the second line on stdout").await;
    let address = second.strip_prefix("metrics on http://").and_then(|rest| rest.strip_suffix("/metrics"));
    address.unwrap_or_else(|| panic!("the second line is {second:?}")).to_owned()
}

pub(crate) fn command(arguments: &[String]) -> Command {
    // `tests/field.sh` names the one of the release build.
    let path = std::env::var_os("TOKEN_SERVER").map_or_else(|| example("token_server"), PathBuf::from);
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn line(from: &mut (impl AsyncBufReadExt + Unpin), what: &str) -> String {
    let mut line = String::new();
    let read = soon(what, from.read_line(&mut line)).await.unwrap();
    assert_ne!(read, 0, "{what} was expected, but the stream ended");
    line.trim_end_matches('\n').to_owned()
}

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let timeout = tokio::time::timeout(Duration::from_secs(60), future).await;
    timeout.unwrap_or_else(|_| panic!("{what} did not come within 60 s"))
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }
}

/// The form of a new assertion, with more parameters appended unchanged.
pub(crate) fn form(signer: &Signer, client_id: &str, more: &str) -> String {
    addressed(signer, client_id, &json!(AUDIENCE)) + more
}

pub(crate) fn addressed(signer: &Signer, client_id: &str, audience: &Value) -> String {
    let now = SystemClock.now().unwrap().as_secs();
    let jwt = Jwt::by(signer, client_id).claim("aud", audience.clone()).claim("iat", now).claim("exp", now + 300);
    crate::common::form(&jwt.signed_by(signer))
}

/// A file of clients.
pub(crate) struct ClientFile(TempFile);

impl ClientFile {
    pub(crate) fn new(clients: &Value) -> Self {
        Self::of(clients.to_string().as_bytes())
    }

    pub(crate) fn of(content: &[u8]) -> Self {
        Self(TempFile::new(content))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        self.arguments_for("redox")
    }

    pub(crate) fn arguments_for(&self, profile: &str) -> Vec<String> {
        let path = self.path().to_str().unwrap();
        ["--clients", path, "--issuer", ISSUER, "--audience", AUDIENCE, "--listen", "127.0.0.1:0", "--profile", profile]
            .map(str::to_owned)
            .to_vec()
    }
}
