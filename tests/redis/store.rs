//! The shared store on a real server: single use across nodes, keys that reveal nothing, expiry
//! that no clock moves, and configurations that are refused by name.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::redis::{Count, Redis, admit, admit_all, free_port, patient, soon, until};
use crate::common::{Jwt, NOW, Signer, TempDir, client, fixture, form, key_set};
use tower_client_assertion::TokenRequest;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{RejectionKind, ServerFault};
use tower_client_assertion::replay::{
    Admission, MemoryReplay, RedisReplay, RedisReplayBuilder, ReplayKey, ReplayStore, TieredReplay,
};

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_share_spent_assertions() {
    let redis = Redis::start().await;
    let (one, other) = (redis.store().await, redis.store().await);
    assert_eq!(admit(&one, "1").await.unwrap(), Admission::Fresh);
    for store in [&one, &other, &one] {
        assert_eq!(admit(store, "1").await.unwrap(), Admission::Replayed);
    }
    assert_eq!(admit(&other, "2").await.unwrap(), Admission::Fresh);
    let all = (0..128).map(|_| String::from("3"));
    let (left, right) = tokio::join!(admit_all(&one, all.clone()), admit_all(&other, all));
    assert_eq!((left.fresh + right.fresh, left.replayed + right.replayed), (1, 255), "{left:?} {right:?}");
}

#[tokio::test]
async fn the_store_never_looks() {
    let redis = Redis::start().await;
    let store = redis.store().await;
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Fresh);
    assert_eq!(store.seen(ReplayKey::new("as", "clinic-7", "1"), at(NOW)), None);
}

#[tokio::test]
async fn keys_have_one_length_and_contain_no_identifier() {
    let redis = Redis::start().await;
    let store = redis.builder().prefix("fleet/7.token-endpoint_a:b").connect().await.unwrap();
    let long = "secret".repeat(40);
    for jti in ["secret", &long, "", "\0", "with spaces"] {
        assert_eq!(admit(&store, jti).await.unwrap(), Admission::Fresh);
    }
    let keys = redis.keys().await;
    assert_eq!(keys.len(), 5, "{keys:?}");
    for key in keys {
        let digest = key.strip_prefix("fleet/7.token-endpoint_a:b:2:").unwrap_or_else(|| panic!("{key}"));
        assert_eq!(digest.len(), 22, "{key}");
        assert!(digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{key}");
        assert!(!key.contains("secret") && !key.contains("clinic"), "{key}");
    }
}

#[tokio::test]
async fn an_entry_outlives_its_assertion_by_the_margin() {
    let redis = Redis::start().await;
    let real = std::process::Command::new("date").arg("+%s").output().unwrap();
    let real: u64 = String::from_utf8(real.stdout).unwrap().trim().parse().unwrap();
    // Compared with the server, our clock is right, years behind, a minute behind, a minute ahead,
    // and years ahead.
    for (number, now) in [real, NOW, real - 60, real + 60, real + 100_000_000].into_iter().enumerate() {
        for (margin, lifetime) in [(60, 1), (60, 311), (0, 300), (3_600, 86_700)] {
            let store = redis.builder().clock_margin(Duration::from_secs(margin)).connect().await.unwrap();
            let jti = format!("{number} {margin} {lifetime}");
            assert_eq!(redis.ask("FLUSHALL").await, "OK");
            let start = Instant::now();
            for expected in [Admission::Fresh, Admission::Replayed] {
                let answer = store.admit(ReplayKey::new("as", "a", &jti), at(now + lifetime), at(now));
                assert_eq!(soon("an answer", answer.get()).await.unwrap(), expected, "{jti}");
            }
            let left: u64 = redis.ask(&format!("PTTL {}", redis.keys().await[0])).await.parse().unwrap();
            let (due, took) = ((lifetime + margin) * 1_000, start.elapsed().as_millis() as u64 + 1);
            assert!((due.saturating_sub(took)..=due).contains(&left), "{jti}: {left} of {due} ms after {took}");
        }
    }
}

#[tokio::test]
async fn entries_expire() {
    let redis = Redis::start().await;
    let store = redis.builder().clock_margin(Duration::ZERO).connect().await.unwrap();
    let admit = async || store.admit(ReplayKey::new("as", "a", "1"), at(NOW + 300), at(NOW)).get().await.unwrap();
    assert_eq!(admit().await, Admission::Fresh);
    assert_eq!(admit().await, Admission::Replayed);
    assert_eq!(redis.ask(&format!("PEXPIRE {} 1", redis.keys().await[0])).await, "1");
    until("the end of the entry", async || redis.ask("DBSIZE").await == "0").await;
    assert_eq!(admit().await, Admission::Fresh);
}

#[tokio::test]
async fn impossible_times_are_errors() {
    let redis = Redis::start().await;
    let store = redis.store().await;
    let year = 366 * 24 * 60 * 60;
    let table = [
        (NOW, NOW, "expired before"),
        (NOW - 1, NOW, "expired before"),
        (0, 0, "expired before"),
        (0, u64::MAX, "expired before"),
        (NOW + year + 1, NOW, "more than a year"),
        (u64::MAX, NOW, "more than a year"),
        (u64::MAX, 0, "more than a year"),
    ];
    for (until, now, expected) in table {
        let Answer::Ready(Err(error)) = store.admit(ReplayKey::new("as", "a", "1"), at(until), at(now)) else {
            panic!("{until} {now}: an immediate error was expected");
        };
        assert!(error.to_string().contains(expected), "{until} {now}: {error}");
    }
    assert_eq!(redis.ask("DBSIZE").await, "0");
    for (jti, until, now) in [("1", NOW + 1, NOW), ("2", NOW + year, NOW), ("3", u64::MAX, u64::MAX - 1)] {
        let answer = store.admit(ReplayKey::new("as", "a", jti), at(until), at(now));
        assert_eq!(answer.get().await.unwrap(), Admission::Fresh, "{jti}");
    }
}

#[tokio::test]
async fn an_answer_dropped_unpolled_has_no_effect() {
    let redis = Redis::start().await;
    let store = redis.store().await;
    drop(store.admit(ReplayKey::new("as", "clinic-7", "1"), at(NOW + 10), at(NOW)));
    assert_eq!(admit(&store, "2").await.unwrap(), Admission::Fresh);
    assert_eq!(redis.ask("DBSIZE").await, "1");
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Fresh);
}

/// Old nodes write one prefix, new nodes another, and nodes in between honour both. Each assertion
/// is sent to all of them concurrently.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rolling_key_upgrade_accepts_nothing_twice() {
    let redis = Redis::start().await;
    let old = redis.builder().prefix("old").connect().await.unwrap();
    let both = redis.builder().prefix("new").previous_prefix("old").connect().await.unwrap();
    let new = redis.builder().prefix("new").connect().await.unwrap();
    let phases: [(&str, Vec<&RedisReplay>); 4] = [
        ("before", vec![&old, &old]),
        ("old and both", vec![&old, &both, &old, &both]),
        ("both and new", vec![&both, &new, &both, &new]),
        ("after", vec![&new, &new]),
    ];
    for (phase, nodes) in phases {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..100 {
            for node in &nodes {
                let node = RedisReplay::clone(node);
                let jti = format!("{phase} {number}");
                tasks.spawn(async move { (number, admit(&node, &jti).await) });
            }
        }
        let mut counts = [Count::default(); 100];
        while let Some(done) = tasks.join_next().await {
            let (number, admitted): (usize, _) = done.unwrap();
            counts[number].add(&admitted);
        }
        let expected = Count { fresh: 1, replayed: nodes.len() - 1, unavailable: 0 };
        assert!(counts.iter().all(|count| *count == expected), "{phase}: {counts:?}");
    }
    // Assertions spent before the upgrade are spent during it, and those spent during it are spent
    // after it.
    assert_eq!(admit(&both, "before 1").await.unwrap(), Admission::Replayed);
    assert_eq!(admit(&new, "both and new 1").await.unwrap(), Admission::Replayed);
    assert_eq!(admit(&both, "only both").await.unwrap(), Admission::Fresh);
    for store in [&old, &both, &new] {
        assert_eq!(admit(store, "only both").await.unwrap(), Admission::Replayed);
    }
}

/// The key of version 1 for `clinic-7` and `a1b2c3`, as former releases write it. A node of such a
/// release is played by this command.
const VERSION_1: &str = "tca:1:f9QW07TS3cLoz9-Ow5T-lg";

fn former_node() -> String {
    format!("SET {VERSION_1} 1 NX PX 360000")
}

#[tokio::test]
async fn nodes_of_the_former_key_version_share_assertions() {
    let redis = Redis::start().await;
    let during = redis.builder().previous_prefix("tca").connect().await.unwrap();
    let after = redis.store().await;

    assert_eq!(redis.ask(&former_node()).await, "OK");
    assert_eq!(admit(&during, "a1b2c3").await.unwrap(), Admission::Replayed, "what an old node has admitted");
    assert_eq!(redis.keys().await, [VERSION_1], "a replay is stored under no newer key");
    assert_eq!(redis.ask(&format!("DEL {VERSION_1}")).await, "1");

    assert_eq!(admit(&during, "a1b2c3").await.unwrap(), Admission::Fresh);
    assert_eq!(redis.ask(&former_node()).await, "nil", "an old node finds what this one has admitted");
    assert_eq!(admit(&after, "a1b2c3").await.unwrap(), Admission::Replayed, "so does a node after the upgrade");
    let lifetime: u64 = redis.ask(&format!("PTTL {VERSION_1}")).await.parse().unwrap();
    assert!((300_000..=360_000).contains(&lifetime), "{lifetime}: as long as the newer key, with the margin");

    // With the wrong setting, the versions do not know each other: this is why it is needed.
    assert_eq!(redis.ask("FLUSHALL").await, "OK");
    assert_eq!(redis.ask(&former_node()).await, "OK");
    assert_eq!(admit(&after, "a1b2c3").await.unwrap(), Admission::Fresh);
}

#[tokio::test]
async fn tenants_share_a_server_but_no_assertions() {
    let redis = Redis::start().await;
    let store = redis.store().await;
    let admit = async |store: &RedisReplay, key| {
        soon("an answer", store.admit(key, at(NOW + 10), at(NOW)).get()).await.unwrap()
    };
    let keys = [
        ReplayKey::new("https://one.example", "clinic-7", "a1b2c3"),
        ReplayKey::new("https://two.example", "clinic-7", "a1b2c3"),
        ReplayKey::without_jti("https://one.example", "clinic-7", b"header.claims"),
        ReplayKey::without_jti("https://two.example", "clinic-7", b"header.claims"),
    ];
    for admission in [Admission::Fresh, Admission::Replayed] {
        for key in keys {
            assert_eq!(admit(&store, key).await, admission, "{key:?}");
        }
    }
    // Version 1 has no tenant.
    let during = redis.builder().prefix("new").previous_prefix("tca").connect().await.unwrap();
    let [one, two] = ["https://one.example", "https://two.example"].map(|name| ReplayKey::new(name, "clinic-7", "x"));
    assert_eq!((admit(&during, one).await, admit(&during, two).await), (Admission::Fresh, Admission::Replayed));
}

#[tokio::test]
async fn debug_output_shows_settings_and_no_password() {
    let redis = Redis::with(&["--requirepass", "hush-hush"]).await;
    let url = format!("redis://:hush-hush@127.0.0.1:{}", redis.port);
    let builder = RedisReplay::standalone(&url).prefix("fleet");
    let text = format!("{builder:?}");
    let store = builder.connect().await.unwrap();
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Fresh);
    let text = format!("{text} {store:?}");
    assert!(text.contains("fleet") && text.contains("250ms"), "{text}");
    assert!(!text.contains("hush"), "{text}");
}

/// The setting that is named, and the whole sentence with its cause.
async fn refusal(builder: RedisReplayBuilder) -> (&'static str, String) {
    let error = soon("a refusal", builder.connect()).await.unwrap_err();
    let cause = error.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let text = format!("{error}{cause}");
    let setting = error.setting().name();
    assert!(text.starts_with(setting), "{text}");
    (setting, text)
}

#[tokio::test]
async fn invalid_urls_are_refused_by_name() {
    for url in [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://a b",
        "redis://127.0.0.1/x",
        "redis://:hush@h:0x1",
    ] {
        let (setting, text) = refusal(RedisReplay::standalone(url)).await;
        assert_eq!(setting, "redis url", "{url}: {text}");
        assert!(text.contains("it does not parse; use redis://"), "{url}: {text}");
        assert!(!text.contains("hush"), "{text}");
    }
    let (setting, text) = refusal(RedisReplay::standalone("rediss://127.0.0.1/#insecure")).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("#insecure"), "{text}");
    let (setting, text) = refusal(RedisReplay::cluster(Vec::<String>::new())).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("none is set"), "{text}");
}

async fn clients(redis: &Redis) -> usize {
    redis.ask("CLIENT LIST").await.lines().filter(|line| line.contains("cmd=set")).count()
}

#[tokio::test]
async fn invalid_values_are_refused_by_name() {
    let redis = Redis::start().await;
    for prefix in ["", " ", "a b", "a\n", "{a}", "a{", "a}", "a*", "\u{e9}", &"x".repeat(65)] {
        let (setting, _) = refusal(redis.builder().prefix(prefix)).await;
        assert_eq!(setting, "redis prefix", "{prefix:?}");
        let (setting, _) = refusal(redis.builder().previous_prefix(prefix)).await;
        assert_eq!(setting, "redis previous_prefix", "{prefix:?}");
    }
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    let table = [
        (redis.builder().per_client(0), "redis per_client"),
        (redis.builder().connect_timeout(ms(0)), "redis connect_timeout"),
        (redis.builder().connect_timeout(ms(60_001)), "redis connect_timeout"),
        (redis.builder().command_timeout(ms(0)), "redis command_timeout"),
        (redis.builder().command_timeout(Duration::from_micros(999)), "redis command_timeout"),
        (redis.builder().command_timeout(ms(60_001)), "redis command_timeout"),
        (redis.builder().wait_replicas(1, ms(0)), "redis wait_replicas timeout"),
        (redis.builder().wait_replicas(0, ms(1)), "redis wait_replicas"),
        (redis.builder().max_in_flight(0), "redis max_in_flight"),
        (redis.builder().max_in_flight((1 << 20) + 1), "redis max_in_flight"),
        (redis.builder().connections(0), "redis connections"),
        (redis.builder().connections(65), "redis connections"),
        (redis.builder().clock_margin(s(3_600) + ms(1)), "redis clock_margin"),
        (redis.builder().root_certificates("x"), "redis root_certificates"),
        (
            RedisReplay::standalone("rediss://127.0.0.1")
                .root_certificates("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"),
            "redis root_certificates",
        ),
    ];
    for (builder, expected) in table {
        let (setting, text) = refusal(builder).await;
        assert_eq!(setting, expected, "{text}");
    }
    let longest = "x".repeat(64);
    let good = redis.builder().prefix(longest).previous_prefix("x").connect_timeout(s(60)).command_timeout(s(60));
    let good = good.max_in_flight(1 << 20).clock_margin(s(3_600)).connect().await.unwrap();
    assert_eq!(admit(&good, "1").await.unwrap(), Admission::Fresh);
    let smallest = redis.builder().prefix("y").max_in_flight(1).clock_margin(s(0)).connect().await.unwrap();
    let count = admit_all(&smallest, (0..100).map(|number| number.to_string())).await;
    assert_eq!(count.fresh, 100, "one at a time: {count:?}");
    let before = clients(&redis).await;
    let many = redis.builder().prefix("z").connections(64).connect().await.unwrap();
    let count = admit_all(&many, (0..640).map(|number| number.to_string())).await;
    assert_eq!(count.fresh, 640, "taking turns: {count:?}");
    assert_eq!(clients(&redis).await, before + 64);
    assert_eq!(admit(&many, "0").await.unwrap(), Admission::Replayed);
}

#[tokio::test]
async fn a_missing_server_is_reported() {
    let (setting, text) = refusal(RedisReplay::standalone(format!("redis://127.0.0.1:{}", free_port()))).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("connection refused"), "{text}");
    // A server that accepts connections and stays silent.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let (setting, text) = refusal(RedisReplay::standalone(url).connect_timeout(Duration::from_millis(50))).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("no answer in time"), "{text}");
}

#[tokio::test]
async fn a_missing_or_wrong_password_is_reported() {
    let redis = Redis::with(&["--requirepass", "hush"]).await;
    let (setting, text) = refusal(redis.builder()).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("asks for a password"), "{text}");
    let wrong = RedisReplay::standalone(format!("redis://:guess@127.0.0.1:{}", redis.port));
    let (setting, text) = refusal(wrong).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("does not know this user and password") && !text.contains("guess"), "{text}");
    let right = patient(RedisReplay::standalone(format!("redis://default:hush@127.0.0.1:{}/3", redis.port)));
    assert_eq!(admit(&right.connect().await.unwrap(), "1").await.unwrap(), Admission::Fresh);
}

#[tokio::test]
async fn a_user_with_minimal_rights_is_enough() {
    let redis = Redis::start().await;
    let url = |user: &str| format!("redis://{user}:hush@127.0.0.1:{}", redis.port);
    assert_eq!(redis.ask("ACL SETUSER writer on >hush ~tca:* +set").await, "OK");
    assert_eq!(redis.ask("ACL SETUSER reader on >hush ~tca:* +get +info").await, "OK");
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let sink = event::sink(move |event| {
        let Event::Warning(warning) = event else { panic!("{event:?}") };
        heard.lock().unwrap().push(warning.to_string());
    });
    let store = patient(RedisReplay::standalone(url("writer"))).events(sink).connect().await.unwrap();
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Fresh);
    let warnings = warnings.lock().unwrap().clone();
    assert!(warnings.len() == 1 && warnings[0].contains("maxmemory-policy cannot be read"), "{warnings:?}");
    let store = patient(RedisReplay::standalone(url("reader"))).connect().await.unwrap();
    let error = admit(&store, "2").await.unwrap_err().to_string();
    assert!(error.contains("NOPERM") || error.contains("permissions"), "{error}");
}

#[tokio::test]
async fn an_evicting_server_causes_a_warning() {
    let redis = Redis::start().await;
    let policies = [
        ("noeviction", 0),
        ("allkeys-lru", 1),
        ("allkeys-lfu", 1),
        ("allkeys-random", 1),
        ("volatile-lru", 1),
        ("volatile-lfu", 1),
        ("volatile-random", 1),
        ("volatile-ttl", 1),
    ];
    for (policy, expected) in policies {
        assert_eq!(redis.ask(&format!("CONFIG SET maxmemory-policy {policy}")).await, "OK");
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&warnings);
        let sink = event::sink(move |event| heard.lock().unwrap().push(format!("{event:?}")));
        redis.builder().events(sink).connect().await.unwrap();
        let warnings = warnings.lock().unwrap();
        assert_eq!(warnings.len(), expected, "{policy}: {warnings:?}");
        assert!(warnings.iter().all(|text| text.contains(policy) && text.contains("noeviction")), "{warnings:?}");
    }
}

/// A certificate authority, and a certificate that it issued for the loopback address.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        let directory = TempDir::new();
        let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
             -days 2 -subj /CN=authority 2>log \
             && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=redis 2>>log \
             && printf 'subjectAltName=IP:127.0.0.1' >extensions \
             && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem 2>>log";
        let made =
            std::process::Command::new("sh").args(["-c", script]).current_dir(directory.path()).status().unwrap();
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        assert!(made.success(), "this test needs openssl (Debian: apt-get install openssl): {log}");
        Self(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn authority(&self) -> Vec<u8> {
        std::fs::read(self.path("ca.pem")).unwrap()
    }
}

#[tokio::test]
async fn tls_works_with_trusted_authorities() {
    let certificates = Certificates::new();
    let tls_port = free_port();
    let tls = [
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &certificates.path("server.pem"),
        "--tls-key-file",
        &certificates.path("server.key"),
        "--tls-ca-cert-file",
        &certificates.path("ca.pem"),
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "hush",
    ];
    let redis = Redis::with(&tls).await;
    let url = format!("rediss://:hush@127.0.0.1:{tls_port}");
    let store = patient(RedisReplay::standalone(&url)).root_certificates(certificates.authority());
    let store = store.connect().await.unwrap();
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Fresh);
    assert_eq!(admit(&store, "1").await.unwrap(), Admission::Replayed);

    let (setting, text) = refusal(RedisReplay::standalone(&url)).await;
    assert_eq!(setting, "redis url");
    assert!(text.contains("from an authority that is not trusted; add it as root_certificates"), "{text}");
    let (_, text) = refusal(RedisReplay::cluster([&url])).await;
    assert!(text.contains("from an authority that is not trusted; add it as root_certificates"), "{text}");
    let stranger = Certificates::new();
    let (_, text) = refusal(RedisReplay::standalone(&url).root_certificates(stranger.authority())).await;
    assert!(text.contains("server's certificate is"), "{text}");
    let wrong_name = format!("rediss://:hush@localhost:{tls_port}");
    let (_, text) = refusal(RedisReplay::standalone(wrong_name).root_certificates(certificates.authority())).await;
    assert!(text.contains("server's certificate is not valid"), "{text}");

    let plain_to_tls = RedisReplay::standalone(format!("redis://:hush@127.0.0.1:{tls_port}"));
    let (_, text) = refusal(plain_to_tls).await;
    assert!(text.contains("rediss://"), "{text}");
    let tls_to_plain = RedisReplay::standalone(format!("rediss://:hush@127.0.0.1:{}", redis.port));
    let (_, text) = refusal(tls_to_plain.root_certificates(certificates.authority())).await;
    assert!(text.contains("or not (redis://)"), "{text}");
}

#[tokio::test]
async fn one_client_cannot_fill_the_store() {
    const SHARE: usize = 3;
    let redis = Redis::start().await;
    let victim = Signer::es384("key-2");
    let clients = || [client(), Client::new("clinic-8", key_set(&[victim.jwk()])).unwrap()];
    let shared = redis.builder().per_client(SHARE).connect().await.unwrap();
    let tiered = TieredReplay::new(MemoryReplay::new(10_000).unwrap(), shared.clone());
    let mut stored = 0;
    for verifier in [fixture().replay(shared), fixture().replay(tiered)] {
        let verifier = verifier.clients(clients()).build();
        let answer = async |assertion: String| {
            let form = form(&assertion);
            let request = TokenRequest::new(form.as_bytes());
            soon("an answer", verifier.verify(&request)).await.map(drop).map_err(|rejection| rejection.kind().clone())
        };
        for number in 0..SHARE {
            assert_eq!(answer(Jwt::new().signed()).await, Ok(()), "{number}");
        }
        for _ in 0..20 {
            let refused = Err(RejectionKind::Server(ServerFault::ClientQuota));
            assert_eq!(answer(Jwt::new().signed()).await, refused);
        }
        assert_eq!(answer(Jwt::by(&victim, "clinic-8").signed_by(&victim)).await, Ok(()));
        stored += SHARE + 1;
        assert_eq!(redis.keys().await.len(), stored, "what is refused is not stored");
    }
}

#[test]
fn a_runtime_without_timers_is_an_error_and_no_panic() {
    let with = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let without = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let (redis, store) = with.block_on(async {
        let redis = Redis::start().await;
        let store = redis.store().await;
        (redis, store)
    });
    let error = without.block_on(redis.builder().connect()).unwrap_err().to_string();
    assert_eq!(error, "redis url: there is no Tokio runtime with timers; build it with enable_time");
    let answer = store.admit(ReplayKey::new("as", "a", "1"), at(NOW + 10), at(NOW));
    let error = without.block_on(answer.get()).unwrap_err().to_string();
    assert_eq!(error, "there is no Tokio runtime with timers; build it with enable_time");
    assert_eq!(with.block_on(admit(&store, "1")).unwrap(), Admission::Fresh);
    let _entered = with.enter();
    drop(redis);
}
