//! Two token servers that share one Redis: an assertion accepted by one is refused by the other.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use crate::common::redis::{Redis, soon};
use crate::common::{Jwt, Signer, TempDir, example};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{Barrier, Semaphore};
use tower_client_assertion::clock::{Clock, SystemClock};

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://auth.example.com/v2/auth/token";

/// An example server, killed when this is dropped.
struct TokenServer {
    address: String,
    log: Arc<std::sync::Mutex<Vec<String>>>,
    _child: Child,
}

impl TokenServer {
    async fn start(clients: &Path, redis: &str) -> Self {
        let mut command = Command::new(example("token_server"));
        command.arg("--clients").arg(clients).args(["--issuer", ISSUER, "--audience", AUDIENCE, "--replay", redis]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("this test needs the example token_server, built with --features redis");
        let mut first = String::new();
        soon("the first line", BufReader::new(child.stdout.take().unwrap()).read_line(&mut first)).await.unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                written.lock().unwrap().push(line);
            }
        });
        let address =
            first.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{first:?} {log:?}"));
        Self { address: address.to_owned(), log, _child: child }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

async fn post(address: &str, form: &str) -> (u16, String) {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        let head = format!(
            "POST /v2/auth/token HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            form.len()
        );
        socket.write_all(format!("{head}{form}").as_bytes()).await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await.map(|_| text)
    };
    let text = soon("a response", exchange).await.unwrap();
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("{text:?}")).parse().unwrap();
    (status, text)
}

/// The status once the store has answered within its deadline, which a busy machine may miss.
async fn settled(address: &str, form: &str) -> u16 {
    let asked = async {
        loop {
            match post(address, form).await {
                (503, _) => {}
                (status, _) => return status,
            }
        }
    };
    soon("an answer of the store", asked).await
}

fn forms(signer: &Signer, count: usize) -> Vec<String> {
    let now = SystemClock.now().unwrap().as_secs();
    let claims = || Jwt::by(signer, "clinic-7").claim("aud", AUDIENCE).claim("iat", now).claim("exp", now + 300);
    (0..count).map(|_| crate::common::form(&claims().signed_by(signer))).collect()
}

fn client_file(directory: &TempDir, signer: &Signer) -> std::path::PathBuf {
    let path = directory.path().join("clients.json");
    std::fs::write(&path, json!([{"client_id": "clinic-7", "jwks": {"keys": [signer.jwk()]}}]).to_string()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replays_across_two_servers_are_accepted_once() {
    let redis = Redis::start().await;
    let (signer, directory) = (Signer::es384("key-1"), TempDir::new());
    let clients = client_file(&directory, &signer);
    let servers = [TokenServer::start(&clients, &redis.url()).await, TokenServer::start(&clients, &redis.url()).await];
    let places = Arc::new(Semaphore::new(8));
    let mut tasks = tokio::task::JoinSet::new();
    let forms = forms(&signer, 500);
    for (number, form) in forms.iter().cloned().enumerate() {
        let addresses = servers.each_ref().map(|server| server.address.clone());
        let places = Arc::clone(&places);
        tasks.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let start = Arc::new(Barrier::new(4));
            let mut requests = tokio::task::JoinSet::new();
            // Twice to each server, all four concurrently.
            for address in [0, 1, 0, 1].map(|index| addresses[index].clone()) {
                let (form, start) = (form.clone(), Arc::clone(&start));
                requests.spawn(async move {
                    start.wait().await;
                    post(&address, &form).await
                });
            }
            (number, requests.join_all().await)
        });
    }
    let (mut accepted, mut replayed, mut late, mut undecided) = (0, 0, 0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (number, answers): (usize, Vec<(u16, String)>) = done.unwrap();
        let of = |status| answers.iter().filter(|(answer, _)| *answer == status).count();
        assert_eq!(of(200) + of(400) + of(503), 4, "assertion {number}: {answers:?}");
        assert!(answers.iter().all(|(status, text)| *status != 400 || text.contains("Unexpected jti claim value")));
        // If a busy machine missed a deadline, that may have been the request that was recorded.
        assert!(of(200) == 1 || (of(200) == 0 && of(503) > 0), "assertion {number}: {answers:?}");
        undecided.extend((of(200) == 0).then_some(number));
        accepted += of(200);
        replayed += of(400);
        late += of(503);
    }
    eprintln!(
        "500 assertions, each sent 4 times to two servers: {accepted} accepted, {replayed} replays, {late} too late"
    );
    assert_eq!(accepted + undecided.len(), 500);
    // Those of which every answer was lost are accepted at most once as well.
    for number in undecided {
        let answers =
            [settled(&servers[0].address, &forms[number]).await, settled(&servers[1].address, &forms[number]).await];
        assert!(matches!(answers, [200 | 400, 400]), "assertion {number}: {answers:?}");
    }
    assert_eq!(redis.ask("DBSIZE").await, "500");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_outage_is_503_and_never_the_clients_fault() {
    let mut redis = Redis::with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let (signer, directory) = (Signer::es384("key-1"), TempDir::new());
    let server = TokenServer::start(&client_file(&directory, &signer), &redis.url()).await;
    let warned = |line: &String| line.contains("warning: redis: maxmemory-policy is allkeys-lru");
    crate::common::redis::until("the warning", async || server.log().iter().any(warned)).await;
    let forms = forms(&signer, 3);
    // A first answer that came too late leaves a replay.
    assert!(matches!(settled(&server.address, &forms[0]).await, 200 | 400));
    redis.kill().await;
    let (status, text) = post(&server.address, &forms[1]).await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("temporarily_unavailable") && text.to_lowercase().contains("retry-after: "), "{text}");
    // This server has seen the assertion itself and need not ask.
    assert_eq!(post(&server.address, &forms[0]).await.0, 400);
    redis.restart().await;
    assert!(matches!(settled(&server.address, &forms[1]).await, 200 | 400));
    assert_eq!(settled(&server.address, &forms[1]).await, 400);
    assert!(matches!(settled(&server.address, &forms[2]).await, 200 | 400));
}
