//! Two servers with metrics that are sent requests of every kind: one with its replay store in
//! memory, and one on a Redis that fails.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::Signer;
use crate::common::key_server::{KeyServer, Reply};
use crate::common::redis::Redis;
use crate::server::{AUDIENCE, ClientFile, ISSUER, Server, addressed, metrics_address};

/// A key set is fetched once, so each round has another client.
const BY_URL: [&str; 2] = ["by-url-1", "by-url-2"];
/// How many assertions the store remembers for one client.
const QUOTA: usize = 4;

pub(super) struct Driven {
    pub(super) alone: Metered,
    pub(super) shared: Metered,
    signer: Signer,
    redis: Redis,
    clients: ClientFile,
    _key_server: KeyServer,
    rounds: usize,
    /// How many requests were sent.
    pub(super) sent: usize,
}

/// A server, and where its metrics are.
pub(super) struct Metered {
    server: Server,
    pub(super) metrics: String,
}

impl Metered {
    async fn start(arguments: &[String]) -> Self {
        let mut server = Server::start(arguments).await;
        let metrics = metrics_address(&mut server).await;
        Self { server, metrics }
    }
}

impl Driven {
    pub(super) async fn start() -> Self {
        let signer = Signer::es384("key-1");
        let key_server = KeyServer::start(Reply::keys(&[signer.jwk(), private(&Signer::es256("key-2"))])).await;
        let clients = ClientFile::new(&clients(&signer, &key_server));
        let alone = Metered::start(&["--config".to_owned(), config(&clients).to_str().unwrap().to_owned()]).await;
        // Such a policy is warned of.
        let redis = Redis::with(&["--maxmemory-policy", "allkeys-lru"]).await;
        let more = ["--replay", &redis.url(), "--metrics", "127.0.0.1:0"].map(str::to_owned);
        let shared = [clients.arguments_for("redox"), more.to_vec(), vec!["--allow-http-jwks".to_owned()]].concat();
        let shared = Metered::start(&shared).await;
        Self { alone, shared, signer, redis, clients, _key_server: key_server, rounds: 0, sent: 0 }
    }

    /// Sends requests that are accepted, refused, over the quota and unanswered by the store. A
    /// rate needs two rounds, because a series begins with its first event.
    pub(super) async fn round(&mut self) {
        let strict = addressed(&self.signer, "local", &json!(ISSUER));
        let lax = addressed(&self.signer, "local", &json!(AUDIENCE));
        let by_url = addressed(&self.signer, BY_URL[self.rounds], &json!(ISSUER));
        let stranger = addressed(&self.signer, "stranger", &json!(ISSUER));
        let mut table = vec![(&*strict, 200), (&strict, 400), (&lax, 200), (&by_url, 200), (&stranger, 400)];
        table.push(("grant_type=client_credentials", 400));
        let greedy: Vec<_> = (0..QUOTA).map(|_| addressed(&self.signer, "greedy", &json!(ISSUER))).collect();
        let expected = if self.rounds == 0 { 200 } else { 429 };
        table.extend(greedy.iter().map(|form| (form.as_str(), expected)));
        let over = addressed(&self.signer, "greedy", &json!(ISSUER));
        table.push((&over, 429));
        for (form, status) in table {
            self.sent += 1;
            let answer = self.alone.server.post(form).await;
            assert_eq!(answer.status, status, "{}", answer.body);
        }
        if self.rounds == 0 {
            self.shared_answers(200).await;
            self.redis.kill().await;
        }
        self.shared_answers(503).await;
        self.rounds += 1;
    }

    async fn shared_answers(&mut self, status: u16) {
        self.sent += 1;
        let answer = self.shared.server.post(&addressed(&self.signer, "local", &json!(AUDIENCE))).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }

    pub(super) async fn reload(&self) {
        self.alone.server.signal("HUP").await;
    }

    /// Breaks the file of clients, and returns what repairs it.
    pub(super) fn break_clients(&self) -> impl FnOnce() {
        let path = self.clients.path().to_owned();
        let content = std::fs::read(&path).unwrap();
        std::fs::write(&path, "[").unwrap();
        move || std::fs::write(path, content).unwrap()
    }
}

fn clients(signer: &Signer, key_server: &KeyServer) -> Value {
    let keys = json!({"keys": [signer.jwk()]});
    let by_url =
        |index: usize| json!({"client_id": BY_URL[index], "jwks_uri": format!("{}/{index}", key_server.url())});
    let known = ["local", "greedy"].map(|id| json!({"client_id": id, "jwks": keys}));
    // It has no keys.
    let unusable = json!({"client_id": "unusable"});
    Value::from([known.to_vec(), vec![by_url(0), by_url(1), unusable]].concat())
}

/// A key that its client should have kept.
fn private(signer: &Signer) -> Value {
    crate::common::with_member(&signer.jwk(), "d", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw")
}

/// A file next to the clients.
fn config(clients: &ClientFile) -> PathBuf {
    let path = clients.path().with_file_name("metered.toml");
    let name = clients.path().file_name().unwrap().to_str().unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\nissuer = {ISSUER:?}\naudiences = [{AUDIENCE:?}]\n\
         audit = \"audit.jsonl\"\npolicy = \"oidc\"\nclients = {name:?}\n[replay]\ncapacity = 100\nper_client = {QUOTA}\n\
         [overload]\nsignature_checks = 2\n[key_sets]\nallow_http = true\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}
