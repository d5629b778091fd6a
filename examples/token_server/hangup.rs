//! SIGHUP.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::log::log;

/// Does something on each SIGHUP, which then no longer ends the process. It may block.
pub(crate) fn on_each(action: impl Fn() + Clone + Send + 'static) -> io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if tokio::task::spawn_blocking(action.clone()).await.is_err() {
                log("warning: what SIGHUP asks for has failed");
            }
        }
    });
    Ok(())
}
