//! A Prometheus on a free port of the loopback, with its own directory. It stops when this is
//! dropped.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::common::TempDir;
use crate::server::{Answer, soon};

pub(super) struct Prometheus {
    port: u16,
    _child: Child,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it with the files of the example, where it scrapes `targets` each second instead.
    pub(super) async fn scraping(targets: &[String]) -> Self {
        let shipped = super::file("prometheus.yml");
        let mut config = shipped.clone();
        for (from, to, times) in
            [("127.0.0.1:9464", targets.join("\", \""), 1), ("_interval: 15s", "_interval: 1s".to_owned(), 2)]
        {
            assert_eq!(shipped.matches(from).count(), times, "{from}");
            config = config.replace(from, &to);
        }
        let directory = TempDir::new();
        std::fs::write(directory.path().join("prometheus.yml"), config).unwrap();
        std::fs::write(directory.path().join("alerts.yml"), super::file("alerts.yml")).unwrap();
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(child) = start(port, &directory, &targets[0]).await {
                return Self { port, _child: child, _directory: directory };
            }
            // Another process has taken the port meanwhile.
        }
        panic!("prometheus did not start: {}", log(&directory));
    }

    /// The `data` of an answer of its API.
    pub(super) async fn api(&self, path: &str) -> Value {
        let answer = get(&format!("127.0.0.1:{}", self.port), path).await.unwrap();
        let json = answer.json();
        assert_eq!((answer.status, &json["status"]), (200, &Value::from("success")), "{path}: {json}");
        json["data"].clone()
    }

    /// What an expression is now: `[labels, value]` of each series, or one value.
    pub(super) async fn query(&self, expr: &str) -> Vec<Value> {
        let expr = serde_urlencoded::to_string([("query", expr)]).unwrap();
        let data = self.api(&format!("/api/v1/query?{expr}")).await;
        data["result"].as_array().unwrap().clone()
    }

    /// Waits until an expression has a value, and returns what it then is.
    pub(super) async fn once(&self, expr: &str) -> Vec<Value> {
        let asked = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            loop {
                ticks.tick().await;
                let found = self.query(expr).await;
                if !found.is_empty() {
                    return found;
                }
            }
        };
        soon(expr, asked).await
    }
}

/// Starts it and waits until it is ready, or has ended.
async fn start(port: u16, directory: &TempDir, target: &str) -> Option<Child> {
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true);
    let mut child = command.spawn().expect("prometheus is installed");
    let ready = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let asked = get(&format!("127.0.0.1:{port}"), "/-/ready").await;
            if asked.is_ok_and(|answer| answer.status == 200) {
                // Another Prometheus may have this port. Ours then ends.
                let asked = get(&format!("127.0.0.1:{port}"), "/api/v1/status/config").await;
                if asked.is_ok_and(|answer| answer.body.contains(target)) {
                    return true;
                }
            }
        }
    };
    soon("prometheus", ready).await.then_some(child)
}

fn log(directory: &TempDir) -> String {
    std::fs::read_to_string(directory.path().join("log")).unwrap_or_default()
}

/// Asks by HTTP 1.0, so that the answer has an end and no chunks.
pub(super) async fn get(address: &str, path: &str) -> std::io::Result<Answer> {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await?;
        Ok(text)
    };
    soon("an answer", exchange).await.map(|text: String| Answer::parse(&text))
}
