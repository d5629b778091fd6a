//! An audit log: who authenticated, who was refused and why, a line of JSON for each request.

mod entry;
mod line;
mod queue;
mod target;
mod writer;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Event, EventSink};
use crate::setting::{Setting, SettingError, at_most, no_longer_than, positive};
use entry::Entry;
use queue::Queue;
use target::Target;
use writer::Writer;

/// A JSON Schema of the lines that an [`AuditLog`] writes. Later versions may add members.
pub const AUDIT_SCHEMA: &str = include_str!("schema.json");

/// Writes an audit log: a line of JSON for each outcome.
///
/// The names are those of the Elastic Common Schema, and the object `oauth` has what that schema
/// has no names for. [`AUDIT_SCHEMA`] describes a line. Members without a value are absent. The
/// [manual](crate::manual::audit) has a table of all members, with those of OCSF.
///
/// No line holds an assertion, a secret, a `jti` or any other claim than the id of the client.
/// `oauth.client.proven` says whether a signature has proven that id. Texts that a sender chose are
/// escaped and cut, as [`Excerpt`](super::Excerpt) does it.
///
/// # What a request pays
///
/// An event is copied into a bounded queue, and one thread formats and writes it. For an accepted
/// request this allocates nothing: it reads the clock, takes a lock and moves some 300 bytes. Only
/// if the thread sleeps, waking it is a system call. By default, no request waits for the disk: [if
/// the queue is full](Full), the event is dropped.
///
/// # What is missing
///
/// Each event has a number, `event.sequence`, from 1 since the start of the log. A dropped event
/// leaves a gap. [`counts`](Self::counts) counts them, and [`events`](AuditLogBuilder::events)
/// reports them. A line that cannot be written, for example to a full disk, is tried again until it
/// is written or the log is closed; meanwhile, the queue fills.
///
/// Lines are handed to the operating system, which writes them to the disk in its own time. A power
/// failure can lose the last ones.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use tower_client_assertion::event::AuditLog;
/// use tower_client_assertion::replay::MemoryReplay;
/// use tower_client_assertion::{Policy, TokenRequest, Verifier};
/// # use serde_json::Value;
/// # use tower_client_assertion::mint::{Minter, SecretSigner};
/// # use tower_client_assertion::policy::Algorithm;
/// # use tower_client_assertion::registry::{Client, FixedRegistry};
/// # use tower_client_assertion::secret::ClientSecret;
/// # const SECRET: &str = "a secret of more than thirty-two bytes";
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
/// # let clients = FixedRegistry::new([client])?;
/// # let signer = SecretSigner::new(ClientSecret::new(SECRET)?, Algorithm::HS256)?;
/// # let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer("https://as.example.com").build()?;
/// # let form = minter.request("/token").client_credentials().build().await?.into_body().into_bytes();
/// # let path = std::env::temp_dir().join(format!("audit-{}.jsonl", std::process::id()));
/// let audit = Arc::new(AuditLog::file(&path)?.start()?);
/// let replay = MemoryReplay::new(100_000)?;
/// let verifier = Verifier::builder(Policy::OIDC, clients, replay)
///     .issuer("https://as.example.com")
///     .events(Arc::clone(&audit))
///     .build()?;
///
/// // The form has an assertion of the client "reports".
/// let request = TokenRequest::new(&form);
/// assert!(verifier.verify(&request).await.is_ok());
/// assert!(verifier.verify(&request).await.is_err());
///
/// // At the end of the program: everything is written.
/// audit.close()?;
/// # let text = std::fs::read_to_string(&path)?;
/// # std::fs::remove_file(&path)?;
/// let lines: Vec<Value> =
///     text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
/// assert_eq!(lines.len(), 2);
/// assert_eq!(lines[0]["event"]["outcome"], "success");
/// assert_eq!(lines[0]["oauth"]["client"]["id"], "reports");
/// assert_eq!(lines[1]["event"]["code"], "replayed");
/// // A replay and its first use have the same hash.
/// let hash = |line: &Value| line["oauth"]["jti_sha256"].clone();
/// assert_eq!(hash(&lines[0]), hash(&lines[1]));
/// # Ok(())
/// # }
/// ```
///
/// # Rotation
///
/// Rename the file, and then call [`reopen`](Self::reopen), for example on SIGHUP: the log goes on
/// in a new file of the same name.
///
/// # The hash of the `jti`
///
/// `oauth.jti_sha256` is the SHA-256 hash of the `jti`, in base64url. It has no key, so that the
/// same `jti` has the same hash on every node. A `jti` that can be guessed, such as a counter, can
/// therefore be found by trying. That reveals an id which is spent and which nothing accepts
/// without a signature. Ask clients for random ones if even that matters.
#[derive(Debug)]
pub struct AuditLog {
    queue: Arc<Queue>,
    with_news: bool,
    close_timeout: Duration,
}

impl AuditLog {
    /// Begins to build a log that appends to a file, which is created if it does not exist.
    ///
    /// On Unix, a new file has the mode 0640, less the umask. If the last line of the file has no
    /// end, because an earlier process was killed, it gets one.
    ///
    /// # Errors
    ///
    /// The file cannot be opened. The error names it.
    pub fn file(path: impl AsRef<Path>) -> io::Result<AuditLogBuilder> {
        Ok(AuditLogBuilder::new(Target::file(path.as_ref().to_owned())?))
    }

    /// Begins to build a log that writes to `writer`, with one call of
    /// [`write`](std::io::Write::write) for each line, unless a call writes only a part of it. It
    /// is flushed when no event is left.
    pub fn to(writer: impl Write + Send + 'static) -> AuditLogBuilder {
        AuditLogBuilder::new(Target::to(writer))
    }

    /// Opens the file again before the next line, for example after it was renamed. Returns
    /// immediately. If the file cannot be opened, that counts as an [error](AuditCounts::errors),
    /// and the previous file stays in use. A log to a writer has nothing to open.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Returns how many events were recorded, written and dropped so far.
    pub fn counts(&self) -> AuditCounts {
        self.queue.counts()
    }

    /// Writes what is in the queue and closes the file. Events that come later are dropped.
    ///
    /// It blocks until that is done, and no longer than the
    /// [timeout](AuditLogBuilder::close_timeout). A line that cannot be written is not tried again.
    /// Dropping the log does the same.
    ///
    /// # Errors
    ///
    /// An event was dropped or is not written.
    pub fn close(&self) -> Result<(), Incomplete> {
        let ended = self.queue.close(self.close_timeout);
        let is_complete =
            ended.is_finished && ended.is_flushed && ended.counts.dropped == 0 && ended.counts.waiting() == 0;
        if is_complete { Ok(()) } else { Err(Incomplete { ended }) }
    }
}

impl EventSink for AuditLog {
    fn record(&self, event: &Event<'_>) {
        if let Some(entry) = Entry::of(event, self.with_news) {
            self.queue.push(entry);
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// Builds an [`AuditLog`]. Created by [`AuditLog::file`] and [`AuditLog::to`].
#[must_use]
pub struct AuditLogBuilder {
    target: Target,
    capacity: usize,
    when_full: Full,
    close_timeout: Duration,
    with_news: bool,
    events: Option<Box<dyn EventSink>>,
}

impl AuditLogBuilder {
    const MOST: usize = 1 << 20;
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    const LONGEST_CLOSE: Duration = Duration::from_secs(600);

    fn new(target: Target) -> Self {
        Self {
            target,
            capacity: 8192,
            when_full: Full::Drop,
            close_timeout: Duration::from_secs(5),
            with_news: false,
            events: None,
        }
    }

    /// Sets how many events can wait to be written. Default: 8192. Each takes about 300 bytes.
    ///
    /// # Errors
    ///
    /// It is zero, or over 1,048,576.
    pub fn capacity(mut self, events: usize) -> Result<Self, SettingError> {
        positive(Setting::AuditCapacity, events)?;
        at_most(Setting::AuditCapacity, events, Self::MOST)?;
        self.capacity = events;
        Ok(self)
    }

    /// Sets what happens to an event when the queue is full. Default: [`Full::Drop`].
    ///
    /// # Errors
    ///
    /// The wait is zero, or longer than 5 s.
    pub fn when_full(mut self, full: Full) -> Result<Self, SettingError> {
        if let Full::Wait(longest) = full {
            positive(Setting::AuditWait, longest)?;
            no_longer_than(Setting::AuditWait, longest, Self::LONGEST_WAIT)?;
        }
        self.when_full = full;
        Ok(self)
    }

    /// Sets how long [`close`](AuditLog::close) waits until everything is written. Default: 5 s.
    ///
    /// # Errors
    ///
    /// It is zero, or longer than 600 s.
    pub fn close_timeout(mut self, longest: Duration) -> Result<Self, SettingError> {
        positive(Setting::AuditCloseTimeout, longest)?;
        no_longer_than(Setting::AuditCloseTimeout, longest, Self::LONGEST_CLOSE)?;
        self.close_timeout = longest;
        Ok(self)
    }

    /// Also writes news of key sets, client files and replay stores, and warnings. Default:
    /// outcomes alone, so that the log has one line for each request.
    pub fn with_news(mut self) -> Self {
        self.with_news = true;
        self
    }

    /// Reports dropped events and failed writes to `events`, as a [`Warning`](super::Warning). The
    /// thread that writes calls it, at most once a second for dropped events. Default: no reports.
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Some(Box::new(events));
        self
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// The operating system starts no thread.
    pub fn start(self) -> io::Result<AuditLog> {
        let queue = Arc::new(Queue::new(self.capacity, self.when_full));
        let writer = Writer::new(Arc::clone(&queue), self.target, self.events);
        thread::Builder::new().name("audit-log".to_owned()).spawn(|| writer.run())?;
        Ok(AuditLog { queue, with_news: self.with_news, close_timeout: self.close_timeout })
    }
}

impl fmt::Debug for AuditLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLogBuilder")
            .field("target", &self.target)
            .field("capacity", &self.capacity)
            .field("when_full", &self.when_full)
            .field("close_timeout", &self.close_timeout)
            .field("with_news", &self.with_news)
            .finish_non_exhaustive()
    }
}

/// What happens to an event when the queue of an [`AuditLog`] is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Full {
    /// The event is dropped, and counted. No request waits.
    #[default]
    Drop,
    /// The request waits until there is room, at most for this time. Then the event is dropped. It
    /// blocks its thread and everything else that runs there: use it if a request without a line is
    /// worse than a slow server, and keep the time short.
    Wait(Duration),
}

/// What has become of the events of an [`AuditLog`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCounts {
    /// The events that arrived. It is the number of the latest.
    pub recorded: u64,
    /// Those that are written.
    pub written: u64,
    /// Those that were dropped, because the queue was full or the log was closed.
    pub dropped: u64,
    /// The attempts to write, to flush or to open the file that failed.
    pub errors: u64,
}

impl AuditCounts {
    /// Returns how many events are not written yet, and were not dropped.
    pub const fn waiting(&self) -> u64 {
        self.recorded.saturating_sub(self.written).saturating_sub(self.dropped)
    }
}

/// An [`AuditLog`] was closed, and not every event is written.
#[derive(Clone, Copy, Debug)]
pub struct Incomplete {
    ended: queue::Ended,
}

impl Incomplete {
    /// Returns what has become of the events.
    pub fn counts(&self) -> AuditCounts {
        self.ended.counts
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuditCounts { recorded, written, dropped, errors } = self.ended.counts;
        let waiting = self.ended.counts.waiting();
        write!(f, "of {recorded} events, {written} are written, {dropped} were dropped and {waiting} are not written")?;
        write!(f, "; {errors} attempts to write failed")?;
        match (self.ended.is_finished, self.ended.is_flushed) {
            (false, _) => f.write_str("; the writer is still busy"),
            (true, false) => f.write_str("; the last lines could not be flushed"),
            (true, true) => Ok(()),
        }
    }
}

impl Error for Incomplete {}
