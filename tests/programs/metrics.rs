//! `token_server --metrics`: what Prometheus reads.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tower_client_assertion::metrics::{SERIES, SeriesKind};

use crate::common::Signer;
use crate::server::{Answer, ClientFile, Server, form, metrics_address, soon};

/// A server with one client, and the address of its metrics.
async fn start(signer: &Signer) -> (Server, String) {
    let clients = ClientFile::new(&json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]));
    let metrics = ["--metrics", "127.0.0.1:0"].map(str::to_owned);
    let mut server = Server::start(&[clients.arguments(), metrics.to_vec()].concat()).await;
    let address = metrics_address(&mut server).await;
    (server, address)
}

/// Sends a request to the address of metrics.
async fn ask(server: &mut Server, address: &str, request: &str) -> Answer {
    let other = std::mem::replace(&mut server.address, address.to_owned());
    let answer = server.send(&format!("{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0"), "").await;
    server.address = other;
    answer
}

/// The value of a series on a page.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn requests_are_counted_and_scraped() {
    let signer = Signer::es384("key-1");
    let (mut server, address) = start(&signer).await;
    let accepted = form(&signer, "clinic-7", "");
    assert_eq!(server.post(&accepted).await.status, 200);
    assert_eq!(server.post(&accepted).await.status, 400);
    assert_eq!(server.post("grant_type=client_credentials").await.status, 400);
    let answer = ask(&mut server, &address, "GET /metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));

    let requests = |outcome: &str, reason: &str| {
        let labels = format!("endpoint=\"token\",policy=\"redox\",outcome=\"{outcome}\",reason=\"{reason}\"");
        value(&answer.body, &format!("client_assertion_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("accepted", ""), Some(1.0));
    assert_eq!(requests("refused", "replayed"), Some(1.0));
    assert_eq!(requests("refused", "no_authentication"), Some(1.0));
    assert_eq!(value(&answer.body, "client_assertion_duration_seconds_count{outcome=\"refused\"}"), Some(2.0));
    assert_eq!(value(&answer.body, "client_assertion_age_seconds_bucket{le=\"60\"}"), Some(1.0));
    assert_eq!(value(&answer.body, "client_assertion_replay_entries{store=\"memory\"}"), Some(1.0));
    assert_eq!(value(&answer.body, "client_assertion_registry_clients"), Some(1.0));
    // Ids were not asked for.
    assert!(!answer.body.contains("clinic-7"), "{}", answer.body);
    server.terminate().await;
    server.finished_quietly().await;
}

#[tokio::test]
async fn the_page_is_as_prometheus_expects_it() {
    let signer = Signer::es384("key-1");
    let (mut server, address) = start(&signer).await;
    assert_eq!(server.post(&form(&signer, "clinic-7", "")).await.status, 200);
    let page = ask(&mut server, &address, "GET /metrics").await.body;
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let series = SERIES.iter().find(|series| series.name() == name);
        let series = series.unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(kind, series.kind().name());
        assert!(page.contains(&format!("# HELP {name} {}\n", series.help())), "{name} has no help");
        // Without bounds, the exporter makes a summary.
        assert_eq!(page.contains(&format!("{name}_bucket")), series.kind() == SeriesKind::Histogram, "{name}");
    }
    judged_by_promtool(&page).await;
}

/// Asserts that promtool has nothing to say about a page.
pub(crate) async fn judged_by_promtool(page: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.kill_on_drop(true).spawn().expect("promtool is installed");
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).await.unwrap();
    let output = soon("the judgment of promtool", promtool.wait_with_output()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn nothing_else_is_served_there_and_metrics_nowhere_else() {
    let (mut server, address) = start(&Signer::es384("key-1")).await;
    let table = [
        ("GET /metrics", 200),
        ("HEAD /metrics", 200),
        ("POST /metrics", 405),
        ("DELETE /metrics", 405),
        ("GET /", 404),
        ("GET /metrics/", 404),
        ("POST /v2/auth/token", 404),
        ("GET /errors", 404),
    ];
    for (request, status) in table {
        assert_eq!(ask(&mut server, &address, request).await.status, status, "{request}");
    }
    let clients = server.address.clone();
    assert_eq!(ask(&mut server, &clients, "GET /metrics").await.status, 404);
}
