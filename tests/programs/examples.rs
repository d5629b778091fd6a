//! Runs each example as a process. The `curl` line that it prints is sent twice: it must be
//! accepted once and then refused.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::example;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tonic::Code;
use tonic::metadata::AsciiMetadataKey;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A running example. It is killed when this is dropped.
pub(crate) struct Example {
    child: Child,
    pub(crate) url: String,
    stdout: BufReader<ChildStdout>,
}

impl Example {
    pub(crate) async fn start(name: &str) -> Self {
        let mut command = Command::new(example(name));
        command.arg("127.0.0.1:0").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let first = line(&mut stdout).await;
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{name} began with {first:?}"));
        Self { child, url: url.to_owned(), stdout }
    }

    /// Returns the URL and the form of the `curl` line that it prints.
    pub(crate) async fn pasted(&mut self) -> (String, String) {
        let line = line(&mut self.stdout).await;
        let mut words = line.strip_prefix("curl -i ").unwrap_or_else(|| panic!("{line:?} is no curl")).split(' ');
        let url = words.next().unwrap().to_owned();
        let pairs: Vec<_> = words.filter(|word| *word != "-d").collect();
        (url, pairs.join("&"))
    }
}

async fn line(from: &mut (impl AsyncBufReadExt + Unpin)) -> String {
    let mut line = String::new();
    let read = tokio::time::timeout(Duration::from_secs(60), from.read_line(&mut line)).await;
    assert_ne!(read.expect("a line was expected within 60 s").unwrap(), 0, "a line was expected, but the stream ended");
    line.trim_end().to_owned()
}

struct Answer {
    status: StatusCode,
    content_type: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }
}

async fn post(url: &str, form: &str) -> Answer {
    let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::<Bytes>::from(form.to_owned())).unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let content_type = parts.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Answer { status: parts.status, content_type: content_type.unwrap_or_default(), body }
}

const REPLAYED: &str = r#"{"error":"invalid_client","error_description":"Client assertion has already been used"}"#;

/// Sends the printed line twice.
async fn accepts_once(example: &mut Example) -> Answer {
    let (url, form) = example.pasted().await;
    let accepted = post(&url, &form).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    let refused = post(&url, &form).await;
    assert_eq!((refused.status, &*refused.body), (StatusCode::BAD_REQUEST, REPLAYED));
    accepted
}

#[tokio::test]
async fn quickstart_axum() {
    // What is asked for, and what is granted.
    for (asked, granted) in [
        ("", Some("notes calendar")),
        ("&scope=", Some("notes calendar")),
        ("&scope=notes", Some("notes")),
        ("&scope=notes+admin", Some("notes")),
        ("&scope=admin", None),
    ] {
        let mut example = Example::start("quickstart_axum").await;
        let (url, form) = example.pasted().await;
        let answer = post(&url, &(form.clone() + asked)).await;
        let token = "a token for demo-client";
        let expected = match granted {
            Some(scope) => {
                (200, json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": scope}))
            }
            None => {
                let description = "The client is not registered for the requested scope";
                (400, json!({"error": "invalid_scope", "error_description": description}))
            }
        };
        assert_eq!((answer.status.as_u16(), answer.json()), expected, "{asked}");
        let refused = post(&url, &form).await;
        assert_eq!((refused.status, &*refused.body), (StatusCode::BAD_REQUEST, REPLAYED));
    }
}

#[tokio::test]
async fn hyper_server() {
    let mut example = Example::start("hyper_server").await;
    let accepted = accepts_once(&mut example).await;
    assert_eq!(accepted.json()["access_token"], "a token for demo-client");
    assert_eq!(post(&format!("{}/elsewhere", example.url), "").await.status, StatusCode::NOT_FOUND);

    let interrupt = format!("kill -INT {}", example.child.id().unwrap());
    assert!(Command::new("sh").arg("-c").arg(interrupt).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(60), example.child.wait()).await;
    assert!(ended.expect("it should end within 60 s").unwrap().success());
}

#[tokio::test]
async fn tonic_server() {
    let mut example = Example::start("tonic_server").await;
    accepts_once(&mut example).await;
    let probe = line(&mut example.stdout).await;
    let mut client = HealthClient::new(Channel::from_shared(example.url.clone()).unwrap().connect_lazy());
    let call = || {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        for header in probe.split(' ').filter_map(|word| word.strip_prefix("-rpc-header=")) {
            let (name, value) = header.split_once(':').unwrap();
            request
                .metadata_mut()
                .insert(AsciiMetadataKey::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        request
    };
    assert_eq!(client.check(call()).await.unwrap().into_inner().status, 1);
    let refused = client.check(call()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "Client assertion has already been used"));
    let bare = client.check(tonic::Request::new(HealthCheckRequest::default())).await.unwrap_err();
    assert_eq!(bare.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn rate_limited() {
    let mut example = Example::start("rate_limited").await;
    accepts_once(&mut example).await;
    // The limiter allows another request each second. So on a slow machine it may take many, sent
    // concurrently, until one of them is too early.
    let url = format!("{}/token", example.url);
    let hasty = async {
        loop {
            let mut sent = JoinSet::new();
            for _ in 0..50 {
                let url = url.clone();
                sent.spawn(async move { post(&url, "").await });
            }
            let answers = sent.join_all().await;
            if let Some(limited) = answers.into_iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS) {
                return limited;
            }
        }
    };
    let limited = tokio::time::timeout(Duration::from_secs(60), hasty).await.expect("no request was limited");
    assert!(limited.body.starts_with("Too Many Requests!"), "{}", limited.body);
}

#[tokio::test]
async fn custom_errors() {
    let mut example = Example::start("custom_errors").await;
    let (url, form) = example.pasted().await;
    assert_eq!(post(&url, &form).await.status, StatusCode::OK);
    let refused = post(&url, &form).await;
    assert_eq!((refused.status, &*refused.content_type), (StatusCode::BAD_REQUEST, "application/problem+json"));
    let detail = "Make a new assertion, with a new jti, for each request.";
    let expected = json!({"title": "Client authentication failed", "status": 400, "detail": detail});
    assert_eq!(refused.json(), expected);
    assert_eq!(
        post(&url, "client_assertion=a.b").await.json()["detail"],
        "the parameter client_assertion_type is missing"
    );
}

#[tokio::test]
async fn custom_registry() {
    let mut example = Example::start("custom_registry").await;
    let accepted = accepts_once(&mut example).await;
    assert_eq!(accepted.body, "a token for demo-client");
}

/// The example asserts that one request was accepted and one refused.
#[tokio::test]
async fn opentelemetry_sink() {
    let output = Command::new(example("opentelemetry_sink")).stdin(Stdio::null()).output();
    let output =
        tokio::time::timeout(Duration::from_secs(60), output).await.expect("it did not end within 60 s").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (endpoint, policy) = ("client_assertion.endpoint=token", "client_assertion.policy=rfc7523");
    let outcome = |name: &str| format!("client_assertion.outcome={name}");
    let (accepted, refused) = (outcome("accepted"), outcome("refused"));
    let expected = [
        format!("client_assertion.duration{{{accepted}}} 1"),
        format!("client_assertion.duration{{{refused}}} 1"),
        format!("client_assertion.requests{{{endpoint}, {accepted}, {policy}}} 1"),
        format!("client_assertion.requests{{{endpoint}, {refused}, {policy}, error.type=replayed}} 1"),
    ];
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn examples_that_listen_say_how_to_call_them() {
    let names = ["quickstart_axum", "hyper_server", "tonic_server", "rate_limited", "custom_errors", "custom_registry"];
    for name in names {
        let run = |word| Command::new(example(name)).arg(word).stdin(Stdio::null()).output();
        for (word, expected) in [("--help", "usage: "), ("-h", "usage: "), ("--version", ""), ("-V", "")] {
            let output = run(word).await.unwrap();
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && stdout.starts_with(&format!("{expected}{name} ")), "{word}: {stdout}");
        }
        let output = run("--colour").await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*stderr), (Some(2), "--colour: unknown flag; see --help\n"), "{name}");
    }
}

#[test]
fn every_example_is_short_and_says_how_to_run_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = files.filter(|path| path.is_file()).collect();
    assert_eq!(examples.len(), 6, "{examples:?}");
    for example in examples {
        let name = example.file_stem().unwrap().to_str().unwrap();
        let source = std::fs::read_to_string(&example).unwrap();
        let command = format!("//! cargo run --example {name}");
        assert!(source.lines().take(5).any(|line| line.starts_with(&command)), "{name} does not say {command:?}");
        assert!(source.lines().count() < 100, "{name} is long");
    }
}
