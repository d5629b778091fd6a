//! Redis servers for tests, each on a free port of the loopback with its own directory. They stop
//! when they are dropped.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::PortError;
use tower_client_assertion::replay::{Admission, RedisReplay, RedisReplayBuilder, ReplayKey, ReplayStore};

use super::TempDir;

/// Years behind the clock of any server, which must not matter.
use super::NOW;
/// How long a test waits for an expected event. It keeps a broken test from hanging, and no test
/// passes or fails by it otherwise.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let timeout = tokio::time::timeout(PATIENCE, future).await;
    timeout.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Waits until the condition holds.
pub async fn until(what: &str, asked: impl AsyncFn() -> bool) {
    let again = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !asked().await {
            ticks.tick().await;
        }
    };
    soon(what, again).await;
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // The bus of a cluster uses ports 10,000 higher.
        if port < 55_000 {
            return port;
        }
    }
}

/// A `redis-server` that keeps nothing on disk.
pub struct Redis {
    pub port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    child: Child,
}

impl Redis {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let directory = TempDir::new();
        loop {
            let port = free_port();
            if let Some(child) = spawn(port, &arguments, directory.path()).await {
                return Self { port, arguments, directory, child };
            }
            // Another process has taken the port meanwhile.
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// With long deadlines, for a busy machine.
    pub fn builder(&self) -> RedisReplayBuilder {
        patient(RedisReplay::standalone(self.url()))
    }

    pub async fn store(&self) -> RedisReplay {
        self.builder().connect().await.unwrap()
    }

    /// Returns the answer to a command whose words contain no spaces.
    pub async fn ask(&self, command: &str) -> String {
        ask(self.port, command).await
    }

    pub async fn signal(&self, name: &str) {
        signal(self.child.id().unwrap(), name).await;
    }

    /// Sends `SIGKILL` and waits for the end of the process.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts the server again on its port, with empty memory.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, &self.arguments, self.directory.path()).await.expect("the port was its own");
    }

    /// Sets the arguments for the next start.
    pub fn arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    }

    pub async fn keys(&self) -> Vec<String> {
        let answer = self.ask("KEYS *").await;
        answer.lines().map(str::to_owned).collect()
    }
}

async fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status().await.unwrap();
    assert!(sent.success());
}

/// `None` if the port was taken meanwhile.
async fn spawn(port: u16, arguments: &[String], directory: &Path) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.arg("--port").arg(port.to_string()).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(directory).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("these tests need redis-server (Debian: apt-get install redis-server)");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = soon("a line of redis-server", lines.next_line()).await.unwrap() {
        if line.contains("Ready to accept connections") {
            // Keep reading, or it would block on a full pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(child);
        }
        said = format!("{said}\n{line}");
    }
    assert!(said.contains("Address already in use"), "redis-server did not start:{said}");
    None
}

/// Sends a command, and returns its answer as text with a line for each element.
pub async fn ask(port: u16, command: &str) -> String {
    let answer = async {
        let mut socket = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
        socket.write_all(format!("{command}\r\n").as_bytes()).await?;
        Box::pin(read(&mut socket)).await
    };
    soon("an answer of redis-server", answer).await.unwrap_or_else(|error| panic!("{command}: {error}"))
}

async fn read(socket: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    let (kind, rest) = line.trim_end().split_at(1);
    match kind {
        "$" if rest == "-1" => Ok(String::from("nil")),
        "$" => {
            let mut text = vec![0; rest.parse::<usize>().unwrap() + 2];
            socket.read_exact(&mut text).await?;
            text.truncate(text.len() - 2);
            Ok(String::from_utf8(text).unwrap())
        }
        "*" => {
            let mut all = Vec::new();
            for _ in 0..rest.parse::<usize>().unwrap() {
                all.push(Box::pin(read(socket)).await?);
            }
            Ok(all.join("\n"))
        }
        "-" => Ok(format!("error: {rest}")),
        _ => Ok(rest.to_owned()),
    }
}

/// Connects until it succeeds, for a store whose deadlines a busy machine may miss.
pub async fn impatient(builder: impl Fn() -> RedisReplayBuilder) -> RedisReplay {
    let connect = async {
        loop {
            if let Ok(store) = builder().connect().await {
                return store;
            }
        }
    };
    soon("a connection", connect).await
}

/// With deadlines that are not missed by accident.
pub fn patient(builder: RedisReplayBuilder) -> RedisReplayBuilder {
    builder.connect_timeout(Duration::from_secs(50)).command_timeout(Duration::from_secs(50))
}

/// A proxy between a client and a server. It drops answers, silences connections, or leads to
/// another server.
pub struct Proxy {
    pub port: u16,
    state: Arc<ProxyState>,
    task: tokio::task::JoinHandle<()>,
}

struct ProxyState {
    server: AtomicU16,
    wires: AtomicUsize,
    /// Connections with a smaller number than this are mute.
    mute_below: AtomicUsize,
}

impl Proxy {
    pub async fn before(server: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wires, mute_below) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let state = Arc::new(ProxyState { server: AtomicU16::new(server), wires, mute_below });
        let task = tokio::spawn(listen(listener, Arc::clone(&state)));
        Self { port, state, task }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts or stops dropping the answers of the server.
    pub fn lose_answers(&self, lose: bool) {
        self.state.mute_below.store(if lose { usize::MAX } else { 0 }, Ordering::SeqCst);
    }

    /// Drops all further answers over the present connections.
    pub fn deaden(&self) {
        self.state.mute_below.store(self.state.wires.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Leads new connections to another server.
    pub fn redirect(&self, server: u16) {
        self.state.server.store(server, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: tokio::net::TcpListener, state: Arc<ProxyState>) {
    let mut wires = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(("127.0.0.1", state.server.load(Ordering::SeqCst))).await;
        let Ok(server) = server else { continue };
        let number = state.wires.fetch_add(1, Ordering::SeqCst);
        wires.spawn(relay(client, server, number, Arc::clone(&state)));
    }
}

async fn relay(client: TcpStream, server: TcpStream, number: usize, state: Arc<ProxyState>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(|_| ()) };
    let back = async {
        let mut buffer = [0; 4096];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 {
                return Ok::<_, std::io::Error>(());
            }
            if number >= state.mute_below.load(Ordering::SeqCst) {
                to_client.write_all(&buffer[..count]).await?;
            }
        }
    };
    let _ = tokio::join!(there, back);
}

/// Admits at [`NOW`] an assertion that lives for 300 seconds.
pub async fn admit(store: &impl ReplayStore, jti: &str) -> Result<Admission, PortError> {
    let admitted =
        store.admit(ReplayKey::new("as", "clinic-7", jti), UnixTime::from_secs(NOW + 300), UnixTime::from_secs(NOW));
    soon("an answer of the store", admitted.get()).await
}

/// How often each answer was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub fresh: usize,
    pub replayed: usize,
    pub unavailable: usize,
}

impl Count {
    pub fn add(&mut self, admitted: &Result<Admission, PortError>) {
        match admitted {
            Ok(Admission::Fresh) => self.fresh += 1,
            Ok(Admission::Replayed) => self.replayed += 1,
            Err(_) => self.unavailable += 1,
        }
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.fresh += other.fresh;
        self.replayed += other.replayed;
        self.unavailable += other.unavailable;
    }
}

/// Admits all of these concurrently.
pub async fn admit_all(store: &(impl ReplayStore + Clone), jtis: impl IntoIterator<Item = String>) -> Count {
    let mut tasks = tokio::task::JoinSet::new();
    for jti in jtis {
        let store = store.clone();
        tasks.spawn(async move { admit(&store, &jti).await });
    }
    let mut count = Count::default();
    while let Some(admitted) = tasks.join_next().await {
        count.add(&admitted.unwrap());
    }
    count
}

/// Waits until the store admits an assertion again, and returns how long that took.
pub async fn recovery(store: &impl ReplayStore) -> Duration {
    let start = Instant::now();
    let mut number = 0;
    loop {
        number += 1;
        if let Ok(admitted) = admit(store, &format!("recovery-{number}-{start:?}")).await {
            assert_eq!(admitted, Admission::Fresh);
            return start.elapsed();
        }
        assert!(start.elapsed() < PATIENCE, "the store does not recover");
    }
}
