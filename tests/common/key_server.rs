//! A web server of a client, on loopback, that answers as a test says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes and keeps the connection open.
    Stall(Vec<u8>),
    /// Sends these bytes, and then another byte each half second.
    Drip(Vec<u8>),
    /// Sends the first bytes, and then the others without end.
    Endless(Vec<u8>, Vec<u8>),
}

impl Reply {
    pub fn json(body: &str) -> Self {
        Self::with_headers("content-type: application/json\r\n", body.as_bytes())
    }

    pub fn keys(jwks: &[Value]) -> Self {
        Self::json(&json!({ "keys": jwks }).to_string())
    }

    pub fn status(status: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    }

    pub fn with_headers(headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

pub struct KeyServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    reply: Mutex<Reply>,
    requests: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    /// How many connections are open.
    open: watch::Sender<usize>,
}

impl KeyServer {
    pub async fn start(reply: Reply) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, reply, None).await
    }

    pub async fn at(address: Ipv4Addr, reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((IpAddr::V4(address), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            reply: Mutex::new(reply),
            requests: Mutex::default(),
            connections: Mutex::new(0),
            open: watch::Sender::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared), tls));
        Self { address, shared, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// Sets the reply to further requests.
    pub fn reply(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    /// The heads of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn fetches(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    /// Waits until no connection is open.
    pub async fn quiet(&self) {
        self.shared.open.subscribe().wait_for(|open| *open == 0).await.unwrap();
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *shared.connections.lock().unwrap() += 1;
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        shared.open.send_modify(|open| *open += 1);
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        answer(stream, &shared).await;
                    }
                }
                None => answer(stream, &shared).await,
            }
            shared.open.send_modify(|open| *open -= 1);
        });
    }
}

/// Errors mean that the peer is gone, so there is nothing left to do.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    shared.requests.lock().unwrap().push(String::from_utf8(head).unwrap());
    let reply = shared.reply.lock().unwrap().clone();
    let (first, mut rest) = match reply {
        Reply::Bytes(bytes) => (bytes, None),
        Reply::Stall(bytes) => (bytes, Some((Vec::new(), Duration::MAX))),
        Reply::Drip(bytes) => (bytes, Some((b" ".to_vec(), Duration::from_millis(500)))),
        Reply::Endless(bytes, chunk) => (bytes, Some((chunk, Duration::ZERO))),
    };
    if stream.write_all(&first).await.is_err() {
        return;
    }
    while let Some((chunk, pause)) = &mut rest {
        // A peer that is gone also ends the pause.
        let mut byte = [0];
        tokio::select! {
            _ = stream.read(&mut byte) => return,
            () = tokio::time::sleep(*pause) => {}
        }
        if stream.write_all(chunk).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
