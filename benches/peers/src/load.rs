//! The load: a closed loop over connections that are kept alive, and measurements of the server's
//! process.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// A server in a separate process, on the first processor. It stops when this is dropped.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start(kind: &str, jwk: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(["serve", kind])
            .arg(jwk)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset (util-linux) is needed");
        let mut first = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
        let address = first.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { input: child.stdin.take(), child, address }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("this benchmark needs Linux")
    }

    /// Returns the processor time so far. The kernel counts hundredths of a second.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = self.read("stat");
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
        Duration::from_millis(10 * (ticks(11) + ticks(12)))
    }

    pub(crate) fn resident_kilobytes(&self) -> i64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends these requests over `connections` connections. Each waits for an answer before it
    /// sends the next request.
    pub(crate) fn load(&self, requests: &[Vec<u8>], connections: usize, status: &str) -> Run {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let before = self.processor_time();
        let (took, latencies) = LocalSet::new().block_on(&runtime, drive(self.address, requests, connections, status));
        Run { took, latencies, processor: self.processor_time() - before }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

/// The measurements of a load.
pub(crate) struct Run {
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) processor: Duration,
}

async fn drive(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    status: &str,
) -> (Duration, Vec<Duration>) {
    let requests: Rc<[Vec<u8>]> = requests.into();
    let (next, status) = (Rc::new(Cell::new(0)), Rc::<str>::from(format!("HTTP/1.1 {status} ")));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    let start = Instant::now();
    let tasks: Vec<_> = open
        .into_iter()
        .map(|stream| {
            let (requests, next, status) = (Rc::clone(&requests), Rc::clone(&next), Rc::clone(&status));
            tokio::task::spawn_local(converse(stream, requests, next, status))
        })
        .collect();
    let mut latencies = Vec::with_capacity(requests.len());
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    (start.elapsed(), latencies)
}

async fn converse(
    mut stream: TcpStream,
    requests: Rc<[Vec<u8>]>,
    next: Rc<Cell<usize>>,
    status: Rc<str>,
) -> Vec<Duration> {
    stream.set_nodelay(true).unwrap();
    let (mut latencies, mut buffer) = (Vec::new(), vec![0; 8192]);
    while let Some(request) = requests.get(next.replace(next.get() + 1)) {
        let start = Instant::now();
        stream.write_all(request).await.unwrap();
        let mut len = 0;
        while !is_whole(&buffer[..len]) {
            let read = stream.read(&mut buffer[len..]).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            len += read;
        }
        latencies.push(start.elapsed());
        assert!(buffer.starts_with(status.as_bytes()), "{}", String::from_utf8_lossy(&buffer[..len]));
    }
    latencies
}

/// Returns whether the response is complete. All servers send its length.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
    bytes.len() - end - 4 >= length.trim().parse().unwrap()
}
