//! Failures of the shared store: killed, paused, full, restarted empty, demoted, mute, or lost in a
//! failover. An outage is always reported as an outage. Nothing is accepted twice except where that
//! is documented, every answer comes within its deadline, and the store recovers with its server.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::common::redis::{
    Count, PATIENCE, Proxy, Redis, admit, admit_all, free_port, impatient, patient, recovery, soon, until,
};
use crate::common::{Jwt, NOW, fixture, form};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_client_assertion::TokenRequest;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::Answer;
use tower_client_assertion::rejection::{RejectionKind, ServerFault};
use tower_client_assertion::replay::{Admission, RedisReplay, RedisReplayBuilder, ReplayKey, ReplayStore};

/// The deadline of a command of which an outage is expected. A busy machine may miss it, so what a
/// server that is well answers is asked through a store of [`Redis::store`].
const DEADLINE: Duration = Duration::from_secs(1);

async fn with_deadline(builder: impl Fn() -> RedisReplayBuilder) -> RedisReplay {
    impatient(|| builder().connect_timeout(DEADLINE).command_timeout(DEADLINE)).await
}

fn jtis(prefix: &str, count: usize) -> impl Iterator<Item = String> + use<> {
    let prefix = prefix.to_owned();
    (0..count).map(move |number| format!("{prefix}-{number}"))
}

/// Asserts that all of these are answered, as unavailable.
async fn outage(store: &RedisReplay, what: &str, count: usize) {
    let start = Instant::now();
    let counted = admit_all(store, jtis(what, count)).await;
    eprintln!("{what}: {counted:?} in {:?}", start.elapsed());
    assert_eq!(counted, Count { unavailable: count, ..Count::default() }, "{what}");
}

async fn recovered(store: &RedisReplay, what: &str) {
    eprintln!("{what}: recovered in {:?}", recovery(store).await);
}

/// Asks a few at a time, since each has only its deadline.
async fn in_batches(store: &RedisReplay, jtis: impl Iterator<Item = String>) -> Count {
    let (mut counted, mut jtis) = (Count::default(), jtis.peekable());
    while jtis.peek().is_some() {
        counted += admit_all(store, jtis.by_ref().take(200)).await;
    }
    counted
}

async fn all_are(store: &RedisReplay, what: &str, jtis: impl Iterator<Item = String>, admission: Admission) {
    let counted = in_batches(store, jtis).await;
    eprintln!("{what}: {counted:?}");
    let total = counted.fresh + counted.replayed + counted.unavailable;
    let wanted = match admission {
        Admission::Fresh => counted.fresh,
        Admission::Replayed => counted.replayed,
    };
    assert_eq!(wanted, total, "{what}: {counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_restarted_empty_starts_over() {
    let mut redis = Redis::start().await;
    let store = with_deadline(|| redis.builder()).await;
    all_are(&redis.store().await, "before", jtis("a", 200), Admission::Fresh).await;
    redis.kill().await;
    for round in 0..2 {
        outage(&store, &format!("while killed, {round}"), 200).await;
    }
    redis.restart().await;
    recovered(&store, "after the kill").await;
    let calm = redis.store().await;
    // As documented, it has lost everything. Assertions spent before are accepted once more, and
    // those refused meanwhile were never spent.
    all_are(&calm, "spent before, of an empty server", jtis("a", 200), Admission::Fresh).await;
    all_are(&calm, "spent before, again", jtis("a", 200), Admission::Replayed).await;
    all_are(&calm, "refused meanwhile", jtis("while killed, 1", 200), Admission::Fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_under_load_accepts_nothing_twice() {
    let mut redis = Redis::start().await;
    let store = with_deadline(|| redis.builder()).await;
    let (killed, mut stop) = tokio::sync::watch::channel(false);
    let busy = tokio::spawn({
        let store = store.clone();
        async move {
            let (mut counted, mut batch) = (Count::default(), 0);
            while !*stop.borrow_and_update() {
                batch += 1;
                counted += admit_all(&store, jtis(&format!("a-{batch}"), 500)).await;
            }
            counted += admit_all(&store, jtis("after the end", 10)).await;
            counted
        }
    });
    until("some entries", async || redis.ask("DBSIZE").await != "0").await;
    redis.kill().await;
    killed.send(true).unwrap();
    let counted = soon("the end of the load", busy).await.unwrap();
    eprintln!("killed under load: {counted:?}");
    assert_eq!(counted.replayed, 0, "nothing was sent twice");
    assert!(counted.unavailable > 0, "{counted:?}");
    redis.restart().await;
    recovered(&store, "after the kill under load").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_paused_server_times_out_and_recovers() {
    let redis = Redis::start().await;
    let store = with_deadline(|| redis.builder()).await;
    let calm = redis.store().await;
    all_are(&calm, "before", jtis("a", 200), Admission::Fresh).await;
    redis.signal("STOP").await;
    for round in 0..2 {
        outage(&store, &format!("while paused, {round}"), 200).await;
    }
    redis.signal("CONT").await;
    recovered(&store, "after the pause").await;
    all_are(&calm, "spent before", jtis("a", 200), Admission::Replayed).await;
    // Some commands had been sent and were recorded late. That can only refuse too much, never too
    // little.
    for round in 0..2 {
        let counted = admit_all(&calm, jtis(&format!("while paused, {round}"), 200)).await;
        eprintln!("refused while paused, {round}: {counted:?}");
        assert_eq!(counted.unavailable, 0);
        all_are(&calm, "and again", jtis(&format!("while paused, {round}"), 200), Admission::Replayed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_server_refuses() {
    let redis = Redis::with(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]).await;
    let store = redis.store().await;
    let mut accepted = Vec::new();
    for batch in 0..1_000 {
        let names: Vec<_> = jtis(&format!("a-{batch}"), 200).collect();
        let counted = admit_all(&store, names.iter().cloned()).await;
        assert_eq!(counted.replayed, 0);
        if counted.unavailable > 0 {
            break;
        }
        accepted.extend(names);
    }
    eprintln!("full after {} entries", accepted.len());
    assert!((1_000..200_000).contains(&accepted.len()));
    // At the limit, a few bytes decide.
    assert_eq!(redis.ask("CONFIG SET maxmemory 2mb").await, "OK");
    let error = admit(&store, "one too many").await.unwrap_err().to_string();
    assert!(error.contains("OOM"), "{error}");
    outage(&store, "while full", 200).await;
    // Redis refuses the write before it looks whether the key exists.
    let counted = in_batches(&store, accepted.iter().take(2_000).cloned()).await;
    assert_eq!(counted, Count { unavailable: 2_000, ..Count::default() }, "spent before, while full");
    assert_eq!(redis.ask("CONFIG SET maxmemory 0").await, "OK");
    recovered(&store, "after there was room").await;
    all_are(&store, "spent before", accepted.into_iter(), Admission::Replayed).await;
    all_are(&store, "refused while full", jtis("while full", 200), Admission::Fresh).await;
}

/// The command is executed and its answer is lost: the assertion is refused as unavailable, and is
/// a replay from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mute_server_times_out() {
    let redis = Redis::start().await;
    let proxy = Proxy::before(redis.port).await;
    // Its connection is replaced when all has been lost, and not before.
    let seconds = Duration::from_secs;
    let builder = || RedisReplay::standalone(proxy.url()).connect_timeout(seconds(10)).command_timeout(seconds(5));
    let store = impatient(builder).await;
    let elsewhere = redis.store().await;
    recovered(&store, "at first").await;
    let before: usize = redis.ask("DBSIZE").await.parse().unwrap();
    proxy.lose_answers(true);
    let lost = ["lost 1", "lost 2", "lost 3"].map(|jti| admit(&store, jti));
    let [one, two, three] = lost;
    for answer in <[_; 3]>::from(tokio::join!(one, two, three)) {
        assert_eq!(answer.unwrap_err().to_string(), "redis: no answer within 5000 ms");
    }
    until("the entries", async || redis.ask("DBSIZE").await == (before + 3).to_string()).await;
    for jti in ["lost 1", "lost 2", "lost 3"] {
        assert_eq!(admit(&elsewhere, jti).await.unwrap(), Admission::Replayed, "{jti}");
    }
    outage(&store, "while mute", 200).await;
    proxy.lose_answers(false);
    recovered(&store, "after it answered again").await;
    for jti in ["lost 1", "lost 2", "lost 3"] {
        assert_eq!(admit(&elsewhere, jti).await.unwrap(), Admission::Replayed, "{jti}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_demoted_server_is_unavailable_until_promoted() {
    let primary = Redis::start().await;
    let redis = Redis::start().await;
    let store = redis.store().await;
    assert_eq!(admit(&store, "before").await.unwrap(), Admission::Fresh);
    assert_eq!(redis.ask(&format!("REPLICAOF 127.0.0.1 {}", primary.port)).await, "OK");
    let error = admit(&store, "1").await.unwrap_err().to_string();
    assert!(error.contains("ReadOnly") || error.contains("read only"), "{error}");
    outage(&store, "while demoted", 200).await;
    assert_eq!(redis.ask("REPLICAOF NO ONE").await, "OK");
    recovered(&store, "after its promotion").await;
}

/// The old connection is open and silent, as when a firewall has dropped its state.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dead_connection_is_replaced() {
    let redis = Redis::start().await;
    let proxy = Proxy::before(redis.port).await;
    let store = with_deadline(|| RedisReplay::standalone(proxy.url())).await;
    recovered(&store, "at first").await;
    assert_eq!(admit(&redis.store().await, "before").await.unwrap(), Admission::Fresh);
    proxy.deaden();
    recovered(&store, "after the connection went dead").await;
    until("the same server", async || matches!(admit(&store, "before").await, Ok(Admission::Replayed))).await;
}

/// The address now leads to the new primary, and the connection to the old one is still open.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_to_a_former_primary_is_replaced() {
    let (old, new) = (Redis::start().await, Redis::start().await);
    let proxy = Proxy::before(old.port).await;
    let store = with_deadline(|| RedisReplay::standalone(proxy.url())).await;
    recovered(&store, "at first").await;
    assert_eq!(old.ask(&format!("REPLICAOF 127.0.0.1 {}", new.port)).await, "OK");
    proxy.redirect(new.port);
    assert!(admit(&store, "1").await.is_err());
    recovered(&store, "at the new primary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_changed_password_is_an_outage_until_restored() {
    let mut redis = Redis::with(&["--requirepass", "hush"]).await;
    let url = format!("redis://:hush@127.0.0.1:{}", redis.port);
    let store = with_deadline(|| RedisReplay::standalone(&url)).await;
    recovered(&store, "at first").await;
    redis.kill().await;
    redis.arguments(&["--requirepass", "other"]);
    redis.restart().await;
    for round in 0..2 {
        outage(&store, &format!("with another password, {round}"), 50).await;
    }
    redis.kill().await;
    redis.arguments(&["--requirepass", "hush"]);
    redis.restart().await;
    recovered(&store, "after the password was back").await;
}

/// Accepts connections, answers `HELLO`, `INFO` and similar commands like a server, and every other
/// command with `line`. Counts the others.
async fn scripted(line: &str) -> (u16, Arc<AtomicUsize>) {
    let port = free_port();
    (port, scripted_at(port, line.to_owned()).await)
}

async fn scripted_at(port: u16, line: String) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(play(socket, port, line.clone(), Arc::clone(&count)));
        }
    });
    asked
}

async fn play(socket: TcpStream, port: u16, line: String, asked: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let slots = format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n");
    loop {
        let Some(words) = command(&mut socket).await? else { return Ok(()) };
        let answer = match words[0].as_str() {
            "HELLO" => "%1\r\n+server\r\n+redis\r\n",
            "CLIENT" | "READONLY" | "PING" => "+OK\r\n",
            "CLUSTER" => &slots,
            "INFO" => "$28\r\nmaxmemory_policy:noeviction\n\r\n",
            _ => {
                asked.fetch_add(1, Ordering::SeqCst);
                &line
            }
        };
        socket.write_all(answer.as_bytes()).await?;
    }
}

/// The words of the next command.
async fn command(socket: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<String>>> {
    let mut count = String::new();
    if socket.read_line(&mut count).await? == 0 {
        return Ok(None);
    }
    let mut words = Vec::new();
    for _ in 0..count.trim()[1..].parse::<usize>().unwrap() {
        let mut length = String::new();
        socket.read_line(&mut length).await?;
        let mut word = vec![0; length.trim()[1..].parse::<usize>().unwrap() + 2];
        socket.read_exact(&mut word).await?;
        words.push(String::from_utf8(word).unwrap().trim().to_owned());
    }
    Ok(Some(words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reply_except_ok_and_nil_is_unavailable() {
    let table = [
        ("+OK\r\n", Some(Admission::Fresh)),
        ("$-1\r\n", Some(Admission::Replayed)),
        ("_\r\n", Some(Admission::Replayed)),
        ("+QUEUED\r\n", None),
        ("$2\r\nOK\r\n", None),
        ("$0\r\n\r\n", None),
        (":1\r\n", None),
        (":0\r\n", None),
        ("#t\r\n", None),
        ("*0\r\n", None),
        ("*1\r\n+OK\r\n", None),
        ("-ERR unknown\r\n", None),
        ("-OK\r\n", None),
        ("-LOADING Redis is loading the dataset in memory\r\n", None),
        ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", None),
        ("-READONLY You can't write against a read only replica.\r\n", None),
        ("-MISCONF Redis is configured to save RDB snapshots, but it's unable to\r\n", None),
        ("-NOREPLICAS Not enough good replicas to write.\r\n", None),
        ("-MASTERDOWN Link with MASTER is down\r\n", None),
        ("-CLUSTERDOWN Hash slot not served\r\n", None),
        ("-TRYAGAIN Multiple keys request during rehashing of slot\r\n", None),
        ("-MOVED 1 127.0.0.1:1\r\n", None),
        ("-ASK 1 127.0.0.1:1\r\n", None),
        ("-BUSY Redis is busy running a script.\r\n", None),
        ("-NOAUTH Authentication required.\r\n", None),
        ("-NOPERM this user has no permissions\r\n", None),
        ("-UNBLOCKED client unblocked\r\n", None),
        ("not a redis server\r\n", None),
        ("HTTP/1.1 200 OK\r\n\r\n", None),
    ];
    for (line, expected) in table {
        let (port, asked) = scripted(line).await;
        let store = patient(RedisReplay::standalone(format!("redis://127.0.0.1:{port}"))).connect().await.unwrap();
        let admitted = admit(&store, "1").await;
        assert_eq!(admitted.as_ref().ok().copied(), expected, "{line:?}: {admitted:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{line:?}: sent once and never repeated");
    }
}

/// What Redis certainly has not recorded takes no place of its client's share.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refused_insert_uses_up_no_share() {
    let table = [
        ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", true),
        ("-READONLY You can't write against a read only replica.\r\n", true),
        ("-LOADING Redis is loading the dataset in memory\r\n", true),
        ("-MISCONF Redis is configured to save RDB snapshots, but it's unable to\r\n", true),
        ("-NOREPLICAS Not enough good replicas to write.\r\n", true),
        ("-MASTERDOWN Link with MASTER is down\r\n", true),
        ("-BUSY Redis is busy running a script.\r\n", true),
        ("-NOAUTH Authentication required.\r\n", true),
        ("-NOPERM this user has no permissions\r\n", true),
        ("-ERR upstream failure\r\n", false),
        ("-OK\r\n", false),
        ("+QUEUED\r\n", false),
        ("not a redis server\r\n", false),
    ];
    for (line, refunded) in table {
        let (port, _) = scripted(line).await;
        let builder = || patient(RedisReplay::standalone(format!("redis://127.0.0.1:{port}"))).per_client(1);
        let plain = builder().connect().await.unwrap();
        let upgrade = builder().prefix("new").previous_prefix("old").connect().await.unwrap();
        for store in [plain, upgrade] {
            let verifier = fixture().replay(store).build();
            for number in 0..3 {
                let form = form(&Jwt::new().signed());
                let rejection = verifier.verify(&TokenRequest::new(form.as_bytes())).await.unwrap_err();
                let counted = number > 0 && !refunded;
                let expected = if counted { ServerFault::ClientQuota } else { ServerFault::ReplayStore };
                assert_eq!(*rejection.kind(), RejectionKind::Server(expected), "{line:?}, {number}");
            }
        }
    }
}

/// During a change of the prefix, the old key may be recorded and the new one refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_insert_that_is_refused_in_part_is_counted() {
    let redis = Redis::start().await;
    assert_eq!(redis.ask("ACL SETUSER old on >secret ~old:* +@all").await, "OK");
    let builder = patient(RedisReplay::standalone(format!("redis://old:secret@127.0.0.1:{}", redis.port)));
    let store = builder.per_client(1).prefix("new").previous_prefix("old").connect().await.unwrap();
    let verifier = fixture().replay(store).build();
    for expected in [ServerFault::ReplayStore, ServerFault::ClientQuota] {
        let form = form(&Jwt::new().signed());
        let rejection = verifier.verify(&TokenRequest::new(form.as_bytes())).await.unwrap_err();
        assert_eq!(*rejection.kind(), RejectionKind::Server(expected));
    }
    assert_ne!(redis.ask("DBSIZE").await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_insert_that_was_not_sent_uses_up_no_share() {
    let (port, asked) = scripted("").await;
    let builder = RedisReplay::standalone(format!("redis://127.0.0.1:{port}"))
        .connect_timeout(PATIENCE)
        .command_timeout(Duration::from_millis(50));
    let store = builder.max_in_flight(1).per_client(1).connect().await.unwrap();
    let (now, until) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 300));
    let Answer::Pending(mut first) = store.admit(ReplayKey::new("t", "other", "1"), until, now) else { panic!() };
    let waits = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await;
    assert!(waits, "it has the only place, and is not polled again");
    let verifier = fixture().replay(store).build();
    for number in 0..3 {
        let form = form(&Jwt::new().signed());
        let rejection = verifier.verify(&TokenRequest::new(form.as_bytes())).await.unwrap_err();
        assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::ReplayStore), "{number}");
    }
    drop(first);
    let sent = verifier.verify(&TokenRequest::new(form(&Jwt::new().signed()).as_bytes())).await.unwrap_err();
    assert_eq!(*sent.kind(), RejectionKind::Server(ServerFault::ReplayStore));
    let counted = verifier.verify(&TokenRequest::new(form(&Jwt::new().signed()).as_bytes())).await.unwrap_err();
    assert_eq!(*counted.kind(), RejectionKind::Server(ServerFault::ClientQuota));
    assert!(asked.load(Ordering::SeqCst) <= 2, "the others were not sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dropped_answers_free_their_places() {
    let redis = Redis::start().await;
    let store = redis.builder().max_in_flight(4).connect().await.unwrap();
    redis.signal("STOP").await;
    let waiting: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { admit(&store, &format!("dropped {number}")).await })
        })
        .collect();
    for task in &waiting {
        task.abort();
    }
    for task in waiting {
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
    redis.signal("CONT").await;
    recovered(&store, "after the drops").await;
    all_are(&store, "after the drops", jtis("a", 200), Admission::Fresh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_commands_are_bounded() {
    let server = SlowServer::start().await;
    let builder = RedisReplay::standalone(format!("redis://127.0.0.1:{}", server.port)).max_in_flight(4);
    let store = patient(builder).connect().await.unwrap();
    let load = tokio::spawn(async move { admit_all(&store, jtis("a", 64)).await });
    for answered in 0..64 {
        let under_way = (answered + 4).min(64);
        until("the next command", async || server.received() >= under_way).await;
        assert_eq!(server.received(), under_way, "no place is free before an answer");
        server.answers.add_permits(1);
    }
    let counted = soon("the end of the load", load).await.unwrap();
    assert_eq!(counted, Count { fresh: 64, ..Count::default() });
}

/// Reads every command as it comes, and answers one for each permit.
struct SlowServer {
    port: u16,
    received: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl SlowServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (received, answers) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
        let (count, permits) = (Arc::clone(&received), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Self::serve(socket, Arc::clone(&count), Arc::clone(&permits)));
            }
        });
        Self { port, received, answers }
    }

    async fn serve(socket: TcpStream, received: Arc<AtomicUsize>, answers: Arc<Semaphore>) -> std::io::Result<()> {
        let (reader, mut writer) = socket.into_split();
        let (sender, mut replies) = tokio::sync::mpsc::unbounded_channel::<&str>();
        tokio::spawn(async move {
            while let Some(reply) = replies.recv().await {
                if reply == "+OK\r\n" {
                    answers.acquire().await.unwrap().forget();
                }
                writer.write_all(reply.as_bytes()).await?;
            }
            Ok::<_, std::io::Error>(())
        });
        let mut reader = BufReader::new(reader);
        while let Some(words) = command(&mut reader).await? {
            let reply = match words[0].as_str() {
                "SET" => {
                    received.fetch_add(1, Ordering::SeqCst);
                    "+OK\r\n"
                }
                "HELLO" => "%1\r\n+server\r\n+redis\r\n",
                "INFO" => "$28\r\nmaxmemory_policy:noeviction\n\r\n",
                _ => "+QUEUED\r\n",
            };
            let _ = sender.send(reply);
        }
        Ok(())
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }
}

/// A primary, a replica that has caught up, and the proxy between them.
async fn replicated() -> (Redis, Proxy, Redis) {
    let primary = Redis::with(&["--repl-diskless-sync-delay", "0"]).await;
    let wire = Proxy::before(primary.port).await;
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &wire.port.to_string()]).await;
    until("the replica", async || replica.ask("INFO replication").await.contains("master_link_status:up")).await;
    until("the replica, seen from the primary", async || {
        primary.ask("INFO replication").await.contains("state=online")
    })
    .await;
    (primary, wire, replica)
}

/// With `WAIT`, assertions accepted before the primary died are replays at the replica that takes
/// over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failover_with_wait_loses_nothing() {
    let (mut primary, _wire, replica) = replicated().await;
    let store = {
        // Long enough for any machine, and short enough to end after the kill.
        let builder = || primary.builder().command_timeout(Duration::from_secs(10));
        impatient(|| builder().wait_replicas(1, Duration::from_secs(10))).await
    };
    let names: Vec<_> = jtis("a", 3_000).collect();
    let busy = tokio::spawn({
        let (store, names) = (store.clone(), names.clone());
        async move {
            let mut accepted = Vec::new();
            for name in names {
                match admit(&store, &name).await {
                    Ok(admission) => {
                        assert_eq!(admission, Admission::Fresh);
                        accepted.push(name);
                    }
                    Err(_) => break,
                }
            }
            accepted
        }
    });
    until("some entries", async || primary.ask("DBSIZE").await.parse::<usize>().unwrap() > 300).await;
    primary.kill().await;
    let accepted = soon("the end of the load", busy).await.unwrap();
    assert!(accepted.len() >= 300, "{}", accepted.len());
    assert_eq!(replica.ask("REPLICAOF NO ONE").await, "OK");
    let after = replica.store().await;
    eprintln!("{} accepted before the primary was killed", accepted.len());
    all_are(&after, "at the promoted replica", accepted.into_iter(), Admission::Replayed).await;
}

/// Without `WAIT`, assertions that the replica had not received are accepted once more: this is the
/// documented price. With `WAIT`, they are refused as unavailable the first time, so they are
/// accepted once in total.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failover_without_wait_loses_unreplicated_entries() {
    let (mut primary, wire, replica) = replicated().await;
    let careless = primary.store().await;
    let careful = primary.builder().wait_replicas(1, Duration::from_millis(50)).connect().await.unwrap();
    assert_eq!(admit(&careless, "passed on").await.unwrap(), Admission::Fresh);
    until("the entry at the replica", async || replica.ask("DBSIZE").await == "1").await;
    wire.lose_answers(true);
    assert_eq!(admit(&careless, "not passed on").await.unwrap(), Admission::Fresh);
    let error = admit(&careful, "waited for").await.unwrap_err().to_string();
    assert_eq!(error, "redis: 0 of 1 replicas confirmed the entry within 50 ms");
    assert_eq!(admit(&careful, "waited for").await.unwrap(), Admission::Replayed);

    primary.kill().await;
    assert_eq!(replica.ask("REPLICAOF NO ONE").await, "OK");
    let after = replica.store().await;
    assert_eq!(admit(&after, "passed on").await.unwrap(), Admission::Replayed);
    assert_eq!(admit(&after, "not passed on").await.unwrap(), Admission::Fresh, "accepted twice");
    assert_eq!(admit(&after, "waited for").await.unwrap(), Admission::Fresh, "accepted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_few_replicas_are_unavailable_and_spend_the_assertion() {
    let (primary, wire, _replica) = replicated().await;
    let wait = |count, millis| primary.builder().wait_replicas(count, Duration::from_millis(millis)).connect();
    // The first waits for what comes, the others for what does not come.
    let (one, two, none) = (wait(1, 50_000).await.unwrap(), wait(2, 2_000).await.unwrap(), wait(1, 50).await.unwrap());
    assert_eq!(admit(&one, "1").await.unwrap(), Admission::Fresh);
    assert_eq!(admit(&one, "1").await.unwrap(), Admission::Replayed);
    let error = admit(&two, "2").await.unwrap_err().to_string();
    assert!(error.ends_with(" of 2 replicas confirmed the entry within 2000 ms"), "{error}");
    assert_eq!(admit(&one, "2").await.unwrap(), Admission::Replayed, "it is spent");
    wire.lose_answers(true);
    let error = admit(&none, "3").await.unwrap_err().to_string();
    assert_eq!(error, "redis: 0 of 1 replicas confirmed the entry within 50 ms");
    assert_eq!(admit(&none, "3").await.unwrap(), Admission::Replayed, "it is spent");
}

/// Three primaries that share the slots. A fourth node, if any, is the replica of the third.
struct Cluster(Vec<Redis>);

impl Cluster {
    async fn start(count: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..count {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "60000", "--cluster-port", &bus];
            nodes.push((Redis::with(&arguments).await, bus));
        }
        for ((node, _), range) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
            assert_eq!(node.ask(&format!("CLUSTER ADDSLOTSRANGE {range}")).await, "OK");
        }
        let (first, _) = &nodes[0];
        for (node, bus) in &nodes[1..] {
            assert_eq!(first.ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port)).await, "OK");
        }
        let cluster = Self(nodes.into_iter().map(|(node, _)| node).collect());
        cluster.ready().await;
        if let Some(replica) = cluster.0.get(3) {
            let third = cluster.0[2].ask("CLUSTER MYID").await;
            assert_eq!(replica.ask(&format!("CLUSTER REPLICATE {third}")).await, "OK");
            until("the replica", async || cluster.0[2].ask("INFO replication").await.contains("state=online")).await;
        }
        cluster
    }

    async fn ready(&self) {
        let known = format!("cluster_known_nodes:{}", self.0.len());
        for node in &self.0 {
            until("the cluster", async || {
                let info = node.ask("CLUSTER INFO").await;
                info.contains("cluster_state:ok") && info.contains(&known)
            })
            .await;
        }
    }

    fn urls(&self) -> Vec<String> {
        self.0.iter().map(Redis::url).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_uses_all_of_its_nodes() {
    let mut cluster = Cluster::start(3).await;
    // One seed is enough.
    let store = patient(RedisReplay::cluster([cluster.0[0].url()])).connect().await.unwrap();
    let other = patient(RedisReplay::cluster(cluster.urls())).connect().await.unwrap();
    let brief = with_deadline(|| RedisReplay::cluster(cluster.urls())).await;
    all_are(&store, "before", jtis("a", 600), Admission::Fresh).await;
    all_are(&other, "at another node", jtis("a", 600), Admission::Replayed).await;
    for node in &cluster.0 {
        let count: usize = node.ask("DBSIZE").await.parse().unwrap();
        eprintln!("{count} of 600 entries at {}", node.port);
        assert!((100..300).contains(&count), "spread over the slots: {count}");
    }

    // The command and its `WAIT` go to the same node, which has no replica here.
    let waiting = RedisReplay::cluster(cluster.urls()).wait_replicas(1, Duration::from_millis(20));
    let waiting = patient(waiting).connect().await.unwrap();
    for jti in jtis("waiting", 12) {
        let error = admit(&waiting, &jti).await.unwrap_err().to_string();
        assert_eq!(error, "redis: 0 of 1 replicas confirmed the entry within 20 ms");
        assert_eq!(admit(&other, &jti).await.unwrap(), Admission::Replayed, "it is spent");
    }

    let error = RedisReplay::standalone(cluster.0[0].url()).connect().await.unwrap_err().to_string();
    assert_eq!(error, "redis url: the server is a node of a cluster; use RedisReplay::cluster");
    let alone = Redis::start().await;
    let error = RedisReplay::cluster([alone.url()]).connect().await.unwrap_err().to_string();
    assert!(error.starts_with("redis url: "), "{error}");

    // The client follows a slot that moves.
    let slots = cluster.0[0].ask("CLUSTER MYID").await;
    let target = cluster.0[1].ask("CLUSTER MYID").await;
    for node in &cluster.0 {
        for slot in [1, 2, 3] {
            assert_eq!(node.ask(&format!("CLUSTER SETSLOT {slot} NODE {target}")).await, "OK", "{slots}");
        }
    }
    all_are(&store, "after slots moved", jtis("b", 600), Admission::Fresh).await;

    // All nodes are restarted with empty memory.
    for node in &mut cluster.0 {
        node.kill().await;
    }
    outage(&brief, "while the cluster is gone", 200).await;
    for node in &mut cluster.0 {
        node.restart().await;
    }
    cluster.ready().await;
    recovered(&brief, "after the cluster was back").await;
    recovered(&other, "after the cluster was back, elsewhere").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_cluster_node_affects_only_its_slots() {
    let mut cluster = Cluster::start(3).await;
    for node in &cluster.0 {
        assert_eq!(node.ask("CONFIG SET cluster-require-full-coverage no").await, "OK");
    }
    let store = with_deadline(|| RedisReplay::cluster(cluster.urls())).await;
    let calm = patient(RedisReplay::cluster(cluster.urls())).connect().await.unwrap();
    all_are(&calm, "before", jtis("a", 600), Admission::Fresh).await;
    cluster.0[2].kill().await;
    let (mut counted, mut names) = (Count::default(), jtis("b", usize::MAX));
    // A third of them are in the lost slots.
    while counted.fresh < 20 || counted.unavailable < 5 {
        counted.add(&admit(&store, &names.next().unwrap()).await);
        assert_eq!(counted.replayed, 0);
    }
    eprintln!("without one node, one after the other: {counted:?}");
    // If all are sent concurrently, the client is busy looking for the node and others may wait for
    // it, but not beyond their deadline.
    let start = Instant::now();
    let counted = admit_all(&store, jtis("c", 600)).await;
    eprintln!("without one node, concurrently: {counted:?} in {:?}", start.elapsed());
    assert_eq!(counted.replayed, 0);

    cluster.0[2].restart().await;
    let start = Instant::now();
    until("the slots of the node", async || {
        let counted = admit_all(&store, jtis(&format!("d-{:?}", Instant::now()), 60)).await;
        counted.fresh == 60
    })
    .await;
    eprintln!("with the node back: recovered in {:?}", start.elapsed());
    let calm = patient(RedisReplay::cluster(cluster.urls())).connect().await.unwrap();
    let counted = in_batches(&calm, jtis("a", 600)).await;
    eprintln!("spent before, with one node empty: {counted:?}");
    assert!(counted.replayed > 300 && counted.unavailable == 0, "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_failover_keeps_replicated_entries() {
    let mut cluster = Cluster::start(4).await;
    let store = with_deadline(|| RedisReplay::cluster(cluster.urls())).await;
    let calm = patient(RedisReplay::cluster(cluster.urls())).connect().await.unwrap();
    all_are(&calm, "before", jtis("a", 300), Admission::Fresh).await;
    let entries = cluster.0[2].ask("DBSIZE").await;
    until("the entries at the replica", async || cluster.0[3].ask("DBSIZE").await == entries).await;
    cluster.0[2].kill().await;
    // Not left to the nodes, which notice a loss by time.
    assert_eq!(cluster.0[3].ask("CLUSTER FAILOVER TAKEOVER").await, "OK");
    let start = Instant::now();
    until("the slots of the third node", async || {
        let all = admit_all(&store, jtis("a", 300)).await;
        assert_eq!(all.fresh, 0, "{all:?}");
        all.replayed == 300
    })
    .await;
    eprintln!("{entries} entries failed over, and the store recovered in {:?}", start.elapsed());
    recovered(&store, "after the failover").await;
    assert!(cluster.0[3].ask("INFO replication").await.contains("role:master"));
}

/// One of the nodes swallows packets: the queue of its listener is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_node_that_does_not_answer_delays_no_request() {
    let (port, asked) = scripted("+OK\r\n").await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let dead = socket.listen(1).unwrap();
    let address = dead.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
    let _queued: Vec<_> = std::iter::from_fn(connect).collect();
    let urls = [address.port(), port].map(|port| format!("redis://127.0.0.1:{port}"));
    // Waiting for the node would take longer than anything here waits for.
    let store = patient(RedisReplay::cluster(urls)).connect_timeout(PATIENCE).connect();
    let store = soon("a connection", store).await.unwrap();
    assert_eq!(soon("an answer", admit(&store, "1")).await.unwrap(), Admission::Fresh);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// Two nodes that each claim that the other has the slot.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn endless_moved_replies_end_at_the_deadline() {
    let (one, other) = (free_port(), free_port());
    let mut asked = Vec::new();
    for (port, elsewhere) in [(one, other), (other, one)] {
        asked.push(scripted_at(port, format!("-MOVED 1 127.0.0.1:{elsewhere}\r\n")).await);
    }
    let urls = [one, other].map(|port| format!("redis://127.0.0.1:{port}"));
    let store = with_deadline(|| RedisReplay::cluster(&urls)).await;
    outage(&store, "in a storm of MOVED", 100).await;
    let asked: usize = asked.iter().map(|asked| asked.load(Ordering::SeqCst)).sum();
    eprintln!("100 commands were sent {asked} times");
    assert!((0..=300).contains(&asked), "each is sent three times at most: {asked}");
}
