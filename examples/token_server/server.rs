//! The listener, and a shutdown that answers the requests in flight.

use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::log::log;
use crate::support::Result;

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    Ok(bound.map_err(|error| format!("--listen: cannot listen on {address}: {error}"))?)
}

/// A running server.
pub(crate) struct Server {
    signals: [Signal; 2],
    stop: Arc<Notify>,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Time that requests get to finish after a signal. The layer gives a body 10 s to arrive.
    const GRACE: Duration = Duration::from_secs(15);

    pub(crate) fn start(listener: TcpListener, app: Router) -> Result<Self> {
        let start = || {
            // Before the address is announced: a signal that came in between would kill the
            // process.
            let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
            let address = listener.local_addr()?;
            let stop = Arc::new(Notify::new());
            let stopped = Arc::clone(&stop).notified_owned();
            let serving = tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());
            announce(address)?;
            Ok(Self { signals, stop, serving })
        };
        Ok(start().map_err(|error: io::Error| format!("the server cannot start: {error}"))?)
    }

    /// Serves until a signal comes and the requests in flight are answered.
    pub(crate) async fn finish(self) -> Result {
        let [mut terminate, mut interrupt] = self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.stop.notify_one();
        log("stopping: answering the requests in flight");
        let Ok(served) = tokio::time::timeout(Self::GRACE, self.serving).await else {
            return Err("the server stopped with unanswered requests".into());
        };
        Ok(served?.map_err(|error| format!("the server failed: {error}"))?)
    }
}

/// A program that started the server may wait for this line on a pipe, so it is flushed.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()
}
